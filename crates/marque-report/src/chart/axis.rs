//! Axes: round ticks between two ends.

use crate::Scale;
use crate::number::{Unit, scientific};

/// Values beyond this are drawn as gaps: a loss that has run away is not a scale to read the others on.
pub(crate) const LARGEST: f64 = 1e100;
/// A shorter axis is nothing that a reader can see, or that a division can bear.
const SMALLEST_SPAN: f64 = 1e-100;
/// Whole numbers up to this one are all told apart.
const LARGEST_WHOLE: f64 = 9e15;

/// One tick of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Where it stands on the scale: a value, or its logarithm.
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// An axis between two ends, with its ticks in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) scale: Scale,
    /// The lower end on the scale.
    pub(crate) low: f64,
    /// The upper end on the scale.
    pub(crate) high: f64,
    pub(crate) ticks: Vec<Tick>,
}

impl Axis {
    /// An axis whose ends are ticks and enclose all of `values` that can be drawn. It begins at zero, except where
    /// all values of a percentage are in the upper half: then the upper half is what there is to see.
    ///
    /// `pieces` is the most steps that there is room for.
    pub(crate) fn around(values: impl Iterator<Item = f64>, unit: Unit, pieces: f64) -> Self {
        let (least, greatest) = extent(values, Scale::Linear).unwrap_or((0.0, 1.0));
        // A fraction of one is the whole: an axis of accuracy does not go on to 120 %.
        let (low, high, limit) = match unit {
            Unit::Percent if least > 0.5 && greatest <= 1.0 => (least.min(0.9), 1.0, 1.0),
            Unit::Percent if greatest <= 1.0 => (least.min(0.0), greatest, 1.0),
            _ => (least.min(0.0), greatest, f64::INFINITY),
        };
        let high = if high - low > SMALLEST_SPAN {
            high
        } else {
            low + 1.0
        };
        let step = Step::dividing(high - low, pieces);
        let (first, last) = step.enclosing(low, high);
        let (low, high) = (first.min(low), last.min(limit).max(high));
        let ticks = step.ticks(low, high, unit);
        Self {
            scale: Scale::Linear,
            low,
            high,
            ticks,
        }
    }

    /// An axis whose ends are ticks and enclose all of `values`. A linear one takes in zero where that costs no more
    /// than half of its length; a logarithmic one may end between labels, at a decade.
    pub(crate) fn enclosing(scale: Scale, values: impl Iterator<Item = f64> + Clone, pieces: f64) -> Self {
        let near_zero = |(low, high): &(f64, f64)| low.abs().min(high.abs()) <= high - low;
        let zero = extent(values.clone(), Scale::Linear)
            .filter(near_zero)
            .map(|_| 0.0);
        match scale {
            Scale::Linear => Self::fitting(scale, values.chain(zero), pieces),
            Scale::Log10 => Self::fitting(scale, values.clone(), pieces).without_empty_decades(values),
        }
    }

    /// A logarithmic axis with a label at every few decades ends at the decades around `values`: to go on to the next
    /// label would leave a good part of the plot empty.
    fn without_empty_decades(self, values: impl Iterator<Item = f64>) -> Self {
        let Some((least, greatest)) = extent(values, self.scale) else {
            return self;
        };
        let (low, high) = (self.low.max(least.floor()), self.high.min(greatest.ceil()));
        let inside = |tick: &&Tick| (low..=high).contains(&tick.at);
        let ticks: Vec<Tick> = self.ticks.iter().filter(inside).cloned().collect();
        match ticks.len() {
            0..3 => self,
            _ => Self {
                low,
                high,
                ticks,
                ..self
            },
        }
    }

    /// An axis whose ends are the ticks next to the least and the greatest of `values`.
    pub(crate) fn fitting(scale: Scale, values: impl Iterator<Item = f64>, pieces: f64) -> Self {
        let ends = extent(values, scale);
        let (low, high, ticks) = match scale {
            Scale::Linear => {
                let (low, high) = widened(ends.unwrap_or((0.0, 1.0)));
                let step = Step::dividing(high - low, pieces);
                let (low, high) = step.enclosing(low, high);
                (low, high, step.ticks(low, high, Unit::Plain))
            }
            Scale::Log10 => super::log_axis::ticks(ends.unwrap_or((0.0, 1.0)), pieces),
        };
        Self {
            scale,
            low,
            high,
            ticks,
        }
    }

    /// An axis from the least to the greatest of `values`, with the ticks in between. Where all values are whole
    /// numbers, so are the ticks, and the first number has one where it has room. A logarithmic axis ends at ticks.
    pub(crate) fn tight(scale: Scale, values: impl Iterator<Item = f64> + Clone, pieces: f64) -> Self {
        if scale == Scale::Log10 {
            return Self::fitting(scale, values, pieces);
        }
        let whole = |value: f64| value.fract() == 0.0 && value.abs() < LARGEST_WHOLE;
        let whole = values.clone().filter(|value| drawable(*value)).all(whole);
        let (least, greatest) = extent(values, scale).unwrap_or((0.0, 1.0));
        let mut step = Step::dividing(greatest - least, pieces);
        let (low, high) = match (whole, greatest > least) {
            (true, true) => (least, greatest),
            // A number alone stands in the middle.
            (true, false) => (least - 0.5, greatest + 0.5),
            (false, _) => widened((least, greatest)),
        };
        step = if whole {
            Step(step.0.max(1.0))
        } else {
            Step::dividing(high - low, pieces)
        };
        let mut ticks = step.ticks(low, high, Unit::Plain);
        if whole && ticks.first().is_none_or(|tick| (tick.at - least) * 2.0 > step.0) {
            ticks.insert(0, step.tick(least, high.abs(), Unit::Plain));
        }
        Self {
            scale,
            low,
            high,
            ticks,
        }
    }

    /// Where `value` lies between the ends: 0 at the lower, 1 at the upper; `None` where it has no place.
    pub(crate) fn position(&self, value: f64) -> Option<f32> {
        self.scale.of(value).map(|at| self.share(at))
    }

    /// Where `at`, a place on the scale, lies between the ends.
    pub(crate) fn share(&self, at: f64) -> f32 {
        ((at - self.low) / (self.high - self.low)) as f32
    }
}

/// Whether a value has a place on a linear axis.
pub(crate) fn drawable(value: f64) -> bool {
    value.abs() < LARGEST
}

/// The least and the greatest place that `values` have on `scale`.
pub(crate) fn extent(values: impl Iterator<Item = f64>, scale: Scale) -> Option<(f64, f64)> {
    values
        .filter_map(|value| scale.of(value))
        .fold(None, |ends, value| match ends {
            None => Some((value, value)),
            Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
        })
}

/// The ends of an axis, moved apart where they are too close to each other for numbers of this size.
fn widened((low, high): (f64, f64)) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    if high - low > f64::max(SMALLEST_SPAN, size * 1e-9) {
        return (low, high);
    }
    let room = if size > SMALLEST_SPAN { size * 0.05 } else { 0.5 };
    (low - room, high + room)
}

/// The distance of ticks: 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step(pub(crate) f64);

impl Step {
    /// The least that divides `span` into at most `pieces`.
    pub(crate) fn dividing(span: f64, pieces: f64) -> Self {
        let raw = span / pieces;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= raw * 0.9999);
        Self(step.filter(|step| step.is_normal()).unwrap_or(f64::MIN_POSITIVE))
    }

    /// The multiples of the step next to `low` and `high`. A hair of tolerance: an end that is a multiple up to
    /// rounding does not need another step.
    pub(crate) fn enclosing(self, low: f64, high: f64) -> (f64, f64) {
        (
            (low / self.0 + 1e-9).floor() * self.0,
            (high / self.0 - 1e-9).ceil() * self.0,
        )
    }

    /// A tick at every multiple from `low` to `high`.
    pub(crate) fn ticks(self, low: f64, high: f64, unit: Unit) -> Vec<Tick> {
        // A hair of tolerance: the ends are multiples of the step up to rounding.
        let (first, last) = ((low / self.0 - 1e-6).ceil(), (high / self.0 + 1e-6).floor());
        if last < first {
            return Vec::new();
        }
        let size = low.abs().max(high.abs());
        // A few steps by construction, so the count is small.
        (0..=(last - first) as u32)
            .map(|index| self.tick((first + f64::from(index)) * self.0, size, unit))
            .collect()
    }

    /// The tick at `value`, with the decimals that the step needs on an axis of numbers up to `size`.
    fn tick(self, value: f64, size: f64, unit: Unit) -> Tick {
        let (shown, step) = match unit {
            Unit::Plain => (value, self.0),
            Unit::Percent => (value * 100.0, self.0 * 100.0),
        };
        let exponent = step.log10().floor();
        let text = match (-4.0..6.0).contains(&exponent) && size < 1e7 {
            true => format!("{:.*}", (-exponent).clamp(0.0, 6.0) as usize, shown),
            false if value == 0.0 => "0".to_owned(),
            false => scientific(shown, (size.log10().floor() - exponent).clamp(1.0, 9.0) as usize),
        };
        let text = text.replace('-', "−");
        let label = match unit {
            Unit::Plain => text,
            Unit::Percent => format!("{text} %"),
        };
        Tick { at: value, label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn labels(values: &[f64], unit: Unit) -> Vec<String> {
        let axis = Axis::around(values.iter().copied(), unit, 6.0);
        texts(&axis).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(
            labels(&[0.31, 1.93], Unit::Plain),
            ["0.0", "0.5", "1.0", "1.5", "2.0"]
        );
        assert_eq!(
            labels(&[0.2, 0.61], Unit::Percent),
            ["0 %", "20 %", "40 %", "60 %", "80 %"]
        );
        assert_eq!(
            labels(&[0.91, 0.998], Unit::Percent),
            ["90 %", "92 %", "94 %", "96 %", "98 %", "100 %"]
        );
        assert_eq!(
            labels(&[0.95], Unit::Percent),
            ["90 %", "92 %", "94 %", "96 %", "98 %", "100 %"]
        );
        assert_eq!(labels(&[1.0], Unit::Percent).last().unwrap(), "100 %");
        assert_eq!(labels(&[0.0], Unit::Percent).last().unwrap(), "100 %");
        assert_eq!(
            labels(&[1e-6, 5e-6], Unit::Plain),
            ["0", "10⁻⁶", "2×10⁻⁶", "3×10⁻⁶", "4×10⁻⁶", "5×10⁻⁶"]
        );
        assert_eq!(
            labels(&[-1.0, 1.0], Unit::Plain),
            ["−1.0", "−0.5", "0.0", "0.5", "1.0"]
        );
    }

    #[test]
    fn values_without_a_place_do_not_make_the_axis() {
        for values in [
            &[][..],
            &[f64::NAN],
            &[f64::INFINITY, f64::NEG_INFINITY],
            &[f64::MAX],
        ] {
            let axis = Axis::around(values.iter().copied(), Unit::Plain, 6.0);
            assert_eq!(axis.ticks.len(), 6, "{values:?}");
        }
        for value in [f64::MIN_POSITIVE, 5e-324, 9e99, 1.0, 0.0, -3.0] {
            let around = Axis::around([value].into_iter(), Unit::Plain, 6.0);
            let fitting = Axis::fitting(Scale::Linear, [value].into_iter(), 6.0);
            for axis in [around, fitting] {
                assert!(axis.low <= value && axis.high >= value, "{value}: {axis:?}");
                assert!((2..=8).contains(&axis.ticks.len()), "{value}: {axis:?}");
                assert!(axis.position(value).unwrap().is_finite());
            }
        }
    }

    #[test]
    fn zero_is_taken_in_where_it_is_near() {
        let enclosing = |values: [f64; 2]| Axis::enclosing(Scale::Linear, values.into_iter(), 6.0);
        assert_eq!(
            texts(&enclosing([20.0, 60.0])),
            ["0", "10", "20", "30", "40", "50", "60"]
        );
        assert_eq!(
            texts(&enclosing([90.0, 93.0])),
            ["90.0", "90.5", "91.0", "91.5", "92.0", "92.5", "93.0"]
        );
    }

    #[test]
    fn close_large_numbers_have_labels_that_differ() {
        for values in [[1e15, 1e15 + 3.0], [0.5, 0.500_01], [-3e60, -3e60]] {
            let axis = Axis::fitting(Scale::Linear, values.into_iter(), 6.0);
            let mut texts = texts(&axis);
            texts.dedup();
            assert!(texts.len() > 1 && texts.len() == axis.ticks.len(), "{axis:?}");
        }
    }

    #[test]
    fn epochs_are_whole_numbers() {
        let epoch_ticks = |first: u32, last: u32| -> Vec<f64> {
            let ends = [first, last].map(f64::from).into_iter();
            let axis = Axis::tight(Scale::Linear, ends, 8.0);
            axis.ticks.iter().map(|tick| tick.at).collect()
        };
        assert_eq!(epoch_ticks(1, 1), [1.0]);
        assert_eq!(epoch_ticks(1, 3), [1.0, 2.0, 3.0]);
        assert_eq!(epoch_ticks(1, 60), [1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(epoch_ticks(1, 12), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        assert_eq!(epoch_ticks(9, 41), [10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]);
        assert_eq!(epoch_ticks(0, u32::MAX).len(), 5);
    }
}
