//! Numbers read at places that are worked out from the number of images, as PyTorch's second exporter writes `as_strided`: all
//! numbers in one row, and of each image those from `image · stride` on.

use super::super::constants::compute;
use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::value::{Axis, Extent, Places, Signal, Sizes, Value, integers, integers_of};
use super::layout::shaped;
use marque_weights::Tensor;

/// The numbers of all images behind each other.
pub(super) fn row(importer: &Importer<'_, '_>, signal: &Signal) -> Result<Value, Halt> {
    match signal.axes.first() {
        Some(Axis::Batch) if importer.known(signal.step).elements().is_some() => {
            Ok(Value::Row(signal.clone()))
        }
        _ => refuse("it makes one row of numbers, and how many each image has is not known"),
    }
}

/// The numbers of the images: 0, 1, and so on.
pub(super) fn range(importer: &Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let number = |place: usize| match &site.sizes(place)? {
        Sizes {
            numbers,
            is_scalar: true,
        } if numbers.len() == 1 => Ok(numbers[0]),
        _ => refuse("its bounds are no single numbers"),
    };
    let (start, end, step) = (number(0)?, number(1)?, number(2)?);
    let zero = integers(&[1], &[0]);
    match (start, end, step, zero) {
        (Extent::Known(0), end, Extent::Known(1), Some(offsets)) if importer.is_batch(end) => {
            Ok(Value::Places(Places { stride: 1, offsets }))
        }
        _ => refuse("it counts something else than the images"),
    }
}

/// Places that are multiplied or moved.
pub(super) fn join(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let (places, numbers) = match &site.inputs[..] {
        [Some(Value::Places(places)), Some(Value::Constant(numbers))]
        | [Some(Value::Constant(numbers)), Some(Value::Places(places))] => (places, numbers),
        _ => return refuse("it joins places of numbers with something else than integers"),
    };
    let stride = match (site.node.op_type, integers_of(numbers).as_deref()) {
        ("Add", Some(_)) => Some(places.stride),
        ("Mul", Some(&[factor])) => places.stride.checked_mul(factor),
        _ => None,
    };
    let Some(stride) = stride else {
        return refuse("it changes places of numbers otherwise than by a factor or a sum");
    };
    // The offsets stand for each image: what is added may not differ between images.
    let rank = places.offsets.shape().len();
    let is_of_images = |shape: &[usize]| shape.len() > rank || shape.len() == rank && shape[0] != 1;
    if is_of_images(numbers.shape()) {
        return refuse("it moves the places of each image by something else");
    }
    let given = [Some(places.offsets.clone()), Some(numbers.clone())];
    let offsets = changed(importer, site, &given)?;
    Ok(Value::Places(Places { stride, offsets }))
}

/// Places with dimensions of one behind that of the images.
pub(super) fn unsqueeze(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    places: &Places,
) -> Result<Value, Halt> {
    let added = site.integers(1, "axes")?.unwrap_or_default();
    if !added.iter().all(|&axis| axis > 0) {
        return refuse(format!("it adds the dimensions {added:?} to places of numbers"));
    }
    let given = [Some(places.offsets.clone()), site.optional(1)?];
    let offsets = changed(importer, site, &given)?;
    Ok(Value::Places(Places { offsets, ..*places }))
}

/// The numbers of a row at places: those of each image in their own order, in another shape.
pub(super) fn gather(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    signal: &Signal,
) -> Result<Value, Halt> {
    let places = match site.inputs.get(1) {
        Some(Some(Value::Places(places))) => Some(places.clone()),
        Some(Some(Value::Constant(places))) => of_each_image(importer, places),
        _ => None,
    };
    let elements = importer.known(signal.step).elements();
    let whole = places.filter(|places| {
        let offsets = integers_of(&places.offsets).unwrap_or_default();
        let is_whole = usize::try_from(places.stride).ok() == elements && elements == Some(offsets.len());
        is_whole && offsets.iter().zip(0..).all(|(&offset, place)| offset == place)
    });
    match whole {
        Some(places) => {
            let extents = places.offsets.shape().iter().skip(1);
            let extents: Vec<Extent> = extents.map(|&extent| Extent::Known(extent as i64)).collect();
            shaped(importer, site, signal, &extents)
        }
        None => refuse("it takes numbers of each image in another order, or not all of them"),
    }
}

/// Stored places, where the number of images is fixed: those of the first image, if the others' follow in the same way.
fn of_each_image(importer: &Importer<'_, '_>, places: &Tensor) -> Option<Places> {
    let [images, rest @ ..] = places.shape() else {
        return None;
    };
    let numbers = integers_of(places)?;
    let count = numbers.len().checked_div(*images)?;
    let is_batch = i64::try_from(*images).is_ok_and(|images| importer.is_batch(Extent::Known(images)));
    let in_order = numbers.iter().zip(0..).all(|(&number, place)| number == place);
    if !is_batch || !in_order {
        return None;
    }
    let shape: Vec<usize> = std::iter::once(1).chain(rest.iter().copied()).collect();
    Some(Places {
        stride: i64::try_from(count).ok()?,
        offsets: integers(&shape, numbers.get(..count)?)?,
    })
}

/// Offsets as the node makes them of numbers that are known.
fn changed(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    given: &[Option<Tensor>],
) -> Result<Tensor, Halt> {
    let found = compute(site.node.op_type, &site.attributes, given, importer.left());
    match found {
        Some(offsets) if crate::tensor::is_plain(offsets.shape()) => {
            importer.charge(site, offsets.bytes().len().saturating_mul(2))?;
            Ok(offsets)
        }
        _ => refuse("its places of numbers have shapes that do not go together"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{File, int, ints, maps};
    use crate::{Error, Imported};
    use marque_testkit::{Tolerance, assert_close, formula};

    /// `as_strided` of the means of four channels, as PyTorch writes it for any number of images.
    fn of_any_number(stride: i64, offsets: &[i64]) -> Result<Imported, Error> {
        File::new(&[0, 4, 5, 5])
            .integers("behind", &[1, 2, 3])
            .integers("zero", &[0])
            .integers("one", &[1])
            .integers("stride", &[stride])
            .integers("offsets", offsets)
            .integers("row", &[-1])
            .node("Shape", &["x"], "shape", &[int("start", 0), int("end", 1)])
            .node("Squeeze", &["shape"], "images", &[])
            .node("Squeeze", &["zero"], "from", &[])
            .node("Squeeze", &["one"], "by", &[])
            .node("GlobalAveragePool", &["x"], "mean", &[])
            .node("Reshape", &["mean", "row"], "numbers", &[])
            .node("Range", &["from", "images", "by"], "range", &[])
            .node("Mul", &["range", "stride"], "strided", &[])
            .node("Unsqueeze", &["strided", "behind"], "pixels", &[])
            .node("Unsqueeze", &["offsets", "ends"], "moves", &[])
            .integers("ends", &[0, 2, 3])
            .node("Add", &["pixels", "moves"], "places", &[])
            .node("Gather", &["numbers", "places"], "y", &[int("axis", 0)])
            .read("y")
    }

    /// The same for two images, whose places are stored.
    fn of_two(places: &[i64]) -> Result<Imported, Error> {
        File::new(&[2, 4, 5, 5])
            .integers("shape", &[2, 4, 1, 1])
            .integers("flat", places)
            .integers("row", &[-1])
            .node("ReduceMean", &["x"], "mean", &[ints("axes", &[2, 3])])
            .node("Reshape", &["mean", "row"], "numbers", &[])
            .node("Reshape", &["flat", "shape"], "places", &[])
            .node("Gather", &["numbers", "places"], "y", &[])
            .read("y")
    }

    #[test]
    fn numbers_that_are_read_in_their_own_order_are_the_maps_themselves() {
        let images = formula::images([2, 4, 5, 5], "strided");
        let expected = images.mean_axis(ndarray::Axis(3)).unwrap();
        let expected = expected.mean_axis(ndarray::Axis(2)).unwrap();
        let expected = expected.into_shape_with_order((2, 4, 1, 1)).unwrap();
        for imported in [of_any_number(4, &[0, 1, 2, 3]), of_two(&[0, 1, 2, 3, 4, 5, 6, 7])] {
            let imported = imported.unwrap();
            let found = maps(&imported.graph, &imported.weights, images.view());
            assert_close(
                "strided",
                found.view(),
                expected.view(),
                Tolerance::relative(1e-6),
            );
        }
    }

    #[test]
    fn numbers_in_any_other_order_are_refused() {
        let read = [
            of_any_number(4, &[0, 1, 3, 2]),
            of_any_number(4, &[0, 1, 2]),
            of_any_number(5, &[0, 1, 2, 3]),
            of_any_number(-4, &[0, 1, 2, 3]),
            of_any_number(i64::MAX, &[0, 1, 2, 3]),
            of_any_number(4, &[i64::MAX, i64::MIN, 2, 3]),
            of_two(&[4, 5, 6, 7, 0, 1, 2, 3]),
            of_two(&[0, 1, 2, 3, 0, 1, 2, 3]),
        ];
        for (index, imported) in read.into_iter().enumerate() {
            assert!(matches!(imported, Err(Error::Lacking { .. })), "case {index}");
        }
    }
}
