//! Making one graph from another.

use crate::{Error, Graph, GraphBuilder, Node, NodeId, Op};

/// What becomes of a node in [`Graph::rewrite`].
#[derive(Debug, Clone, PartialEq)]
pub enum Rewrite {
    /// It stays as it is.
    Keep,
    /// It does something else with the same inputs.
    Change(Op),
    /// It is left out.
    Drop,
}

/// A graph made from another, to which more can be added.
#[derive(Debug)]
pub struct Rewritten {
    /// The kept nodes under their names, with the marks of those among them: features and auxiliary outputs. To go on building, add
    /// nodes to it and end it at one of them.
    pub builder: GraphBuilder,
    nodes: Vec<Option<NodeId>>,
    /// Where the graph ended, and the name of that node.
    output: (NodeId, String),
}

impl Graph {
    /// The same graph with other operations or without some of its nodes, as `rule` decides for one after the other. Each is
    /// checked as it comes, as by a [`GraphBuilder`].
    ///
    /// ```
    /// use marque_arch::{Op, Rewrite, Vgg};
    ///
    /// let graph = Vgg::vgg11().graph()?;
    /// let calm = graph.rewrite(|_, node| match node.op {
    ///     Op::Dropout { .. } => Rewrite::Change(Op::Dropout { p: 0.0 }),
    ///     _ => Rewrite::Keep,
    /// })?;
    /// assert_eq!(calm.finish()?.parameters(), graph.parameters());
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LeftOut`] if a node that is kept reads one that is not; otherwise as [`GraphBuilder::add`].
    pub fn rewrite(&self, mut rule: impl FnMut(NodeId, &Node) -> Rewrite) -> Result<Rewritten, Error> {
        let mut builder = GraphBuilder::empty(self.name.clone());
        let mut nodes: Vec<Option<NodeId>> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let op = match rule(NodeId(index), node) {
                Rewrite::Keep => node.op.clone(),
                Rewrite::Change(op) => op,
                Rewrite::Drop => {
                    nodes.push(None);
                    continue;
                }
            };
            let inputs = node.inputs.iter().map(|input| {
                nodes[input.0].ok_or_else(|| Error::LeftOut {
                    node: node.name.clone(),
                    input: self.nodes[input.0].name.clone(),
                })
            });
            let inputs: Vec<NodeId> = inputs.collect::<Result<_, _>>()?;
            nodes.push(Some(builder.add(&node.name, op, &inputs)?));
        }
        if let Some(features) = self.features.and_then(|features| nodes[features.0]) {
            builder.mark_features(features);
        }
        for end in &self.auxiliary {
            if let Some(node) = nodes[end.node.0] {
                builder.auxiliary_output(node, end.loss_weight);
            }
        }
        Ok(Rewritten {
            builder,
            nodes,
            output: (self.output, self.nodes[self.output.0].name.clone()),
        })
    }
}

impl Rewritten {
    /// Where a node of the first graph has come to; `None` if it was left out or is none of it.
    pub fn node(&self, node: NodeId) -> Option<NodeId> {
        self.nodes.get(node.0).copied().flatten()
    }

    /// The graph that ends where the first one did.
    ///
    /// # Errors
    /// [`Error::LeftOut`] if that node was left out; otherwise as [`GraphBuilder::build`].
    pub fn finish(self) -> Result<Graph, Error> {
        let output = self.node(self.output.0).ok_or_else(|| Error::LeftOut {
            node: "output".to_owned(),
            input: self.output.1.clone(),
        })?;
        self.builder.build(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArchitectureOptions, architecture, architecture_names};

    #[test]
    fn what_is_kept_as_a_whole_is_the_same_graph() {
        let mut count = 0;
        for name in architecture_names() {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            let same = graph.rewrite(|_, _| Rewrite::Keep).unwrap().finish().unwrap();
            assert_eq!(same, graph, "{name}");
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn nodes_move_up_where_others_are_left_out_and_marks_with_them() {
        let graph = architecture("googlenet-aux", ArchitectureOptions::default()).unwrap();
        let first_head = graph.rewrite(|_, node| match node.name.starts_with("aux2") {
            true => Rewrite::Drop,
            false => Rewrite::Keep,
        });
        let first_head = first_head.unwrap().finish().unwrap();
        assert_eq!(first_head.auxiliary_outputs().len(), 1);
        let name = |graph: &Graph, node: NodeId| graph.nodes()[node.index()].name.clone();
        assert_eq!(
            name(&first_head, first_head.output()),
            name(&graph, graph.output())
        );
        let [was, is] = [&graph, &first_head].map(|graph| name(graph, graph.features().unwrap()));
        assert_eq!(was, is);
        assert!(first_head.nodes().len() < graph.nodes().len());
    }

    #[test]
    fn what_a_kept_node_reads_must_be_kept() {
        let graph = architecture("resnet18", ArchitectureOptions::default()).unwrap();
        let without = |name: &'static str| {
            graph.rewrite(move |_, node| match node.name == name {
                true => Rewrite::Drop,
                false => Rewrite::Keep,
            })
        };
        let error = without("bn1").unwrap_err().to_string();
        assert_eq!(error, "node \"relu\" reads \"bn1\", which was left out");
        let error = without("fc").unwrap().finish().unwrap_err().to_string();
        assert_eq!(error, "node \"output\" reads \"fc\", which was left out");
    }

    #[test]
    fn a_changed_node_is_checked() {
        let graph = architecture("resnet18", ArchitectureOptions::default()).unwrap();
        let wrong = graph.rewrite(|_, node| match node.name == "bn1" {
            true => Rewrite::Change(Op::Add),
            false => Rewrite::Keep,
        });
        assert!(matches!(wrong, Err(Error::InputCount { .. })));
    }
}
