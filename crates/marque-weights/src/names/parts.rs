//! Which parameters of a graph are its body, and which of its head.

use marque_arch::{ArchitectureOptions, Graph, NodeId, Op, Parameter, architecture};
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

/// What a parameter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All that feature maps are computed with.
    Body,
    /// What stands upon the last feature maps, or the last linear layers where the graph does not say which those are.
    Head,
    /// What only auxiliary outputs are computed with.
    Auxiliary,
}

/// A graph's parameters with what they belong to.
pub(super) struct Parts<'g> {
    pub(super) graph: &'g Graph,
    pub(super) parameters: Vec<Parameter>,
    /// One per node.
    parts: Vec<Part>,
    positions: HashMap<String, usize>,
    /// The architecture as its family has it: with auxiliary heads, if there are any, and its own classifier.
    family: OnceCell<Option<Graph>>,
}

impl<'g> Parts<'g> {
    pub(super) fn of(graph: &'g Graph) -> Self {
        let parameters = graph.parameters();
        let positions = parameters
            .iter()
            .enumerate()
            .map(|(position, parameter)| (parameter.name.clone(), position));
        Self {
            graph,
            positions: positions.collect(),
            parameters,
            parts: parts(graph),
            family: OnceCell::new(),
        }
    }

    fn family(&self) -> Option<&Graph> {
        let make = || {
            let options = ArchitectureOptions::default();
            let full = architecture(&format!("{}-aux", self.graph.name()), options);
            full.or_else(|_| architecture(self.graph.name(), options)).ok()
        };
        self.family.get_or_init(make).as_ref()
    }

    pub(super) fn part(&self, parameter: &Parameter) -> Part {
        self.parts[parameter.node.index()]
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.positions.contains_key(name)
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        let position = self.positions.get(name)?;
        Some(&self.parameters[*position].shape)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str())
    }

    pub(super) fn shapes(&self) -> Vec<(&str, &[usize])> {
        self.parameters
            .iter()
            .map(|parameter| (parameter.name.as_str(), parameter.shape.as_slice()))
            .collect()
    }

    /// What all names of the body begin with, up to and with a dot, if they all begin with one module.
    pub(super) fn trunk(&self) -> Option<String> {
        let modules = self.modules(Part::Body);
        let mut modules = modules.into_iter();
        match (modules.next(), modules.next()) {
            (Some(only), None) => Some(format!("{only}.")),
            _ => None,
        }
    }

    /// Outermost modules of the parameters of a part.
    pub(super) fn modules(&self, part: Part) -> HashSet<&str> {
        let parameters = self.parameters.iter();
        parameters
            .filter(|parameter| self.part(parameter) == part)
            .map(|parameter| module(&parameter.name))
            .collect()
    }

    /// Names of the linear layers of the head in their order.
    pub(super) fn linear_layers(&self) -> Vec<&str> {
        linear_layers(self.graph, &self.parts)
    }

    /// The same of the head that the architecture comes with, whatever stands in its place.
    pub(super) fn own_linear_layers(&self) -> Vec<&str> {
        match self.family() {
            Some(family) => linear_layers(family, &parts(family)),
            None => self.linear_layers(),
        }
    }

    /// Outermost modules of the head that the architecture comes with, or of its auxiliary heads.
    pub(super) fn own_modules(&self, part: Part) -> HashSet<&str> {
        let Some(family) = self.family() else {
            return HashSet::new();
        };
        let parts = parts(family).into_iter();
        let nodes = family.nodes().iter().zip(parts);
        nodes
            .filter(|(_, found)| *found == part)
            .map(|(node, _)| module(&node.name))
            .collect()
    }
}

fn module(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

fn linear_layers<'a>(graph: &'a Graph, parts: &[Part]) -> Vec<&'a str> {
    let nodes = graph.nodes().iter().zip(parts);
    nodes
        .filter(|(node, part)| **part == Part::Head && matches!(node.op, Op::Linear(_)))
        .map(|(node, _)| node.name.as_str())
        .collect()
}

fn parts(graph: &Graph) -> Vec<Part> {
    let main = graph.ancestors([graph.output()]);
    let auxiliary = graph.ancestors(graph.auxiliary_outputs().iter().map(|end| end.node));
    let body = match graph.features() {
        Some(features) => graph.ancestors([features]),
        None => graph.ancestors(last_filters(graph)),
    };
    (0..graph.nodes().len())
        .map(|index| {
            if body[index] {
                Part::Body
            } else if auxiliary[index] && !main[index] {
                Part::Auxiliary
            } else {
                Part::Head
            }
        })
        .collect()
}

/// Every node that computes maps with parameters.
fn last_filters(graph: &Graph) -> Vec<NodeId> {
    let is_filter = |id: &NodeId| {
        let op = &graph.nodes()[id.index()].op;
        matches!(op, Op::Conv2d(_) | Op::BatchNorm2d(_))
    };
    let parameters = graph.parameters().into_iter().map(|parameter| parameter.node);
    parameters.filter(is_filter).collect()
}
