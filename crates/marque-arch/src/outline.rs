//! What a drawing shows of a network: stages, in them runs of equal blocks, and the kinds that these are of.

pub(crate) mod blocks;
pub(crate) mod kinds;
pub(crate) mod steps;

use crate::{Error, Graph, ImageSize, Shape, Summary};
use blocks::{Group, Role, groups, parent};
use kinds::{Kind, Kinds};
use steps::{Step, steps};

/// A network at the level of stages.
#[derive(Debug)]
pub(crate) struct Outline {
    pub image: Shape,
    pub stages: Vec<Stage>,
    /// What is inside the blocks.
    pub kinds: Vec<Kind>,
}

/// Neighbouring parts of one resolution.
#[derive(Debug)]
pub(crate) struct Stage {
    pub place: Place,
    pub runs: Vec<Run>,
    pub trained_parameters: u64,
    pub multiply_adds: u64,
}

/// Where in the network a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On feature maps, with the distance in pixels between neighbouring values, down and across.
    Maps { jump: (i64, i64), size: ImageSize },
    /// Behind the feature maps.
    Head,
    /// Beside the way to the output.
    Beside(Role),
}

impl Place {
    fn continues(self, other: Place) -> bool {
        match (self, other) {
            (Place::Maps { jump, .. }, Place::Maps { jump: other, .. }) => jump == other,
            _ => self == other,
        }
    }
}

/// One box: a layer or a block, as often as it comes in a row.
#[derive(Debug)]
pub(crate) struct Run {
    pub content: Content,
    pub count: usize,
    /// Paths of the first and the last, `layer1.0–2`.
    pub names: String,
    /// Of the last.
    pub output: Shape,
    paths: Vec<String>,
    sources: Vec<String>,
}

/// What a box stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// What the step says.
    Layer(Step),
    /// A block of the kind at this position.
    Block(usize),
}

/// A layer or block on its way into a stage.
struct Item {
    content: Content,
    nodes: Vec<usize>,
    place: Place,
    path: String,
    source: Option<String>,
}

impl Outline {
    /// Finds stages, blocks and kinds for an input of `size`.
    ///
    /// # Errors
    /// As [`Graph::summary`].
    pub(crate) fn new(graph: &Graph, summary: &Summary) -> Result<Self, Error> {
        let shapes = graph.shapes(summary.size)?;
        let sights = graph.sights_without_factors(&shapes)?;
        let place = |node: usize, role: Role| match (role, sights[node], shapes[node]) {
            (Role::Auxiliary | Role::Unused, ..) => Place::Beside(role),
            (_, Some((sight, _)), Shape::Map { size, .. }) => Place::Maps {
                jump: sight.jump(),
                size,
            },
            _ => Place::Head,
        };
        let (mut kinds, mut stages) = (Kinds::default(), Vec::new());
        for group in groups(graph) {
            let items: Vec<Item> = match group.role {
                Role::Layers => layers(graph, &group, |node| place(node, group.role)),
                _ => vec![Item {
                    content: Content::Block(kinds.position(graph, &group, (&shapes, &sights))),
                    place: place(group.nodes.last().copied().unwrap_or(0), group.role),
                    path: block_path(graph, &group),
                    source: source(graph, &group),
                    nodes: group.nodes,
                }],
            };
            for item in items {
                let output = shapes[item.nodes.last().copied().unwrap_or(0)];
                add(&mut stages, item, output, summary);
            }
        }
        for run in stages.iter_mut().flat_map(|stage: &mut Stage| &mut stage.runs) {
            run.names = run.name();
        }
        Ok(Self {
            image: shapes[0],
            stages,
            kinds: kinds.finish(),
        })
    }
}

fn layers(graph: &Graph, group: &Group, place: impl Fn(usize) -> Place) -> Vec<Item> {
    let item = |step: Step| Item {
        place: place(step.nodes.last().copied().unwrap_or(0)),
        path: step
            .nodes
            .first()
            .map_or_else(String::new, |&node| graph.nodes()[node].name.clone()),
        source: None,
        nodes: step.nodes.clone(),
        content: Content::Layer(step),
    };
    steps(graph, &group.nodes).into_iter().map(item).collect()
}

/// The path of a block, or the name of its last node where it has none.
fn block_path(graph: &Graph, group: &Group) -> String {
    match group.nodes.last() {
        Some(&last) if group.path.is_empty() => graph.nodes()[last].name.clone(),
        _ => group.path.clone(),
    }
}

/// Where a group beside the way to the output hangs.
fn source(graph: &Graph, group: &Group) -> Option<String> {
    let first = *group.nodes.first()?;
    let input = graph.nodes()[first].inputs.first()?;
    let name = &graph.nodes()[input.index()].name;
    let path = match parent(name) {
        "" => name,
        path => path,
    };
    matches!(group.role, Role::Auxiliary | Role::Unused).then(|| path.to_owned())
}

/// Puts an item into the last stage, or a new one, and there into the last run, or a new one.
fn add(stages: &mut Vec<Stage>, item: Item, output: Shape, summary: &Summary) {
    let fits = stages
        .last()
        .is_some_and(|stage| stage.place.continues(item.place));
    if !fits {
        stages.push(Stage {
            place: item.place,
            runs: Vec::new(),
            trained_parameters: 0,
            multiply_adds: 0,
        });
    }
    let Some(stage) = stages.last_mut() else {
        return;
    };
    stage.place = item.place;
    for &node in &item.nodes {
        let row = &summary.rows()[node];
        stage.trained_parameters = stage.trained_parameters.saturating_add(row.trained_parameters);
        stage.multiply_adds = stage.multiply_adds.saturating_add(row.multiply_adds);
    }
    match stage.runs.last_mut() {
        Some(run) if run.content.equals(&item.content) => {
            run.count += 1;
            run.output = output;
            run.paths.push(item.path);
            run.sources.extend(item.source);
        }
        _ => stage.runs.push(Run {
            content: item.content,
            count: 1,
            names: String::new(),
            output,
            paths: vec![item.path],
            sources: item.source.into_iter().collect(),
        }),
    }
}

impl Content {
    /// Whether both are drawn alike.
    fn equals(&self, other: &Content) -> bool {
        match (self, other) {
            (Content::Block(kind), Content::Block(other)) => kind == other,
            (Content::Layer(step), Content::Layer(other)) => {
                let shown = |step: &Step| {
                    (
                        step.before.clone(),
                        step.operation.clone(),
                        step.width,
                        step.after.clone(),
                    )
                };
                shown(step) == shown(other)
            }
            _ => false,
        }
    }
}

impl Run {
    fn name(&self) -> String {
        let mut name = match (self.paths.first(), self.paths.last()) {
            (Some(first), Some(last)) => range(first, last),
            _ => String::new(),
        };
        if !self.sources.is_empty() {
            name += " from ";
            name += &self.sources.join(", ");
        }
        name
    }
}

/// `layer1.0–2` for `layer1.0` and `layer1.2`; numbers stay whole.
fn range(first: &str, last: &str) -> String {
    if first == last {
        return first.to_owned();
    }
    let shared = first.chars().zip(last.chars()).take_while(|(a, b)| a == b);
    let shared: String = shared.map(|(a, _)| a).collect();
    let rests = [&first[shared.len()..], &last[shared.len()..]];
    let splits_number = rests
        .iter()
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let kept = match splits_number {
        true => shared.trim_end_matches(|c: char| c.is_ascii_digit()),
        false => &shared,
    };
    format!("{first}–{}", &last[kept.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArchitectureOptions, Conv2d, GraphBuilder, Head, architecture, architecture_names};

    fn outline(name: &str, side: usize) -> (Outline, Summary) {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let summary = graph.summary(ImageSize::square(side)).unwrap();
        (Outline::new(&graph, &summary).unwrap(), summary)
    }

    /// By stage, the runs as the kind's letter, or `.` for a layer, and their count.
    fn plan(name: &str, side: usize) -> String {
        let (outline, _) = outline(name, side);
        let run = |run: &Run| match run.content {
            Content::Layer(_) => format!(".{}", run.count),
            Content::Block(kind) => format!("{}{}", char::from(b'A' + kind as u8), run.count),
        };
        let stage = |stage: &Stage| stage.runs.iter().map(run).collect::<Vec<_>>().join(" ");
        outline.stages.iter().map(stage).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn repeated_blocks_are_one_run_in_their_stage() {
        for (name, side, expected) in [
            ("resnet34", 224, ".1 | .1 A3 | B1 A3 | B1 A5 | B1 A2 | .1 .1"),
            (
                "resnet34-subject",
                224,
                ".1 | .1 A3 | B1 A3 | B1 A5 | B1 A2 | .1 .1",
            ),
            ("plain34", 224, ".1 | .1 A3 | B1 A3 | B1 A5 | B1 A2 | .1 .1"),
            ("resnet50", 224, ".1 | .1 A1 B2 | C1 B3 | C1 B5 | C1 B2 | .1 .1"),
            (
                "densenet121",
                224,
                ".1 | .1 A6 | B1 A12 | B1 A24 | B1 A16 .1 | .1 .1",
            ),
            ("xception", 299, ".1 .1 | A1 | B1 | B1 C8 | B1 .1 .1 | .1 .1"),
            ("googlenet", 224, ".1 | .1 .1 .1 | .1 A2 | .1 A5 | .1 A2 | .1 .1"),
            (
                "googlenet-aux",
                224,
                ".1 | .1 .1 .1 | .1 A2 | .1 A5 | .1 A2 | .1 .1 | B2",
            ),
            (
                "inception_v3",
                299,
                ".1 .1 .1 | .1 .1 .1 | .1 A3 | B1 C4 | D1 E2 | .1 .1",
            ),
            (
                "vgg19_bn",
                224,
                ".2 | .1 .2 | .1 .4 | .1 .4 | .1 .4 | .1 | .1 .2 .1",
            ),
            // Factors that see the whole image do not make a head of what they multiply.
            ("regnet_y_400mf", 224, ".1 | A1 | B1 C2 | D1 E5 | F1 G5 | .1 .1"),
        ] {
            assert_eq!(plan(name, side), expected, "{name}");
        }
    }

    #[test]
    fn stages_have_what_the_summary_has_in_all() {
        let mut count = 0;
        for name in architecture_names() {
            let (outline, summary) = outline(name, 299);
            let parameters: u64 = outline.stages.iter().map(|stage| stage.trained_parameters).sum();
            let multiply_adds: u64 = outline.stages.iter().map(|stage| stage.multiply_adds).sum();
            assert_eq!(parameters, summary.trained_parameters(), "{name}");
            assert_eq!(multiply_adds, summary.multiply_adds(), "{name}");
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn kinds_say_what_they_are_and_which_channels_they_have() {
        let said = |name: &str| {
            let (outline, _) = outline(name, 299);
            let kinds = outline.kinds.iter();
            kinds
                .map(|kind| (kind.title.clone(), kind.count(), kind.widths.join(" ")))
                .collect::<Vec<_>>()
        };
        let expected = |kinds: &[(&str, usize, &str)]| {
            let kinds = kinds.iter();
            kinds
                .map(|&(title, count, widths)| (title.to_owned(), count, widths.to_owned()))
                .collect::<Vec<_>>()
        };
        let resnet50 = [
            ("residual block, projection", 1, "64 64 256 256  "),
            ("residual block", 12, "c/4 c/4 c  "),
            ("residual block, projection", 3, "c/4 c/4 c c  "),
        ];
        assert_eq!(said("resnet50"), expected(&resnet50));
        let densenet = [("dense layer", 58, "128 32 "), ("transition", 3, "c ")];
        assert_eq!(said("densenet121"), expected(&densenet));
        assert_eq!(said("resnet34-a")[1].0, "residual block, padded");
        assert_eq!(said("plain34")[0].0, "plain block");
        assert_eq!(said("googlenet-aux")[1].0, "auxiliary head");
        let googlenet = &said("googlenet")[0];
        assert_eq!(googlenet.0, "module of 4 branches");
        assert_eq!(googlenet.2, "64–384 96–192 128–384 16–48 32–128  32–128 ");
    }

    #[test]
    fn runs_are_named_after_their_first_and_last_block() {
        assert_eq!(range("layer1.0", "layer1.2"), "layer1.0–2");
        assert_eq!(range("block4", "block11"), "block4–11");
        assert_eq!(range("a.layer1", "a.layer12"), "a.layer1–12");
        assert_eq!(range("a.layer9", "a.layer10"), "a.layer9–10");
        assert_eq!(range("inception3a", "inception3b"), "inception3a–b");
        assert_eq!(range("é1", "è2"), "é1–è2");
        let (outline, _) = outline("googlenet-aux", 224);
        let side = outline.stages.last().unwrap();
        assert_eq!(side.runs[0].names, "aux1–2 from inception4a, inception4d");
    }

    #[test]
    fn another_head_and_a_graph_without_paths_have_an_outline_too() {
        let options = ArchitectureOptions {
            head: Head::Subject,
            num_classes: 7,
            ..Default::default()
        };
        let graph = architecture("densenet121", options).unwrap();
        let summary = graph.summary(ImageSize::square(64)).unwrap();
        let head = Outline::new(&graph, &summary).unwrap().stages.pop().unwrap();
        let line = |run: Run| match run.content {
            Content::Layer(step) => step.line(&format!("{:?}", step.width)),
            Content::Block(_) => "block".to_owned(),
        };
        let lines: Vec<String> = head.runs.into_iter().map(line).collect();
        assert_eq!(lines[1], "linear, Some(512) · ReLU · dropout 0.1");
        assert_eq!(lines.len(), 4);

        let mut builder = GraphBuilder::new("net", 3).unwrap();
        let first = builder
            .conv2d("a", builder.input(), Conv2d::new(3, 8, 1))
            .unwrap();
        let side = builder.relu("b", first).unwrap();
        let sum = builder.sum("c", first, side).unwrap();
        let graph = builder.build(sum).unwrap();
        let summary = graph.summary(ImageSize::square(1)).unwrap();
        let outline = Outline::new(&graph, &summary).unwrap();
        assert_eq!(outline.stages[0].runs[1].names, "c");
        assert_eq!(outline.kinds[0].title, "residual block");
    }
}
