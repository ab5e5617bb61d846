//! Means over maps, over cells of them, and over channels.

use super::super::constants::place;
use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Kind, Known};
use super::super::value::{Axis, Signal, Value};
use super::layout::flatten;
use crate::export::averaging;
use marque_arch::{ImageSize, Op};
use marque_weights::Tensor;

pub(super) fn global(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.maps(0)?;
    Ok(Value::Signal(pooled(importer, site, &signal)))
}

fn pooled(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, signal: &Signal) -> Signal {
    let known = Known {
        height: Some(1),
        width: Some(1),
        ..importer.known(signal.step)
    };
    let kind = Kind::Layer {
        op: Op::GlobalAvgPool2d,
        weights: Vec::new(),
    };
    signal.of(importer.step(site, kind, vec![signal.step], known))
}

/// `ReduceMean` over height and width, or over channels.
pub(super) fn reduce(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    let places = site.integers(1, "axes")?.unwrap_or_default();
    let axes: Option<Vec<Axis>> = places
        .iter()
        .map(|&axis| Some(signal.axes[place(axis, signal.axes.len())?]))
        .collect();
    let Some(axes) = axes else {
        return refuse(format!("its axes {places:?} are none of its input's"));
    };
    let keeps = site.attributes.integer("keepdims").unwrap_or(1) != 0;
    let is_over =
        |wanted: &[Axis]| wanted.len() == axes.len() && wanted.iter().all(|axis| axes.contains(axis));
    if is_over(&[Axis::Height, Axis::Width]) && signal.axes.len() == 4 {
        let pooled = pooled(importer, site, &signal);
        return match keeps {
            true => Ok(Value::Signal(pooled)),
            false => flatten(importer, site, &pooled).map(Value::Signal),
        };
    }
    if is_over(&[Axis::Channel]) && keeps {
        let known = importer.known(signal.step).with_channels(1);
        let step = importer.step(site, Kind::ChannelMean, vec![signal.step], known);
        return Ok(Value::Signal(signal.of(step)));
    }
    refuse(format!(
        "it is a mean over {axes:?}; marque has those over height and width together"
    ))
}

/// Into how many cells two matrices divide maps whose rows and columns they make means of.
pub(super) fn cells(rows: &Tensor, columns: &Tensor) -> Option<ImageSize> {
    let (&[height, from_height], &[from_width, width]) = (rows.shape(), columns.shape()) else {
        return None;
    };
    if height == 0 || width == 0 {
        return None;
    }
    let is = |found: f64, expected: &f32| (found - f64::from(*expected)).abs() < 1e-6;
    let rows = rows.to_f64();
    let expected = averaging(from_height, height);
    let are_rows =
        rows.len() == expected.len() && rows.iter().zip(&expected).all(|(found, share)| is(*found, share));
    let columns = columns.to_f64();
    let expected = averaging(from_width, width);
    let are_columns = expected.iter().enumerate().all(|(index, share)| {
        let (cell, from) = (index / from_width.max(1), index % from_width.max(1));
        columns
            .get(from * width + cell)
            .is_some_and(|&found| is(found, share))
    });
    (are_rows && are_columns).then_some(ImageSize { height, width })
}
