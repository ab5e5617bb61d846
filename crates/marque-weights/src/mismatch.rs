use crate::StateDict;
use std::fmt;

/// PyTorch's batch norms count their batches; nothing in evaluation or training reads the count.
const BATCH_COUNTER: &str = ".num_batches_tracked";

/// How a checkpoint differs from what a network needs, all of it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Names that the network needs and the checkpoint lacks.
    pub missing: Vec<String>,
    /// Names that the checkpoint has and the network does not know.
    pub unexpected: Vec<String>,
    /// Names that both have, in different shapes.
    pub wrong_shape: Vec<WrongShape>,
}

/// A tensor whose shape is not the network's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongShape {
    /// The tensor's name.
    pub name: String,
    /// The shape that the network needs.
    pub expected: Vec<usize>,
    /// The shape in the checkpoint.
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
        let mut difference = Mismatch {
            missing: Vec::new(),
            unexpected: Vec::new(),
            wrong_shape: Vec::new(),
        };
        let mut known = std::collections::HashSet::new();
        for (name, shape) in expected {
            known.insert(name);
            match self.get(name) {
                None => difference.missing.push(name.to_owned()),
                Some(tensor) if tensor.shape() != shape => difference.wrong_shape.push(WrongShape {
                    name: name.to_owned(),
                    expected: shape.to_vec(),
                    found: tensor.shape().to_vec(),
                }),
                Some(_) => {}
            }
        }
        let unknown = self.iter().map(|(name, _)| name);
        let unknown = unknown.filter(|name| !known.contains(name) && !name.ends_with(BATCH_COUNTER));
        difference.unexpected.extend(unknown.map(str::to_owned));
        let empty = difference.missing.is_empty()
            && difference.unexpected.is_empty()
            && difference.wrong_shape.is_empty();
        if empty { Ok(()) } else { Err(difference) }
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
        for name in &self.missing {
            write!(formatter, "\n  missing      {name}")?;
        }
        for name in &self.unexpected {
            write!(formatter, "\n  unexpected   {name}")?;
        }
        for WrongShape {
            name,
            expected,
            found,
        } in &self.wrong_shape
        {
            write!(
                formatter,
                "\n  wrong shape  {name}: expected {expected:?}, found {found:?}"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}
