//! Norms and fully connected layers.

use super::super::constants::transpose;
use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Affine, Kind, Known, StepId};
use super::super::value::{Axis, Signal, Value};
use super::rules;
use marque_arch::{BatchNorm2d, BiasInit, LayerNorm2d, Linear, Op};
use marque_weights::Tensor;

/// How far the momentum of a file's batch norms is from round numbers: 1 − 0.9 in single precision.
const MOMENTUM_DIGITS: f64 = 1e6;

pub(super) fn batch(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    if !signal.is_planar() && signal.axes != Axis::VECTOR {
        return refuse(format!(
            "its input has the dimensions {:?}, expected maps",
            signal.axes
        ));
    }
    if site.attributes.integer("training_mode").unwrap_or(0) != 0 {
        return refuse("it is in training mode");
    }
    if site.attributes.integer("spatial").unwrap_or(1) != 1 {
        return refuse("it has statistics for each pixel");
    }
    let names = ["weight", "bias", "running_mean", "running_var"];
    let mut weights = Vec::new();
    for (place, name) in (1..).zip(names) {
        weights.push((name, vector(site, place)?));
    }
    let channels = same_length(&weights)?;
    expect(importer, &signal, channels)?;
    let momentum = 1.0 - site.attributes.float("momentum").unwrap_or(0.9);
    let op = Op::BatchNorm2d(BatchNorm2d {
        channels,
        eps: site.attributes.float("epsilon").unwrap_or(1e-5),
        momentum: (momentum * MOMENTUM_DIGITS).round() / MOMENTUM_DIGITS,
    });
    let known = importer.known(signal.step).with_channels(channels);
    let kind = Kind::Layer { op, weights };
    let step = importer.weighted(site, 1, kind, (signal.step, known));
    Ok(Value::Signal(signal.of(step)))
}

/// Over the channels, which are the last dimension.
pub(super) fn layer(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let axis = site.attributes.integer("axis").unwrap_or(-1);
    let last = i64::try_from(signal.axes.len()).map(|rank| rank - 1);
    let is_last = axis == -1 || Ok(axis) == last;
    if !is_last || signal.axes.last() != Some(&Axis::Channel) {
        return refuse("it is over more or something else than the channels of each pixel");
    }
    let weight = vector(site, 1)?;
    let channels = weight.len();
    let bias = match site.optional(2)? {
        Some(_) => vector(site, 2)?,
        None => zeros(importer, site, channels)?,
    };
    let weights = vec![("weight", weight), ("bias", bias)];
    let channels = same_length(&weights)?;
    expect(importer, &signal, channels)?;
    let op = Op::LayerNorm2d(LayerNorm2d {
        channels,
        eps: site.attributes.float("epsilon").unwrap_or(1e-5),
    });
    let known = importer.known(signal.step).with_channels(channels);
    let step = importer.weighted(site, 1, Kind::Layer { op, weights }, (signal.step, known));
    Ok(Value::Signal(signal.of(step)))
}

/// alpha · A · B + beta · C, where A is the images' vectors.
pub(super) fn gemm(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    if signal.axes != Axis::VECTOR || site.attributes.integer("transA").unwrap_or(0) != 0 {
        return refuse("its first input is no vector for each image");
    }
    let weight = matrix(site, 1)?;
    let weight = match site.attributes.integer("transB").unwrap_or(0) {
        0 => turned(importer, site, &weight)?,
        _ => weight,
    };
    let alpha = site.attributes.float("alpha").unwrap_or(1.0);
    let beta = site.attributes.float("beta").unwrap_or(1.0);
    let outputs = weight.shape().first().copied().unwrap_or(0);
    let mut step = linear(importer, site, &signal, weight)?;
    step = rules::affine(importer, site, step, Affine::scaled(vec![alpha]))?;
    if let Some(bias) = site.optional(2)? {
        let is_row = matches!(bias.shape(), [] | [_] | [1, _]);
        if !is_row || !matches!(bias.len(), 1) && bias.len() != outputs {
            return refuse(format!(
                "its third input has the shape {:?}, expected {outputs} numbers",
                bias.shape()
            ));
        }
        let shift = bias.to_f64().into_iter().map(|bias| beta * bias).collect();
        step = rules::affine(importer, site, step, Affine::shifted(shift))?;
    }
    Ok(Value::Signal(Signal::vector(step)))
}

/// A linear layer of pixels or vectors, or one of the two products that a pooling over cells is written as.
pub(super) fn matrix_product(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    match &site.inputs[..] {
        [Some(Value::Signal(signal)), Some(Value::Constant(_))] => match signal.axes.last() {
            Some(Axis::Channel) => {
                let weight = matrix(site, 1)?;
                let weight = turned(importer, site, &weight)?;
                let step = linear(importer, site, signal, weight)?;
                Ok(Value::Signal(signal.of(step)))
            }
            _ => columns(importer, site, signal),
        },
        [Some(Value::Constant(_)), Some(Value::Signal(signal))] if signal.is_planar() => {
            let rows = matrix(site, 0)?;
            let mut known = importer.known(signal.step);
            known.height = rows.shape().first().copied();
            let step = importer.step(site, Kind::Rows(rows), vec![signal.step], known);
            Ok(Value::Signal(signal.of(step)))
        }
        _ => refuse("it multiplies two matrices that depend on the images"),
    }
}

/// A linear layer without a bias.
fn linear(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    signal: &Signal,
    weight: Tensor,
) -> Result<StepId, Halt> {
    let [outputs, inputs] = weight.shape()[..] else {
        return refuse("its weight is no matrix");
    };
    let (source, weight) = match importer.kind(signal.step) {
        Kind::FlattenLast => flattened(importer, site, signal.step, &weight)?,
        _ => (signal.step, weight),
    };
    let signal = signal.of(source);
    expect(importer, &signal, inputs)?;
    let op = Op::Linear(Linear::new(inputs, outputs).bias(BiasInit::Zeros));
    let weights = vec![("weight", weight), ("bias", zeros(importer, site, outputs)?)];
    let known = match importer.known(source).is_vector {
        true => Known::vector(Some(outputs)),
        false => importer.known(source).with_channels(outputs),
    };
    let place = usize::from(site.inputs.len() > 1);
    Ok(importer.weighted(site, place, Kind::Layer { op, weights }, (source, known)))
}

/// What a linear layer behind maps that were flattened with their channels innermost is behind such that were flattened with them
/// outermost: the same with the columns of its weight in that order.
fn flattened(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    step: StepId,
    weight: &Tensor,
) -> Result<(StepId, Tensor), Halt> {
    let maps = importer.first_input(step);
    let known = importer.known(maps);
    let (Some(channels), Some(height), Some(width)) = (known.channels, known.height, known.width) else {
        return refuse(
            "it reads maps that were flattened with their channels innermost, whose size is not known",
        );
    };
    let outputs = weight.shape().first().copied().unwrap_or(0);
    importer.charge(site, weight.bytes().len())?;
    let apart = weight.reshaped(&[outputs, height, width, channels]).ok();
    let turned = apart.and_then(|weight| transpose(&weight, &[0, 3, 1, 2]));
    let together = turned.and_then(|weight| weight.reshaped(&[outputs, channels * height * width]).ok());
    let Some(weight) = together else {
        return refuse(format!(
            "its weight has the shape {:?}, expected one for maps of {channels}×{height}×{width}",
            weight.shape()
        ));
    };
    let kind = Kind::Layer {
        op: Op::Flatten,
        weights: Vec::new(),
    };
    let features = Known::vector(known.elements());
    Ok((importer.step(site, kind, vec![maps], features), weight))
}

/// The second of the two products that a pooling over cells is written as.
fn columns(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, signal: &Signal) -> Result<Value, Halt> {
    let matrix = matrix(site, 1)?;
    let Kind::Rows(rows) = importer.kind(signal.step) else {
        return refuse("it multiplies the columns of maps");
    };
    let Some(cells) = super::means::cells(rows, &matrix) else {
        return refuse("it multiplies rows and columns of maps, and is no mean over cells");
    };
    let maps = importer.first_input(signal.step);
    let known = Known {
        height: Some(cells.height),
        width: Some(cells.width),
        ..importer.known(maps)
    };
    let kind = Kind::Layer {
        op: Op::AdaptiveAvgPool2d(cells),
        weights: Vec::new(),
    };
    Ok(Value::Signal(signal.of(importer.step(
        site,
        kind,
        vec![maps],
        known,
    ))))
}

fn turned(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, weight: &Tensor) -> Result<Tensor, Halt> {
    importer.charge(site, weight.bytes().len())?;
    match transpose(weight, &[1, 0]) {
        Some(turned) => Ok(turned),
        None => refuse("its weight is no matrix"),
    }
}

/// A stored vector of floats.
fn vector(site: &Site<'_, '_>, place: usize) -> Result<Tensor, Halt> {
    let tensor = site.constant(place)?;
    match tensor.shape().len() == 1 && tensor.dtype().is_float() && !tensor.is_empty() {
        true => Ok(tensor),
        false => refuse(format!(
            "its input {place} is {} of the shape {:?}, expected a vector of floats",
            tensor.dtype(),
            tensor.shape()
        )),
    }
}

/// A stored matrix of floats.
fn matrix(site: &Site<'_, '_>, place: usize) -> Result<Tensor, Halt> {
    let tensor = site.constant(place)?;
    match tensor.shape().len() == 2 && tensor.dtype().is_float() && !tensor.is_empty() {
        true => Ok(tensor),
        false => refuse(format!(
            "its input {place} is {} of the shape {:?}, expected a matrix of floats",
            tensor.dtype(),
            tensor.shape()
        )),
    }
}

fn same_length(weights: &[(&'static str, Tensor)]) -> Result<usize, Halt> {
    let lengths: Vec<usize> = weights.iter().map(|(_, tensor)| tensor.len()).collect();
    match lengths.iter().all(|length| Some(length) == lengths.first()) {
        true => Ok(lengths.first().copied().unwrap_or(0)),
        false => refuse(format!(
            "its weights are for different numbers of channels: {lengths:?}"
        )),
    }
}

fn zeros(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, count: usize) -> Result<Tensor, Halt> {
    importer.charge(site, count.saturating_mul(4))?;
    match Tensor::from_f32(&[count], &vec![0.0; count]) {
        Ok(tensor) => Ok(tensor),
        Err(error) => refuse(error.to_string()),
    }
}

/// Whether so many channels arrive, as far as that is known.
fn expect(importer: &Importer<'_, '_>, signal: &Signal, channels: usize) -> Result<(), Halt> {
    match importer.known(signal.step).channels {
        Some(found) if found != channels => refuse(format!(
            "it is for {channels} channels or features and gets {found}"
        )),
        _ => Ok(()),
    }
}
