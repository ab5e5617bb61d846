//! Mixing the examples of a batch: mixup and CutMix.

use crate::Error;
use crate::error::During;
use crate::examples::{ExampleBatch, Input};
use crate::loss::Targets;
use marque_core::SettingError;
use marque_core::setting::{fraction, require};
use marque_data::random::{Purpose, beta, stream, uniform};
use marque_torch::Tensor;
use serde::{Deserialize, Serialize};

/// How the examples of a batch are mixed with one another, and their labels with them. Each is mixed with the one before it in
/// the batch, the first with the last, in the same way for the whole batch.
///
/// What is drawn for a batch depends on seed, epoch and the batch's place in the epoch alone. Kept features are mixed as images are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mixing {
    /// α of mixup (Zhang et al. 2017, arXiv:1710.09412): images are added up with shares drawn from Beta(α, α); 0, for none, by
    /// default, or from 0.001 to 1000, as the next.
    pub mixup: f64,
    /// α of CutMix (Yun et al. 2019, arXiv:1905.04899): a rectangle, whose area is drawn from Beta(α, α), is taken from the other
    /// image. 0, for none, by default.
    pub cutmix: f64,
    /// Share of the batches that are mixed; 1 by default.
    pub probability: f64,
    /// Share of CutMix in the mixed batches where both are on; 0.5 by default.
    pub cutmix_share: f64,
    /// Share of the epochs after which nothing is mixed any more, from 0 to 1; 1, for never, by default.
    pub until: f64,
}

impl Default for Mixing {
    fn default() -> Self {
        Self {
            mixup: 0.0,
            cutmix: 0.0,
            probability: 1.0,
            cutmix_share: 0.5,
            until: 1.0,
        }
    }
}

/// Shares of a smaller α are 0 or 1 to the last bit, or no numbers at all; those of a larger one are all a half.
const SMALLEST_ALPHA: f64 = 1e-3;
const LARGEST_ALPHA: f64 = 1e3;

/// Where a batch stands in a training.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchAddress {
    pub(crate) seed: u64,
    pub(crate) epoch: u32,
    pub(crate) epochs: u32,
    /// Its number in the epoch.
    pub(crate) batch: usize,
}

/// How one batch is mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mix {
    /// Shares of the own and of the other image.
    Add { share: f64 },
    /// A rectangle of the other image, about a centre given in shares of the sides, whose sides have this share of the image's.
    Cut { centre: [f64; 2], side: f64 },
}

impl Mixing {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        for (setting, alpha) in [("mixup", self.mixup), ("cutmix", self.cutmix)] {
            let is_bounded = alpha == 0.0 || (SMALLEST_ALPHA..=LARGEST_ALPHA).contains(&alpha);
            let expected = format!("0, or from {SMALLEST_ALPHA} to {LARGEST_ALPHA}");
            require(setting, is_bounded, expected, alpha)?;
        }
        fraction("probability", self.probability)?;
        fraction("cutmix_share", self.cutmix_share)?;
        fraction("until", self.until)?;
        let is_any = self.mixup > 0.0 || self.cutmix > 0.0;
        require("mixup", is_any, "above 0 where `cutmix` is 0", self.mixup)
    }

    /// What happens to a batch, if anything does.
    fn plan(&self, address: BatchAddress) -> Option<Mix> {
        let mut random = stream(
            address.seed,
            u64::from(address.epoch),
            address.batch as u64,
            Purpose::Mix,
        );
        // All is drawn whether it is needed or not, so that switching one thing on leaves the others as they were.
        let is_mixed = f64::from(uniform(&mut random)) < self.probability;
        let is_cut = f64::from(uniform(&mut random)) < self.cutmix_share;
        let centre = [0, 1].map(|_| f64::from(uniform(&mut random)));
        let is_over = f64::from(address.epoch) > self.until * f64::from(address.epochs);
        if !is_mixed || is_over {
            return None;
        }
        if self.cutmix > 0.0 && (is_cut || self.mixup == 0.0) {
            let share = beta(&mut random, self.cutmix);
            let side = (1.0 - share).sqrt();
            return Some(Mix::Cut { centre, side });
        }
        let share = beta(&mut random, self.mixup);
        Some(Mix::Add { share })
    }

    /// The batch as it is to be learnt from.
    pub(crate) fn applied(&self, batch: ExampleBatch, address: BatchAddress) -> Result<MixedBatch, Error> {
        // The only example of a batch would be mixed with itself.
        let Some(mix) = self.plan(address).filter(|_| batch.len() > 1) else {
            return Ok(MixedBatch::unmixed(batch));
        };
        tch::no_grad(|| mix.applied(batch)).during("mixing a batch")
    }
}

impl Mix {
    fn applied(self, batch: ExampleBatch) -> Result<MixedBatch, tch::TchError> {
        let partner = batch.labels.f_roll(1, 0)?;
        let mut shares = Vec::new();
        let mut mixed = |tensor: &Tensor| {
            let (tensor, share) = self.of(tensor)?;
            shares.push(share);
            Ok::<_, tch::TchError>(tensor)
        };
        let input = match &batch.input {
            Input::Images(images) => Input::Images(mixed(images)?),
            Input::Outputs(outputs) => {
                let outputs = outputs.iter().map(|(node, tensor)| Ok((*node, mixed(tensor)?)));
                Input::Outputs(outputs.collect::<Result<_, tch::TchError>>()?)
            }
        };
        // Of features in several sizes rectangles of whole pixels have not quite the same share: the first, the largest one, counts.
        let share = shares.first().copied().unwrap_or(1.0);
        Ok(MixedBatch {
            batch: ExampleBatch { input, ..batch },
            partner: Some((partner, share)),
        })
    }

    /// A batch of tensors, each mixed with the one before it, and the share of its own that it keeps.
    fn of(self, tensor: &Tensor) -> Result<(Tensor, f64), tch::TchError> {
        let others = tensor.f_roll(1, 0)?;
        match (self, &tensor.size()[..]) {
            (Mix::Cut { centre, side }, &[_, _, height, width]) => {
                let [top, bottom] = cut(centre[0], side, height);
                let [left, right] = cut(centre[1], side, width);
                let mixed = tensor.f_empty_like()?;
                mixed.shallow_clone().f_copy_(tensor)?;
                let inside = |tensor: &Tensor| {
                    tensor
                        .f_narrow(2, top, bottom - top)?
                        .f_narrow(3, left, right - left)
                };
                inside(&mixed)?.f_copy_(&inside(&others)?)?;
                let area = ((bottom - top) * (right - left)) as f64;
                Ok((mixed, 1.0 - area / (height * width) as f64))
            }
            // What has no height and width cannot be cut.
            (Mix::Cut { side, .. }, _) => Mix::Add {
                share: 1.0 - side * side,
            }
            .of(tensor),
            (Mix::Add { share }, _) => {
                // In place, so that the order in memory is that of the images.
                let mut mixed = tensor.f_mul_scalar(share)?;
                let _ = mixed.f_add_(&others.f_mul_scalar(1.0 - share)?)?;
                Ok((mixed, share))
            }
        }
    }
}

/// The ends of an interval of whole pixels: torchvision's `CutMix`.
fn cut(centre: f64, side: f64, length: i64) -> [i64; 2] {
    let middle = (centre * length as f64) as i64;
    let half = (0.5 * side * length as f64) as i64;
    [middle - half, middle + half].map(|end| end.clamp(0, length))
}

/// A batch, mixed or not.
pub(crate) struct MixedBatch {
    pub(crate) batch: ExampleBatch,
    /// Labels of the examples that its own were mixed with, and the share of the own.
    partner: Option<(Tensor, f64)>,
}

impl MixedBatch {
    pub(crate) fn unmixed(batch: ExampleBatch) -> Self {
        Self { batch, partner: None }
    }

    pub(crate) fn targets(&self) -> Targets<'_> {
        let own = &self.batch.labels;
        match &self.partner {
            None => Targets::Classes(own),
            Some((partner, share)) => Targets::Mixed {
                own,
                partner,
                share: *share,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_torch::{Device, Kind};

    fn address(epoch: u32, batch: usize) -> BatchAddress {
        BatchAddress {
            seed: 42,
            epoch,
            epochs: 10,
            batch,
        }
    }

    fn batch() -> ExampleBatch {
        // Each pixel of image n is n + 1.
        let images = Tensor::arange(4, (Kind::Float, Device::Cpu)).f_add_scalar(1.0);
        let images = images.unwrap().reshape([4, 1, 1, 1]).expand([4, 3, 8, 12], false);
        ExampleBatch {
            input: Input::Images(images.contiguous()),
            labels: Tensor::from_slice(&[0_i64, 1, 2, 1]),
            indices: vec![5, 6, 7, 8],
        }
    }

    fn images(mixed: &MixedBatch) -> &Tensor {
        match &mixed.batch.input {
            Input::Images(images) => images,
            Input::Outputs(_) => unreachable!("images were given"),
        }
    }

    #[test]
    fn mixup_adds_images_and_labels_with_the_same_shares() {
        let mixing = Mixing {
            mixup: 0.4,
            ..Mixing::default()
        };
        let mut shares = Vec::new();
        for number in 0..200 {
            let mixed = mixing.applied(batch(), address(1, number)).unwrap();
            let (partner, share) = mixed.partner.as_ref().unwrap();
            assert_eq!(Vec::<i64>::try_from(partner).unwrap(), [1, 0, 1, 2]);
            for (image, own, other) in [(0, 1.0, 4.0), (2, 3.0, 2.0)] {
                let expected = share * own + (1.0 - share) * other;
                let found = images(&mixed).get(image).mean(Kind::Float).double_value(&[]);
                // Single precision: some roundings of numbers of up to 4.
                assert!((found - expected).abs() < 4e-6, "{found} {expected}");
            }
            shares.push(*share);
        }
        // The mean of Beta(0.4, 0.4) is a half, its variance 1/(4(2·0.4 + 1)) = 0.139: the standard error is 0.026.
        let mean = shares.iter().sum::<f64>() / 200.0;
        let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 200.0;
        assert!((mean - 0.5).abs() < 0.09, "{mean}");
        assert!((variance - 0.139).abs() < 0.03, "{variance}");
    }

    #[test]
    fn cutmix_takes_a_rectangle_and_counts_its_pixels() {
        let mixing = Mixing {
            cutmix: 1.0,
            ..Mixing::default()
        };
        let mut areas = Vec::new();
        for number in 0..200 {
            let mixed = mixing.applied(batch(), address(1, number)).unwrap();
            let (_, share) = mixed.partner.as_ref().unwrap();
            let taken = images(&mixed)
                .get(0)
                .get(0)
                .eq(4.0)
                .sum(Kind::Float)
                .double_value(&[]);
            let kept = images(&mixed)
                .get(0)
                .get(0)
                .eq(1.0)
                .sum(Kind::Float)
                .double_value(&[]);
            assert_eq!(taken + kept, 96.0);
            assert!((kept / 96.0 - share).abs() < 1e-12);
            areas.push(taken);
        }
        assert!(areas.iter().any(|&area| area < 10.0) && areas.iter().any(|&area| area > 40.0));
    }

    #[test]
    fn batches_are_mixed_as_often_as_asked_for_and_until_then() {
        let mixing = Mixing {
            mixup: 0.2,
            cutmix: 1.0,
            probability: 0.5,
            cutmix_share: 0.25,
            until: 0.8,
        };
        let plans: Vec<Option<Mix>> = (0..2000).map(|batch| mixing.plan(address(8, batch))).collect();
        let cut = plans
            .iter()
            .filter(|plan| matches!(plan, Some(Mix::Cut { .. })))
            .count();
        let added = plans
            .iter()
            .filter(|plan| matches!(plan, Some(Mix::Add { .. })))
            .count();
        // Standard deviations are √(2000 · 0.125 · 0.875) ≈ 15 and √(2000 · 0.375 · 0.625) ≈ 22.
        assert!(
            cut.abs_diff(250) < 60 && added.abs_diff(750) < 88,
            "{cut} {added}"
        );
        assert!((0..2000).all(|batch| mixing.plan(address(9, batch)).is_none()));
        assert_eq!(plans[3], mixing.plan(address(8, 3)));
    }

    #[test]
    fn a_single_example_stays_as_it_is() {
        let mixing = Mixing {
            mixup: 1.0,
            ..Mixing::default()
        };
        let single = ExampleBatch {
            input: Input::Images(Tensor::ones([1, 3, 4, 4], (Kind::Float, Device::Cpu))),
            labels: Tensor::from_slice(&[1_i64]),
            indices: vec![0],
        };
        assert!(mixing.applied(single, address(1, 0)).unwrap().partner.is_none());
    }
}
