//! Axes: round ticks, and numbers as people write them.

/// Values beyond this are drawn as gaps: a loss that has run away is not a scale to read the others on.
const LARGEST: f64 = 1e100;
/// A shorter axis is nothing that a reader can see, or that a division can bear.
const SMALLEST_SPAN: f64 = 1e-100;

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number without a unit.
    Plain,
    /// A fraction, shown as per cent.
    Percent,
}

/// An axis from `low` to `high`; its ticks are multiples of 1, 2 or 5 times a power of ten.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    step: f64,
}

impl Axis {
    /// An axis whose ends are ticks and enclose all of `values` that can be drawn. It begins at zero, except where
    /// all values of a percentage are in the upper half: then the upper half is what there is to see.
    ///
    /// `pieces` is the most steps that there is room for.
    pub(crate) fn around(values: impl Iterator<Item = f64>, unit: Unit, pieces: f64) -> Self {
        let drawn = values.filter(|value| drawable(*value));
        let ends = drawn.fold(None, |ends, value| match ends {
            None => Some((value, value)),
            Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
        });
        let (least, greatest) = ends.unwrap_or((0.0, 1.0));
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
        let step = round_step(high - low, pieces);
        // A hair of tolerance: an end that is a multiple of the step up to rounding does not need another step.
        let first = (low / step + 1e-9).floor() * step;
        let last = (high / step - 1e-9).ceil() * step;
        Self {
            low: first.min(low),
            high: last.min(limit).max(high),
            step,
        }
    }

    /// The values of the ticks, ascending.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        // A hair of tolerance: the ends are multiples of the step up to rounding.
        let (first, last) = (
            (self.low / self.step - 1e-6).ceil(),
            (self.high / self.step + 1e-6).floor(),
        );
        // A few steps by construction, so the count is small.
        (0..=(last - first) as u32)
            .map(|index| (first + f64::from(index)) * self.step)
            .collect()
    }

    /// The tick `value` as text, with the decimals that the step needs.
    pub(crate) fn label(&self, value: f64, unit: Unit) -> String {
        let (value, step) = match unit {
            Unit::Plain => (value, self.step),
            Unit::Percent => (value * 100.0, self.step * 100.0),
        };
        let exponent = step.log10().floor();
        let text = match (-4.0..6.0).contains(&exponent) {
            true => format!("{:.*}", (-exponent).clamp(0.0, 6.0) as usize, value),
            false if value == 0.0 => "0".to_owned(),
            false => scientific(value, 1),
        };
        let text = text.replace('-', "−");
        if unit == Unit::Percent {
            format!("{text} %")
        } else {
            text
        }
    }

    /// Where `value` lies between the ends: 0 at `low`, 1 at `high`.
    pub(crate) fn position(&self, value: f64) -> f32 {
        ((value - self.low) / (self.high - self.low)) as f32
    }
}

/// Whether a value has a place on an axis.
pub(crate) fn drawable(value: f64) -> bool {
    value.abs() < LARGEST
}

/// The least of 1, 2 or 5 times a power of ten that divides `span` into at most `pieces`.
fn round_step(span: f64, pieces: f64) -> f64 {
    let raw = span / pieces;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= raw * 0.9999);
    step.filter(|step| step.is_normal()).unwrap_or(f64::MIN_POSITIVE)
}

/// Whole numbers from `first` to `last` for an axis of epochs: round ones, and the first where it has room.
pub(crate) fn epoch_ticks(first: u32, last: u32) -> Vec<u32> {
    let step = round_step(f64::from(last.saturating_sub(first)), 8.0).max(1.0) as u32;
    let mut ticks: Vec<u32> = (first.div_ceil(step)..=last / step)
        .map(|index| index * step)
        .collect();
    if ticks.first().is_none_or(|tick| (tick - first) * 2 > step) {
        ticks.insert(0, first);
    }
    ticks
}

/// A value in running text, with three significant digits.
pub(crate) fn value_text(value: f64, unit: Unit) -> String {
    let text = match unit {
        _ if !value.is_finite() => return "not a number".to_owned(),
        Unit::Percent => format!("{:.1} %", value * 100.0),
        Unit::Plain if value == 0.0 => "0".to_owned(),
        Unit::Plain if value.abs() < 1e-3 || value.abs() >= 1e5 => scientific(value, 2),
        Unit::Plain => format!(
            "{value:.*}",
            (2.0 - value.abs().log10().floor()).clamp(0.0, 5.0) as usize
        ),
    };
    text.replace('-', "−")
}

/// `value` as a mantissa of at most `decimals` decimals and a power of ten, such as `2.5e-4`.
fn scientific(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!(
                "{}e{exponent}",
                mantissa.trim_end_matches('0').trim_end_matches('.')
            )
        }
        _ => text,
    }
}

/// A whole number with a thin gap between thousands, such as `1 000 000`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        // Four digits are read at a glance; a gap helps from five on.
        if index > 0 && digits.len() > 4 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64], unit: Unit) -> Vec<String> {
        let axis = Axis::around(values.iter().copied(), unit, 6.0);
        axis.ticks()
            .into_iter()
            .map(|tick| axis.label(tick, unit))
            .collect()
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
            ["0", "1e−6", "2e−6", "3e−6", "4e−6", "5e−6"]
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
            assert_eq!(
                Axis::around(values.iter().copied(), Unit::Plain, 6.0)
                    .ticks()
                    .len(),
                6,
                "{values:?}"
            );
        }
        for value in [f64::MIN_POSITIVE, 5e-324, 9e99, 1.0, 0.0, -3.0] {
            let axis = Axis::around([value].into_iter(), Unit::Plain, 6.0);
            assert!(axis.low <= value && axis.high >= value, "{value}: {axis:?}");
            assert!((2..=8).contains(&axis.ticks().len()), "{value}: {axis:?}");
            assert!(axis.position(value).is_finite());
        }
    }

    #[test]
    fn epochs_are_whole_numbers() {
        assert_eq!(epoch_ticks(1, 1), [1]);
        assert_eq!(epoch_ticks(1, 3), [1, 2, 3]);
        assert_eq!(epoch_ticks(1, 60), [1, 10, 20, 30, 40, 50, 60]);
        assert_eq!(epoch_ticks(1, 12), [2, 4, 6, 8, 10, 12]);
        assert_eq!(epoch_ticks(9, 41), [10, 15, 20, 25, 30, 35, 40]);
        assert_eq!(epoch_ticks(0, u32::MAX).len(), 5);
    }

    #[test]
    fn numbers_in_text_have_three_digits() {
        let texts =
            [0.41234, 1.999, 12.34, 123.4, 0.0, 1e-4, 2.5e-5, f64::NAN].map(|v| value_text(v, Unit::Plain));
        assert_eq!(
            texts,
            [
                "0.412",
                "2.00",
                "12.3",
                "123",
                "0",
                "1e−4",
                "2.5e−5",
                "not a number"
            ]
        );
        assert_eq!(value_text(0.6123, Unit::Percent), "61.2 %");
        assert_eq!(
            [1234, 12_345, 1_000_000].map(grouped),
            ["1234", "12\u{2009}345", "1\u{2009}000\u{2009}000"]
        );
    }
}
