//! Areas with colours of a map, and the lines on them.

use std::fmt;

use super::{Number, write_points};
use crate::chart::svg::Point;
use crate::chart::theme::Rgb;

/// There are thousands of areas in a chart, so they are written with one decimal and no more than they need.
pub(super) fn write_area(
    out: &mut dyn fmt::Write,
    rings: &[Vec<Point>],
    fill: Rgb,
    edge: Option<Rgb>,
) -> fmt::Result {
    let short = |value: f32| Number((value * 10.0).round() / 10.0);
    out.write_str("<path d=\"")?;
    for ring in rings {
        for (index, (x, y)) in ring.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            write!(out, "{command}{} {}", short(*x), short(*y))?;
        }
        out.write_char('Z')?;
    }
    write!(out, "\" fill=\"{}\" fill-rule=\"evenodd\"", Hex(fill))?;
    if let Some(edge) = edge {
        write!(
            out,
            " stroke=\"{}\" stroke-width=\".6\" stroke-linejoin=\"round\"",
            Hex(edge)
        )?;
    }
    out.write_str("/>")
}

pub(super) fn write_trace(out: &mut dyn fmt::Write, points: &[Point], stroke: Rgb) -> fmt::Result {
    write_points(out, points)?;
    write!(
        out,
        " fill=\"none\" stroke=\"{}\" stroke-width=\"0.7\"/>",
        Hex(stroke)
    )
}

/// A colour as `#rrggbb`.
struct Hex(Rgb);

impl fmt::Display for Hex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rgb([red, green, blue]) = self.0;
        write!(out, "#{red:02x}{green:02x}{blue:02x}")
    }
}
