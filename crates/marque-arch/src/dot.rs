use crate::{Conv2d, Error, Graph, ImageSize, Op};
use std::fmt::Write;

impl Graph {
    /// The whole graph in Graphviz's language, every node with its output shape for an input of `size`:
    /// `dot -Tsvg network.dot` draws it.
    ///
    /// # Errors
    /// As [`Graph::shapes`].
    pub fn to_dot(&self, size: ImageSize) -> Result<String, Error> {
        let shapes = self.shapes(size)?;
        let mut dot = format!("digraph {} {{\n", quoted(&self.name));
        dot.push_str(
            "  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=sans];\n",
        );
        for (index, (node, shape)) in self.nodes.iter().zip(&shapes).enumerate() {
            let label = format!("{}\n{}\n{shape}", node.name, describe(&node.op));
            // Writing to a String cannot fail.
            let _ = writeln!(dot, "  n{index} [label={}];", quoted(&label));
            for input in &node.inputs {
                let _ = writeln!(dot, "  n{} -> n{index};", input.index());
            }
        }
        dot.push_str("}\n");
        Ok(dot)
    }
}

/// The operation with the attributes that a drawing shows: `3×3/2 conv, 64`.
pub(crate) fn describe(op: &Op) -> String {
    match in_parts(op) {
        (operation, Some(width)) => format!("{operation}, {width}"),
        (operation, None) => operation,
    }
}

/// The operation, and the number of channels or features that it yields where it is the operation that decides on it.
pub(crate) fn in_parts(op: &Op) -> (String, Option<usize>) {
    let operation = match op {
        Op::Conv2d(conv) => return (convolution(conv), Some(conv.out_channels)),
        Op::Linear(linear) => return ("linear".to_owned(), Some(linear.out_features)),
        Op::PadChannels { channels } => return ("zero channels".to_owned(), Some(*channels)),
        Op::MaxPool2d(pool) => format!("{0}×{0}{1} max pool", pool.kernel_size, step(pool.stride)),
        Op::AvgPool2d(pool) => format!("{0}×{0}{1} average pool", pool.kernel_size, step(pool.stride)),
        Op::Input { .. } => "image".to_owned(),
        Op::BatchNorm2d(_) => "BN".to_owned(),
        Op::LayerNorm2d(_) => "LN".to_owned(),
        Op::LayerScale(_) => "layer scale".to_owned(),
        Op::Relu => "ReLU".to_owned(),
        Op::Relu6 => "ReLU6".to_owned(),
        Op::Sigmoid => "sigmoid".to_owned(),
        Op::Silu => "SiLU".to_owned(),
        Op::HardSwish => "hard swish".to_owned(),
        Op::HardSigmoid => "hard sigmoid".to_owned(),
        Op::Gelu => "GELU".to_owned(),
        Op::GlobalAvgPool2d => "global average pool".to_owned(),
        Op::AdaptiveAvgPool2d(size) => format!("average pool to {size}"),
        Op::Add => "+".to_owned(),
        Op::Multiply => "×".to_owned(),
        Op::Concat => "concat".to_owned(),
        Op::Subsample { stride } => format!("{stride}:1 subsampling"),
        Op::Dropout { p } => format!("dropout {p}"),
        // Its probability is another one in each block.
        Op::StochasticDepth { .. } => "stochastic depth".to_owned(),
        Op::Flatten => "flatten".to_owned(),
    };
    (operation, None)
}

/// `3×3/2 depthwise conv`.
fn convolution(conv: &Conv2d) -> String {
    let groups = match conv.groups {
        1 => String::new(),
        _ if conv.is_depthwise() => " depthwise".to_owned(),
        groups => format!(" {groups}-group"),
    };
    let dilation = match conv.dilation {
        1 => String::new(),
        dilation => format!(" {dilation}-dilated"),
    };
    format!("{}{}{dilation}{groups} conv", conv.kernel_size, step(conv.stride))
}

/// `/2`, or nothing for a stride of 1.
fn step(stride: usize) -> String {
    match stride {
        1 => String::new(),
        stride => format!("/{stride}"),
    }
}

fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

#[cfg(test)]
mod tests {
    use crate::{ArchitectureOptions, Conv2d, GraphBuilder, ImageSize, architecture, architecture_names};

    #[test]
    fn every_architecture_has_its_nodes_with_shapes_and_its_edges() {
        let mut count = 0;
        for name in architecture_names() {
            let graph = architecture(name, ArchitectureOptions::default()).unwrap();
            let size = ImageSize::square(299);
            let (dot, shapes) = (graph.to_dot(size).unwrap(), graph.shapes(size).unwrap());
            let edges: usize = graph.nodes().iter().map(|node| node.inputs.len()).sum();
            assert_eq!(dot.matches(" -> ").count(), edges, "{name}");
            let labels: Vec<&str> = dot.lines().filter(|line| line.contains("[label=")).collect();
            assert_eq!(labels.len(), graph.nodes().len(), "{name}");
            for ((label, node), shape) in labels.iter().zip(graph.nodes()).zip(shapes) {
                assert!(label.contains(&format!("[label=\"{}\\n", node.name)), "{label}");
                assert!(label.ends_with(&format!("\\n{shape}\"];")), "{label}");
            }
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn names_cannot_end_their_quotes_and_unusual_attributes_are_told() {
        let mut builder = GraphBuilder::new("a\"b", 4).unwrap();
        let conv = Conv2d {
            dilation: 2,
            groups: 2,
            ..Conv2d::new(4, 8, 3)
        };
        let output = builder.conv2d("c\\\n\"", builder.input(), conv).unwrap();
        let dot = builder
            .build(output)
            .unwrap()
            .to_dot(ImageSize::square(9))
            .unwrap();
        assert!(dot.starts_with("digraph \"a\\\"b\" {"), "{dot}");
        let label = r#"[label="c\\\n\"\n3×3 2-dilated 2-group conv, 8\n8×5×5"];"#;
        assert!(dot.contains(label), "{dot}");
    }
}
