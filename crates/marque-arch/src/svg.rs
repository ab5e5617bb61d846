//! The network as a picture that a person can read: stages in a column, beside them what is inside their blocks.

mod canvas;
mod column;
mod edges;
mod grid;
mod panel;

use crate::outline::Outline;
use crate::{Error, Graph, ImageSize};
use canvas::{Canvas, Point, escaped, number};
use panel::Panel;

/// Between the parts of the picture and around them, in the units of the viewBox.
const GAP: f64 = 20.0;
/// The panels stand in rows of up to this width, if their height allows no less.
const MAX_PANELS_WIDTH: f64 = 860.0;
/// By how much the panels may reach below the column before they get a wider row.
const SLACK: f64 = 1.12;

impl Graph {
    /// An overview for an input of `size`, as a stand-alone SVG that follows the reader's light or dark scheme.
    ///
    /// A column of boxes leads from the image to the logits, by stages of equal resolution with their output shapes,
    /// parameters and multiply-adds. Blocks that come several times in a row are one box with their count. Beside the
    /// column, what is inside each kind of block is drawn once; blocks are of one kind if they have the same
    /// operations, joined in the same way, whatever their channels. [`to_dot`](Self::to_dot) has every node.
    ///
    /// Blocks are found by where branches meet again and by the paths in the nodes' names, `layer1.0.conv1`; what has
    /// neither is drawn layer by layer.
    ///
    /// ```
    /// use marque_arch::{ImageSize, ResNet};
    ///
    /// let svg = ResNet::resnet34().graph()?.to_svg(ImageSize::square(224))?;
    /// assert!(svg.starts_with("<svg") && svg.contains(">stage 4 · 14×14<"));
    /// # Ok::<(), marque_arch::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Graph::summary`].
    pub fn to_svg(&self, size: ImageSize) -> Result<String, Error> {
        let summary = self.summary(size)?;
        let outline = Outline::new(self, &summary)?;
        let mut canvas = Canvas::default();
        let column = column::draw(&mut canvas, &outline, &summary);
        let panels: Vec<Panel> = (0..outline.kinds.len())
            .map(|kind| Panel::new(&outline, kind))
            .collect();
        let (places, extent) = packed(&panels, column.y);
        let left = column.x + GAP;
        for (panel, place) in panels.iter().zip(places) {
            panel.draw(
                &mut canvas,
                Point {
                    x: left + place.x,
                    y: column::TOP + place.y,
                },
            );
        }
        let width = match panels.is_empty() {
            true => column.x,
            false => left + extent.x + GAP / 2.0,
        };
        let height = column.y.max(column::TOP + extent.y) + GAP / 2.0;
        let title = format!(
            "{}: input {size}, {:.2} M parameters, {:.2} G multiply-adds",
            self.name,
            summary.trained_parameters() as f64 / 1e6,
            summary.multiply_adds() as f64 / 1e9,
        );
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" class=\"marque-network\" \
             font-family=\"system-ui, sans-serif\">\n<title>{}</title>\n{STYLE}{}</svg>\n",
            number(width),
            number(height),
            escaped(&title),
            canvas.into_markup(),
        ))
    }
}

/// Places the panels in rows, as narrow as the height of the column allows: their upper left corners, and the extent of
/// them all.
fn packed(panels: &[Panel], column_height: f64) -> (Vec<Point>, Point) {
    let widest = panels.iter().map(|panel| panel.size.x).fold(0.0, f64::max);
    let mut width = widest;
    loop {
        let (places, extent) = in_rows(panels, width);
        if column::TOP + extent.y <= SLACK * column_height || width >= MAX_PANELS_WIDTH {
            return (places, extent);
        }
        width += GAP;
    }
}

fn in_rows(panels: &[Panel], width: f64) -> (Vec<Point>, Point) {
    let (mut corner, mut row_height) = (Point::default(), 0.0f64);
    let (mut places, mut extent) = (Vec::new(), Point::default());
    for panel in panels {
        if corner.x > 0.0 && corner.x + panel.size.x > width {
            corner = Point {
                x: 0.0,
                y: corner.y + row_height + GAP,
            };
            row_height = 0.0;
        }
        places.push(corner);
        row_height = row_height.max(panel.size.y);
        extent.x = extent.x.max(corner.x + panel.size.x);
        extent.y = extent.y.max(corner.y + panel.size.y);
        corner.x += panel.size.x + GAP;
    }
    (places, extent)
}

const STYLE: &str = "<style>
.marque-network .ink { fill: #1d2733 } .marque-network .soft { fill: #566575 }
.marque-network .frame { fill: #8894a31c } .marque-network .panel { fill: none; stroke: #8894a3; stroke-width: 1 }
.marque-network .edge { fill: none; stroke: #6b7885; stroke-width: 1.4 } .marque-network .tip { fill: #6b7885 }
.marque-network .plain { fill: #ffffff; stroke: #7b8794 } .marque-network .weights { fill: #eaf3fb; stroke: #2a6fb0 }
.marque-network .join { fill: #fdf1e4; stroke: #b3590a } .marque-network .beside { stroke-dasharray: 5 3 }
.marque-network .badge { fill: #ffffff } .marque-network .kind0 { fill: #2a6fb0 }
.marque-network .kind1 { fill: #b3590a } .marque-network .kind2 { fill: #2f7d4f } .marque-network .kind3 { fill: #8a3d8f }
.marque-network .kind4 { fill: #8a6d00 } .marque-network .kind5 { fill: #a63446 }
@media (prefers-color-scheme: dark) {
.marque-network .ink { fill: #e7edf3 } .marque-network .soft { fill: #a3b1bf }
.marque-network .edge { stroke: #98a5b3 } .marque-network .tip { fill: #98a5b3 }
.marque-network .plain { fill: #1d2733 } .marque-network .weights { fill: #17304a; stroke: #6aa9e0 }
.marque-network .join { fill: #3d2710; stroke: #eda45c } .marque-network .badge { fill: #10161d }
.marque-network .kind0 { fill: #6aa9e0 } .marque-network .kind1 { fill: #eda45c } .marque-network .kind2 { fill: #6cc492 }
.marque-network .kind3 { fill: #cf94d4 } .marque-network .kind4 { fill: #d9bf57 } .marque-network .kind5 { fill: #ec8a98 } }
</style>
";

#[cfg(test)]
mod tests {
    use crate::{
        ArchitectureOptions, Conv2d, GraphBuilder, Head, ImageSize, architecture, architecture_names,
    };

    fn drawn(name: &str, side: usize, head: Head) -> String {
        let options = ArchitectureOptions {
            head,
            ..Default::default()
        };
        let graph = architecture(name, options).unwrap();
        graph.to_svg(ImageSize::square(side)).unwrap()
    }

    /// Opening and closing tags match, and no box leaves the picture.
    fn check(svg: &str, name: &str) {
        for tag in ["svg", "g", "title", "style", "text"] {
            let opened = svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, svg.matches(&format!("</{tag}>")).count(), "{name}: {tag}");
        }
        let view = svg
            .split("viewBox=\"0 0 ")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let (width, height) = view.split_once(' ').unwrap();
        let (width, height): (f64, f64) = (width.parse().unwrap(), height.parse().unwrap());
        let mut count = 0;
        for rect in svg.lines().filter(|line| line.starts_with("<rect ")) {
            let value = |key: &str| -> f64 {
                let rest = rect.split(&format!(" {key}=\"")).nth(1).unwrap();
                rest.split('"').next().unwrap().parse().unwrap()
            };
            assert!(
                value("x") >= 0.0 && value("x") + value("width") <= width,
                "{name}: {rect}"
            );
            assert!(
                value("y") >= 0.0 && value("y") + value("height") <= height,
                "{name}: {rect}"
            );
            count += 1;
        }
        assert!(count > 0);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    }

    #[test]
    fn every_architecture_is_drawn_at_the_usual_size_and_the_smallest() {
        for name in architecture_names() {
            let (side, smallest) = match name {
                "inception_v3-aux" => (299, 299),
                "inception_v3" => (224, 75),
                name if name.starts_with("vgg") || name.starts_with("convnext") => (224, 32),
                name if name.starts_with("densenet") => (224, 29),
                name if name.starts_with("googlenet") => (224, 15),
                name if name.starts_with("xception") => (224, 7),
                _ => (224, 1),
            };
            for side in [side, smallest] {
                check(&drawn(name, side, Head::Own), name);
                check(&drawn(name, side, Head::Subject), name);
            }
        }
    }

    #[test]
    fn what_repeats_is_drawn_once() {
        let resnet = drawn("resnet34", 224, Head::Own);
        assert_eq!(resnet.matches(">+<").count(), 2);
        assert_eq!(resnet.matches(">stage ").count(), 5);
        for count in ["×2", "×3", "×5"] {
            assert!(resnet.contains(&format!(">{count}<")), "{count}");
        }
        assert!(resnet.contains(">layer3.1–5<") && resnet.contains(">3.66 G<"));
        let xception = drawn("xception", 299, Head::Own);
        assert_eq!(xception.matches(">×8<").count(), 1);
        assert_eq!(
            xception.matches("ReLU · 3×3 separable conv, 728 · BN<").count(),
            3
        );
        let densenet = drawn("densenet121", 224, Head::Own);
        for count in [6, 12, 24, 16] {
            assert_eq!(densenet.matches(&format!(">×{count}<")).count(), 1);
        }
        assert_eq!(densenet.matches("adds 32 channels").count(), 1);
        assert!(!drawn("vgg19_bn", 224, Head::Own).contains("class=\"panel\""));
    }

    #[test]
    fn names_cannot_break_the_markup() {
        let mut builder = GraphBuilder::new("<script>", 3).unwrap();
        let image = builder.input();
        let conv = builder
            .conv2d("a<b>&\"c\".conv", image, Conv2d::new(3, 3, 1))
            .unwrap();
        let sum = builder.sum("a<b>&\"c\".add\u{1}", image, conv).unwrap();
        let svg = builder.build(sum).unwrap().to_svg(ImageSize::square(8)).unwrap();
        assert!(
            !svg.contains("<script>") && !svg.contains("<b>") && !svg.contains('\u{1}'),
            "{svg}"
        );
        assert!(svg.contains(">a&lt;b&gt;&amp;&quot;c&quot;<"), "{svg}");
        check(&svg, "hostile");
    }

    #[test]
    fn a_tangle_without_paths_and_with_long_names_is_drawn() {
        let mut builder = GraphBuilder::new("n".repeat(300), 4).unwrap();
        let mut maps = vec![builder.input()];
        for index in 0..12 {
            let name = format!("{}{index}", "long".repeat(20));
            let (last, other) = (maps[maps.len() - 1], maps[maps.len() / 2]);
            let conv = builder
                .conv2d(format!("{name}c"), last, Conv2d::new(4, 4, 1))
                .unwrap();
            let sum = builder.sum(name, conv, other).unwrap();
            maps.extend([conv, sum]);
        }
        let last = maps[maps.len() - 1];
        let graph = builder.build(last).unwrap();
        check(
            &graph
                .to_svg(ImageSize {
                    height: 3,
                    width: 1000,
                })
                .unwrap(),
            "tangle",
        );
    }
}
