//! Accuracy against what a network costs.

use super::Entry;
use crate::Scale;
use crate::chart::axis::Axis;
use crate::chart::curves::steps_upward;
use crate::chart::font::{Weight, shorten};
use crate::chart::names::SPARE;
use crate::chart::plot::{NAME, Plot, TEXT, heading, widest, with_room};
use crate::chart::svg::{Anchor, MARGIN, Node, Point, Svg, Text, line};
use crate::chart::theme::Role;
use crate::number::{Unit, grouped, value_text};

const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 420.0;
/// Half the width of the ends of an error bar, in pixels.
const CAP: f32 = 5.0;
/// What a line of text takes above and below its base, in pixels.
const ASCENT: f32 = 13.0;
const DESCENT: f32 = 4.0;
/// From the middle of a mark to its name, to the edge of its dot, and down to the base of text at its height.
const GAP: f32 = 12.0;
const DOT: f32 = 6.0;
const BELOW: f32 = 5.0;

/// One run that has a cost.
struct Mark<'a> {
    name: &'a str,
    series: u8,
    cost: u64,
    accuracy: f64,
    /// The ends of the interval.
    ends: (f64, f64),
}

/// The accuracy of each run, with its interval, against its cost; `what` is `parameters` or `multiply-adds`. Runs
/// without a cost are not shown.
pub(super) fn draw(entries: &[Entry<'_>], what: &str, axis: &str) -> Svg {
    let marks: Vec<Mark<'_>> = entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| {
            let (cost, accuracy) = (entry.run.details.cost?, entry.run.metrics.accuracy);
            let interval = entry.accuracy.as_ref();
            Some(Mark {
                name: &entry.name,
                series: (index % 8) as u8,
                cost: if what == "parameters" {
                    cost.parameters
                } else {
                    cost.multiply_adds
                },
                accuracy,
                ends: interval.map_or((accuracy, accuracy), |interval| (interval.lower, interval.upper)),
            })
        })
        .collect();
    let title = format!("Accuracy against {what}");
    let plot = plot(&marks);
    let mut nodes = vec![heading(&title, WIDTH)];
    plot.draw_left_name("Test accuracy", &mut nodes);
    for tick in &plot.y.ticks {
        let y = plot.upward(tick);
        nodes.push(line((plot.left, y), (plot.right, y), Role::Grid));
        nodes.push(plot.left_label(tick));
    }
    nodes.push(line(
        (plot.left, plot.bottom),
        (plot.right, plot.bottom),
        Role::Axis,
    ));
    plot.draw_lower_labels(axis, &mut nodes);
    for mark in &marks {
        draw_mark(mark, &plot, &mut nodes);
    }
    nodes.extend(names(&marks, &plot).into_iter().map(Node::Text));
    let text = |mark: &Mark<'_>| {
        let accuracy = value_text(mark.accuracy, Unit::Percent);
        format!("{}: {accuracy} with {} {what}", mark.name, grouped(mark.cost))
    };
    let all: Vec<String> = marks.iter().map(text).collect();
    Svg {
        width: WIDTH,
        height: HEIGHT,
        title,
        description: format!("{}.", all.join("; ")),
        nodes,
    }
}

fn plot(marks: &[Mark<'_>]) -> Plot {
    // Points do not stand on the frame: an axis from half of the least to twice the greatest.
    let costs = marks.iter().map(|mark| mark.cost as f64);
    let around = costs.flat_map(|cost| [cost / 2.0, cost * 2.0]);
    let heights = marks
        .iter()
        .flat_map(|mark| [mark.ends.0, mark.accuracy, mark.ends.1]);
    let y = Axis::around(heights, Unit::Percent, steps_upward(HEIGHT));
    Plot {
        left: MARGIN + NAME + 10.0 + widest(&y),
        right: WIDTH - 30.0,
        top: 54.0,
        bottom: HEIGHT - 50.0,
        x: with_room(WIDTH - 110.0, |pieces| {
            Axis::fitting(Scale::Log10, around.clone(), pieces)
        }),
        y,
    }
}

fn draw_mark(mark: &Mark<'_>, plot: &Plot, nodes: &mut Vec<Node>) {
    let across = mark.cost as f64;
    let place = |accuracy| plot.place((across, accuracy));
    let (Some(at), Some(low), Some(high)) = (place(mark.accuracy), place(mark.ends.0), place(mark.ends.1))
    else {
        return;
    };
    let colour = Role::Series(mark.series);
    let title = format!(
        "{}: {}, interval {} to {}",
        mark.name,
        value_text(mark.accuracy, Unit::Percent),
        value_text(mark.ends.0, Unit::Percent),
        value_text(mark.ends.1, Unit::Percent)
    );
    let cap = |(x, y): (f32, f32)| line((x - CAP, y), (x + CAP, y), colour);
    nodes.push(Node::Titled {
        title,
        children: vec![
            line(low, high, colour),
            cap(low),
            cap(high),
            Node::Dot {
                at,
                radius: 4.0,
                fill: colour,
                stroke: colour,
            },
        ],
    });
}

/// The names of the marks: beside, above or below them, where neither an interval nor another name is; where there is no such
/// place, beside them and below what would be in the way.
fn names(marks: &[Mark<'_>], plot: &Plot) -> Vec<Text> {
    let place = |mark: &Mark<'_>, accuracy| plot.place((mark.cost as f64, accuracy));
    let bar = |mark: &Mark<'_>| {
        let ((x, low), (_, high)) = (place(mark, mark.ends.0)?, place(mark, mark.ends.1)?);
        Some(Taken::around(x, (high, low)))
    };
    let dot = |mark: &Mark<'_>| {
        let (x, y) = place(mark, mark.accuracy)?;
        Some(Taken::around(x, (y - DOT, y + DOT)))
    };
    let bars: Vec<Taken> = marks.iter().filter_map(bar).collect();
    let dots: Vec<Taken> = marks.iter().filter_map(dot).collect();
    let mut names: Vec<Text> = Vec::new();
    for mark in marks {
        let (Some(at), Some(bar)) = (place(mark, mark.accuracy), bar(mark)) else {
            continue;
        };
        let named: Vec<Taken> = names.iter().map(Taken::by).collect();
        let is_free = |text: &Text| {
            let ours = Taken::by(text);
            ours.is_within(plot) && !bars.iter().chain(&named).any(|other| ours.overlaps(other))
        };
        let name = candidates(at, &bar, mark.name).into_iter().find(is_free);
        names.push(name.unwrap_or_else(|| below_others(name_at(at, mark.name, plot), &dots, &named)));
    }
    names
}

/// Where a name may stand, the best place first: at the right, at the left, above the interval, below it.
fn candidates((x, y): Point, bar: &Taken, name: &str) -> [Text; 4] {
    let text = |x, y| Text::new((x, y), TEXT, name.to_owned());
    [
        text(x + GAP, y + BELOW),
        text(x - GAP, y + BELOW).anchor(Anchor::End),
        text(x, bar.top - DESCENT - 2.0).anchor(Anchor::Middle),
        text(x, bar.bottom + ASCENT + 2.0).anchor(Anchor::Middle),
    ]
}

/// A name moved down until it lies neither on a dot nor on another name.
fn below_others(mut name: Text, dots: &[Taken], named: &[Taken]) -> Text {
    // Each thing that is in the way is passed once at most: the name only moves down.
    for _ in 0..dots.len() + named.len() {
        let ours = Taken::by(&name);
        let Some(other) = dots.iter().chain(named).find(|other| ours.overlaps(other)) else {
            break;
        };
        name.at.1 = other.bottom + ASCENT;
    }
    name
}

/// A name at the right of a mark, or at its left where that has more room and the name needs it.
fn name_at((x, y): Point, name: &str, plot: &Plot) -> Text {
    let (left, right) = (x - plot.left - GAP, plot.right - x - GAP);
    let text = |at, content| Text::new((at, y + BELOW), TEXT, content);
    let whole = text(x + GAP, name.to_owned());
    if whole.width() * SPARE <= right {
        return whole;
    }
    let shortened = shorten(name, left.max(right) / SPARE, TEXT, Weight::Regular);
    match left > right {
        true => text(x - GAP, shortened).anchor(Anchor::End),
        false => text(x + GAP, shortened),
    }
}

/// A rectangle where no text can be.
struct Taken {
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Taken {
    /// Around a vertical line.
    fn around(x: f32, (top, bottom): (f32, f32)) -> Self {
        Self {
            left: x - DOT,
            right: x + DOT,
            top,
            bottom,
        }
    }

    fn by(text: &Text) -> Self {
        let ((x, base), width) = (text.at, text.width() * SPARE);
        let left = match text.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        Self {
            left,
            right: left + width,
            top: base - ASCENT,
            bottom: base + DESCENT,
        }
    }

    fn is_within(&self, plot: &Plot) -> bool {
        let across = self.left >= plot.left && self.right <= plot.right;
        across && self.top >= plot.top && self.bottom <= plot.bottom
    }

    fn overlaps(&self, other: &Taken) -> bool {
        let beside = self.left >= other.right || other.left >= self.right;
        // Half a pixel less, for what rounding does to names one line apart.
        let above = self.top >= other.bottom - 0.5 || other.top >= self.bottom - 0.5;
        !beside && !above
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: &str, cost: u64) -> Mark<'_> {
        Mark {
            name,
            series: 0,
            cost,
            accuracy: 0.9,
            ends: (0.88, 0.92),
        }
    }

    #[test]
    fn names_lie_neither_on_each_other_nor_on_a_dot() {
        let long = "Xception ".repeat(40);
        let marks = [
            mark("fast", 20_000_000),
            mark("fast", 20_000_000),
            mark("a longer name", 26_000_000),
            mark(&long, 21_000_000),
        ];
        let plot = plot(&marks);
        let names = names(&marks, &plot);
        assert_eq!(names.len(), 4);
        for (index, name) in names.iter().enumerate() {
            let ours = Taken::by(name);
            let others = names[..index].iter().map(Taken::by);
            assert!(
                others.into_iter().all(|other| !ours.overlaps(&other)),
                "{names:?}"
            );
            assert!(
                ours.left >= plot.left && ours.right <= plot.right + 1.0,
                "{name:?}"
            );
            for mark in &marks {
                let (x, y) = plot.place((mark.cost as f64, mark.accuracy)).unwrap();
                let dot = Taken::around(x, (y - DOT, y + DOT));
                assert!(!ours.overlaps(&dot), "{name:?}");
            }
        }
    }

    /// As of two networks of nearly the same accuracy and cost, with another one far away.
    #[test]
    fn names_lie_on_no_interval_where_there_is_room() {
        let marks = [
            Mark {
                accuracy: 0.675,
                ends: (0.642, 0.708),
                ..mark("resnet34 from scratch", 519_000_000)
            },
            Mark {
                accuracy: 0.679,
                ends: (0.648, 0.711),
                ..mark("densenet121 from scratch", 368_000_000)
            },
            Mark {
                accuracy: 0.883,
                ends: (0.861, 0.904),
                ..mark("xception-keras, fine-tuned", 2_417_000_000)
            },
        ];
        let plot = plot(&marks);
        for name in &names(&marks, &plot) {
            let ours = Taken::by(name);
            assert!(ours.is_within(&plot), "{name:?}");
            for mark in &marks {
                let place = |accuracy| plot.place((mark.cost as f64, accuracy)).unwrap();
                let ((x, low), (_, high)) = (place(mark.ends.0), place(mark.ends.1));
                assert!(!ours.overlaps(&Taken::around(x, (high, low))), "{name:?}");
            }
        }
    }

    #[test]
    fn a_cost_of_nothing_has_no_place_and_no_name() {
        let marks = [mark("nothing", 0)];
        assert_eq!(names(&marks, &plot(&marks)), []);
    }
}
