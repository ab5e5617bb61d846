use super::Plan;
use std::fmt;

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRow {
    /// The node of the graph whose output it computes; those before it that it computes in the same go are not named.
    pub node: String,
    /// The kernel.
    pub kernel: &'static str,
    /// What it is told beside the shapes: tiles, what comes before and behind.
    pub details: String,
    /// Multiply-adds that it does.
    pub multiply_adds: u64,
    /// Bytes of its weights.
    pub weight_bytes: u64,
    /// Bytes of maps that it writes.
    pub output_bytes: u64,
    /// What it is thought to take on one core, in nanoseconds; 0 where nothing is thought about it.
    pub expected_nanoseconds: f64,
    /// What it took, in nanoseconds, where that was measured.
    pub measured_nanoseconds: Option<f64>,
}

/// The steps as rows of text, and sums below them.
pub(crate) fn write(rows: &[PlanRow], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = rows
        .iter()
        .map(|row| row.node.chars().count())
        .max()
        .unwrap_or(0)
        .max(5);
    let details = rows
        .iter()
        .map(|row| row.details.chars().count())
        .max()
        .unwrap_or(0)
        .max(7);
    writeln!(
        formatter,
        "{:name$}  {:9}  {:details$}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
        "node", "kernel", "details", "10⁶ MAC", "weights", "output", "expected", "measured"
    )?;
    let measured = |nanoseconds: Option<f64>| match nanoseconds {
        Some(nanoseconds) => format!("{:.3}", nanoseconds / 1e6),
        None => "–".to_owned(),
    };
    let kilobytes = |bytes: u64| format!("{} kB", bytes.div_ceil(1000));
    let mut sum = PlanRow {
        node: "sum".to_owned(),
        kernel: "",
        details: String::new(),
        multiply_adds: 0,
        weight_bytes: 0,
        output_bytes: 0,
        expected_nanoseconds: 0.0,
        measured_nanoseconds: None,
    };
    for row in rows {
        sum.multiply_adds = sum.multiply_adds.saturating_add(row.multiply_adds);
        sum.weight_bytes = sum.weight_bytes.saturating_add(row.weight_bytes);
        sum.output_bytes = sum.output_bytes.saturating_add(row.output_bytes);
        sum.expected_nanoseconds += row.expected_nanoseconds;
        if let Some(time) = row.measured_nanoseconds {
            *sum.measured_nanoseconds.get_or_insert(0.0) += time;
        }
    }
    for row in rows.iter().chain([&sum]) {
        writeln!(
            formatter,
            "{:name$}  {:9}  {:details$}  {:>9.1}  {:>9}  {:>9}  {:>9.3}  {:>9}",
            row.node,
            row.kernel,
            row.details,
            row.multiply_adds as f64 / 1e6,
            kilobytes(row.weight_bytes),
            kilobytes(row.output_bytes),
            row.expected_nanoseconds / 1e6,
            measured(row.measured_nanoseconds),
        )?;
    }
    Ok(())
}

/// A table with a row per step; times in milliseconds.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<PlanRow> = self.rows().cloned().collect();
        write(&rows, formatter)
    }
}
