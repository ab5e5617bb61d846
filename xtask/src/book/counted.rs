//! What the book shows of the networks and can be counted again on any machine: drawings, and tables between marks such as
//! `<!-- modules resnet34 224 -->` and `<!-- end -->`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use marque_arch::{ArchitectureOptions, Graph, ImageSize, Op, Summary, architecture};

use super::measured;

/// The networks that are drawn in `docs/drawings`, and the side of their input in pixels.
const DRAWINGS: [(&str, usize); 13] = [
    ("resnet34", 224),
    ("resnet34-subject", 224),
    ("resnet50", 224),
    ("densenet121", 224),
    ("xception", 299),
    ("googlenet", 224),
    ("inception_v3", 299),
    ("vgg19", 224),
    ("mobilenet_v2", 224),
    ("tf_efficientnet_lite0", 224),
    ("mobilenet_v3_large", 224),
    ("efficientnet_b0", 224),
    ("convnext_tiny", 224),
];
const END: &str = "<!-- end -->";
/// The classes of the car photos.
const CAR_TYPES: usize = 7;

/// A file of the book as it should be.
pub(super) struct Page {
    pub(super) path: PathBuf,
    pub(super) content: String,
}

/// All files that hold something counted, as the code has it now.
pub(super) fn pages(root: &Path) -> Result<Vec<Page>> {
    let docs = root.join("docs");
    let mut pages = Vec::new();
    for (name, side) in DRAWINGS {
        pages.push(Page {
            path: docs.join(format!("drawings/{name}.svg")),
            content: graph(name, 1000)?.to_svg(ImageSize::square(side))?,
        });
    }
    for entry in docs.read_dir().context("docs cannot be listed")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path)?;
            let content = renewed(&text, &docs).with_context(|| format!("in {}", path.display()))?;
            if text.contains(END) {
                pages.push(Page { path, content });
            }
        }
    }
    Ok(pages)
}

/// The page with new tables between its marks.
fn renewed(text: &str, docs: &Path) -> Result<String> {
    let mut renewed = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        renewed.push_str(line);
        renewed.push('\n');
        let Some(order) = order(line) else { continue };
        renewed.push('\n');
        renewed.push_str(&table(&order, docs).with_context(|| format!("for {line}"))?);
        renewed.push('\n');
        if !lines.by_ref().any(|line| line == END) {
            bail!("no {END} follows {line}");
        }
        renewed.push_str(END);
        renewed.push('\n');
    }
    Ok(renewed)
}

/// The words of a mark that asks for a table.
fn order(line: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = line
        .strip_prefix("<!-- ")?
        .strip_suffix(" -->")?
        .split(' ')
        .collect();
    (words != ["end"]).then_some(words)
}

fn table(order: &[&str], docs: &Path) -> Result<String> {
    match *order {
        ["modules", name, side] => Ok(summary(name, 1000, side.parse()?)?.modules().to_string()),
        ["costs", ref names @ ..] => costs(names),
        ["compared", ref names @ ..] => compared(names),
        ["runs", file] => measured::runs(&docs.join(file)),
        ["reached", file] => measured::reached(&docs.join(file)),
        ["pairs", file] => measured::pairs(&docs.join(file)),
        ["classes", file] => measured::classes(&docs.join(file)),
        _ => bail!("there is no such table"),
    }
}

fn graph(name: &str, num_classes: usize) -> Result<Graph> {
    Ok(architecture(
        name,
        ArchitectureOptions {
            num_classes,
            ..Default::default()
        },
    )?)
}

fn summary(name: &str, num_classes: usize, side: usize) -> Result<Summary> {
    Ok(graph(name, num_classes)?.summary(ImageSize::square(side))?)
}

/// Costs for 1000 classes; an entry is a name, or a name and a side as `xception@299`.
fn costs(entries: &[&str]) -> Result<String> {
    let mut table = "| name | input | parameters | multiply-adds | activations | field |\n\
                     | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for entry in entries {
        let (name, side) = entry.split_once('@').unwrap_or((entry, "224"));
        let summary = summary(name, 1000, side.parse()?)?;
        table += &format!("| `{name}` | {side} | {} |\n", numbers(&summary));
    }
    Ok(table)
}

/// Costs of networks for the same task, with the layers on their longest way.
fn compared(entries: &[&str]) -> Result<String> {
    let mut table =
        "| | layers with weights | parameters | multiply-adds | feature maps of one image | field |\n\
                     | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for name in entries {
        let graph = graph(name, CAR_TYPES)?;
        let summary = graph.summary(ImageSize::square(224))?;
        table += &format!("| `{name}` | {} | {} |\n", depth(&graph), numbers(&summary));
    }
    Ok(table)
}

fn numbers(summary: &Summary) -> String {
    let field = summary
        .receptive_field()
        .map_or("all".to_owned(), |field| field.height.to_string());
    format!(
        "{} | {:.3} G | {:.0} MB | {field}",
        grouped(summary.trained_parameters()),
        summary.multiply_adds() as f64 / 1e9,
        summary.activation_bytes() as f64 / 1e6,
    )
}

/// Convolutions and fully connected layers on the longest way from the image to the logits. A separable convolution counts
/// once: its part by channels does not.
fn depth(graph: &Graph) -> usize {
    let mut depths: Vec<usize> = Vec::new();
    for node in graph.nodes() {
        let before = node.inputs.iter().map(|input| depths[input.index()]).max();
        let counts = match &node.op {
            Op::Conv2d(conv) => !conv.is_depthwise(),
            Op::Linear(_) => true,
            Op::Input { .. }
            | Op::BatchNorm2d(_)
            | Op::LayerNorm2d(_)
            | Op::LayerScale(_)
            | Op::Relu
            | Op::Relu6
            | Op::Sigmoid
            | Op::Silu
            | Op::HardSwish
            | Op::HardSigmoid
            | Op::Gelu
            | Op::MaxPool2d(_)
            | Op::AvgPool2d(_)
            | Op::GlobalAvgPool2d
            | Op::AdaptiveAvgPool2d(_)
            | Op::Add
            | Op::Multiply
            | Op::Concat
            | Op::Subsample { .. }
            | Op::PadChannels { .. }
            | Op::Dropout { .. }
            | Op::StochasticDepth { .. }
            | Op::Flatten => false,
        };
        depths.push(before.unwrap_or(0) + usize::from(counts));
    }
    depths.get(graph.output().index()).copied().unwrap_or(0)
}

/// `11689512` as `11,689,512`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups.filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_put_between_its_marks_and_nothing_else_changes() {
        let page = "before\n<!-- compared vgg19 -->\nold\n<!-- end -->\nafter\n";
        let renewed = renewed(page, Path::new("docs")).unwrap();
        assert!(
            renewed.starts_with("before\n<!-- compared vgg19 -->\n\n| | layers"),
            "{renewed}"
        );
        assert!(
            renewed.contains("\n| `vgg19` | 19 | 139,598,919 | 19.628 G | 126 MB | 268 |\n"),
            "{renewed}"
        );
        assert!(
            renewed.ends_with("|\n\n<!-- end -->\nafter\n") && !renewed.contains("old"),
            "{renewed}"
        );
        assert_eq!(super::renewed(&renewed, Path::new("docs")).unwrap(), renewed);
    }

    #[test]
    fn marks_that_cannot_be_served_are_errors() {
        for page in [
            "<!-- modules resnet34 224 -->\nno end\n",
            "<!-- modules resnet35 224 -->\n<!-- end -->\n",
            "<!-- modules resnet34 many -->\n<!-- end -->\n",
            "<!-- sums -->\n<!-- end -->\n",
        ] {
            assert!(renewed(page, Path::new("docs")).is_err(), "{page}");
        }
    }

    #[test]
    fn layers_are_counted_as_the_papers_count_them() {
        let names = [
            ("resnet50", 50),
            ("densenet121", 121),
            ("googlenet", 22),
            ("vgg16", 16),
        ];
        for (name, layers) in names {
            assert_eq!(depth(&graph(name, 1000).unwrap()), layers, "{name}");
        }
    }
}
