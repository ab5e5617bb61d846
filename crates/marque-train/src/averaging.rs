use crate::Error;
use crate::error::During;
use crate::training::{damaged, restored};
use marque_torch::{Network, Tensor};

/// A moving average of what training changes in a network (Polyak & Juditsky 1992). The average of the last steps lies
/// nearer to the middle of a minimum than any of them, and generalises better.
#[derive(Debug)]
pub(crate) struct Average {
    decay: f64,
    updates: f64,
    /// With the parameters' names, in the order of [`Network::changing_tensors`].
    means: Vec<(String, Tensor)>,
}

impl Average {
    pub(crate) fn new(network: &Network, decay: f64) -> Result<Self, Error> {
        let copies = network.changing_tensors().into_iter().map(|(name, tensor)| {
            let copy = tch::no_grad(|| copy_of(&tensor)).during("averaging the weights")?;
            Ok((name, copy))
        });
        Ok(Self {
            decay,
            updates: 0.0,
            means: copies.collect::<Result<_, Error>>()?,
        })
    }

    /// Moves the average towards what the network has now. The first steps count more, so that the first values are soon
    /// forgotten.
    pub(crate) fn update(&mut self, network: &Network) -> Result<(), Error> {
        let decay = self.decay.min((1.0 + self.updates) / (10.0 + self.updates));
        self.updates += 1.0;
        tch::no_grad(|| {
            for ((_, mean), (_, tensor)) in self.means.iter_mut().zip(network.changing_tensors()) {
                let _ = mean
                    .f_lerp_(&tensor, 1.0 - decay)
                    .during("averaging the weights")?;
            }
            Ok(())
        })
    }

    /// How many steps it has seen.
    pub(crate) fn updates(&self) -> f64 {
        self.updates
    }

    /// The averaged tensors under their parameters' names.
    pub(crate) fn means(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.means.iter().map(|(name, mean)| (name.as_str(), mean))
    }

    /// Takes over what [`updates`](Self::updates) and [`means`](Self::means) gave; `stored` answers for a name.
    pub(crate) fn restore<'a>(
        &mut self,
        updates: f64,
        stored: impl Fn(&str) -> Option<&'a marque_weights::Tensor>,
    ) -> Result<(), Error> {
        self.updates = updates;
        for (name, mean) in &mut self.means {
            let found = stored(name).ok_or_else(|| damaged(format!("the average of {name}")))?;
            *mean = restored(mean, found, name)?;
        }
        Ok(())
    }

    /// Exchanges the network's weights and the average. Called a second time, it puts them back.
    pub(crate) fn exchange(&mut self, network: &Network) -> Result<(), Error> {
        tch::no_grad(|| {
            for ((_, mean), (_, mut tensor)) in self.means.iter_mut().zip(network.changing_tensors()) {
                let exchanged = (|| {
                    let own = copy_of(&tensor)?;
                    tensor.f_copy_(mean)?;
                    mean.f_copy_(&own)
                })();
                exchanged.during("averaging the weights")?;
            }
            Ok(())
        })
    }
}

/// A copy in the same order in memory.
pub(crate) fn copy_of(tensor: &Tensor) -> Result<Tensor, tch::TchError> {
    let mut copy = tensor.f_empty_like()?;
    copy.f_copy_(tensor)?;
    Ok(copy)
}
