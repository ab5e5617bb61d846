//! Numbers that are multiplied by and added, taken into the layer before them where they belong to it: biases that are nodes of
//! their own, weights of a layer norm that was written as arithmetic.

use super::step::{Affine, Kind, Step, StepId, spread};
use marque_arch::{BiasInit, Op};
use marque_weights::Tensor;

/// Which of the steps those at `ends` depend on; these themselves included.
pub(super) fn live(steps: &[Step], ends: &[StepId]) -> Vec<bool> {
    let mut is_live = vec![false; steps.len()];
    for end in ends {
        is_live[end.0] = true;
    }
    for index in (0..steps.len()).rev() {
        if is_live[index] {
            for input in &steps[index].inputs {
                is_live[input.0] = true;
            }
        }
    }
    is_live
}

/// How many live steps read each step; the end counts as one.
pub(super) fn reader_counts(steps: &[Step], is_live: &[bool], end: StepId) -> Vec<usize> {
    let mut counts = vec![0; steps.len()];
    let live = steps.iter().zip(is_live).filter(|(_, is_live)| **is_live);
    for input in live.flat_map(|(step, _)| &step.inputs) {
        counts[input.0] += 1;
    }
    counts[end.0] += 1;
    counts
}

/// Takes up what it can of the live steps before `end`.
pub(super) fn absorb(steps: &mut [Step], end: StepId) {
    let is_live = live(steps, &[end]);
    let counts = reader_counts(steps, &is_live, end);
    for index in 0..steps.len() {
        let Kind::Affine(affine) = &steps[index].kind else {
            continue;
        };
        let Some(&maker) = steps[index].inputs.first().filter(|_| is_live[index]) else {
            continue;
        };
        if counts[maker.0] != 1 {
            continue;
        }
        if let Some((layer, scale)) = apart(&steps[maker.0].kind, affine) {
            steps[maker.0].kind = layer;
            steps[index].kind = Kind::Affine(scale);
            continue;
        }
        if let Some(kind) = together(&steps[maker.0].kind, affine) {
            let maker = steps[maker.0].clone();
            let step = &mut steps[index];
            if maker.is_named || !step.is_named {
                step.name = maker.name;
            }
            (step.kind, step.inputs) = (kind, maker.inputs);
        }
    }
}

/// A linear layer with a bias, and factors for its channels behind it, out of one that is multiplied and added to: a layer scale
/// is trained by itself.
fn apart(layer: &Kind, affine: &Affine) -> Option<(Kind, Affine)> {
    let Kind::Layer {
        op: Op::Linear(linear),
        ..
    } = layer
    else {
        return None;
    };
    let is_both = affine.scale.len() > 1 && !affine.has_no_shift() && !affine.has_no_scale();
    let (scale, shift) = affine.for_channels(linear.out_features).filter(|_| is_both)?;
    if scale.contains(&0.0) {
        return None;
    }
    let bias = shift
        .iter()
        .zip(&scale)
        .map(|(shift, scale)| shift / scale)
        .collect();
    Some((together(layer, &Affine::shifted(bias))?, Affine::scaled(scale)))
}

/// A layer followed by numbers for its channels as one layer, where they belong together.
fn together(layer: &Kind, affine: &Affine) -> Option<Kind> {
    let Kind::Layer { op, weights } = layer else {
        return None;
    };
    let tensor = |name: &str| {
        weights
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, tensor)| tensor)
    };
    match op {
        Op::Conv2d(conv) if affine.has_no_scale() => {
            let shift = spread(&affine.shift, conv.out_channels)?;
            let own = tensor("bias").map(Tensor::to_f64);
            let bias = sum(&own.unwrap_or_else(|| vec![0.0; shift.len()]), &shift)?;
            let mut conv = conv.clone();
            conv.bias = Some(BiasInit::Zeros);
            Some(Kind::Layer {
                op: Op::Conv2d(conv),
                weights: vec![("weight", tensor("weight")?.clone()), ("bias", bias)],
            })
        }
        // Another factor for each channel is a layer scale, which is trained by itself.
        Op::Linear(linear) => {
            let [scale] = affine.scale[..] else {
                return None;
            };
            let weight = tensor("weight")?;
            let weight = match scale == 1.0 {
                true => weight.clone(),
                false => vector(
                    weight.shape(),
                    weight.to_f64().into_iter().map(|value| value * scale),
                )?,
            };
            let shift = spread(&affine.shift, linear.out_features)?;
            let own: Vec<f64> = tensor("bias")?
                .to_f64()
                .into_iter()
                .map(|value| value * scale)
                .collect();
            Some(Kind::Layer {
                op: op.clone(),
                weights: vec![("weight", weight), ("bias", sum(&own, &shift)?)],
            })
        }
        Op::LayerNorm2d(norm) => {
            let is_plain = tensor("weight")?.to_f64().iter().all(|&weight| weight == 1.0)
                && tensor("bias")?.to_f64().iter().all(|&bias| bias == 0.0);
            let (scale, shift) = affine.for_channels(norm.channels).filter(|_| is_plain)?;
            Some(Kind::Layer {
                op: op.clone(),
                weights: vec![
                    ("weight", vector(&[norm.channels], scale)?),
                    ("bias", vector(&[norm.channels], shift)?),
                ],
            })
        }
        _ => None,
    }
}

fn sum(first: &[f64], second: &[f64]) -> Option<Tensor> {
    let same = first.len() == second.len();
    let sums = first.iter().zip(second).map(|(first, second)| first + second);
    vector(&[first.len()], sums).filter(|_| same)
}

/// A tensor of single precision.
pub(super) fn vector(shape: &[usize], values: impl IntoIterator<Item = f64>) -> Option<Tensor> {
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    Tensor::from_f32(shape, &values).ok()
}
