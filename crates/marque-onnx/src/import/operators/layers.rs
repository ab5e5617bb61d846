//! Activations, and what does nothing.

use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Affine, Kind, StepId, is_about};
use super::super::value::{Signal, Value};
use super::rules;
use crate::tensor::type_of;
use marque_arch::Op;

/// What a node hands on as it is.
pub(super) fn passed_on(site: &Site<'_, '_>) -> Result<Value, Halt> {
    if site.node.op_type == "Dropout"
        && let Some(training) = site.optional(2)?
        && training.to_f64().iter().any(|&training| training != 0.0)
    {
        return refuse("it is in training mode");
    }
    match site.inputs.first() {
        Some(Some(value)) => Ok(value.clone()),
        _ => refuse("it has no input"),
    }
}

/// Signals are numbers of whichever precision; bytes of the input become floats of the same value.
pub(super) fn cast(site: &Site<'_, '_>) -> Result<Value, Halt> {
    let to = site
        .attributes
        .integer("to")
        .and_then(|to| u64::try_from(to).ok());
    let to = to.and_then(type_of);
    match (site.inputs.first(), to) {
        (Some(Some(Value::Sizes(sizes))), Some(dtype)) if !dtype.is_float() => {
            Ok(Value::Sizes(sizes.clone()))
        }
        (Some(Some(value @ Value::Signal(_))), Some(dtype)) if dtype.is_float() => Ok(value.clone()),
        _ => refuse("it makes integers of what depends on the images, or the other way round"),
    }
}

pub(super) fn activation(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let op = match site.node.op_type {
        "Relu" => Op::Relu,
        "Sigmoid" => Op::Sigmoid,
        "HardSwish" => Op::HardSwish,
        "Gelu" => match site.attributes.text("approximate") {
            None | Some(b"none") => Op::Gelu,
            Some(_) => return refuse("it is the approximation of GELU by tanh; marque has the exact one"),
        },
        "Swish" => match site.attributes.float("alpha").unwrap_or(1.0) {
            1.0 => Op::Silu,
            alpha => return refuse(format!("its alpha is {alpha}; marque has 1 alone")),
        },
        "HardSigmoid" => {
            let alpha = site.attributes.float("alpha").unwrap_or(0.2);
            let beta = site.attributes.float("beta").unwrap_or(0.5);
            return Ok(Value::Signal(signal.of(hard_sigmoid(
                importer,
                site,
                signal.step,
                (alpha, beta),
            )?)));
        }
        _ => {
            // Exports before version 13 of the operators have 1 where they say nothing; of vectors both are the same.
            let axis = site.attributes.integer("axis").unwrap_or(-1);
            if signal.axes.len() != 2 || !matches!(axis, -1 | 1) {
                return refuse("it is not over the classes");
            }
            let known = importer.known(signal.step);
            return Ok(Value::Signal(signal.of(importer.step(
                site,
                Kind::Softmax,
                vec![signal.step],
                known,
            ))));
        }
    };
    Ok(Value::Signal(signal.of(layer(importer, site, op, signal.step))))
}

/// A step without weights whose output has the shape of its input.
pub(super) fn layer(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, op: Op, input: StepId) -> StepId {
    let known = importer.known(input);
    let kind = Kind::Layer {
        op,
        weights: Vec::new(),
    };
    importer.step(site, kind, vec![input], known)
}

/// min(max(alpha · x + beta, 0), 1). marque's is that of x / 6 + 1/2; others are those of other x.
fn hard_sigmoid(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    input: StepId,
    (alpha, beta): (f64, f64),
) -> Result<StepId, Halt> {
    let affine = Affine {
        scale: vec![6.0 * alpha],
        shift: vec![6.0 * beta - 3.0],
    };
    let input = match is_about(6.0 * alpha, 1.0) && is_about(beta, 0.5) {
        true => input,
        false => rules::affine(importer, site, input, affine)?,
    };
    Ok(layer(importer, site, Op::HardSigmoid, input))
}

/// Bounds from both sides; `Min` and `Max` with a number are one of them.
pub(super) fn clip(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let (signal, least, most) = bounds(site)?;
    Ok(Value::Signal(signal.of(clipped(
        importer,
        site,
        signal.step,
        (least, most),
    )?)))
}

fn bounds(site: &Site<'_, '_>) -> Result<(Signal, f64, f64), Halt> {
    let number = |place: usize| -> Result<Option<f64>, Halt> {
        match site.optional(place)? {
            None => Ok(None),
            Some(tensor) => match &tensor.to_f64()[..] {
                [number] => Ok(Some(*number)),
                _ => refuse("its bound is not one number"),
            },
        }
    };
    if site.node.op_type == "Clip" {
        let least = number(1)?.or(site.attributes.float("min"));
        let most = number(2)?.or(site.attributes.float("max"));
        let (least, most) = (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY));
        return Ok((site.signal(0)?, least, most));
    }
    let places = match (&site.inputs[..], site.signal(0)) {
        ([_, _], Ok(_)) => (0, 1),
        ([_, _], Err(_)) => (1, 0),
        _ => return refuse("it has more or fewer than two inputs"),
    };
    let (signal, bound) = (site.signal(places.0)?, number(places.1)?);
    match (bound, site.node.op_type) {
        (Some(least), "Max") => Ok((signal, least, f64::INFINITY)),
        (Some(most), _) => Ok((signal, f64::NEG_INFINITY, most)),
        (None, _) => refuse("its bound is missing"),
    }
}

/// The largest number of single precision; programs write it where they mean no bound.
const LARGEST: f64 = f32::MAX as f64;

fn clipped(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    input: StepId,
    (least, most): (f64, f64),
) -> Result<StepId, Halt> {
    if most >= LARGEST && least <= -LARGEST {
        return Ok(input);
    }
    if least == 0.0 && most >= LARGEST {
        return Ok(layer(importer, site, Op::Relu, input));
    }
    if least <= -LARGEST && is_about(most, 6.0) && is_relu(importer, input) {
        let source = importer.first_input(input);
        return Ok(layer(importer, site, Op::Relu6, source));
    }
    if least == 0.0 && most > 0.0 {
        // min(max(s·x + t, 0), m) = m · min(max((s·x + t) / m, 0), 1): with s / m = 1/6 and t / m = 1/2 the hard sigmoid.
        if let Kind::Affine(affine) = importer.kind(input)
            && let Some((scale, shift)) = affine.scalars()
            && is_about(6.0 * scale / most, 1.0)
            && is_about(shift / most, 0.5)
        {
            let source = importer.first_input(input);
            let step = layer(importer, site, Op::HardSigmoid, source);
            return rules::affine(importer, site, step, Affine::scaled(vec![most]));
        }
        if is_about(most, 6.0) {
            return Ok(layer(importer, site, Op::Relu6, input));
        }
        if is_about(most, 1.0) {
            return hard_sigmoid(importer, site, input, (1.0, 0.0));
        }
    }
    let known = importer.known(input);
    Ok(importer.step(site, Kind::Clip { least, most }, vec![input], known))
}

fn is_relu(importer: &Importer<'_, '_>, step: StepId) -> bool {
    matches!(importer.kind(step), Kind::Layer { op: Op::Relu, .. })
}
