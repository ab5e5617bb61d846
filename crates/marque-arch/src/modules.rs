//! A summary by modules.

use crate::summary_table::thousands;
use crate::{Shape, Summary, SummaryRow};
use std::fmt;

/// A module of the network's uppermost level: all nodes whose names begin with the same word, as `layer1`, `denseblock2` or
/// `inception3a`. The papers' tables have a row for each. A stage, in the drawings, is all that has one resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleSummary {
    /// The word that its nodes' names begin with.
    pub name: String,
    /// Shape of one output sample.
    pub output: Shape,
    /// Numbers that training changes.
    pub trained_parameters: u64,
    /// Multiplications with their additions, for one sample.
    pub multiply_adds: u64,
}

/// The modules of a network in their order. Its `Display` is a table in Markdown, in which equal neighbours share a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Modules(pub Vec<ModuleSummary>);

impl Summary {
    /// The costs by modules. Norms and rectifiers that stand alone count with the module before them; what changes nothing but the
    /// view, such as flattening, belongs to none.
    ///
    /// ```
    /// use marque_arch::{DenseNet, ImageSize};
    ///
    /// let summary = DenseNet::densenet121().graph()?.summary(ImageSize::square(224))?;
    /// let modules = summary.modules().0;
    /// assert_eq!(modules[2].name, "denseblock1");
    /// assert_eq!(modules[2].output.to_string(), "256×56×56");
    /// assert_eq!(modules.iter().map(|module| module.trained_parameters).sum::<u64>(), 7_978_856);
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    pub fn modules(&self) -> Modules {
        let mut modules: Vec<ModuleSummary> = Vec::new();
        for row in self.rows() {
            let name = first_word(&row.name);
            if matches!(name, "input" | "flatten" | "dropout") {
                continue;
            }
            match modules.iter_mut().position(|module| module.name == name) {
                Some(known) => modules[known].add(row),
                None => match modules.last_mut().filter(|_| is_addition(name)) {
                    Some(last) => last.add(row),
                    None => modules.push(ModuleSummary::of(name, row)),
                },
            }
        }
        Modules(modules)
    }
}

/// `denseblock1` of `features.denseblock1.denselayer2.conv1`: `features` holds modules, and is none that tables show.
fn first_word(node: &str) -> &str {
    let name = node.strip_prefix("features.").unwrap_or(node);
    name.split('.').next().unwrap_or(name)
}

/// Whether it is a norm or a rectifier on its own, such as `bn1` or `relu`.
fn is_addition(name: &str) -> bool {
    matches!(
        name.trim_end_matches(|letter: char| letter.is_ascii_digit()),
        "bn" | "norm" | "relu" | "act"
    )
}

impl ModuleSummary {
    fn of(name: &str, row: &SummaryRow) -> Self {
        Self {
            name: name.to_owned(),
            output: row.output,
            trained_parameters: row.trained_parameters,
            multiply_adds: row.multiply_adds,
        }
    }

    fn add(&mut self, row: &SummaryRow) {
        self.output = row.output;
        self.trained_parameters = self.trained_parameters.saturating_add(row.trained_parameters);
        self.multiply_adds = self.multiply_adds.saturating_add(row.multiply_adds);
    }

    fn costs(&self) -> (Shape, u64, u64) {
        (self.output, self.trained_parameters, self.multiply_adds)
    }
}

/// Rows of a table in Markdown.
impl fmt::Display for Modules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| module | output C×H×W | parameters | multiply-adds |"
        )?;
        writeln!(formatter, "| --- | --- | --- | --- |")?;
        for equal in self.0.chunk_by(|first, second| first.costs() == second.costs()) {
            let (first, last) = (&equal[0], &equal[equal.len() - 1]);
            let name = match equal.len() {
                1 => format!("`{}`", first.name),
                _ => format!("`{}` … `{}`, each", first.name, last.name),
            };
            let multiply_adds = match first.multiply_adds {
                0 => "–".to_owned(),
                count => format!("{:.1} M", count as f64 / 1e6),
            };
            let (output, parameters) = (first.output, thousands(first.trained_parameters));
            writeln!(
                formatter,
                "| {name} | {output} | {parameters} | {multiply_adds} |"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{ArchitectureOptions, ImageSize, Modules, architecture, architecture_names};

    fn modules(name: &str) -> Modules {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        graph.summary(ImageSize::square(299)).unwrap().modules()
    }

    #[test]
    fn modules_add_up_to_the_whole() {
        for name in architecture_names() {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            let summary = graph.summary(ImageSize::square(299)).unwrap();
            let modules = summary.modules().0;
            let parameters: u64 = modules.iter().map(|module| module.trained_parameters).sum();
            let multiply_adds: u64 = modules.iter().map(|module| module.multiply_adds).sum();
            assert_eq!(parameters, summary.trained_parameters(), "{name}");
            assert_eq!(multiply_adds, summary.multiply_adds(), "{name}");
        }
    }

    #[test]
    fn equal_neighbours_share_a_row() {
        let table = modules("xception").to_string();
        let rows: Vec<&str> = table.lines().collect();
        assert!(
            rows[7].starts_with("| `block4` … `block11`, each | 728×19×19 | "),
            "{table}"
        );
        assert!(rows[8].starts_with("| `block12` | 1024×10×10 | "), "{table}");
        assert!(table.contains("| `global_pool` | 2048×1×1 | – | – |"), "{table}");
    }

    #[test]
    fn a_norm_alone_counts_with_the_module_before() {
        let names: Vec<String> = modules("densenet121")
            .0
            .into_iter()
            .map(|module| module.name)
            .collect();
        let expected = "conv0 pool0 denseblock1 transition1 denseblock2 transition2 denseblock3 transition3 denseblock4 avgpool \
                        classifier";
        assert_eq!(names.join(" "), expected);
    }
}
