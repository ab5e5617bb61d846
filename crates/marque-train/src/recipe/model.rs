use super::named;
use crate::Error;
use marque_arch::{Graph, Head, ImageSize, Op, Rewrite};
use marque_core::SettingError;
use marque_core::setting::{below_one, require};
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
    /// Probability of every dropout of the network; `None`, the default, for the architecture's.
    pub dropout: Option<f64>,
    /// Probability with which the last residual block is left out of a step (stochastic depth, Huang et al. 2016,
    /// arXiv:1603.09382); it rises linearly from 0 at the first block. `None`, the default, for the architecture's.
    pub stochastic_depth: Option<f64>,
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
        )?;
        for (setting, value) in [
            ("dropout", self.dropout),
            ("stochastic_depth", self.stochastic_depth),
        ] {
            if let Some(value) = value {
                below_one(setting, value)?;
            }
        }
        Ok(())
    }
}

impl ModelRecipe {
    /// The graph with the probabilities that the recipe has of its own.
    ///
    /// # Errors
    /// [`Error::Setting`] if the graph has nothing that a probability is given for.
    pub(super) fn with_probabilities(&self, graph: Graph) -> Result<Graph, Error> {
        let count = |is_one: fn(&Op) -> bool| graph.nodes().iter().filter(|node| is_one(&node.op)).count();
        let dropouts = count(|op| matches!(op, Op::Dropout { .. }));
        let blocks = count(|op| matches!(op, Op::StochasticDepth { .. }));
        let given = [
            ("model.dropout", self.dropout, dropouts, "a dropout"),
            (
                "model.stochastic_depth",
                self.stochastic_depth,
                blocks,
                "a block that can be left out",
            ),
        ];
        for (setting, value, places, what) in given {
            if let Some(value) = value.filter(|_| places == 0) {
                let expected = format!("none, since {} has not {what}", graph.name());
                return Err(SettingError::new(setting, expected, value).into());
            }
        }
        if given.iter().all(|(_, value, ..)| value.is_none()) {
            return Ok(graph);
        }
        let mut block = 0;
        let rewritten = graph.rewrite(|_, node| match (&node.op, self.dropout, self.stochastic_depth) {
            (Op::Dropout { .. }, Some(p), _) => Rewrite::Change(Op::Dropout { p }),
            (Op::StochasticDepth { .. }, _, Some(last)) => {
                let share = block as f64 / (blocks - 1).max(1) as f64;
                block += 1;
                Rewrite::Change(Op::StochasticDepth { p: last * share })
            }
            _ => Rewrite::Keep,
        })?;
        Ok(rewritten.finish()?)
    }
}
