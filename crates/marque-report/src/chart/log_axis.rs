//! Ticks of logarithmic axes: decades, parts of decades, or round numbers where all lies within one decade.

use super::axis::{Step, Tick};
use crate::number::{Unit, power_of_ten};

/// A mark at `mantissa` times ten to the power of `exponent`.
#[derive(Clone, Copy, Debug)]
struct Mark {
    mantissa: u8,
    exponent: i32,
}

impl Mark {
    fn at(self) -> f64 {
        f64::from(self.exponent) + f64::from(self.mantissa).log10()
    }
}

/// Both ends and the ticks of an axis around `ends`, all as logarithms: the finest division of at most `pieces`
/// steps (but at least two: a range around one may need as many).
pub(crate) fn ticks((low, high): (f64, f64), pieces: f64) -> (f64, f64, Vec<Tick>) {
    // A value alone stands in the middle of one decade.
    let (low, high) = if high - low > 1e-6 {
        (low, high)
    } else {
        (low - 0.5, high + 0.5)
    };
    let fits = |ticks: &Vec<Tick>| ticks.len() > 1 && ticks.len() as f64 - 1.0 <= pieces.max(2.0);
    let parts = [&[1, 2, 5][..], &[1, 3]].map(|mantissas| (mantissas, 1));
    let decades = [1, 2, 3, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000].map(|every| (&[1][..], every));
    let ticks = within_a_decade(low, high, pieces)
        .into_iter()
        .chain(
            parts
                .into_iter()
                .chain(decades)
                .map(|(mantissas, every)| labelled(&marks(low, high, mantissas, every))),
        )
        .find(fits)
        .unwrap_or_default();
    match (ticks.first(), ticks.last()) {
        (Some(first), Some(last)) => (first.at, last.at, ticks),
        _ => (low, high, ticks),
    }
}

/// Ticks at round numbers, where low and high are less than a decade apart.
fn within_a_decade(low: f64, high: f64, pieces: f64) -> Option<Vec<Tick>> {
    if high - low >= 1.0 || low.abs() > 90.0 {
        return None;
    }
    let (least, greatest) = (10f64.powf(low), 10f64.powf(high));
    let step = Step::dividing(greatest - least, pieces);
    let (first, last) = step.enclosing(least, greatest);
    let ticks = step.ticks(first, last, Unit::Plain);
    // A step wider than the lowest value would begin at zero, which has no logarithm.
    (first > step.0 * 0.5).then(|| {
        ticks
            .into_iter()
            .map(|tick| Tick {
                at: tick.at.log10(),
                ..tick
            })
            .collect()
    })
}

/// The marks at `mantissas` of each decade that is a multiple of `every`, from the last one below `low` to the first
/// one above `high`.
fn marks(low: f64, high: f64, mantissas: &[u8], every: i32) -> Vec<Mark> {
    // Logarithms of finite numbers lie between −324 and 309.
    let decade = |at: f64| at.floor() as i32;
    let (first, last) = (
        decade(low / f64::from(every)),
        decade(high / f64::from(every)) + 1,
    );
    let all: Vec<Mark> = (first..=last)
        .flat_map(|index| {
            mantissas.iter().map(move |&mantissa| Mark {
                mantissa,
                exponent: index * every,
            })
        })
        .collect();
    // A hair of tolerance: the logarithm of a power of ten may miss its whole number.
    let below = all.iter().rposition(|mark| mark.at() <= low + 1e-9).unwrap_or(0);
    let above = all.iter().position(|mark| mark.at() >= high - 1e-9);
    all[below..=above.unwrap_or(all.len() - 1).max(below)].to_vec()
}

/// Powers of ten where all marks are decades, plain numbers where they are short.
fn labelled(marks: &[Mark]) -> Vec<Tick> {
    let decades = marks.iter().all(|mark| mark.mantissa == 1);
    let short = marks.iter().all(|mark| (-3..5).contains(&mark.exponent));
    let label = |mark: &Mark| match (mark.mantissa, mark.exponent) {
        (mantissa, exponent) if !decades && short => plain(mantissa, exponent),
        (1, exponent) => power_of_ten(exponent),
        (mantissa, exponent) => format!("{mantissa}×{}", power_of_ten(exponent)),
    };
    marks
        .iter()
        .map(|mark| Tick {
            at: mark.at(),
            label: label(mark),
        })
        .collect()
}

/// A digit moved by `exponent` places, without the rounding of a product.
fn plain(mantissa: u8, exponent: i32) -> String {
    match usize::try_from(exponent) {
        Ok(zeros) => format!("{mantissa}{}", "0".repeat(zeros)),
        Err(_) => format!("0.{}{mantissa}", "0".repeat(exponent.unsigned_abs() as usize - 1)),
    }
}

#[cfg(test)]
mod tests {
    use crate::Scale;
    use crate::chart::axis::Axis;

    fn labels(values: &[f64], pieces: f64) -> Vec<String> {
        let axis = Axis::fitting(Scale::Log10, values.iter().copied(), pieces);
        axis.ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn decades_are_powers_of_ten() {
        assert_eq!(
            labels(&[2e-5, 3.0, f64::NAN, 0.0, -1.0], 8.0),
            ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰", "10¹"]
        );
        assert_eq!(labels(&[1e-4, 1.0], 4.0), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(labels(&[1e-17, 1.0], 8.0).len(), 7);
    }

    #[test]
    fn shorter_axes_have_parts_of_decades() {
        assert_eq!(
            labels(&[0.3, 30.0], 9.0),
            ["0.2", "0.5", "1", "2", "5", "10", "20", "50"]
        );
        assert_eq!(labels(&[0.3, 30.0], 5.0), ["0.3", "1", "3", "10", "30"]);
        assert_eq!(labels(&[3e-9, 3e-8], 3.0), ["3×10⁻⁹", "10⁻⁸", "3×10⁻⁸"]);
        assert_eq!(
            labels(&[1.1, 1.9], 6.0),
            ["1.0", "1.2", "1.4", "1.6", "1.8", "2.0"]
        );
    }

    #[test]
    fn a_plot_ends_at_the_decades_of_its_values() {
        let axis = Axis::enclosing(Scale::Log10, [4e-15, 7.0].into_iter(), 8.0);
        assert_eq!((axis.low, axis.high), (-15.0, 1.0));
        let labels: Vec<&str> = axis.ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "10⁰"]);
        let axis = Axis::enclosing(Scale::Log10, [0.3, 30.0].into_iter(), 9.0);
        assert!(axis.low < 0.3f64.log10() && axis.high > 30f64.log10(), "{axis:?}");
    }

    #[test]
    fn any_value_has_a_place_between_two_ticks() {
        let ends = [5e-324, f64::MIN_POSITIVE, 1e-90, 0.1, 1.0, 3.0, 1e22, f64::MAX];
        for (low, high) in ends
            .iter()
            .flat_map(|low| ends.iter().map(move |high| (*low, *high)))
        {
            for pieces in [1.0, 3.0, 8.0, 20.0] {
                let axis = Axis::fitting(Scale::Log10, [low, high].into_iter(), pieces);
                assert!(axis.ticks.len() > 1, "{low} {high} {pieces}: {axis:?}");
                assert!(
                    axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at),
                    "{axis:?}"
                );
                for value in [low, high] {
                    let at = axis.position(value).unwrap();
                    assert!((-1e-6..=1.000_001).contains(&at), "{value} at {at} of {axis:?}");
                }
            }
        }
        let empty = Axis::fitting(Scale::Log10, [0.0, -1.0, f64::NAN].into_iter(), 8.0);
        assert!(empty.ticks.len() > 1 && empty.position(0.0).is_none());
    }
}
