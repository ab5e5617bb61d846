//! Numbers as people write them.

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number without a unit.
    Plain,
    /// A fraction, shown as per cent.
    Percent,
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

/// `value` as a mantissa of at most `decimals` decimals and a power of ten, such as `2.5×10⁻⁴`; a mantissa of one is left out.
pub(crate) fn scientific(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    let parts = text
        .split_once('e')
        .and_then(|(mantissa, exponent)| Some((mantissa, exponent.parse().ok()?)));
    // Only numbers that are not finite have no exponent.
    let Some((mantissa, exponent)) = parts else {
        return text;
    };
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    match mantissa {
        "1" => power_of_ten(exponent),
        _ => format!("{mantissa}×{}", power_of_ten(exponent)),
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

/// Ten to the power of `exponent`, such as `10⁻³`.
pub(crate) fn power_of_ten(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raise = |c: char| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]);
    format!(
        "10{}",
        exponent.to_string().chars().map(raise).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_raised() {
        assert_eq!(
            [0, 3, -12, -305, 46789].map(power_of_ten),
            ["10⁰", "10³", "10⁻¹²", "10⁻³⁰⁵", "10⁴⁶⁷⁸⁹"]
        );
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
                "10⁻⁴",
                "2.5×10⁻⁵",
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
