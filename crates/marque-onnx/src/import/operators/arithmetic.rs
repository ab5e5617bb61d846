//! Sums, differences, products and quotients.

use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Affine, Kind, StepId};
use super::super::value::{Axis, Extent, Signal, Sizes, Value};
use super::{rules, strided};
use marque_arch::Op;
use marque_weights::Tensor;

pub(super) fn join(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    if site
        .inputs
        .iter()
        .flatten()
        .any(|input| matches!(input, Value::Sizes(_)))
    {
        return sizes(site);
    }
    if site
        .inputs
        .iter()
        .flatten()
        .any(|input| matches!(input, Value::Places(_)))
    {
        return strided::join(importer, site);
    }
    match &site.inputs[..] {
        [Some(Value::Signal(signal)), Some(Value::Constant(numbers))] => {
            with_numbers(importer, site, signal, numbers, Side::Left)
        }
        [Some(Value::Constant(numbers)), Some(Value::Signal(signal))] => {
            with_numbers(importer, site, signal, numbers, Side::Right)
        }
        [Some(Value::Signal(first)), Some(Value::Signal(second))] => both(importer, site, first, second),
        inputs if site.node.op_type == "Sum" => sum(importer, site, inputs.len()),
        _ => refuse("it has more or fewer than two inputs"),
    }
}

/// On which side of the operator the signal stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn with_numbers(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    signal: &Signal,
    numbers: &Tensor,
    side: Side,
) -> Result<Value, Halt> {
    importer.charge(site, numbers.len().saturating_mul(32))?;
    let numbers = per_channel(signal, numbers)?;
    let map = |change: fn(f64) -> f64| numbers.iter().map(|&number| change(number)).collect::<Vec<f64>>();
    let affine = match (site.node.op_type, side) {
        ("Add" | "Sum", _) => Affine::shifted(numbers),
        ("Sub", Side::Left) => Affine::shifted(map(|number| -number)),
        ("Sub", Side::Right) => Affine {
            scale: vec![-1.0],
            shift: numbers,
        },
        ("Mul", _) => Affine::scaled(numbers),
        ("Div", Side::Left) => Affine::scaled(map(f64::recip)),
        _ => {
            // c / x is c · (1 / x).
            let known = importer.known(signal.step);
            let step = importer.step(site, Kind::Reciprocal, vec![signal.step], known);
            if numbers.iter().all(|&number| number == 1.0) {
                return Ok(Value::Signal(signal.of(step)));
            }
            let step = rules::affine(importer, site, step, Affine::scaled(numbers))?;
            return Ok(Value::Signal(signal.of(step)));
        }
    };
    let step = rules::affine(importer, site, signal.step, affine)?;
    let name = site.node.inputs.get(usize::from(side == Side::Left));
    if let (Kind::Affine(_), Some(module)) = (importer.kind(step), name.and_then(|name| module(name))) {
        importer.call(step, module);
    }
    Ok(Value::Signal(signal.of(step)))
}

/// The module that a stored parameter belongs to, as PyTorch calls them: `block.3` of `block.3.bias`. One that is no bias may be
/// a module's only parameter: `features.1.0.layer_scale`.
fn module(name: &str) -> Option<&str> {
    let is_path = name.contains('.') && !name.contains(['/', ':']);
    is_path.then(|| name.strip_suffix(".bias").unwrap_or(name))
}

/// One number for each channel, or one for all, out of a tensor that is joined with a signal.
fn per_channel(signal: &Signal, numbers: &Tensor) -> Result<Vec<f64>, Halt> {
    let (shape, rank) = (numbers.shape(), signal.axes.len());
    let misfit = || {
        refuse(format!(
            "its numbers have the shape {shape:?}, expected one for each channel of what has the dimensions {:?}",
            signal.axes
        ))
    };
    let Some(before) = rank.checked_sub(shape.len()) else {
        return misfit();
    };
    let others = shape.iter().enumerate().filter(|&(_, &extent)| extent != 1);
    for (place, _) in others {
        if signal.axes.get(before + place) != Some(&Axis::Channel) {
            return misfit();
        }
    }
    match numbers.is_empty() {
        true => misfit(),
        false => Ok(numbers.to_f64()),
    }
}

fn both(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    first: &Signal,
    second: &Signal,
) -> Result<Value, Halt> {
    if first.axes != second.axes {
        return refuse(format!(
            "it joins what has the dimensions {:?} and {:?}",
            first.axes, second.axes
        ));
    }
    let step = match site.node.op_type {
        "Add" | "Sum" => return sum(importer, site, 2),
        "Mul" => {
            let step = rules::product(importer, site, first.step, second.step)?;
            return Ok(Value::Signal(first.of(step)));
        }
        "Sub" => {
            let known = importer.known(first.step);
            importer.step(site, Kind::Minus, vec![first.step, second.step], known)
        }
        _ => rules::quotient(importer, site, first.step, second.step)?,
    };
    Ok(Value::Signal(first.of(step)))
}

/// A sum of signals of one shape.
fn sum(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, count: usize) -> Result<Value, Halt> {
    let signals: Vec<Signal> = (0..count)
        .map(|place| site.signal(place))
        .collect::<Result<_, _>>()?;
    let [first, rest @ ..] = &signals[..] else {
        return refuse("it has no inputs");
    };
    if rest.is_empty() {
        return Ok(Value::Signal(first.clone()));
    }
    let known = importer.known(first.step);
    for other in rest {
        let found = importer.known(other.step);
        let differs = |one: Option<usize>, other: Option<usize>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        if other.axes != first.axes
            || differs(known.channels, found.channels)
            || differs(known.height, found.height)
            || differs(known.width, found.width)
        {
            return refuse("it adds what differs in shape");
        }
    }
    let kind = Kind::Layer {
        op: Op::Add,
        weights: Vec::new(),
    };
    let inputs = signals.iter().map(|signal| signal.step).collect();
    Ok(Value::Signal(first.of(importer.step(site, kind, inputs, known))))
}

/// Arithmetic of extents, as far as they are known.
fn sizes(site: &Site<'_, '_>) -> Result<Value, Halt> {
    let (first, second) = (site.sizes(0)?, site.sizes(1)?);
    let count = first.numbers.len().max(second.numbers.len());
    let at = |sizes: &Sizes, place: usize| match sizes.numbers.len() {
        1 => sizes.numbers.first().copied(),
        _ => sizes.numbers.get(place).copied(),
    };
    let joined = (0..count).map(|place| {
        let (Extent::Known(first), Extent::Known(second)) = (at(&first, place)?, at(&second, place)?) else {
            return Some(Extent::Unknown);
        };
        let found = match site.node.op_type {
            "Add" | "Sum" => first.checked_add(second),
            "Sub" => first.checked_sub(second),
            "Mul" => first.checked_mul(second),
            _ => first.checked_div(second),
        };
        found.map(Extent::Known)
    });
    match joined.collect::<Option<Vec<Extent>>>() {
        Some(numbers) => Ok(Sizes {
            numbers,
            is_scalar: first.is_scalar && second.is_scalar,
        }
        .into_value()),
        None => refuse("it joins different numbers of extents"),
    }
}

pub(super) fn unary(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let kind = match site.node.op_type {
        "Sqrt" => Kind::Root,
        "Reciprocal" => Kind::Reciprocal,
        "Erf" => Kind::Erf,
        "Neg" => {
            let step = rules::affine(importer, site, signal.step, Affine::scaled(vec![-1.0]))?;
            return Ok(Value::Signal(signal.of(step)));
        }
        _ => match site.constant(1)?.to_f64()[..] {
            [1.0] => return Ok(Value::Signal(signal)),
            [2.0] => Kind::Square,
            [0.5] => Kind::Root,
            [-0.5] => {
                let root = plain(importer, site, Kind::Root, signal.step);
                return Ok(Value::Signal(signal.of(plain(
                    importer,
                    site,
                    Kind::Reciprocal,
                    root,
                ))));
            }
            _ => return refuse("its exponent is none of 2, 1, 1/2 and −1/2"),
        },
    };
    Ok(Value::Signal(signal.of(plain(importer, site, kind, signal.step))))
}

fn plain(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, kind: Kind, input: StepId) -> StepId {
    let known = importer.known(input);
    importer.step(site, kind, vec![input], known)
}
