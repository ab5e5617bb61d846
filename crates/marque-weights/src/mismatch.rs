use crate::StateDict;
use crate::names::is_counter;
use std::fmt;

/// As many names of a list are displayed.
const DISPLAYED: usize = 20;

/// How a checkpoint differs from what a network needs, all of it at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Names that the network needs and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Names that the checkpoint has and the network does not know.
    pub unexpected: Vec<String>,
    /// Names that both have, in different shapes.
    pub wrong_shape: Vec<WrongShape>,
    /// The architecture that the checkpoint seems to be of instead.
    pub nearest: Option<String>,
}

/// A tensor whose shape is not the network's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongShape {
    /// The network's name.
    pub name: String,
    /// The checkpoint's name.
    pub tensor: String,
    /// The shape that the network needs.
    pub expected: Vec<usize>,
    /// The shape in the checkpoint, in the network's order of axes.
    pub found: Vec<usize>,
}

impl StateDict {
    /// Compares names and shapes with those that a network needs. PyTorch's `num_batches_tracked` counters
    /// may be there or not.
    ///
    /// # Errors
    /// A [`Mismatch`] that lists every difference.
    pub fn check<'a, I>(&self, expected: I) -> Result<(), Mismatch>
    where
        I: IntoIterator<Item = (&'a str, &'a [usize])>,
    {
        let mut difference = Mismatch::default();
        let mut known = std::collections::HashSet::new();
        for (name, shape) in expected {
            known.insert(name);
            match self.get(name) {
                None => difference.missing.push(name.to_owned()),
                Some(tensor) if tensor.shape() != shape => difference.wrong_shape.push(WrongShape {
                    name: name.to_owned(),
                    tensor: name.to_owned(),
                    expected: shape.to_vec(),
                    found: tensor.shape().to_vec(),
                }),
                Some(_) => {}
            }
        }
        let unknown = self.iter().map(|(name, _)| name);
        let unknown = unknown.filter(|name| !known.contains(name) && !is_counter(name));
        difference.unexpected.extend(unknown.map(str::to_owned));
        difference.sort();
        if difference.is_empty() {
            Ok(())
        } else {
            Err(difference)
        }
    }
}

impl Mismatch {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.wrong_shape.is_empty()
    }

    pub(crate) fn sort(&mut self) {
        self.missing.sort_unstable();
        self.unexpected.sort_unstable();
        self.wrong_shape
            .sort_by(|first, second| first.name.cmp(&second.name));
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} missing, {} unexpected, {} of another shape",
            self.missing.len(),
            self.unexpected.len(),
            self.wrong_shape.len()
        )?;
        if let Some(nearest) = &self.nearest {
            write!(formatter, "; it looks like {nearest}: did you mean that?")?;
        }
        write_names(formatter, self)
    }
}

impl std::error::Error for Mismatch {}

impl fmt::Display for WrongShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if self.tensor != self.name {
            write!(formatter, " ({})", self.tensor)?;
        }
        write!(
            formatter,
            ": expected {:?}, found {:?}",
            self.expected, self.found
        )
    }
}

/// One name a line, no more than a screen can hold.
pub(crate) fn write_names(formatter: &mut fmt::Formatter<'_>, differences: &Mismatch) -> fmt::Result {
    write_lines(formatter, "missing     ", &differences.missing)?;
    write_lines(formatter, "unexpected  ", &differences.unexpected)?;
    write_lines(formatter, "wrong shape ", &differences.wrong_shape)
}

fn write_lines<T: fmt::Display>(formatter: &mut fmt::Formatter<'_>, title: &str, lines: &[T]) -> fmt::Result {
    for line in lines.iter().take(DISPLAYED) {
        write!(formatter, "\n  {title} {line}")?;
    }
    match lines.len().saturating_sub(DISPLAYED) {
        0 => Ok(()),
        more => write!(formatter, "\n  {title} ... and {more} more"),
    }
}

/// Names in one line, as many as fit there.
pub(crate) struct Bounded<'a>(pub(crate) &'a [String]);

impl fmt::Display for Bounded<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(DISPLAYED)];
        formatter.write_str(&shown.join(", "))?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(formatter, " ... and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_short() {
        let mismatch = Mismatch {
            missing: (0..140).map(|number| format!("layer{number}")).collect(),
            nearest: Some("resnet50".into()),
            ..Mismatch::default()
        };
        let text = mismatch.to_string();
        assert!(text.starts_with("140 missing, 0 unexpected, 0 of another shape; it looks like resnet50"));
        assert!(text.ends_with("\n  missing      ... and 120 more"), "{text}");
        assert_eq!(text.lines().count(), 22);
    }
}
