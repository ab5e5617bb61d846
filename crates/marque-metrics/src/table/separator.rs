//! What stands between the fields of a table.

use std::str::FromStr;

/// What stands between the fields of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Separator {
    Comma,
    Semicolon,
    Tab,
    Space,
}

impl Separator {
    /// The least likely to stand within a field come first.
    const ALL: [Self; 4] = [Self::Tab, Self::Semicolon, Self::Comma, Self::Space];

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Space => b' ',
        }
    }

    /// What divides the first two lines into as many fields, and more than one; a comma where nothing does.
    pub(crate) fn of_table(start: &[u8]) -> Self {
        let divides = |separator: &Self| {
            let lines = separator.first_lines(start);
            let [first, others @ ..] = &lines[..] else {
                return false;
            };
            let is_number = |field: &str| separator.number::<f64>(field).is_some();
            // Spaces stand within names, too.
            let fits = *separator != Self::Space || lines.iter().all(|line| line.iter().all(is_number));
            first.len() > 1 && fits && others.iter().all(|line| line.len() == first.len())
        };
        Self::ALL.into_iter().find(divides).unwrap_or(Self::Comma)
    }

    /// What stands after the first column's name; a comma where nothing of these does.
    pub(crate) fn after(column: &str, start: &[u8]) -> Self {
        let next = [format!("\"{column}\""), column.to_owned()]
            .iter()
            .find_map(|name| start.strip_prefix(name.as_bytes())?.first());
        let mut all = Self::ALL.into_iter();
        all.find(|separator| next == Some(&separator.byte()))
            .unwrap_or(Self::Comma)
    }

    fn first_lines(self, start: &[u8]) -> Vec<csv::StringRecord> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.byte())
            .from_reader(start);
        reader.into_records().take(2).map_while(Result::ok).collect()
    }

    /// A number with a decimal point, or with a decimal comma where commas do not stand between fields.
    pub(crate) fn number<T: FromStr>(self, text: &str) -> Option<T> {
        match text.parse() {
            Ok(number) => Some(number),
            Err(_) if self != Self::Comma && !text.contains('.') => text.replace(',', ".").parse().ok(),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_divides_two_lines_alike() {
        for (text, expected) in [
            ("0.5,0.5\n0.25,0.75\n", Separator::Comma),
            ("0,5;0,5\n0,25;0,75\n", Separator::Semicolon),
            ("car;van\n0.5;0.5", Separator::Semicolon),
            ("a;b,c\n0.5,0.5", Separator::Comma),
            ("0.5\t0.5\n", Separator::Tab),
            ("0.5 0.5\n1 0\n", Separator::Space),
            ("Pickup Truck\nPickup Truck\n", Separator::Comma),
            ("\"a;b\",\"c;d\"\n0.5,0.5", Separator::Comma),
            ("2\n1\n", Separator::Comma),
            ("", Separator::Comma),
        ] {
            assert_eq!(Separator::of_table(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_comma_is_decimal_where_it_divides_nothing() {
        assert_eq!(Separator::Semicolon.number("0,25"), Some(0.25));
        assert_eq!(Separator::Tab.number("1e-3"), Some(0.001));
        assert_eq!(Separator::Comma.number::<f64>("0,25"), None);
        assert_eq!(Separator::Semicolon.number::<f64>("1,000.5"), None);
        assert_eq!(Separator::Semicolon.number::<f64>("1,000,5"), None);
    }
}
