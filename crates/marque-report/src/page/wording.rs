//! How the pages say what no chart says: times, and numbers that may be missing.

/// A number with three decimals; a dash where there is none.
pub(crate) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}").replace('-', "−"))
}

/// A time as people say it: the two largest units.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds <= 0.0 {
        return "–".to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_two_units() {
        let texts = [0.0, f64::NAN, 0.7, 59.4, 59.9, 125.0, 3599.9, 3720.0, 90_000.0].map(duration);
        let expected = [
            "–",
            "–",
            "1 s",
            "59 s",
            "1 min 00 s",
            "2 min 05 s",
            "1 h 00 min",
            "1 h 02 min",
            "25 h 00 min",
        ];
        assert_eq!(texts, expected);
    }
}
