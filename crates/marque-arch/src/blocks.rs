//! The blocks that a network is a chain of.

use crate::{Graph, NodeId, Op};

impl Graph {
    /// For every node the number of the block that it belongs to, from 0 at the image to the head: what is trained at a rate of its
    /// own where rates fall from block to block.
    ///
    /// A block begins with a convolution or linear layer behind a node that everything passes: a residual block is one, the
    /// stem is one, each layer of a plain network is one, and the head is the last. What has shortcuts from every layer to all
    /// later ones, as a dense block, is one whole. A depthwise convolution that everything passes belongs to the block before it,
    /// and so does all up to its projection, so that an inverted residual block is one with and without a shortcut. Auxiliary
    /// heads belong to the last block.
    ///
    /// ```
    /// use marque_arch::ResNet;
    ///
    /// let graph = ResNet::resnet34().graph()?;
    /// let blocks = graph.blocks();
    /// let of = |name: &str| Ok::<_, marque_arch::Error>(blocks[graph.find(name)?.index()]);
    /// assert_eq!((of("conv1")?, of("layer1.0.conv2")?, of("layer1.1.conv1")?), (0, 1, 2));
    /// assert_eq!(of("layer2.0.downsample.0")?, of("layer2.0.conv1")?);
    /// assert_eq!(of("fc")?, 17);
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    pub fn blocks(&self) -> Vec<usize> {
        let needed = self.ancestors([self.output()]);
        let everything = self.passed_by_all(&[self.output()]);
        // A concatenation that repeats what everything has passed before is no place where something ends.
        let repeats = |index: usize| {
            let node = &self.nodes()[index];
            let is_old = |input: &NodeId| everything[input.index()];
            matches!(node.op, Op::Concat) && node.inputs.iter().any(is_old)
        };
        let passed: Vec<bool> = (0..everything.len())
            .map(|index| everything[index] && !repeats(index))
            .collect();
        let mut numbers = vec![usize::MAX; self.nodes().len()];
        let (mut block, mut has_weights, mut behind_cut) = (0, false, false);
        // Between a depthwise convolution and its projection, where both are passed by everything.
        let mut before_projection = false;
        for (index, node) in self
            .nodes()
            .iter()
            .enumerate()
            .filter(|(index, _)| needed[*index])
        {
            let is_depthwise = matches!(&node.op, Op::Conv2d(conv) if conv.is_depthwise());
            if is_depthwise {
                before_projection |= passed[index];
                has_weights = true;
            } else if matches!(node.op, Op::Conv2d(_) | Op::Linear(_)) {
                if before_projection {
                    before_projection = !passed[index];
                } else if has_weights && behind_cut {
                    block += 1;
                    behind_cut = false;
                }
                has_weights = true;
            }
            numbers[index] = block;
            behind_cut |= passed[index];
        }
        numbers.iter().map(|&number| number.min(block)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{ArchitectureOptions, architecture};

    /// Number of blocks, and those of some nodes.
    fn blocks(name: &str) -> (usize, impl Fn(&str) -> usize) {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let numbers = graph.blocks();
        let count = numbers.iter().max().unwrap() + 1;
        (count, move |node: &str| {
            numbers[graph.find(node).unwrap().index()]
        })
    }

    #[test]
    fn residual_blocks_and_inverted_ones_are_one_each() {
        // The stem, the blocks of the four stages, the head.
        assert_eq!(blocks("resnet34").0, 1 + 16 + 1);
        assert_eq!(blocks("resnet50").0, 1 + 16 + 1);
        // The first block has no expansion and belongs to the stem; behind the 15 others a convolution and the head.
        let (count, of) = blocks("tf_efficientnet_lite0");
        assert_eq!(count, 1 + 15 + 1 + 1);
        assert_eq!(of("blocks.0.0.conv_dw"), of("conv_stem"));
        assert_eq!(of("blocks.1.0.conv_pw"), of("blocks.1.0.conv_pwl"));
        assert_eq!(of("blocks.1.0.bn3") + 1, of("blocks.1.1.conv_pw"));
        assert_eq!(blocks("efficientnet_b0").0, 1 + 15 + 1 + 1);
    }

    #[test]
    fn layers_of_plain_networks_are_blocks_and_dense_blocks_one_each() {
        assert_eq!(blocks("vgg16").0, 16);
        let (count, of) = blocks("densenet121");
        // The stem, four dense blocks, three transitions between them, the head.
        assert_eq!(count, 1 + 4 + 3 + 1);
        assert_eq!(
            of("features.denseblock1.denselayer1.conv1"),
            of("features.denseblock1.denselayer6.conv2")
        );
    }

    #[test]
    fn numbers_never_fall_and_auxiliary_heads_have_the_last() {
        for name in crate::architecture_names() {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            let numbers = graph.blocks();
            let needed = graph.ancestors([graph.output()]);
            let mut own = numbers.iter().zip(&needed).filter(|(_, needed)| **needed);
            assert!(own.clone().is_sorted_by_key(|(number, _)| *number), "{name}");
            assert_eq!(own.next().map(|(number, _)| *number), Some(0), "{name}");
            let last = numbers[graph.output().index()];
            for (number, _) in numbers.iter().zip(&needed).filter(|(_, needed)| !**needed) {
                assert_eq!(*number, last, "{name}");
            }
        }
    }
}
