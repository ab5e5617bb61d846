//! What a classifier says of each place of its last feature maps.

use crate::{Conv2d, Error, Graph, ImageSize, Linear, NodeId, Op, Rewrite, Rewritten};

impl Graph {
    /// The network without the mean over all places before its classifier, which becomes a 1×1 convolution over the last feature
    /// maps: it gives K maps in place of K logits. Both are linear, so that the mean over a class's map is the class's logit, and
    /// the map says how much each place adds to it: class activation mapping (Zhou et al. 2016, arXiv:1512.04150).
    ///
    /// Nodes keep their names; the classifier's weight is K×C×1×1 where it was K×C. Auxiliary outputs are left out.
    ///
    /// ```
    /// use marque_arch::{ImageSize, ResNet, Shape};
    ///
    /// let maps = ResNet::resnet18().graph()?.with_class_maps()?;
    /// let output = maps.shapes(ImageSize::square(224))?[maps.output().index()];
    /// assert_eq!(output, Shape::Map { channels: 1000, size: ImageSize::square(7) });
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFeatures`] if the graph does not say which feature maps are the last, [`Error::NoClassMaps`] if anything but a
    /// mean over all places and one linear layer stands between them and the logits.
    pub fn with_class_maps(&self) -> Result<Graph, Error> {
        let features = self.features.ok_or_else(|| Error::NoFeatures {
            graph: self.name.clone(),
        })?;
        let classifier = self.pooled_classifier(features)?;
        let body = self.up_to(features)?;
        let maps = body.node(features).ok_or_else(|| self.no_class_maps(features))?;
        let mut builder = body.builder;
        builder.clear_auxiliary_outputs();
        let convolution = Conv2d {
            init: classifier.init,
            ..Conv2d::new(classifier.in_features, classifier.out_features, 1).bias(classifier.bias)
        };
        let output = builder.conv2d(&self.nodes[self.output.0].name, maps, convolution)?;
        builder.build(output)
    }

    /// The nodes that `end` depends on, itself included.
    pub(crate) fn up_to(&self, end: NodeId) -> Result<Rewritten, Error> {
        let needed = self.ancestors([end]);
        self.rewrite(|id, _| match needed[id.0] {
            true => Rewrite::Keep,
            false => Rewrite::Drop,
        })
    }

    /// The linear layer that the graph ends in, where it reads nothing but the means of the feature maps.
    fn pooled_classifier(&self, features: NodeId) -> Result<&Linear, Error> {
        let Op::Linear(linear) = &self.nodes[self.output.0].op else {
            return Err(self.no_class_maps(self.output));
        };
        let mut node = self.nodes[self.output.0].inputs[0];
        let mut is_pooled = false;
        while node != features {
            match self.nodes[node.0].op {
                Op::Flatten | Op::Dropout { .. } => {}
                Op::GlobalAvgPool2d => is_pooled = true,
                Op::AdaptiveAvgPool2d(cells) if cells == ImageSize::square(1) => is_pooled = true,
                _ => return Err(self.no_class_maps(node)),
            }
            node = self.nodes[node.0].inputs[0];
        }
        match is_pooled {
            true => Ok(linear),
            false => Err(self.no_class_maps(self.output)),
        }
    }

    fn no_class_maps(&self, node: NodeId) -> Error {
        let node = &self.nodes[node.0];
        Error::NoClassMaps {
            graph: self.name.clone(),
            node: node.name.clone(),
            op: node.op.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArchitectureOptions, Head, Shape, architecture, architecture_names};

    #[test]
    fn networks_with_a_pooled_classifier_have_them_and_others_say_what_is_in_the_way() {
        let mut count = 0;
        for name in architecture_names() {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            match graph.with_class_maps() {
                Ok(maps) => {
                    // An auxiliary head is what else a graph may have parameters for.
                    let main = graph.up_to(graph.output()).unwrap().finish().unwrap();
                    assert_eq!(maps.trained_parameter_count(), main.trained_parameter_count());
                    count += 1;
                }
                Err(error) => {
                    assert!(matches!(error, Error::NoClassMaps { .. }), "{name}: {error}");
                    // Hidden layers, or a layer norm.
                    let families = ["vgg", "mobilenet_v3", "convnext"];
                    let has_more_above = families.iter().any(|family| name.starts_with(family));
                    assert!(has_more_above, "{name}: {error}");
                }
            }
        }
        assert!(count > 20, "{count}");
    }

    #[test]
    fn any_network_has_them_with_a_linear_head() {
        let options = ArchitectureOptions::default();
        let vgg = architecture("vgg11", options).unwrap();
        let error = vgg.with_class_maps().unwrap_err().to_string();
        assert!(
            error.starts_with(r#""vgg11": node "classifier.4" (ReLU) stands between"#),
            "{error}"
        );
        let maps = vgg.with_head(Head::Linear, 7).unwrap().with_class_maps().unwrap();
        let shapes = maps
            .shapes(ImageSize {
                height: 64,
                width: 96,
            })
            .unwrap();
        let expected = Shape::Map {
            channels: 7,
            size: ImageSize { height: 2, width: 3 },
        };
        assert_eq!(shapes[maps.output().index()], expected);
        let subject = vgg.with_head(Head::Subject, 7).unwrap();
        assert!(matches!(
            subject.with_class_maps(),
            Err(Error::NoClassMaps { .. })
        ));
    }
}
