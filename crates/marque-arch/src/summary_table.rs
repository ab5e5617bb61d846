//! A summary as text.

use crate::{ImageSize, Summary, SummaryRow};
use std::fmt;

/// Names of the columns and whether their entries stand on the right.
const COLUMNS: [(&str, Side); 9] = [
    ("#", Side::Right),
    ("layer", Side::Left),
    ("operation", Side::Left),
    ("output C×H×W", Side::Left),
    ("parameters", Side::Right),
    ("multiply-adds", Side::Right),
    ("memory", Side::Right),
    ("field", Side::Right),
    ("inputs", Side::Left),
];

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

type Cells = [String; COLUMNS.len()];

/// One line per node. `memory` is that of the node's output in f32 for one image, `field` the side of its receptive field
/// in pixels, `inputs` the numbers of the nodes that it reads where that is not the one before it.
impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table: Vec<Cells> = vec![COLUMNS.map(|(name, _)| name.to_owned())];
        table.extend(
            self.rows()
                .iter()
                .enumerate()
                .map(|(index, row)| cells(index, row)),
        );
        let width = |column: usize| {
            table
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
        writeln!(formatter, "{} for an input of {}", self.name, self.size)?;
        for (index, row) in table.iter().enumerate() {
            writeln!(formatter, "{}", line(row, &widths))?;
            if index == 0 {
                writeln!(formatter, "{rule}")?;
            }
        }
        writeln!(formatter, "{rule}")?;
        self.totals(formatter)
    }
}

impl Summary {
    fn totals(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = [
            ("trained parameters", thousands(self.trained_parameters())),
            ("running statistics", thousands(self.statistics())),
            ("multiply-adds", thousands(self.multiply_adds())),
            ("activations", self.memory()),
        ];
        for (name, value) in sums {
            writeln!(formatter, "{name:<20} {value}")?;
        }
        if let Some(seen) = self.receptive_field() {
            writeln!(
                formatter,
                "{:<20} {seen} pixels, at the last feature maps",
                "receptive field"
            )?;
        }
        if self.rows().iter().any(|row| row.training_only) {
            writeln!(formatter, "† only in training: an auxiliary head")?;
        }
        Ok(())
    }

    fn memory(&self) -> String {
        let sum = format!("{} in f32 for one image", bytes(self.activation_bytes()));
        match self.largest_activation() {
            Some(row) => format!(
                "{sum}; the largest is {} of {}",
                bytes(row.activation_bytes),
                row.name
            ),
            None => sum,
        }
    }
}

fn cells(index: usize, row: &SummaryRow) -> Cells {
    [
        index.to_string(),
        row.name.clone(),
        row.op.to_owned(),
        row.output.to_string(),
        thousands(row.trained_parameters.saturating_add(row.statistics)),
        thousands(row.multiply_adds),
        bytes(row.activation_bytes),
        field(row.receptive_field),
        inputs(index, row),
    ]
}

/// Numbers of the nodes that the row reads, unless it simply follows the one before.
fn inputs(index: usize, row: &SummaryRow) -> String {
    let follows = row.inputs.is_empty() || matches!(row.inputs[..], [only] if only.index() + 1 == index);
    let mut text = String::new();
    if !follows {
        let numbers: Vec<String> = row.inputs.iter().map(|input| input.index().to_string()).collect();
        text = numbers.join(", ");
    }
    if row.training_only {
        text.push_str(if text.is_empty() { "†" } else { " †" });
    }
    text
}

/// `435` for a square, `435×219` otherwise, `all` for the whole image.
fn field(seen: Option<ImageSize>) -> String {
    match seen {
        Some(size) if size.height == size.width => size.height.to_string(),
        Some(size) => size.to_string(),
        None => "all".to_owned(),
    }
}

fn line(row: &Cells, widths: &[usize; COLUMNS.len()]) -> String {
    let mut line = String::new();
    for ((text, width), (_, side)) in row.iter().zip(widths).zip(COLUMNS) {
        let blank = " ".repeat(width - text.chars().count());
        let (before, after) = match side {
            Side::Left => ("", blank.as_str()),
            Side::Right => (blank.as_str(), ""),
        };
        line.extend([before, text, after, "  "]);
    }
    line.truncate(line.trim_end().len());
    line
}

/// `3.2 MB` for 3,211,264, in units of a thousand.
fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (count as f64, 0);
    // What would be rounded up to a thousand takes the next unit, too.
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

/// `11689512` as `11,689,512`; nothing as `–`.
pub(crate) fn thousands(number: u64) -> String {
    if number == 0 {
        return "–".to_owned();
    }
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GoogLeNet;

    #[test]
    fn digits_are_grouped_by_three() {
        let cases = [
            (0, "–"),
            (7, "7"),
            (999, "999"),
            (1000, "1,000"),
            (11_689_512, "11,689,512"),
        ];
        for (number, text) in cases {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_960, "1.0 MB"),
            (3_211_264, "3.2 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn branches_name_what_they_read_and_auxiliary_heads_are_marked() {
        let graph = GoogLeNet::default().auxiliary().graph().unwrap();
        let summary = graph.summary(ImageSize::square(224)).unwrap();
        let text = summary.to_string();
        let line = |name: &str| {
            let found = text
                .lines()
                .find(|line| line.split_whitespace().nth(1) == Some(name));
            found.unwrap_or_else(|| panic!("{name}:\n{text}"))
        };
        let module = graph.find("inception3a.concat").unwrap();
        let inputs: Vec<String> = graph.nodes()[module.index()]
            .inputs
            .iter()
            .map(|input| input.index().to_string())
            .collect();
        assert!(line("inception3a.concat").ends_with(&format!("  {}", inputs.join(", "))));
        assert!(line("inception3a.branch1.bn").ends_with("    27"));
        assert!(line("aux1.fc1").ends_with("all  †") && line("aux2.pool").ends_with(" †"));
        assert!(!line("fc").contains('†') && text.contains("† only in training"));
    }
}
