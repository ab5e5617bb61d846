//! What training makes small.

use crate::Error;
use crate::error::During;
use marque_core::SettingError;
use marque_core::setting::{fraction, not_negative, require};
use marque_torch::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// What training makes small. Validation photos are always measured by cross-entropy, so that runs with different losses can be
/// compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// The cross-entropy between the labels and the softmax of the logits, in nats. The default.
    #[default]
    CrossEntropy,
    /// Cross-entropy that counts for less where the network is right already: each class's part is multiplied by (1 − p)^γ
    /// (Lin et al. 2017, arXiv:1708.02002, for one label of many classes).
    Focal {
        /// The exponent γ, at least 0; 2 by default.
        #[serde(default = "two")]
        gamma: f64,
    },
    /// The mean over classes of the binary cross-entropy of each class against all others (Wightman et al. 2021,
    /// arXiv:2110.00476): timm's `BinaryCrossEntropy`.
    Binary {
        /// Shares of a label above this count as 1, all others as 0; none for labels as they are, smoothed and mixed.
        #[serde(default)]
        threshold: Option<f64>,
    },
}

fn two() -> f64 {
    2.0
}

/// How much a photo of each class counts in the loss.
///
/// In a file it is `"balanced"`, or a list with one number for each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum ClassWeights {
    /// So much that all classes count the same together: n ÷ (K · n of the class), of n training photos of K classes.
    Balanced,
    /// One number for each class, in the order of their names.
    Given(Vec<f64>),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    Given(Vec<f64>),
}

impl From<ClassWeights> for Written {
    fn from(weights: ClassWeights) -> Self {
        match weights {
            ClassWeights::Balanced => Written::Word("balanced".to_owned()),
            ClassWeights::Given(weights) => Written::Given(weights),
        }
    }
}

impl TryFrom<Written> for ClassWeights {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Given(weights) => Ok(ClassWeights::Given(weights)),
            Written::Word(word) if word == "balanced" => Ok(ClassWeights::Balanced),
            Written::Word(word) => Err(format!(
                "expected \"balanced\" or a number for each class, found {word:?}"
            )),
        }
    }
}

impl Loss {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        match *self {
            Loss::CrossEntropy | Loss::Binary { threshold: None } => Ok(()),
            Loss::Focal { gamma } => not_negative("gamma", gamma),
            Loss::Binary {
                threshold: Some(threshold),
            } => fraction("threshold", threshold),
        }
    }
}

impl ClassWeights {
    /// Checks what can be checked without photos.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let ClassWeights::Given(weights) = self else {
            return Ok(());
        };
        let is_sound = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        let is_of_use = weights.iter().any(|weight| *weight > 0.0);
        require(
            "class_weights",
            is_sound && is_of_use,
            "numbers from 0 on, one at least above it",
            format!("{weights:?}"),
        )
    }

    /// The number of each of `classes` classes, for training photos with these labels.
    fn of(&self, labels: impl Iterator<Item = usize>, classes: usize) -> Vec<f64> {
        match self {
            ClassWeights::Given(weights) => weights.clone(),
            ClassWeights::Balanced => {
                let mut counts = vec![0_usize; classes];
                for label in labels {
                    if let Some(count) = counts.get_mut(label) {
                        *count += 1;
                    }
                }
                let all: usize = counts.iter().sum();
                // A class without photos has no share in any sum.
                let weight = |&count: &usize| all as f64 / (classes * count.max(1)) as f64;
                counts.iter().map(weight).collect()
            }
        }
    }
}

/// What a batch's logits are compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Targets<'a> {
    /// One class per example, as `i64`.
    Classes(&'a Tensor),
    /// Two classes per example and the share of the first: examples that were mixed.
    Mixed {
        own: &'a Tensor,
        partner: &'a Tensor,
        share: f64,
    },
}

/// A loss with all that it needs beside logits and labels.
#[derive(Debug)]
pub(crate) struct LossFunction {
    loss: Loss,
    label_smoothing: f64,
    /// One number per class, `f32`.
    weights: Option<Tensor>,
}

impl LossFunction {
    /// The loss for training photos with these labels of `classes` classes.
    pub(crate) fn new(
        loss: Loss,
        label_smoothing: f64,
        weights: Option<&ClassWeights>,
        labels: impl Iterator<Item = usize>,
        (classes, device): (usize, Device),
    ) -> Result<Self, Error> {
        let weights = weights.map(|weights| weights.of(labels, classes));
        if let Some(weights) = weights.as_ref().filter(|weights| weights.len() != classes) {
            let expected = format!("{classes} numbers, one for each class");
            return Err(SettingError::new("class_weights", expected, weights.len()).into());
        }
        let weights = weights.map(|weights| {
            let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
            let tensor = Tensor::f_from_slice(&weights).and_then(|tensor| tensor.f_to_device(device));
            tensor.during("the weights of the classes")
        });
        Ok(Self {
            loss,
            label_smoothing,
            weights: weights.transpose()?,
        })
    }

    /// The mean loss of a batch, for logits N×K.
    pub(crate) fn of(&self, logits: &Tensor, targets: Targets<'_>) -> Result<Tensor, Error> {
        self.computed(logits, targets).during("the loss of a batch")
    }

    fn computed(&self, logits: &Tensor, targets: Targets<'_>) -> Result<Tensor, tch::TchError> {
        let weights = self.weights.as_ref();
        let weights = weights
            .map(|weights| weights.f_to_kind(logits.kind()))
            .transpose()?;
        match (self.loss, targets) {
            (Loss::CrossEntropy, Targets::Classes(labels)) => logits.f_cross_entropy_loss(
                labels,
                weights.as_ref(),
                tch::Reduction::Mean,
                -100,
                self.label_smoothing,
            ),
            (Loss::CrossEntropy, targets) => logits.f_cross_entropy_loss(
                &shares(logits, targets)?,
                weights.as_ref(),
                tch::Reduction::Mean,
                -100,
                self.label_smoothing,
            ),
            (Loss::Focal { gamma }, targets) => {
                let logarithms = logits.f_log_softmax(1, logits.kind())?;
                // The bound keeps the derivative of a root finite where the network is quite sure.
                let missing = logarithms
                    .f_exp()?
                    .f_neg()?
                    .f_add_scalar(1.0)?
                    .f_clamp_min(1e-12)?;
                let mut parts = self
                    .smoothed(&shares(logits, targets)?)?
                    .f_mul(&logarithms)?
                    .f_mul(&missing.f_pow_tensor_scalar(gamma)?)?;
                if let Some(weights) = &weights {
                    parts = parts.f_mul(weights)?;
                }
                parts
                    .f_sum_dim_intlist(&[1_i64][..], false, logits.kind())?
                    .f_mean(logits.kind())?
                    .f_neg()
            }
            (Loss::Binary { threshold }, targets) => {
                let mut targets = self.smoothed(&shares(logits, targets)?)?;
                if let Some(threshold) = threshold {
                    targets = targets.f_gt(threshold)?.f_to_kind(logits.kind())?;
                }
                logits.f_binary_cross_entropy_with_logits(
                    &targets,
                    weights.as_ref(),
                    None,
                    tch::Reduction::Mean,
                )
            }
        }
    }

    /// Shares of which some are spread over all classes (Szegedy et al. 2015, arXiv:1512.00567).
    fn smoothed(&self, shares: &Tensor) -> Result<Tensor, tch::TchError> {
        let classes = shares.size().last().copied().unwrap_or(1).max(1);
        shares
            .f_mul_scalar(1.0 - self.label_smoothing)?
            .f_add_scalar(self.label_smoothing / classes as f64)
    }
}

/// The share of each class in each example, N×K as the logits.
fn shares(logits: &Tensor, targets: Targets<'_>) -> Result<Tensor, tch::TchError> {
    let classes = logits.size().last().copied().unwrap_or(0);
    let whole = |labels: &Tensor| labels.f_one_hot(classes)?.f_to_kind(logits.kind());
    match targets {
        Targets::Classes(labels) => whole(labels),
        Targets::Mixed { own, partner, share } => whole(own)?
            .f_mul_scalar(share)?
            .f_add(&whole(partner)?.f_mul_scalar(1.0 - share)?),
    }
}

/// The mean cross-entropy of a batch in nats, for logits N×K and one class per example.
pub(crate) fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor, Error> {
    logits
        .f_cross_entropy_loss(labels, None::<&Tensor>, tch::Reduction::Mean, -100, 0.0)
        .during("the loss of a batch")
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_testkit::{Golden, Tolerance, assert_close};
    use ndarray::ArrayD;

    /// A loss of the golden file: its configuration, smoothing, whether classes are weighted, and whether examples are mixed.
    type Case = (&'static str, Loss, f64, bool, bool);

    const FOCAL: Loss = Loss::Focal { gamma: 2.0 };
    const BINARY: Loss = Loss::Binary { threshold: None };
    const CASES: [Case; 13] = [
        ("cross_entropy", Loss::CrossEntropy, 0.0, false, false),
        ("cross_entropy_smoothed", Loss::CrossEntropy, 0.1, false, false),
        ("cross_entropy_weighted", Loss::CrossEntropy, 0.1, true, false),
        ("cross_entropy_mixed", Loss::CrossEntropy, 0.1, false, true),
        (
            "cross_entropy_mixed_weighted",
            Loss::CrossEntropy,
            0.0,
            true,
            true,
        ),
        ("focal", FOCAL, 0.0, false, false),
        ("focal_smoothed_weighted", FOCAL, 0.1, true, false),
        ("focal_mixed", FOCAL, 0.0, false, true),
        ("binary", BINARY, 0.0, false, false),
        ("binary_smoothed", BINARY, 0.1, false, false),
        ("binary_weighted", BINARY, 0.0, true, false),
        ("binary_mixed_smoothed", BINARY, 0.1, false, true),
        (
            "binary_mixed_threshold",
            Loss::Binary { threshold: Some(0.2) },
            0.0,
            false,
            true,
        ),
    ];

    #[test]
    fn losses_and_their_gradients_are_those_of_pytorch_and_timm() {
        let golden = Golden::open(env!("CARGO_MANIFEST_DIR"), "losses/io.safetensors").unwrap();
        let values = golden.f64("logits").unwrap();
        let labels: Vec<i64> = golden.i64("labels").unwrap().into_iter().collect();
        let weights = ClassWeights::Given(golden.f64("weights").unwrap().into_iter().collect());
        let own = Tensor::from_slice(&labels);
        let partner = own.roll(1, 0);
        for (case, loss, smoothing, is_weighted, is_mixed) in CASES {
            let weights = is_weighted.then_some(&weights);
            let sizes = (4, Device::Cpu);
            let function = LossFunction::new(loss, smoothing, weights, std::iter::empty(), sizes).unwrap();
            let logits = Tensor::from_slice(values.as_slice().unwrap()).view([6, 4]);
            let logits = logits.set_requires_grad(true);
            let targets = if is_mixed {
                Targets::Mixed {
                    own: &own,
                    partner: &partner,
                    share: 0.7,
                }
            } else {
                Targets::Classes(&own)
            };
            let value = function.of(&logits, targets).unwrap();
            let gradients = Tensor::run_backward(&[&value], &[&logits], false, false);
            for (what, found) in [("loss", &value), ("gradient", &gradients[0])] {
                let expected = golden.f64(&format!("{case}/{what}")).unwrap();
                let found: Vec<f64> = Vec::try_from(&found.contiguous().view([-1])).unwrap();
                let found = ArrayD::from_shape_vec(expected.raw_dim(), found).unwrap();
                assert_close(
                    &format!("{case}: {what}"),
                    found.view(),
                    expected.view(),
                    Tolerance::relative(1e-12),
                );
            }
        }
    }

    #[test]
    fn balanced_weights_make_classes_count_the_same_together() {
        let labels = [0, 0, 0, 1, 2, 2];
        let weights = ClassWeights::Balanced.of(labels.into_iter(), 3);
        for (weight, count) in weights.iter().zip([3.0, 1.0, 2.0]) {
            assert!((weight * count - 2.0).abs() < 1e-12, "{weights:?}");
        }
    }

    #[test]
    fn weights_of_other_classes_are_refused() {
        let weights = ClassWeights::Given(vec![1.0, 2.0]);
        let error = LossFunction::new(
            Loss::CrossEntropy,
            0.0,
            Some(&weights),
            [0_usize].into_iter(),
            (3, Device::Cpu),
        );
        let message = error.unwrap_err().to_string();
        assert_eq!(
            message,
            "class_weights: expected 3 numbers, one for each class, found 2"
        );
        for weights in [vec![], vec![0.0, 0.0], vec![-1.0, 2.0], vec![f64::NAN, 1.0]] {
            assert!(ClassWeights::Given(weights).validate().is_err());
        }
    }

    #[test]
    fn focal_loss_of_a_sure_answer_has_finite_gradients() {
        for gamma in [0.0, 0.5, 2.0] {
            let loss = LossFunction::new(
                Loss::Focal { gamma },
                0.0,
                None,
                std::iter::empty(),
                (2, Device::Cpu),
            )
            .unwrap();
            let logits = Tensor::from_slice2(&[[200.0_f32, -200.0]]).set_requires_grad(true);
            let labels = Tensor::from_slice(&[0_i64]);
            let value = loss.of(&logits, Targets::Classes(&labels)).unwrap();
            let gradient = Tensor::run_backward(&[value], &[&logits], false, false);
            assert!(gradient[0].isfinite().all().int64_value(&[]) == 1, "{gamma}");
        }
    }
}
