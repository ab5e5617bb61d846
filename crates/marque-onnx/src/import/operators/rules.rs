//! What several nodes come to together.

use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Affine, Kind, StepId, is_about};
use super::layers::layer;
use marque_arch::{LayerNorm2d, Op};
use marque_weights::Tensor;

/// Each channel times a number plus a number, behind a step. It comes together with such a one that is there already, unless others
/// read that one: what they make of it together could not be told any more.
pub(super) fn affine(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    input: StepId,
    next: Affine,
) -> Result<StepId, Halt> {
    let finite = next
        .scale
        .iter()
        .chain(&next.shift)
        .all(|number| number.is_finite());
    if !finite {
        return refuse("a number of it is not finite");
    }
    if let (Some(expected), Some(found)) = (importer.known(input).channels, next.channels())
        && expected != found
    {
        return refuse(format!("it has {found} numbers for {expected} channels"));
    }
    let (source, both) = match importer.kind(input) {
        Kind::Affine(first) if !importer.is_shared(site, input) => {
            (importer.first_input(input), first.then(&next))
        }
        _ => (input, Some(next)),
    };
    let Some(both) = both else {
        return refuse("it has numbers for another number of channels than what it reads");
    };
    let numbers = both.scale.len().saturating_add(both.shift.len());
    importer.charge(site, numbers.saturating_mul(16))?;
    if both.is_nothing() {
        return Ok(source);
    }
    let mut known = importer.known(source);
    if let (None, Some(channels)) = (known.channels, both.channels()) {
        known = known.with_channels(channels);
    }
    Ok(importer.step(site, Kind::Affine(both), vec![source], known))
}

/// The step and the one factor that all of its output is multiplied by.
fn without_factor(importer: &Importer<'_, '_>, step: StepId) -> (StepId, f64) {
    match importer.kind(step) {
        Kind::Affine(affine) => match affine.factor() {
            Some(factor) => (importer.first_input(step), factor),
            None => (step, 1.0),
        },
        _ => (step, 1.0),
    }
}

/// The product of two steps: an activation, maps times factors for their channels, or one that no graph can say.
pub(super) fn product(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    first: StepId,
    second: StepId,
) -> Result<StepId, Halt> {
    for (one, other) in [(first, second), (second, first)] {
        if let Kind::Reciprocal = importer.kind(other) {
            let divisor = importer.first_input(other);
            return quotient(importer, site, one, divisor);
        }
    }
    for (x, gate) in [(first, second), (second, first)] {
        let (gate, right) = without_factor(importer, gate);
        for (x, left) in [(x, 1.0), without_factor(importer, x)] {
            if let Some((op, own)) = activation_of(importer, x, gate) {
                let step = layer(importer, site, op, x);
                return affine(importer, site, step, Affine::scaled(vec![left * right * own]));
            }
        }
    }
    let ((first, left), (second, right)) =
        (without_factor(importer, first), without_factor(importer, second));
    let step = match first == second {
        true => {
            let known = importer.known(first);
            importer.step(site, Kind::Square, vec![first], known)
        }
        false => {
            let pixels = [first, second].map(|step| importer.known(step).is_pixel());
            let (maps, factors) = match pixels {
                [true, false] => (second, first),
                _ => (first, second),
            };
            let kind = match pixels.contains(&true) {
                true => Kind::Layer {
                    op: Op::Multiply,
                    weights: Vec::new(),
                },
                false => Kind::Product,
            };
            let known = importer.known(maps);
            importer.step(site, kind, vec![maps, factors], known)
        }
    };
    affine(importer, site, step, Affine::scaled(vec![left * right]))
}

/// What x times `gate` is, where the gate is made of x: an operation on x, and what it is to be multiplied by.
fn activation_of(importer: &Importer<'_, '_>, x: StepId, gate: StepId) -> Option<(Op, f64)> {
    match importer.kind(gate) {
        Kind::Layer { op: Op::Sigmoid, .. } if importer.first_input(gate) == x => Some((Op::Silu, 1.0)),
        Kind::Layer {
            op: Op::HardSigmoid, ..
        } if importer.first_input(gate) == x => Some((Op::HardSwish, 1.0)),
        // x · s · (1 + erf(x / √2)) is twice s times GELU.
        Kind::Affine(affine) => {
            let (scale, shift) = affine.scalars()?;
            let error = importer.first_input(gate);
            let is_error = matches!(importer.kind(error), Kind::Erf);
            let (inner, root) = without_factor(importer, importer.first_input(error));
            let is_half = is_about(root, std::f64::consts::FRAC_1_SQRT_2);
            (is_error && inner == x && is_half && is_about(shift / scale, 1.0))
                .then_some((Op::Gelu, 2.0 * scale))
        }
        _ => None,
    }
}

/// The quotient of two steps: the middle of a layer norm, or one that no graph can say.
pub(super) fn quotient(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    dividend: StepId,
    divisor: StepId,
) -> Result<StepId, Halt> {
    let known = importer.known(dividend);
    Ok(match layer_norm_of(importer, dividend, divisor) {
        Some((source, eps)) => {
            importer.charge(site, known.channels.unwrap_or(0).saturating_mul(8))?;
            match norm(known.channels, eps) {
                Some(kind) => importer.step(site, kind, vec![source], known),
                None => return refuse("for how many channels it is a part of a layer norm is not known"),
            }
        }
        None => importer.step(site, Kind::Quotient, vec![dividend, divisor], known),
    })
}

/// A layer norm without weights of its own.
fn norm(channels: Option<usize>, eps: f64) -> Option<Kind> {
    let channels = channels?;
    let tensor = |value: f32| Tensor::from_f32(&[channels], &vec![value; channels]).ok();
    Some(Kind::Layer {
        op: Op::LayerNorm2d(LayerNorm2d { channels, eps }),
        weights: vec![("weight", tensor(1.0)?), ("bias", tensor(0.0)?)],
    })
}

/// x and eps of (x − mean(x)) / √(mean((x − mean(x))²) + eps), means over the channels of each pixel.
fn layer_norm_of(importer: &Importer<'_, '_>, dividend: StepId, divisor: StepId) -> Option<(StepId, f64)> {
    let is = |step: StepId, expected: fn(&Kind) -> bool| {
        expected(importer.kind(step)).then(|| importer.first_input(step))
    };
    let source = is(dividend, |kind| matches!(kind, Kind::Minus))?;
    let mean = importer.steps[dividend.0].inputs.get(1).copied()?;
    let of_mean = is(mean, |kind| matches!(kind, Kind::ChannelMean))?;
    let shifted = is(divisor, |kind| matches!(kind, Kind::Root))?;
    let Kind::Affine(affine) = importer.kind(shifted) else {
        return None;
    };
    let (scale, eps) = affine.scalars()?;
    let variance = importer.first_input(shifted);
    let squares = is(variance, |kind| matches!(kind, Kind::ChannelMean))?;
    let deviation = is(squares, |kind| matches!(kind, Kind::Square))?;
    let is_it = of_mean == source && deviation_of(importer, deviation, dividend) && is_about(scale, 1.0);
    (is_it && eps > 0.0).then_some((source, eps))
}

/// Whether a step is the deviation, or one that some programs compute once more.
fn deviation_of(importer: &Importer<'_, '_>, step: StepId, deviation: StepId) -> bool {
    let (one, other) = (&importer.steps[step.0], &importer.steps[deviation.0]);
    step == deviation || matches!(one.kind, Kind::Minus) && one.inputs == other.inputs
}
