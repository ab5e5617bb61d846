//! Dimensions that are turned, joined, split, and asked for.

use super::super::constants::place;
use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Kind, Known, StepId};
use super::super::value::{Axis, Extent, Signal, Sizes, Value, integers_of};
use super::slide::steps;
use super::strided;
use marque_arch::Op;

/// More extents than any shape has.
const MOST_SIZES: usize = 64;

pub(super) fn transpose(site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let rank = signal.axes.len();
    let order: Option<Vec<usize>> = match site.attributes.integers("perm") {
        None => Some((0..rank).rev().collect()),
        Some(order) => order.iter().map(|&axis| place(axis, rank)).collect(),
    };
    let order = order.filter(|order| order.len() == rank && (0..rank).all(|axis| order.contains(&axis)));
    match order {
        Some(order) => Ok(Value::Signal(Signal {
            step: signal.step,
            axes: order.into_iter().map(|place| signal.axes[place]).collect(),
        })),
        None => refuse("its perm is no order of its input's dimensions"),
    }
}

pub(super) fn flatten_node(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let axis = site.attributes.integer("axis").unwrap_or(1);
    match place(axis, signal.axes.len()) {
        Some(1) => flatten(importer, site, &signal).map(Value::Signal),
        _ => refuse(format!("it flattens from dimension {axis} on, expected 1")),
    }
}

/// Maps as vectors; vectors as they are.
pub(super) fn flatten(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    signal: &Signal,
) -> Result<Signal, Halt> {
    let known = importer.known(signal.step);
    if known.is_vector {
        return Ok(signal.clone());
    }
    let kind = match &signal.axes[..] {
        axes if axes == Axis::PLANAR || known.is_pixel() => Kind::Layer {
            op: Op::Flatten,
            weights: Vec::new(),
        },
        axes if axes == Axis::LAST => Kind::FlattenLast,
        axes => return refuse(format!("it flattens the dimensions {axes:?}")),
    };
    if signal.axes.first() != Some(&Axis::Batch) {
        return refuse(format!("it flattens the dimensions {:?}", signal.axes));
    }
    let features = Known::vector(known.elements());
    Ok(Signal::vector(importer.step(
        site,
        kind,
        vec![signal.step],
        features,
    )))
}

pub(super) fn reshape(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let target = match site.attributes.integers("shape") {
        Some(dims) => dims.iter().map(|&dim| Extent::Known(dim)).collect(),
        None => site.sizes(1)?.numbers,
    };
    if let Some(Some(Value::Sizes(sizes))) = site.inputs.first() {
        // One extent as a list, or a list as one extent.
        return match (&sizes.numbers[..], &target[..]) {
            ([_], [] | [_]) => Ok(Value::Sizes(Sizes {
                numbers: sizes.numbers.clone(),
                is_scalar: target.is_empty(),
            })),
            (_, [Extent::Known(-1)]) => Ok(Value::Sizes(sizes.clone())),
            _ => refuse("it gives a list of extents another shape"),
        };
    }
    let signal = site.signal(0)?;
    let fits = |importer: &Importer<'_, '_>, place: usize, extent: &Extent| match extent {
        Extent::Known(0 | -1) => true,
        extent => *extent == importer.extent(&signal, signal.axes[place]),
    };
    if target.len() == signal.axes.len()
        && target
            .iter()
            .enumerate()
            .all(|(place, extent)| fits(importer, place, extent))
    {
        return Ok(Value::Signal(signal));
    }
    match &target[..] {
        [Extent::Known(-1)] => strided::row(importer, &signal),
        [batch, rest @ ..] if importer.is_batch(*batch) => shaped(importer, site, &signal, rest),
        _ => refuse(format!(
            "it makes the shape {target:?}, whose first number is not that of the images"
        )),
    }
}

/// What an image has in other dimensions: maps as vectors, or maps of one pixel otherwise.
pub(super) fn shaped(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    signal: &Signal,
    extents: &[Extent],
) -> Result<Value, Halt> {
    let own = signal.axes.iter().skip(1);
    let own: Vec<Extent> = own.map(|&axis| importer.extent(signal, axis)).collect();
    if own == extents && signal.axes.first() == Some(&Axis::Batch) && !own.contains(&Extent::Unknown) {
        return Ok(Value::Signal(signal.clone()));
    }
    let known = importer.known(signal.step);
    match extents {
        [features] => {
            let found = known.elements();
            let expected = match features {
                Extent::Known(number) => usize::try_from(*number).ok(),
                _ => None,
            };
            if let (Some(found), Some(expected)) = (found, expected)
                && found != expected
            {
                return refuse(format!("it makes {expected} numbers of {found}"));
            }
            let vector = flatten(importer, site, signal)?;
            if let (None, Some(expected)) = (found, expected) {
                importer.steps[vector.step.0].known.channels = Some(expected);
            }
            Ok(Value::Signal(vector))
        }
        [_, _, _] => pixels(importer, signal, extents),
        _ => refuse(format!(
            "it gives each image the dimensions {extents:?}, expected those of vectors or maps"
        )),
    }
}

/// Maps of one pixel out of such maps or vectors.
fn pixels(importer: &mut Importer<'_, '_>, signal: &Signal, extents: &[Extent]) -> Result<Value, Halt> {
    let known = importer.known(signal.step);
    let is_one = |extent: &&Extent| **extent == Extent::Known(1);
    let others = extents.iter().filter(|extent| !is_one(extent)).count();
    if others > 1 || !(known.is_vector || known.is_pixel()) {
        return refuse(format!("it makes maps of {extents:?} out of {known:?}"));
    }
    let channel = extents.iter().position(|extent| !is_one(&extent)).unwrap_or(0);
    if let (Some(Extent::Known(expected)), Some(found)) = (extents.get(channel), known.channels)
        && *expected > 0
        && usize::try_from(*expected) != Ok(found)
    {
        return refuse(format!("it makes {expected} channels of {found}"));
    }
    let step = as_maps(importer, signal.step, MOST_CHAIN)?;
    let mut sides = [Axis::Height, Axis::Width].into_iter();
    let mut axes = vec![Axis::Batch];
    for place in 0..extents.len() {
        let axis = match place == channel {
            true => Some(Axis::Channel),
            false => sides.next(),
        };
        axes.extend(axis);
    }
    Ok(Value::Signal(Signal { step, axes }))
}

/// How many layers may stand between a vector that was made of maps of one pixel and its becoming maps again.
const MOST_CHAIN: usize = 8;

/// The maps of one pixel that a vector stands for: layers behind a flattened pixel do the same to the pixel.
fn as_maps(importer: &mut Importer<'_, '_>, step: StepId, most: usize) -> Result<StepId, Halt> {
    let known = importer.known(step);
    if known.is_pixel() {
        return Ok(step);
    }
    let maker = importer.steps[step.0].clone();
    let goes_on = match &maker.kind {
        Kind::Layer { op: Op::Flatten, .. } => {
            let maps = importer.first_input(step);
            return match importer.known(maps).is_pixel() {
                true => Ok(maps),
                false => refuse("it makes maps of a vector"),
            };
        }
        Kind::Layer { op, .. } => matches!(
            op,
            Op::Linear(_)
                | Op::Relu
                | Op::Relu6
                | Op::Sigmoid
                | Op::Silu
                | Op::HardSwish
                | Op::HardSigmoid
                | Op::Gelu
                | Op::BatchNorm2d(_)
        ),
        Kind::Affine(_) => true,
        _ => false,
    };
    let ([input], true, Some(most)) = (&maker.inputs[..], goes_on, most.checked_sub(1)) else {
        return refuse("it makes maps of a vector");
    };
    let input = as_maps(importer, *input, most)?;
    let known = Known {
        channels: known.channels,
        ..importer.known(input)
    };
    importer.steps.push(super::super::step::Step {
        inputs: vec![input],
        known,
        ..maker
    });
    Ok(StepId(importer.steps.len() - 1))
}

pub(super) fn squeeze(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    if let Some(Some(Value::Sizes(sizes))) = site.inputs.first() {
        return match &sizes.numbers[..] {
            [_] => Ok(Value::Sizes(Sizes {
                is_scalar: true,
                ..sizes.clone()
            })),
            _ => refuse("it makes one number of several extents"),
        };
    }
    let signal = site.signal(0)?;
    let rank = signal.axes.len();
    let Some(axes) = site.integers(1, "axes")? else {
        return refuse("it leaves out every dimension of 1, and there may be one image");
    };
    let places: Option<Vec<usize>> = axes.iter().map(|&axis| place(axis, rank)).collect();
    let places = places.unwrap_or_default();
    let is_side = |place: &usize| matches!(signal.axes[*place], Axis::Height | Axis::Width);
    if places.is_empty() || !places.iter().all(is_side) || !importer.known(signal.step).is_pixel() {
        return refuse(format!(
            "it leaves out the dimensions {axes:?} of {:?}",
            signal.axes
        ));
    }
    let kept = (0..rank).filter(|place| !places.contains(place));
    let axes: Vec<Axis> = kept.map(|place| signal.axes[place]).collect();
    match axes == Axis::VECTOR {
        true => flatten(importer, site, &signal).map(Value::Signal),
        false => Ok(Value::Signal(Signal { axes, ..signal })),
    }
}

pub(super) fn unsqueeze(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    if let Some(Some(Value::Sizes(sizes))) = site.inputs.first() {
        return match sizes.is_scalar {
            true => Ok(Value::Sizes(Sizes {
                is_scalar: false,
                ..sizes.clone()
            })),
            false => refuse("it adds a dimension to a list of extents"),
        };
    }
    if let Some(Some(Value::Places(places))) = site.inputs.first() {
        return strided::unsqueeze(importer, site, places);
    }
    let signal = site.signal(0)?;
    let added = site.integers(1, "axes")?.unwrap_or_default();
    let rank = signal.axes.len() + added.len().min(4);
    let places: Option<Vec<usize>> = added.iter().map(|&axis| place(axis, rank)).collect();
    let missing = [Axis::Height, Axis::Width].into_iter();
    let mut missing = missing.filter(|axis| !signal.axes.contains(axis));
    let (Some(places), true) = (places, rank <= 4) else {
        return refuse(format!("it adds the dimensions {added:?}"));
    };
    let step = as_maps(importer, signal.step, MOST_CHAIN)?;
    let mut own = signal.axes.iter().copied();
    let axes: Option<Vec<Axis>> = (0..rank)
        .map(|place| match places.contains(&place) {
            true => missing.next(),
            false => own.next(),
        })
        .collect();
    match axes {
        Some(axes) => Ok(Value::Signal(Signal { step, axes })),
        None => refuse(format!("it adds the dimensions {added:?}")),
    }
}

pub(super) fn shape(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let rank = signal.axes.len();
    let bound = |name: &str, otherwise: usize| match site.attributes.integer(name) {
        None => otherwise,
        Some(at) if at < 0 => rank.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(rank)),
        Some(at) => usize::try_from(at).unwrap_or(rank).min(rank),
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    let axes = signal.axes.get(start..end).unwrap_or_default();
    let numbers = axes.iter().map(|&axis| importer.extent(&signal, axis)).collect();
    Ok(Sizes {
        numbers,
        is_scalar: false,
    }
    .into_value())
}

pub(super) fn concat(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let axis = site.attributes.integer("axis").unwrap_or(0);
    if !site
        .inputs
        .iter()
        .flatten()
        .any(|input| matches!(input, Value::Signal(_)))
    {
        let mut numbers = Vec::new();
        for place in 0..site.inputs.len() {
            numbers.extend(site.sizes(place)?.numbers);
            if numbers.len() > MOST_SIZES {
                return refuse("it joins more extents than a shape has");
            }
        }
        return Ok(Sizes {
            numbers,
            is_scalar: false,
        }
        .into_value());
    }
    let signals: Vec<Signal> = (0..site.inputs.len())
        .map(|place| site.signal(place))
        .collect::<Result<_, _>>()?;
    let [first, rest @ ..] = &signals[..] else {
        return refuse("it has no inputs");
    };
    let along = place(axis, first.axes.len()).map(|place| first.axes[place]);
    let same = rest.iter().all(|other| other.axes == first.axes);
    let mut known = importer.known(first.step);
    if !same || known.is_vector || along != Some(Axis::Channel) {
        return refuse("it joins something else than maps along their channels");
    }
    if rest.is_empty() {
        return Ok(Value::Signal(first.clone()));
    }
    let channels = signals.iter().map(|signal| importer.known(signal.step).channels);
    known.channels = channels
        .into_iter()
        .try_fold(0_usize, |sum, more| sum.checked_add(more?));
    let kind = Kind::Layer {
        op: Op::Concat,
        weights: Vec::new(),
    };
    let inputs = signals.iter().map(|signal| signal.step).collect();
    Ok(Value::Signal(first.of(importer.step(site, kind, inputs, known))))
}

/// One of the extents of a shape, or some of them.
pub(super) fn gather(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    if let Some(Some(Value::Row(signal))) = site.inputs.first() {
        return match site.attributes.integer("axis") {
            None | Some(0 | -1) => strided::gather(importer, site, signal),
            Some(axis) => refuse(format!("it takes numbers along dimension {axis} of one")),
        };
    }
    let sizes = site.sizes(0)?;
    let places = site.constant(1)?;
    let chosen =
        integers_of(&places).filter(|chosen| chosen.len() <= MOST_SIZES && places.shape().len() <= 1);
    let numbers = chosen.and_then(|chosen| {
        let chosen = chosen
            .iter()
            .map(|&at| Some(sizes.numbers[place(at, sizes.numbers.len())?]));
        chosen.collect::<Option<Vec<Extent>>>()
    });
    match numbers {
        Some(numbers) => Ok(Sizes {
            numbers,
            is_scalar: places.shape().is_empty(),
        }
        .into_value()),
        None => refuse("it takes extents that its input does not have"),
    }
}

pub(super) fn slice(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    if let Some(Some(Value::Sizes(sizes))) = site.inputs.first() {
        return match &steps(site, 1)?[..] {
            &[(_, start, end, 1)] => {
                let count = sizes.numbers.len() as i64;
                let at =
                    |at: i64| if at < 0 { at.saturating_add(count) } else { at }.clamp(0, count) as usize;
                let numbers = sizes.numbers.get(at(start)..at(end)).unwrap_or_default().to_vec();
                Ok(Sizes {
                    numbers,
                    is_scalar: false,
                }
                .into_value())
            }
            _ => refuse("it turns a list of extents around"),
        };
    }
    let signal = site.signal(0)?;
    let (mut height, mut width) = (1, 1);
    for (place, start, end, step) in steps(site, signal.axes.len())? {
        let axis = signal.axes[place];
        let is_whole = start == 0
            && match importer.extent(&signal, axis) {
                Extent::Known(extent) => end >= extent,
                // Programs write the largest number for the end.
                Extent::Batch | Extent::Unknown => end >= i64::from(i32::MAX),
            };
        match (axis, usize::try_from(step)) {
            (_, Ok(1)) if is_whole => (),
            (Axis::Height, Ok(step)) if is_whole && step > 0 => height = step,
            (Axis::Width, Ok(step)) if is_whole && step > 0 => width = step,
            _ => {
                return refuse(format!(
                    "it takes a part of {axis:?}; marque takes every so many rows and columns"
                ));
            }
        }
    }
    Ok(Value::Signal(signal.of(strided(
        importer,
        site,
        signal.step,
        (height, width),
    ))))
}

/// Every so many rows and columns; the two may come from two nodes.
fn strided(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    input: StepId,
    (mut height, mut width): (usize, usize),
) -> StepId {
    if (height, width) == (1, 1) {
        return input;
    }
    let mut source = input;
    if let Kind::Strided {
        height: rows,
        width: columns,
    } = importer.kind(input)
    {
        (height, width) = (height.saturating_mul(*rows), width.saturating_mul(*columns));
        source = importer.first_input(input);
    }
    let known = importer.known(source);
    let known = Known {
        height: known.height.map(|side| side.div_ceil(height)),
        width: known.width.map(|side| side.div_ceil(width)),
        ..known
    };
    let kind = match height == width {
        true => Kind::Layer {
            op: Op::Subsample { stride: height },
            weights: Vec::new(),
        },
        false => Kind::Strided { height, width },
    };
    importer.step(site, kind, vec![source], known)
}
