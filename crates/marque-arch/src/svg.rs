//! The network as a picture: one box per convolution with the batch norm and rectifier that follow it, the
//! longest path from image to logits as a straight column, everything that leaves it beside, frames around
//! the nodes of one block.

use crate::dot::describe;
use crate::{Error, Graph, ImageSize, Op, Shape};
use std::fmt::Write;

const BOX_WIDTH: f64 = 220.0;
const BOX_HEIGHT: f64 = 34.0;
const PITCH: f64 = 56.0;
const MAIN_X: f64 = 110.0;
const SIDE_X: f64 = 380.0;
const BYPASS_X: f64 = 350.0;
const TOP: f64 = 64.0;
const PICTURE_WIDTH: f64 = 780.0;

impl Graph {
    /// A drawing for an input of `size`, as a stand-alone SVG that follows the reader's light or dark scheme.
    ///
    /// # Errors
    /// As [`Graph::shapes`].
    pub fn to_svg(&self, size: ImageSize) -> Result<String, Error> {
        let summary = self.summary(size)?;
        let units = units(self, &self.shapes(size)?);
        let bottom = units.iter().map(Unit::y).fold(0.0, f64::max);
        let height = bottom + BOX_HEIGHT + 28.0;
        let title = format!(
            "{}: input {size}, {:.2} M parameters, {:.2} G multiply-adds",
            self.name,
            summary.trained_parameters() as f64 / 1e6,
            summary.multiply_adds() as f64 / 1e9,
        );
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {PICTURE_WIDTH} {height}\" role=\"img\" \
             class=\"marque-network\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{0}</title>\n{STYLE}\
             <text class=\"ink\" x=\"{MAIN_X}\" y=\"32\" font-size=\"16\" font-weight=\"600\">{0}</text>\n",
            escaped(&title),
        );
        draw_frames(&mut svg, &units);
        for unit in &units {
            for &input in &unit.inputs {
                draw_edge(&mut svg, &units[input], unit);
            }
        }
        for unit in &units {
            draw_box(&mut svg, unit);
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }
}

const STYLE: &str = "<style>
.marque-network .ink { fill: #1d2733 } .marque-network .soft { fill: #5b6b7c }
.marque-network .frame { fill: #8894a31f } .marque-network .edge { fill: none; stroke: #7b8794; stroke-width: 1.5 }
.marque-network .node { fill: #ffffff; stroke: #7b8794 } .marque-network .conv { stroke: #2a6fb0; fill: #eaf3fb }
.marque-network .sum { stroke: #b3590a; fill: #fdf1e4 }
@media (prefers-color-scheme: dark) {
.marque-network .ink { fill: #e7edf3 } .marque-network .soft { fill: #a3b1bf }
.marque-network .node { fill: #1d2733 } .marque-network .conv { fill: #17304a; stroke: #6aa9e0 }
.marque-network .sum { fill: #3d2710; stroke: #eda45c } }
</style>\n";

/// An operation with the batch norms and rectifiers fused into its box.
struct Unit {
    name: String,
    label: String,
    shape: Shape,
    class: &'static str,
    inputs: Vec<usize>,
    rank: usize,
    on_main_path: bool,
}

impl Unit {
    fn x(&self) -> f64 {
        if self.on_main_path { MAIN_X } else { SIDE_X }
    }

    fn y(&self) -> f64 {
        TOP + self.rank as f64 * PITCH
    }

    /// `layer1.0` of `layer1.0.conv1`: the block that a frame encloses.
    fn block(&self) -> Option<&str> {
        let mut dots = self.name.match_indices('.');
        dots.next()?;
        dots.next().map(|(second, _)| &self.name[..second])
    }
}

fn units(graph: &Graph, shapes: &[Shape]) -> Vec<Unit> {
    let readers = graph.reader_counts();
    let mut units: Vec<Unit> = Vec::new();
    let mut unit_of = vec![0; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        let source = node.inputs.first().map(|input| input.index());
        let fuses = matches!(node.op, Op::BatchNorm2d(_) | Op::Relu | Op::Flatten);
        if let Some(source) = source.filter(|&source| fuses && readers[source] == 1) {
            let unit = unit_of[source];
            unit_of[index] = unit;
            if !matches!(node.op, Op::Flatten) {
                units[unit].label += &format!(" · {}", describe(&node.op));
            }
            units[unit].shape = shapes[index];
            continue;
        }
        let inputs: Vec<usize> = node.inputs.iter().map(|input| unit_of[input.index()]).collect();
        let rank = inputs
            .iter()
            .map(|&input| units[input].rank + 1)
            .max()
            .unwrap_or(0);
        let class = match node.op {
            Op::Conv2d(_) | Op::Linear(_) => "conv",
            Op::Add => "sum",
            _ => "node",
        };
        unit_of[index] = units.len();
        units.push(Unit {
            name: node.name.clone(),
            label: describe(&node.op),
            shape: shapes[index],
            class,
            inputs,
            rank,
            on_main_path: false,
        });
    }
    mark_main_path(&mut units, unit_of[graph.output().index()]);
    units
}

/// Walks back from the output along the input that lies deepest.
fn mark_main_path(units: &mut [Unit], output: usize) {
    let mut unit = Some(output);
    while let Some(index) = unit {
        units[index].on_main_path = true;
        unit = units[index]
            .inputs
            .iter()
            .copied()
            .max_by_key(|&input| units[input].rank);
    }
}

fn draw_frames(svg: &mut String, units: &[Unit]) {
    let mut first = 0;
    while first < units.len() {
        let block = units[first].block();
        let count = units[first..]
            .iter()
            .take_while(|unit| unit.block() == block)
            .count();
        if let Some(block) = block {
            let members = &units[first..first + count];
            let top = members.iter().map(Unit::y).fold(f64::INFINITY, f64::min) - 9.0;
            let bottom = members.iter().map(Unit::y).fold(0.0, f64::max) + BOX_HEIGHT + 9.0;
            let width = PICTURE_WIDTH - 30.0;
            let _ = writeln!(
                svg,
                "<rect class=\"frame\" x=\"15\" y=\"{top}\" width=\"{width}\" height=\"{}\" rx=\"8\"/>\
                 <text class=\"soft\" x=\"26\" y=\"{}\">{}</text>",
                bottom - top,
                top + 20.0,
                escaped(block),
            );
        }
        first += count;
    }
}

fn draw_edge(svg: &mut String, from: &Unit, to: &Unit) {
    let (start_x, start_y) = (from.x() + BOX_WIDTH / 2.0, from.y() + BOX_HEIGHT);
    let (end_x, end_y) = (to.x() + BOX_WIDTH / 2.0, to.y());
    let path = if from.on_main_path && to.on_main_path && to.rank > from.rank + 1 {
        // A shortcut: out of the side of the box, past the blocks between, into the side of the sum.
        let (out_y, in_y) = (from.y() + BOX_HEIGHT / 2.0, to.y() + BOX_HEIGHT / 2.0);
        let side = MAIN_X + BOX_WIDTH;
        format!(
            "M{side} {out_y} C{BYPASS_X} {out_y} {BYPASS_X} {out_y} {BYPASS_X} {} V{} C{BYPASS_X} {in_y} {BYPASS_X} {in_y} {side} {in_y}",
            out_y + 18.0,
            in_y - 18.0
        )
    } else if from.x() == to.x() {
        format!("M{start_x} {start_y} V{end_y}")
    } else if to.on_main_path {
        // Back from the side: straight down, then into the side of the box.
        let (in_y, side) = (to.y() + BOX_HEIGHT / 2.0, MAIN_X + BOX_WIDTH);
        format!(
            "M{start_x} {start_y} V{} Q{start_x} {in_y} {} {in_y} H{side}",
            in_y - 12.0,
            start_x - 12.0
        )
    } else {
        let middle = (start_y + end_y) / 2.0;
        format!("M{start_x} {start_y} C{start_x} {middle} {end_x} {middle} {end_x} {end_y}")
    };
    let _ = writeln!(svg, "<path class=\"edge\" d=\"{path}\"/>");
}

fn draw_box(svg: &mut String, unit: &Unit) {
    let (x, y) = (unit.x(), unit.y());
    let (middle, edge) = (y + BOX_HEIGHT / 2.0 + 4.5, PICTURE_WIDTH - 26.0);
    let _ = write!(
        svg,
        "<g><title>{} {}</title><rect class=\"node {}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" \
         height=\"{BOX_HEIGHT}\" rx=\"6\"/><text class=\"ink\" x=\"{}\" y=\"{middle}\" \
         text-anchor=\"middle\">{}</text>",
        escaped(&unit.name),
        unit.shape,
        unit.class,
        x + BOX_WIDTH / 2.0,
        escaped(&unit.label),
    );
    // What lies beside the main path has the shape of what it is added to.
    if unit.on_main_path {
        let _ = write!(
            svg,
            "<text class=\"soft\" x=\"{edge}\" y=\"{middle}\" text-anchor=\"end\">{}</text>",
            unit.shape
        );
    }
    svg.push_str("</g>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use crate::{GraphBuilder, ImageSize, ResNet};

    #[test]
    fn every_convolution_of_a_residual_network_has_its_box() {
        let svg = ResNet::resnet34()
            .graph()
            .unwrap()
            .to_svg(ImageSize::square(224))
            .unwrap();
        assert_eq!(svg.matches("conv, ").count(), 36);
        assert_eq!(svg.matches("+ · ReLU").count(), 16);
        assert!(svg.contains(">layer4.2<"));
    }

    #[test]
    fn names_cannot_break_the_markup() {
        let mut builder = GraphBuilder::new("<script>", 3).unwrap();
        let output = builder.relu("a<b&\"c\"", builder.input()).unwrap();
        let svg = builder
            .build(output)
            .unwrap()
            .to_svg(ImageSize::square(8))
            .unwrap();
        assert!(!svg.contains("<script>") && !svg.contains("a<b"));
    }
}
