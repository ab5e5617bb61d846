//! Where a network can be cut in two.

use crate::{Error, Graph, ImageSize, NodeId, Op};

/// Where fine-tuning begins: a node that everything passes, up to which a network is frozen.
#[derive(Debug, Clone, PartialEq)]
pub struct FreezePoint {
    /// The last frozen node. It and all that it depends on are frozen, all else that serves an output is trained; between the two
    /// lies this node's output alone.
    pub cut: NodeId,
    /// Names of the nodes that read it: the first trained ones. All others that are trained depend on these.
    pub trained_from: Vec<String>,
    /// Share of the multiply-adds of an evaluation that is frozen, from 0 to 1.
    pub frozen_share: f64,
}

impl Graph {
    /// Nodes that everything passes: each way from the image to the output, or to an auxiliary output, goes through them. What
    /// comes behind such a node sees of what lies before it nothing but its output. In the graph's order, the input first.
    ///
    /// Behind the place where an auxiliary head leaves the main way there are none: the way to that head does not come past.
    ///
    /// ```
    /// use marque_arch::ResNet;
    ///
    /// let graph = ResNet::resnet18().graph()?;
    /// let cuts = graph.cut_points();
    /// // A block ends with one; within it there are two ways.
    /// assert!(cuts.contains(&graph.find("layer1.0.relu")?));
    /// assert!(!cuts.contains(&graph.find("layer1.0.conv1")?));
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    pub fn cut_points(&self) -> Vec<NodeId> {
        let passed = self.passed_by_all(&self.outputs());
        let nodes = (0..self.nodes.len()).filter(|&index| passed[index]);
        nodes.map(NodeId).collect()
    }

    /// Where to begin to train a network that has been trained before, so that about `share` of the multiply-adds of an image
    /// of `size` are frozen: edges and textures are the same in all photos, and what is frozen need not be computed anew in
    /// every epoch.
    ///
    /// Of the [`cut_points`](Self::cut_points) before the last feature maps, or the input itself, it is the one that comes nearest
    /// to `share`. What costs nothing, such as a batch norm, a rectifier or a pooling behind a convolution, goes with it. In a
    /// dense block there is no cut: a concatenation that repeats what it was given is no place where something ends.
    ///
    /// Auxiliary heads are not counted, since evaluation does not run them, but always trained.
    ///
    /// ```
    /// use marque_arch::{DenseNet, ImageSize};
    ///
    /// let graph = DenseNet::densenet121().graph()?;
    /// let point = graph.freeze_point(ImageSize::square(224), 1.0 / 3.0)?;
    /// assert!(graph.nodes()[point.cut.index()].name.starts_with("features.transition"));
    /// assert!((0.15..0.5).contains(&point.frozen_share));
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFeatures`] if the graph does not say which feature maps are the last, [`Error::InvalidOption`] if `share` is
    /// not from 0 to 1; otherwise as [`Graph::shapes`].
    pub fn freeze_point(&self, size: ImageSize, share: f64) -> Result<FreezePoint, Error> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::InvalidOption {
                architecture: self.name.clone(),
                option: "frozen share",
                expected: "a number from 0 to 1",
                found: share.to_string(),
            });
        }
        let features = self.features.ok_or_else(|| Error::NoFeatures {
            graph: self.name.clone(),
        })?;
        let costs = self.costs_up_to(size)?;
        let total = costs.last().copied().unwrap_or(0).max(1) as f64;
        let frozen_share = |node: NodeId| costs[node.0] as f64 / total;
        let distance = |node: &NodeId| (frozen_share(*node) - share).abs();
        let candidates = self.ends_of_equal_cost(features, &costs);
        let nearest = candidates
            .into_iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let cut = nearest.unwrap_or(self.input());
        let mut first = self.readers().swap_remove(cut.0);
        first.dedup();
        Ok(FreezePoint {
            cut,
            trained_from: first
                .iter()
                .map(|reader| self.nodes[reader.0].name.clone())
                .collect(),
            frozen_share: frozen_share(cut),
        })
    }

    /// For every node, whether each way from the input to one of `ends` goes through it.
    pub(crate) fn passed_by_all(&self, ends: &[NodeId]) -> Vec<bool> {
        let needed = self.ancestors(ends.iter().copied());
        let mut last_reader = vec![0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().filter(|(index, _)| needed[*index]) {
            for input in &node.inputs {
                last_reader[input.0] = index;
            }
        }
        // Positions ascend along every way, so that one which avoids a node has an edge that leads past its position, or ends
        // before it.
        let first_end = ends.iter().map(|end| end.0).min().unwrap_or(0);
        let (mut passed, mut reach) = (vec![false; self.nodes.len()], 0);
        for index in (0..=first_end).filter(|&index| needed[index]) {
            passed[index] = reach <= index;
            reach = reach.max(last_reader[index]);
        }
        passed
    }

    /// For every node, the multiply-adds of an evaluation up to it in the graph's order.
    fn costs_up_to(&self, size: ImageSize) -> Result<Vec<u64>, Error> {
        let main = self.ancestors([self.output]);
        let mut costs = Vec::with_capacity(main.len());
        let mut sum = 0_u64;
        for ((node, shape), main) in self.nodes.iter().zip(&self.shapes(size)?).zip(main) {
            let overflow = || Error::Overflow {
                node: node.name.clone(),
            };
            if main {
                let cost = node.op.multiply_adds(shape).ok_or_else(overflow)?;
                sum = sum.checked_add(cost).ok_or_else(overflow)?;
            }
            costs.push(sum);
        }
        Ok(costs)
    }

    /// Cut points before `features`: of those up to which the costs are the same the last one. Those that lie in a dense block
    /// are left out.
    fn ends_of_equal_cost(&self, features: NodeId, costs: &[u64]) -> Vec<NodeId> {
        let passed = self.passed_by_all(&self.outputs());
        let before = self.ancestors([features]);
        let cuts: Vec<NodeId> = (0..features.0)
            .filter(|&index| passed[index] && before[index])
            .map(NodeId)
            .collect();
        // What costs nothing behind such a concatenation lies in the block, too.
        let repeats = |cut: &NodeId| {
            let node = &self.nodes[cut.0];
            node.op == Op::Concat && node.inputs.iter().any(|input| passed[input.0])
        };
        cuts.chunk_by(|first, second| costs[first.0] == costs[second.0])
            .filter(|equal| !equal.iter().any(repeats))
            .filter_map(|equal| equal.last().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArchitectureOptions, Conv2d, GraphBuilder, Head, architecture, architecture_names};

    const SIZE: ImageSize = ImageSize::square(299);

    fn graph(name: &str) -> Graph {
        architecture(name, ArchitectureOptions::default()).unwrap()
    }

    #[test]
    fn a_third_of_every_network_can_be_frozen_behind_one_node() {
        let mut count = 0;
        for name in architecture_names() {
            let graph = graph(name);
            let point = graph.freeze_point(SIZE, 1.0 / 3.0).unwrap();
            let cut = &graph.nodes()[point.cut.index()];
            println!(
                "{name}: frozen up to {} ({}), {:.3}; trained from {}",
                cut.name,
                cut.op.name(),
                point.frozen_share,
                point.trained_from.join(", ")
            );
            assert!((0.15..=0.5).contains(&point.frozen_share), "{name}");

            let needed = graph.ancestors(graph.outputs());
            let frozen = graph.ancestors([point.cut]);
            let first: Vec<NodeId> = point
                .trained_from
                .iter()
                .map(|node| graph.find(node).unwrap())
                .collect();
            let trained = graph.descendants(first);
            for index in (0..needed.len()).filter(|&index| needed[index]) {
                let name = &graph.nodes()[index].name;
                assert!(
                    frozen[index] != trained[index],
                    "{name} is either frozen or trained"
                );
            }
            assert_eq!(graph.frontier(&frozen), [point.cut], "{name}");
            assert!(
                frozen
                    .iter()
                    .zip(&trained)
                    .all(|(frozen, trained)| !(*frozen && *trained))
            );
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn networks_are_cut_where_a_part_ends() {
        for name in architecture_names() {
            let graph = graph(name);
            let point = graph.freeze_point(SIZE, 1.0 / 3.0).unwrap();
            let cut = &graph.nodes()[point.cut.index()];
            let behind = |op: &Op| cut.op == *op || graph.nodes()[cut.inputs[0].index()].op == *op;
            if name.starts_with("densenet") {
                assert!(
                    cut.name.starts_with("features.transition"),
                    "{name}: {}",
                    cut.name
                );
                assert!(matches!(cut.op, Op::AvgPool2d(_)), "{name}: {}", cut.name);
            } else if name.starts_with("resnet") || name.starts_with("plain") {
                assert_eq!(cut.op, Op::Relu, "{name}: {}", cut.name);
            } else if name.starts_with("xception") {
                assert_eq!(cut.op, Op::Add, "{name}: {}", cut.name);
            } else if name.starts_with("inception") {
                assert!(behind(&Op::Concat), "{name}: {}", cut.name);
            }
        }
    }

    #[test]
    fn heads_change_nothing_about_where_a_network_is_cut() {
        for (with, without) in [
            ("googlenet-aux", "googlenet"),
            ("inception_v3-aux", "inception_v3"),
        ] {
            let cut = |name: &str| {
                let graph = graph(name);
                let point = graph.freeze_point(SIZE, 1.0 / 3.0).unwrap();
                graph.nodes()[point.cut.index()].name.clone()
            };
            assert_eq!(cut(with), cut(without));
        }
        let graph = graph("resnet50");
        let own = graph.freeze_point(SIZE, 0.3).unwrap();
        let other = graph
            .with_head(Head::Subject, 7)
            .unwrap()
            .freeze_point(SIZE, 0.3)
            .unwrap();
        assert_eq!((own.cut, own.trained_from), (other.cut, other.trained_from));
    }

    #[test]
    fn behind_an_auxiliary_head_there_is_no_cut() {
        let graph = graph("googlenet-aux");
        let name = |cut: &NodeId| graph.nodes()[cut.index()].name.as_str();
        let cuts = graph.cut_points();
        assert_eq!(cuts.first(), Some(&graph.input()));
        assert!(name(cuts.last().unwrap()).starts_with("inception4a"));
        // The first reader of the last cut is in the head, others are on the main way.
        let last = *cuts.last().unwrap();
        assert!(graph.readers()[last.index()].len() > 1);
    }

    #[test]
    fn a_network_that_is_one_block_is_trained_as_a_whole() {
        let mut builder = GraphBuilder::new("block", 8).unwrap();
        let image = builder.input();
        let conv = builder.conv2d("conv", image, Conv2d::new(8, 8, 1)).unwrap();
        let sum = builder.sum("sum", conv, image).unwrap();
        builder.mark_features(sum);
        let graph = builder.build(sum).unwrap();
        let point = graph.freeze_point(ImageSize::square(4), 0.5).unwrap();
        assert_eq!((point.cut, point.frozen_share), (graph.input(), 0.0));
        assert_eq!(point.trained_from, ["conv", "sum"]);
        assert_eq!(graph.cut_points(), [graph.input(), graph.output()]);
    }

    #[test]
    fn what_cannot_be_asked_for_is_an_error() {
        let resnet = graph("resnet18");
        for share in [-0.1, 1.1, f64::NAN] {
            let error = resnet.freeze_point(SIZE, share).unwrap_err();
            assert!(matches!(error, Error::InvalidOption { .. }), "{error}");
        }
        let mut builder = GraphBuilder::new("bare", 3).unwrap();
        let maps = builder.relu("relu", builder.input()).unwrap();
        let bare = builder.build(maps).unwrap();
        assert!(matches!(
            bare.freeze_point(SIZE, 0.3),
            Err(Error::NoFeatures { .. })
        ));
    }
}
