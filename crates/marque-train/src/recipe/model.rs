use super::named;
use crate::Error;
use marque_arch::{Graph, Head, ImageSize};
use marque_core::SettingError;
use marque_core::setting::require;
use serde::{Deserialize, Serialize};

/// What of a network is new, trained and exact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRecipe {
    /// What stands upon the last feature maps; what the architecture comes with by default.
    pub head: Head,
    /// From where on a pretrained network is trained; all of it by default.
    pub trained_from: TrainedFrom,
    /// Whether convolutions are computed in bfloat16 where the hardware is faster at it; they are not by default.
    pub mixed_precision: bool,
}

/// From where on a network is trained. What does not depend on the first trained nodes is frozen.
///
/// In a file it is `"all"`, `"auto"`, `"subject"`, or a list of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum TrainedFrom {
    /// All is trained. The default.
    #[default]
    All,
    /// About a third of the multiply-adds is frozen, the part that knows edges and textures: at a place that is known to be good
    /// for the family, or else behind the node nearest to a third through which everything passes.
    Auto,
    /// Where the subject begins: Keras's 100 last layers. As `Auto` for architectures that the subject does not have.
    Subject,
    /// These nodes and everything that depends on them.
    Nodes(Vec<String>),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    Nodes(Vec<String>),
}

const WORDS: [(&str, TrainedFrom); 3] = [
    ("all", TrainedFrom::All),
    ("auto", TrainedFrom::Auto),
    ("subject", TrainedFrom::Subject),
];

impl From<TrainedFrom> for Written {
    fn from(from: TrainedFrom) -> Self {
        match from {
            TrainedFrom::Nodes(names) => Written::Nodes(names),
            TrainedFrom::All => Written::Word("all".to_owned()),
            TrainedFrom::Auto => Written::Word("auto".to_owned()),
            TrainedFrom::Subject => Written::Word("subject".to_owned()),
        }
    }
}

impl TryFrom<Written> for TrainedFrom {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            // As recipes said it before there were words for it.
            Written::Nodes(names) if names.is_empty() => Ok(TrainedFrom::All),
            Written::Nodes(names) => Ok(TrainedFrom::Nodes(names)),
            Written::Word(word) => match WORDS.into_iter().find(|(known, _)| *known == word) {
                Some((_, from)) => Ok(from),
                None => Err(format!(
                    "expected \"all\", \"auto\", \"subject\" or a list of nodes, found {word:?}"
                )),
            },
        }
    }
}

/// Share of the multiply-adds that `Auto` freezes.
const FROZEN_SHARE: f64 = 1.0 / 3.0;

impl TrainedFrom {
    /// The nodes themselves, for this network.
    pub(super) fn decided(&self, graph: &Graph, size: ImageSize) -> Result<Self, Error> {
        let family = named::family(graph.name());
        let known = match (self, family) {
            (TrainedFrom::Subject, Some(family)) => family.subject_from,
            (TrainedFrom::Auto, Some(family)) => family.fast_from,
            (TrainedFrom::All | TrainedFrom::Nodes(_), _) => return Ok(self.clone()),
            _ => &[],
        };
        if !known.is_empty() {
            return Ok(TrainedFrom::Nodes(
                known.iter().map(|&name| name.to_owned()).collect(),
            ));
        }
        let point = graph.freeze_point(size, FROZEN_SHARE)?;
        Ok(TrainedFrom::Nodes(point.trained_from))
    }

    /// The names of the first trained nodes; none if all is trained.
    ///
    /// # Errors
    /// [`Error::Setting`] if that has been left to the network and is not decided: see
    /// [`Recipe::for_graph`](crate::Recipe::for_graph).
    pub fn nodes(&self) -> Result<&[String], Error> {
        match self {
            TrainedFrom::All => Ok(&[]),
            TrainedFrom::Nodes(names) => Ok(names),
            TrainedFrom::Auto | TrainedFrom::Subject => {
                let expected = "a list of nodes or all, as Recipe::for_graph decides it";
                Err(SettingError::new("model.trained_from", expected, format!("{self:?}")).into())
            }
        }
    }
}

impl ModelRecipe {
    /// Checks what can be checked without a network.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn validate(&self) -> Result<(), SettingError> {
        let is_empty = matches!(&self.trained_from, TrainedFrom::Nodes(names) if names.is_empty());
        require(
            "trained_from",
            !is_empty,
            "a node at least, or \"all\"",
            "an empty list",
        )
    }
}
