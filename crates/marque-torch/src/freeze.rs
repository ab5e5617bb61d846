//! What of a network is trained, and the part that never changes.

use crate::{Error, Network, NodeState};
use marque_arch::{Graph, NodeId, Op, Variation};

/// The part of a network whose output for an image is the same in every pass: nothing in it is trained or random.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenPrefix {
    /// For every node of the graph, whether it belongs to this part.
    pub nodes: Vec<bool>,
    /// Those of its nodes that the rest of the network reads, in the graph's order. A cut of a network with shortcuts
    /// may cross several edges.
    pub frontier: Vec<NodeId>,
}

impl Network {
    /// Trains the nodes called `names` and everything that depends on them, and freezes the rest: Keras's "trainable from
    /// this layer on". Without names everything is trained.
    ///
    /// # Errors
    /// [`Error::Graph`] if there is no such node; nothing is changed then.
    pub fn train_from<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), Error> {
        let graph = self.graph();
        let starts = names.iter().map(|name| graph.find(name.as_ref()));
        let starts: Vec<NodeId> = starts.collect::<Result<_, _>>()?;
        let trained = graph.descendants(starts);
        self.set_states(|node, _| {
            if names.is_empty() || trained[node.index()] {
                NodeState::Trained
            } else {
                NodeState::Frozen
            }
        })
    }

    /// The part that never changes, if it is more than the images themselves.
    pub fn frozen_prefix(&self) -> Option<FrozenPrefix> {
        let graph = self.graph();
        let nodes = graph.nodes().iter().zip(&self.states).enumerate();
        let changing = nodes.filter(|(_, (node, state))| changes(&node.op, **state));
        let starts = changing.filter_map(|(index, _)| graph.id(index));
        let mut inside: Vec<bool> = graph.descendants(starts).iter().map(|changed| !changed).collect();
        leave_activations(graph, &mut inside);
        let frontier = graph.frontier(&inside);
        let computes = frontier.iter().any(|&node| node != graph.input());
        computes.then_some(FrozenPrefix {
            nodes: inside,
            frontier,
        })
    }
}

/// Takes an activation at the end of the prefix out of it where its input is an end, too: computing it again costs less than
/// keeping two maps in place of one.
fn leave_activations(graph: &Graph, inside: &mut [bool]) {
    let frontier = graph.frontier(inside);
    for &end in &frontier {
        let node = &graph.nodes()[end.index()];
        let is_cheap = matches!(
            node.op,
            Op::Relu | Op::Relu6 | Op::Silu | Op::HardSwish | Op::HardSigmoid | Op::Gelu
        );
        if is_cheap && node.inputs.iter().all(|input| frontier.contains(input)) {
            inside[end.index()] = false;
        }
    }
}

/// Whether a node's output for the same input can differ from pass to pass of a training.
fn changes(op: &Op, state: NodeState) -> bool {
    match op.variation() {
        Variation::Never => false,
        Variation::WithParameters | Variation::AtRandom => state == NodeState::Trained,
    }
}
