use crate::{Error, Graph, ImageSize, Op};
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

/// The operation with the attributes that a drawing shows: `Conv2d 3×3/2, 64`.
pub(crate) fn describe(op: &Op) -> String {
    let stride = |stride: usize| {
        if stride == 1 {
            String::new()
        } else {
            format!("/{stride}")
        }
    };
    match op {
        Op::Conv2d(conv) => {
            let groups = if conv.groups == 1 {
                String::new()
            } else if conv.groups == conv.in_channels && conv.groups == conv.out_channels {
                " depthwise".to_owned()
            } else {
                format!(" {} groups", conv.groups)
            };
            format!(
                "{}{}{groups} conv, {}",
                conv.kernel_size,
                stride(conv.stride),
                conv.out_channels
            )
        }
        Op::MaxPool2d(pool) => format!("{0}×{0}{1} max pool", pool.kernel_size, stride(pool.stride)),
        Op::AvgPool2d(pool) => format!("{0}×{0}{1} average pool", pool.kernel_size, stride(pool.stride)),
        Op::Linear(linear) => format!("linear, {}", linear.out_features),
        Op::Input { .. } => "image".to_owned(),
        Op::BatchNorm2d(_) => "BN".to_owned(),
        Op::Relu => "ReLU".to_owned(),
        Op::Sigmoid => "sigmoid".to_owned(),
        Op::GlobalAvgPool2d => "global average pool".to_owned(),
        Op::AdaptiveAvgPool2d(size) => format!("average pool to {size}"),
        Op::Add => "+".to_owned(),
        Op::Concat => "concat".to_owned(),
        Op::Subsample { stride } => format!("every {stride}. pixel"),
        Op::PadChannels { channels } => format!("{channels} channels of zeros"),
        Op::Dropout { p } => format!("dropout {p}"),
        Op::Flatten => "flatten".to_owned(),
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
