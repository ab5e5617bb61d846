//! What the ranks of a training sum in every step.

use crate::Error;
use crate::error::During;
use crate::ranks::{Buckets, Ranks};
use marque_torch::{Gradients, Network, Tensor};

/// Memory for the sums over ranks of a network's gradients and running statistics.
#[derive(Debug)]
pub(super) struct Reduction {
    names: Vec<String>,
    gradients: Buckets,
    /// `None` for a network without statistics.
    statistics: Option<Buckets>,
}

impl Reduction {
    pub(super) fn new(network: &Network) -> Result<Self, Error> {
        let trained = network.trained_parameters().into_iter();
        let (names, tensors): (Vec<String>, Vec<Tensor>) = trained
            .map(|parameter| (parameter.name, parameter.tensor))
            .unzip();
        let statistics = network.running_statistics();
        let statistics = (!statistics.is_empty()).then(|| Buckets::new(&statistics));
        Ok(Self {
            names,
            gradients: Buckets::new(&tensors)?,
            statistics: statistics.transpose()?,
        })
    }

    /// The sums of all ranks' numbers and gradients; `None` for those of a rank without examples, which takes part all the same. They
    /// lie in memory that the next step writes to.
    pub(super) fn gradients(
        &self,
        ranks: &Ranks,
        told: [f64; 2],
        own: Option<Gradients>,
    ) -> Result<([f64; 2], Gradients), Error> {
        let own: Vec<Option<Tensor>> = match &own {
            Some(own) => own
                .iter()
                .map(|(_, gradient)| gradient.map(Tensor::shallow_clone))
                .collect(),
            None => self.names.iter().map(|_| None).collect(),
        };
        // What no rank's loss depends on has no gradient here either.
        let mut numbers = told.to_vec();
        numbers.extend(own.iter().map(|gradient| f64::from(u8::from(gradient.is_some()))));
        ranks.sums(&mut numbers)?;
        let sums = self.gradients.sum(ranks, &own)?;
        let (told, having) = numbers.split_at(told.len());
        let entries = self.names.iter().zip(sums).zip(having);
        let gradients = entries.map(|((name, sum), &having)| (name.clone(), (having > 0.0).then_some(sum)));
        Ok(([told[0], told[1]], gradients.collect()))
    }

    /// Turns the running statistics into their mean over the ranks, of which this one counts for `weight`; the weights of all are 1.
    ///
    /// They follow the batches linearly, so that their mean after every step is that after all steps, but for rounding; and between two
    /// steps all ranks have the same network.
    pub(super) fn statistics(&self, ranks: &Ranks, network: &Network, weight: f64) -> Result<(), Error> {
        let Some(buckets) = &self.statistics else {
            return Ok(());
        };
        const PLACE: &str = "the mean of running statistics";
        tch::no_grad(|| {
            let statistics = network.running_statistics();
            let own = statistics.iter().map(|tensor| {
                let weighed = (weight > 0.0).then(|| tensor.f_mul_scalar(weight));
                weighed.transpose().during(PLACE)
            });
            let sums = buckets.sum(ranks, &own.collect::<Result<Vec<_>, Error>>()?)?;
            for (mut tensor, sum) in statistics.into_iter().zip(sums) {
                tensor.f_copy_(&sum).during(PLACE)?;
            }
            Ok(())
        })
    }
}
