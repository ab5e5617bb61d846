//! Nodes whose inputs are all known are computed beforehand: shapes, turned weights, what a program left unfolded.

use super::attributes::Attributes;
use super::value::{integers, integers_of};
use crate::tensor::type_of;
use marque_weights::{DType, Tensor};

/// Computes a node; `None` where it is none of those that are computed beforehand, or its inputs do not suit it.
///
/// The caller has made sure that a tensor of `most` bytes may be made.
pub(super) fn compute(
    op_type: &str,
    attributes: &Attributes<'_, '_>,
    inputs: &[Option<Tensor>],
    most: usize,
) -> Option<Tensor> {
    let first = inputs.first()?.as_ref()?;
    let second = inputs.get(1).and_then(Option::as_ref);
    match op_type {
        "Identity" | "Dropout" => Some(first.clone()),
        "Cast" => cast(first, type_of(u64::try_from(attributes.integer("to")?).ok()?)?),
        "Transpose" => transpose(first, &permutation(attributes, first.shape().len())?),
        "Reshape" => reshape(first, &integers_of(second?)?),
        "Flatten" => flatten(first, attributes.integer("axis").unwrap_or(1)),
        "Unsqueeze" => unsqueeze(first, &axes(attributes, second)?),
        "Squeeze" => squeeze(first, axes(attributes, second)),
        "Concat" => {
            let tensors: Option<Vec<Tensor>> = inputs.iter().cloned().collect();
            concat(&tensors?, attributes.integer("axis")?)
        }
        "Gather" => gather(first, second?, attributes.integer("axis").unwrap_or(0), most),
        "Slice" => slice(first, attributes, inputs),
        "Shape" => {
            let dims: Vec<i64> = first.shape().iter().map(|&extent| extent as i64).collect();
            integers(&[dims.len()], &dims)
        }
        "ConstantOfShape" => filled(first, attributes.tensor("value"), most),
        "Expand" => expand(first, &integers_of(second?)?, most),
        "Neg" => unary(first, |x| -x),
        "Sqrt" => unary(first, f64::sqrt),
        "Reciprocal" => unary(first, f64::recip),
        "Exp" => unary(first, f64::exp),
        "Ceil" => unary(first, f64::ceil),
        "Floor" => unary(first, f64::floor),
        "Relu" => unary(first, |x| x.max(0.0)),
        "Clip" => {
            let bound = |place: usize, name: &str, otherwise: f64| {
                let given = inputs.get(place).and_then(Option::as_ref);
                let given = given.and_then(|tensor| tensor.to_f64().first().copied());
                given.or(attributes.float(name)).unwrap_or(otherwise)
            };
            let (least, most) = (bound(1, "min", f64::NEG_INFINITY), bound(2, "max", f64::INFINITY));
            unary(first, move |x| x.max(least).min(most))
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" if inputs.len() == 2 => {
            binary(op_type, first, second?, most)
        }
        _ => None,
    }
}

/// Numbers of a type, each out of its value as a double; rounded to the type, integers towards zero.
pub(super) fn from_f64(dtype: DType, shape: &[usize], values: &[f64]) -> Option<Tensor> {
    let bytes: Vec<u8> = match dtype {
        DType::F64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::I64 => values
            .iter()
            .flat_map(|&value| (value as i64).to_le_bytes())
            .collect(),
        DType::I32 => values
            .iter()
            .flat_map(|&value| (value as i32).to_le_bytes())
            .collect(),
        DType::U8 => values.iter().map(|&value| value as u8).collect(),
        DType::Bool => values.iter().map(|&value| u8::from(value != 0.0)).collect(),
        // Halves become single: a network is not computed in them.
        DType::F32 | DType::F16 | DType::BF16 => {
            let floats: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            return Tensor::from_f32(shape, &floats).ok();
        }
        DType::I16 | DType::I8 | DType::U64 | DType::U32 | DType::U16 => return None,
    };
    Tensor::new(dtype, shape, bytes).ok()
}

fn cast(tensor: &Tensor, dtype: DType) -> Option<Tensor> {
    match tensor.dtype() == dtype {
        true => Some(tensor.clone()),
        false => from_f64(dtype, tensor.shape(), &tensor.to_f64()),
    }
}

fn unary(tensor: &Tensor, compute: impl Fn(f64) -> f64) -> Option<Tensor> {
    let values: Vec<f64> = tensor.to_f64().into_iter().map(compute).collect();
    from_f64(tensor.dtype(), tensor.shape(), &values)
}

fn binary(op_type: &str, first: &Tensor, second: &Tensor, most: usize) -> Option<Tensor> {
    let shape = broadcast(first.shape(), second.shape())?;
    let count = count_within(&shape, most)?;
    let is_integer = !first.dtype().is_float();
    let (left, right) = (first.to_f64(), second.to_f64());
    let values: Option<Vec<f64>> = (0..count)
        .map(|index| {
            let left = left.get(source(index, &shape, first.shape()))?;
            let right = right.get(source(index, &shape, second.shape()))?;
            Some(match op_type {
                "Add" => left + right,
                "Sub" => left - right,
                "Mul" => left * right,
                // Integers are divided towards zero.
                "Div" if is_integer && *right == 0.0 => return None,
                "Div" if is_integer => (left / right).trunc(),
                "Div" => left / right,
                "Pow" => left.powf(*right),
                "Max" => left.max(*right),
                _ => left.min(*right),
            })
        })
        .collect();
    from_f64(first.dtype(), &shape, &values?)
}

/// The shape that two shapes have together.
fn broadcast(first: &[usize], second: &[usize]) -> Option<Vec<usize>> {
    let rank = first.len().max(second.len());
    let extent = |shape: &[usize], place: usize| match (place + shape.len()).checked_sub(rank) {
        Some(place) => shape[place],
        None => 1,
    };
    (0..rank)
        .map(|place| match (extent(first, place), extent(second, place)) {
            (one, other) if one == other => Some(one),
            (1, other) => Some(other),
            (one, 1) => Some(one),
            _ => None,
        })
        .collect()
}

/// Which number of a tensor of shape `from` stands at place `index` of the larger `shape`.
fn source(mut index: usize, shape: &[usize], from: &[usize]) -> usize {
    let (mut place, mut step) = (0, 1);
    for (position, &extent) in shape.iter().enumerate().rev() {
        let here = index % extent.max(1);
        index /= extent.max(1);
        if let Some(own) = (position + from.len()).checked_sub(shape.len()) {
            if from[own] > 1 {
                place += here * step;
            }
            step *= from[own];
        }
    }
    place
}

/// How many numbers a shape has, if they take no more than `most` bytes as doubles.
fn count_within(shape: &[usize], most: usize) -> Option<usize> {
    let count = shape
        .iter()
        .try_fold(1_usize, |count, &extent| count.checked_mul(extent))?;
    (count.checked_mul(8)? <= most).then_some(count)
}

/// The place of a dimension that may be counted from behind.
pub(super) fn place(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let place = if axis < 0 { axis.checked_add(rank)? } else { axis };
    (0..rank).contains(&place).then_some(place as usize)
}

fn permutation(attributes: &Attributes<'_, '_>, rank: usize) -> Option<Vec<usize>> {
    match attributes.integers("perm") {
        None => Some((0..rank).rev().collect()),
        Some(places) => {
            let places: Option<Vec<usize>> = places.iter().map(|&axis| place(axis, rank)).collect();
            places.filter(|places| places.len() == rank && (0..rank).all(|axis| places.contains(&axis)))
        }
    }
}

/// A tensor with its dimensions in another order.
pub(super) fn transpose(tensor: &Tensor, order: &[usize]) -> Option<Tensor> {
    let from = tensor.shape();
    let shape: Vec<usize> = order
        .iter()
        .map(|&axis| from.get(axis).copied())
        .collect::<Option<_>>()?;
    let mut strides = vec![1_usize; from.len()];
    for axis in (0..from.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1].checked_mul(from[axis + 1])?;
    }
    let strides: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let size = tensor.dtype().size_bytes();
    let mut bytes = Vec::with_capacity(tensor.bytes().len());
    let mut index = vec![0; shape.len()];
    for _ in 0..tensor.len() {
        let place: usize = index
            .iter()
            .zip(&strides)
            .map(|(index, stride)| index * stride)
            .sum();
        bytes.extend(tensor.bytes().get(place * size..(place + 1) * size)?);
        for (index, &extent) in index.iter_mut().zip(&shape).rev() {
            *index += 1;
            if *index < extent {
                break;
            }
            *index = 0;
        }
    }
    Tensor::new(tensor.dtype(), &shape, bytes).ok()
}

fn reshape(tensor: &Tensor, dims: &[i64]) -> Option<Tensor> {
    let mut shape = Vec::with_capacity(dims.len());
    let mut free = None;
    for (position, &dim) in dims.iter().enumerate() {
        shape.push(match dim {
            0 => *tensor.shape().get(position)?,
            -1 if free.is_none() => {
                free = Some(position);
                1
            }
            dim => usize::try_from(dim).ok()?,
        });
    }
    if let Some(free) = free {
        let known = shape
            .iter()
            .try_fold(1_usize, |count, &extent| count.checked_mul(extent))?;
        shape[free] = tensor.len().checked_div(known)?;
    }
    tensor.reshaped(&shape).ok()
}

fn flatten(tensor: &Tensor, axis: i64) -> Option<Tensor> {
    let rank = tensor.shape().len();
    let axis = if axis == rank as i64 {
        rank
    } else {
        place(axis, rank)?
    };
    let (outer, inner) = tensor.shape().split_at(axis);
    tensor
        .reshaped(&[outer.iter().product(), inner.iter().product()])
        .ok()
}

/// The `axes` of `Squeeze` and `Unsqueeze`: an input since version 13, an attribute before.
fn axes(attributes: &Attributes<'_, '_>, second: Option<&Tensor>) -> Option<Vec<i64>> {
    match second {
        Some(tensor) => integers_of(tensor),
        None => attributes.integers("axes").map(<[i64]>::to_vec),
    }
}

fn unsqueeze(tensor: &Tensor, axes: &[i64]) -> Option<Tensor> {
    let rank = tensor.shape().len().checked_add(axes.len())?;
    let places: Vec<usize> = axes
        .iter()
        .map(|&axis| place(axis, rank))
        .collect::<Option<_>>()?;
    let mut extents = tensor.shape().iter();
    let shape: Option<Vec<usize>> = (0..rank)
        .map(|axis| match places.contains(&axis) {
            true => Some(1),
            false => extents.next().copied(),
        })
        .collect();
    tensor.reshaped(&shape?).ok()
}

fn squeeze(tensor: &Tensor, axes: Option<Vec<i64>>) -> Option<Tensor> {
    let rank = tensor.shape().len();
    let places: Option<Vec<usize>> = match axes {
        Some(axes) => axes.iter().map(|&axis| place(axis, rank)).collect(),
        None => Some((0..rank).filter(|&axis| tensor.shape()[axis] == 1).collect()),
    };
    let places = places?;
    let kept = (0..rank).filter(|axis| !places.contains(axis));
    let shape: Vec<usize> = kept.map(|axis| tensor.shape()[axis]).collect();
    tensor.reshaped(&shape).ok()
}

fn concat(tensors: &[Tensor], axis: i64) -> Option<Tensor> {
    let first = tensors.first()?;
    let axis = place(axis, first.shape().len())?;
    let suits = |tensor: &Tensor| {
        let mut shape = tensor.shape().to_vec();
        let same_rank = shape.len() == first.shape().len();
        if same_rank {
            shape[axis] = first.shape()[axis];
        }
        same_rank && shape == first.shape() && tensor.dtype() == first.dtype()
    };
    if !tensors.iter().all(suits) {
        return None;
    }
    let outer: usize = first.shape()[..axis].iter().product();
    let mut bytes = Vec::new();
    for row in 0..outer {
        for tensor in tensors {
            let length = tensor.bytes().len() / outer;
            bytes.extend(tensor.bytes().get(row * length..(row + 1) * length)?);
        }
    }
    let mut shape = first.shape().to_vec();
    shape[axis] = tensors.iter().map(|tensor| tensor.shape()[axis]).sum();
    Tensor::new(first.dtype(), &shape, bytes).ok()
}

fn gather(tensor: &Tensor, places: &Tensor, axis: i64, most: usize) -> Option<Tensor> {
    let axis = place(axis, tensor.shape().len())?;
    let extent = tensor.shape()[axis];
    let indices: Option<Vec<usize>> = integers_of(places)?
        .into_iter()
        .map(|at| place(at, extent))
        .collect();
    let indices = indices?;
    let (outer, inner) = (&tensor.shape()[..axis], &tensor.shape()[axis + 1..]);
    let shape = [outer, places.shape(), inner].concat();
    count_within(&shape, most)?;
    let length = tensor.dtype().size_bytes() * inner.iter().product::<usize>();
    let mut bytes = Vec::new();
    for row in 0..outer.iter().product::<usize>() {
        for index in &indices {
            let start = (row * extent + index) * length;
            bytes.extend(tensor.bytes().get(start..start + length)?);
        }
    }
    Tensor::new(tensor.dtype(), &shape, bytes).ok()
}

/// Along the first dimension, with any step: what shapes and lists of pads are cut by.
fn slice(tensor: &Tensor, attributes: &Attributes<'_, '_>, inputs: &[Option<Tensor>]) -> Option<Tensor> {
    let input = |place: usize| match inputs.get(place).and_then(Option::as_ref) {
        Some(tensor) => integers_of(tensor),
        None => None,
    };
    let given = |place: usize, name: &str| input(place).or(attributes.integers(name).map(<[i64]>::to_vec));
    let (starts, ends) = (given(1, "starts")?, given(2, "ends")?);
    let axes = given(3, "axes").unwrap_or_else(|| vec![0]);
    let steps = input(4).unwrap_or_else(|| vec![1]);
    let ([start], [end], [axis], [step]) = (&starts[..], &ends[..], &axes[..], &steps[..]) else {
        return None;
    };
    if place(*axis, tensor.shape().len())? != 0 || *step == 0 {
        return None;
    }
    let extent = i64::try_from(tensor.shape()[0]).ok()?;
    let from_behind = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
    let (mut at, end) = match *step > 0 {
        true => (
            from_behind(*start).clamp(0, extent),
            from_behind(*end).clamp(0, extent),
        ),
        false => (
            from_behind(*start).clamp(-1, extent - 1),
            from_behind(*end).clamp(-1, extent - 1),
        ),
    };
    let length = tensor.bytes().len().checked_div(tensor.shape()[0])?;
    let (mut bytes, mut count) = (Vec::new(), 0);
    while if *step > 0 { at < end } else { at > end } {
        let start = usize::try_from(at).ok()? * length;
        bytes.extend(tensor.bytes().get(start..start + length)?);
        count += 1;
        at = at.checked_add(*step)?;
    }
    let shape = [&[count], &tensor.shape()[1..]].concat();
    Tensor::new(tensor.dtype(), &shape, bytes).ok()
}

fn filled(shape: &Tensor, value: Option<Tensor>, most: usize) -> Option<Tensor> {
    let shape: Option<Vec<usize>> = integers_of(shape)?
        .into_iter()
        .map(|extent| usize::try_from(extent).ok())
        .collect();
    let shape = shape?;
    let count = count_within(&shape, most)?;
    match value {
        Some(value) => from_f64(value.dtype(), &shape, &vec![*value.to_f64().first()?; count]),
        None => Tensor::from_f32(&shape, &vec![0.0; count]).ok(),
    }
}

fn expand(tensor: &Tensor, dims: &[i64], most: usize) -> Option<Tensor> {
    let dims: Option<Vec<usize>> = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let shape = broadcast(tensor.shape(), &dims?)?;
    let count = count_within(&shape, most)?;
    let size = tensor.dtype().size_bytes();
    let mut bytes = Vec::with_capacity(count * size);
    for index in 0..count {
        let place = source(index, &shape, tensor.shape());
        bytes.extend(tensor.bytes().get(place * size..(place + 1) * size)?);
    }
    Tensor::new(tensor.dtype(), &shape, bytes).ok()
}
