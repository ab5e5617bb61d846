use crate::error::During;
use crate::training::{damaged, restored};
use crate::{Error, FitConfig};
use marque_torch::{Network, Tensor};

/// An average of what training changes in a network. The average of the last steps lies nearer to the middle of a minimum than
/// any of them, and generalises better.
#[derive(Debug)]
pub(crate) struct Average {
    rule: Rule,
    updates: f64,
    /// With the parameters' names, in the order of [`Network::changing_tensors`].
    means: Vec<(String, Tensor)>,
}

/// What is averaged.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// All steps, the later ones more (Polyak & Juditsky 1992), with this decay.
    Moving(f64),
    /// The ends of the epochs after this share of them, all the same (Izmailov et al. 2018).
    Equal(f64),
}

impl Average {
    /// The average that the configuration asks for, if it does.
    pub(crate) fn new(network: &Network, config: &FitConfig) -> Result<Option<Self>, Error> {
        let moving = config.averaging.map(Rule::Moving);
        let rule = moving.or(config.swa.map(Rule::Equal));
        rule.map(|rule| Self::of(network, rule)).transpose()
    }

    fn of(network: &Network, rule: Rule) -> Result<Self, Error> {
        let copies = network.changing_tensors().into_iter().map(|(name, tensor)| {
            let copy = tch::no_grad(|| copy_of(&tensor)).during("averaging the weights")?;
            Ok((name, copy))
        });
        Ok(Self {
            rule,
            updates: 0.0,
            means: copies.collect::<Result<_, Error>>()?,
        })
    }

    /// Moves a moving average towards what the network has now. The first steps count more, so that the first values are soon
    /// forgotten.
    pub(crate) fn after_step(&mut self, network: &Network) -> Result<(), Error> {
        let Rule::Moving(decay) = self.rule else {
            return Ok(());
        };
        let decay = decay.min((1.0 + self.updates) / (10.0 + self.updates));
        self.move_towards(network, 1.0 - decay)
    }

    /// Adds the end of an epoch to an equal average. Answers whether the network is measured with the average in this epoch.
    pub(crate) fn after_epoch(&mut self, network: &Network, epoch: u32, epochs: u32) -> Result<bool, Error> {
        let Rule::Equal(from) = self.rule else {
            return Ok(true);
        };
        let is_averaged = |epoch: u32| f64::from(epoch) > from * f64::from(epochs) || epoch == epochs;
        let averaged = (1..=epoch).filter(|&epoch| is_averaged(epoch)).count() as f64;
        // The end of an epoch that was not recorded, because its measurement failed, comes again.
        if self.updates < averaged {
            self.move_towards(network, 1.0 / (self.updates + 1.0))?;
        }
        Ok(epoch == epochs)
    }

    fn move_towards(&mut self, network: &Network, share: f64) -> Result<(), Error> {
        self.updates += 1.0;
        tch::no_grad(|| {
            for ((_, mean), (_, tensor)) in self.means.iter_mut().zip(network.changing_tensors()) {
                let _ = mean.f_lerp_(&tensor, share).during("averaging the weights")?;
            }
            Ok(())
        })
    }

    /// How many steps or epochs it has seen.
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
