use crate::{Error, Graph, ImageSize, Shape};
use std::fmt;

/// A network's nodes with their output shapes, parameters and multiply-adds for one input size.
///
/// Its `Display` is a table in the manner of Keras's `model.summary()`.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    name: String,
    size: ImageSize,
    rows: Vec<SummaryRow>,
    output: Shape,
}

/// One node of a [`Summary`].
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// The node's name.
    pub name: String,
    /// Its operation.
    pub op: &'static str,
    /// Shape of one output sample.
    pub output: Shape,
    /// Numbers that training changes.
    pub trained_parameters: u64,
    /// Numbers that it does not: running statistics.
    pub statistics: u64,
    /// Multiplications with their additions, for one sample.
    pub multiply_adds: u64,
}

impl Graph {
    /// Shapes and costs for an input of `size`.
    ///
    /// # Errors
    /// As [`Graph::shapes`].
    pub fn summary(&self, size: ImageSize) -> Result<Summary, Error> {
        let shapes = self.shapes(size)?;
        let mut rows = Vec::with_capacity(shapes.len());
        for (node, &output) in self.nodes.iter().zip(&shapes) {
            let multiply_adds = node.op.multiply_adds(&output);
            rows.push(SummaryRow {
                name: node.name.clone(),
                op: node.op.name(),
                output,
                trained_parameters: 0,
                statistics: 0,
                multiply_adds: multiply_adds.ok_or_else(|| Error::Overflow {
                    node: node.name.clone(),
                })?,
            });
        }
        for parameter in self.parameters() {
            let row = &mut rows[parameter.node.index()];
            let count = parameter.count() as u64;
            if parameter.is_trained() {
                row.trained_parameters += count;
            } else {
                row.statistics += count;
            }
        }
        let output = shapes[self.output.index()];
        Ok(Summary {
            name: self.name.clone(),
            size,
            rows,
            output,
        })
    }
}

impl Summary {
    /// The nodes in topological order.
    pub fn rows(&self) -> &[SummaryRow] {
        &self.rows
    }

    /// Shape of one output sample of the whole network.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Numbers that training changes.
    pub fn trained_parameters(&self) -> u64 {
        self.rows.iter().map(|row| row.trained_parameters).sum()
    }

    /// Running statistics of batch norms.
    pub fn statistics(&self) -> u64 {
        self.rows.iter().map(|row| row.statistics).sum()
    }

    /// Multiplications with their additions, for one sample.
    pub fn multiply_adds(&self) -> u64 {
        self.rows.iter().map(|row| row.multiply_adds).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = [
            "layer",
            "operation",
            "output C×H×W",
            "parameters",
            "multiply-adds",
        ];
        let mut cells: Vec<[String; 5]> = vec![header.map(str::to_owned)];
        cells.extend(self.rows.iter().map(|row| {
            [
                row.name.clone(),
                row.op.to_owned(),
                row.output.to_string(),
                thousands(row.trained_parameters + row.statistics),
                thousands(row.multiply_adds),
            ]
        }));
        let width = |column: usize| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; 5] = std::array::from_fn(width);
        let rule = "─".repeat(widths.iter().sum::<usize>() + 8);
        writeln!(formatter, "{} for an input of {}", self.name, self.size)?;
        for (index, row) in cells.iter().enumerate() {
            let [name, op, output, parameters, multiply_adds] = row;
            let line = format!(
                "{name:<0$}  {op:<1$}  {output:<2$}  {parameters:>3$}  {multiply_adds:>4$}",
                widths[0], widths[1], widths[2], widths[3], widths[4]
            );
            writeln!(formatter, "{line}")?;
            if index == 0 {
                writeln!(formatter, "{rule}")?;
            }
        }
        writeln!(formatter, "{rule}")?;
        writeln!(
            formatter,
            "trained parameters   {}",
            thousands(self.trained_parameters())
        )?;
        writeln!(formatter, "running statistics   {}", thousands(self.statistics()))?;
        writeln!(
            formatter,
            "multiply-adds        {}",
            thousands(self.multiply_adds())
        )
    }
}

/// `11689512` as `11,689,512`; nothing as `–`.
fn thousands(number: u64) -> String {
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
    use super::thousands;

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
}
