//! Exchanging what stands upon the feature maps.

use crate::{BiasInit, Error, Graph, GraphBuilder, Linear, NodeId, Op, Rewrite, WeightInit};
use serde::{Deserialize, Serialize};

/// What stands upon the last feature maps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// What the architecture comes with.
    #[default]
    Own,
    /// Global average pooling and one linear layer.
    Linear,
    /// The subject's: global average pooling, dense 512, ReLU, dropout 0.1, dense 256, ReLU, dropout 0.1, dense.
    Subject,
}

/// Widths of the subject's hidden layers.
const SUBJECT_WIDTHS: [usize; 2] = [512, 256];
const SUBJECT_DROPOUT: f64 = 0.1;

impl Graph {
    /// The same network for another number of classes: its last linear layer, and those of auxiliary outputs, get new
    /// sizes.
    ///
    /// # Errors
    /// [`Error::NoClassifier`] if an output is not a linear layer's, [`Error::InvalidAttribute`] if `num_classes` is 0.
    pub fn with_num_classes(&self, num_classes: usize) -> Result<Graph, Error> {
        let ends = self.outputs();
        let is_classifier = |end: &&NodeId| matches!(self.nodes[end.0].op, Op::Linear(_));
        if let Some(end) = ends.iter().find(|end| !is_classifier(end)) {
            let node = &self.nodes[end.0];
            return Err(Error::NoClassifier {
                graph: self.name.clone(),
                node: node.name.clone(),
                op: node.op.name(),
            });
        }
        let rewritten = self.rewrite(|id, node| match &node.op {
            Op::Linear(linear) if ends.contains(&id) => Rewrite::Change(Op::Linear(Linear {
                out_features: num_classes,
                ..linear.clone()
            })),
            _ => Rewrite::Keep,
        });
        rewritten?.finish()
    }

    /// The same network up to its last feature maps, with `head` upon them. Auxiliary outputs are left out unless the head
    /// stays as it is. The new layers are called `head.…`.
    ///
    /// # Errors
    /// [`Error::NoFeatures`] if the graph does not say which feature maps are the last; otherwise as
    /// [`with_num_classes`](Self::with_num_classes).
    pub fn with_head(&self, head: Head, num_classes: usize) -> Result<Graph, Error> {
        if head == Head::Own {
            return self.with_num_classes(num_classes);
        }
        let no_features = || Error::NoFeatures {
            graph: self.name.clone(),
        };
        let features = self.features.ok_or_else(no_features)?;
        let body = self.up_to(features)?;
        let maps = body.node(features).ok_or_else(no_features)?;
        let mut builder = body.builder;
        builder.clear_auxiliary_outputs();
        let pooled = builder.add("head.pool", Op::GlobalAvgPool2d, &[maps])?;
        let mut vector = builder.add("head.flatten", Op::Flatten, &[pooled])?;
        if head == Head::Subject {
            for (number, width) in (1..).zip(SUBJECT_WIDTHS) {
                let dense = keras_dense(&builder, vector, width);
                vector = builder.linear(format!("head.dense{number}"), vector, dense)?;
                vector = builder.relu(format!("head.relu{number}"), vector)?;
                vector = builder.dropout(format!("head.dropout{number}"), vector, SUBJECT_DROPOUT)?;
            }
        }
        let classifier = match head {
            Head::Subject => keras_dense(&builder, vector, num_classes),
            Head::Own | Head::Linear => Linear::new(builder.channels(vector).unwrap_or(0), num_classes),
        };
        let logits = builder.linear("head.classifier", vector, classifier)?;
        builder.build(logits)
    }
}

fn keras_dense(builder: &GraphBuilder, input: NodeId, width: usize) -> Linear {
    Linear::new(builder.channels(input).unwrap_or(0), width)
        .init(WeightInit::GlorotUniform)
        .bias(BiasInit::Zeros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GoogLeNet, ImageSize, ResNet, Vgg};

    #[test]
    fn the_subjects_head_stands_upon_the_feature_maps() {
        let graph = Vgg::vgg11().graph().unwrap().with_head(Head::Subject, 7).unwrap();
        let names: Vec<&str> = graph.nodes().iter().map(|node| node.name.as_str()).collect();
        let start = names.iter().position(|name| *name == "head.pool").unwrap();
        assert_eq!(names.len() - start, 9);
        assert!(!names.iter().any(|name| name.starts_with("classifier")));
        let last = graph.parameters().pop().unwrap();
        assert_eq!(
            (last.name.as_str(), last.shape),
            ("head.classifier.bias", vec![7])
        );
        let head = 512 * 512 + 512 + 512 * 256 + 256 + 256 * 7 + 7;
        assert_eq!(graph.trained_parameter_count(), 9_220_480 + head);
        assert!(graph.shapes(ImageSize::square(224)).is_ok());
    }

    #[test]
    fn auxiliary_outputs_get_the_new_classes_too_and_leave_with_another_head() {
        let graph = GoogLeNet::default().auxiliary().graph().unwrap();
        let seven = graph.with_num_classes(7).unwrap();
        assert_eq!(seven.auxiliary_outputs().len(), 2);
        let shapes: Vec<Vec<usize>> = seven
            .parameters()
            .into_iter()
            .filter(|parameter| parameter.name.ends_with("fc2.bias") || parameter.name == "fc.bias")
            .map(|parameter| parameter.shape)
            .collect();
        assert_eq!(shapes, [[7], [7], [7]]);
        let other = graph.with_head(Head::Linear, 7).unwrap();
        assert!(other.auxiliary_outputs().is_empty());
        assert!(!other.nodes().iter().any(|node| node.name.starts_with("aux")));
    }

    #[test]
    fn a_graph_without_marks_or_classifier_says_so() {
        let mut builder = GraphBuilder::new("bare", 3).unwrap();
        let maps = builder.relu("relu", builder.input()).unwrap();
        let graph = builder.build(maps).unwrap();
        let error = graph.with_head(Head::Linear, 7).unwrap_err().to_string();
        assert!(
            error.contains("\"bare\"") && error.contains("feature maps"),
            "{error}"
        );
        let error = graph.with_num_classes(7).unwrap_err().to_string();
        assert!(error.contains("\"relu\" (ReLU)"), "{error}");
        let zero = ResNet::resnet18().graph().unwrap().with_num_classes(0);
        assert!(matches!(zero, Err(Error::InvalidAttribute { .. })));
    }
}
