//! The overview: from the image to the logits, by stages.

use super::canvas::{Anchor, Canvas, Font, Frame, Point, SMALL};
use crate::outline::blocks::Role;
use crate::outline::steps::{Look, Step};
use crate::outline::{Content, Outline, Place, Run, Stage};
use crate::{Shape, Summary};

/// Where the first box begins, below the title and the names of the columns.
pub(super) const TOP: f64 = 74.0;

const LEFT: f64 = 10.0;
const BOX_LEFT: f64 = 24.0;
const BOX_WIDTH: f64 = 290.0;
const BOX_HEIGHT: f64 = 34.0;
const BLOCK_HEIGHT: f64 = 44.0;
const BETWEEN: f64 = 16.0;
const CAPTION: f64 = 26.0;
const STAGE_END: f64 = 12.0;
const BETWEEN_STAGES: f64 = 14.0;
const SHAPE_LEFT: f64 = 326.0;
const FRAME_RIGHT: f64 = 430.0;
const PARAMETERS_RIGHT: f64 = 516.0;
const MULTIPLY_ADDS_RIGHT: f64 = 604.0;

/// Draws the column and gives its right and lower end.
pub(super) fn draw(canvas: &mut Canvas, outline: &Outline, summary: &Summary) -> Point {
    let mut column = Column {
        canvas,
        y: TOP,
        last_box: None,
    };
    column.heading(summary);
    column.image(outline.image);
    let mut number = 0;
    for stage in &outline.stages {
        let caption = match stage.place {
            Place::Maps { size, .. } => {
                number += 1;
                format!("stage {number} · {size}")
            }
            Place::Head => "head".to_owned(),
            Place::Beside(Role::Auxiliary) => "auxiliary, only in training".to_owned(),
            Place::Beside(_) => "unused".to_owned(),
        };
        column.stage(outline, stage, &caption);
    }
    column.totals(summary);
    Point {
        x: MULTIPLY_ADDS_RIGHT + 6.0,
        y: column.y,
    }
}

struct Column<'a> {
    canvas: &'a mut Canvas,
    y: f64,
    /// Where the arrow into the next box begins.
    last_box: Option<Point>,
}

impl Column<'_> {
    fn heading(&mut self, summary: &Summary) {
        let font = Font {
            size: 17.0,
            anchor: Anchor::Start,
            ..Font::TEXT
        };
        let name = font.bold().fitted(&summary.name, MULTIPLY_ADDS_RIGHT - LEFT);
        self.canvas.text(font.bold(), Point { x: LEFT, y: 22.0 }, &name);
        let y = 52.0;
        for (text, x, anchor) in [
            ("output C×H×W", SHAPE_LEFT, Anchor::Start),
            ("parameters", PARAMETERS_RIGHT, Anchor::End),
            ("multiply-adds", MULTIPLY_ADDS_RIGHT, Anchor::End),
        ] {
            self.canvas
                .text(Font::SMALL.anchored(anchor), Point { x, y }, text);
        }
    }

    fn image(&mut self, shape: Shape) {
        let frame = self.next_box(BOX_HEIGHT);
        self.canvas.rect("plain", frame, 17.0);
        self.canvas.text(Font::TEXT, frame.centre(), "image");
        self.shape(frame, shape);
        self.y += BETWEEN_STAGES;
    }

    fn stage(&mut self, outline: &Outline, stage: &Stage, caption: &str) {
        let boxes: f64 = stage.runs.iter().map(height).sum();
        let gaps = BETWEEN * stage.runs.len().saturating_sub(1) as f64;
        let frame = Frame {
            left: LEFT,
            top: self.y,
            width: FRAME_RIGHT - LEFT,
            height: CAPTION + boxes + gaps + STAGE_END,
        };
        self.canvas.rect("frame", frame, 8.0);
        let font = Font::SMALL.bold();
        let start = Point {
            x: BOX_LEFT,
            y: self.y + CAPTION / 2.0,
        };
        self.canvas.text(font.anchored(Anchor::Start), start, caption);
        self.costs(frame.centre().y, stage.trained_parameters, stage.multiply_adds);
        self.y += CAPTION;
        if matches!(stage.place, Place::Beside(_)) {
            self.last_box = None;
        }
        for run in &stage.runs {
            let frame = self.next_box(height(run));
            self.run(outline, run, frame);
            if matches!(stage.place, Place::Beside(_)) {
                self.last_box = None;
            }
            self.y += BETWEEN;
        }
        self.y += STAGE_END - BETWEEN + BETWEEN_STAGES;
    }

    /// A place for a box, with the arrow that leads there.
    fn next_box(&mut self, height: f64) -> Frame {
        let frame = Frame {
            left: BOX_LEFT,
            top: self.y,
            width: BOX_WIDTH,
            height,
        };
        let x = frame.centre().x;
        if let Some(start) = self.last_box {
            self.canvas
                .line(&format!("M{x} {} V{}", start.y, frame.top - 4.0));
            self.canvas.tip_down(Point { x, y: frame.top });
        }
        self.last_box = Some(Point { x, y: frame.bottom() });
        self.y += height;
        frame
    }

    fn run(&mut self, outline: &Outline, run: &Run, frame: Frame) {
        self.canvas.begin_group(&run.names);
        let count = match run.count {
            1 => String::new(),
            count => format!("×{count}"),
        };
        let font = Font::TEXT.bold().anchored(Anchor::End);
        let count_width = if count.is_empty() {
            0.0
        } else {
            font.width(&count) + 12.0
        };
        match &run.content {
            Content::Layer(step) => {
                self.canvas.rect(class(step.look), frame, 6.0);
                self.layer(step, frame, count_width);
            }
            Content::Block(kind) => self.block(outline, (*kind, &run.names), (frame, count_width)),
        }
        let place = Point {
            x: frame.right() - 10.0,
            y: frame.centre().y,
        };
        if run.count > 1 {
            self.canvas.text(font, place, &count);
        }
        self.canvas.end_group();
        self.shape(frame, run.output);
    }

    /// The text of a layer, in the middle unless the count takes the room.
    fn layer(&mut self, step: &Step, frame: Frame, count_width: f64) {
        let width = step.width.map_or_else(String::new, |width| width.to_string());
        let text = Font::TEXT.fitted(&step.line(&width), frame.width - 14.0 - count_width);
        let free = (frame.width - Font::TEXT.width(&text)) / 2.0;
        let place = Point {
            x: frame.centre().x - (count_width + 7.0 - free).max(0.0),
            y: frame.centre().y,
        };
        self.canvas.text(Font::TEXT, place, &text);
    }

    fn block(&mut self, outline: &Outline, (kind, names): (usize, &str), (frame, count_width): (Frame, f64)) {
        let found = &outline.kinds[kind];
        let class = match found.role {
            Role::Auxiliary | Role::Unused => "plain beside",
            Role::Block | Role::Layers => "plain",
        };
        self.canvas.rect(class, frame, 6.0);
        let (left, y) = (frame.left + 18.0, frame.centre().y);
        self.canvas.badge(kind, Point { x: left, y });
        let room = frame.width - 18.0 - 18.0 - count_width - 6.0;
        let x = left + 18.0;
        for (font, offset, text) in [
            (Font::TEXT, -8.5, found.title.as_str()),
            (Font::SMALL, 9.0, names),
        ] {
            let font = font.anchored(Anchor::Start);
            let text = shortened(text, font, room);
            self.canvas.text(font, Point { x, y: y + offset }, &text);
        }
    }

    fn shape(&mut self, frame: Frame, shape: Shape) {
        let font = Font::SMALL.anchored(Anchor::Start);
        let place = Point {
            x: SHAPE_LEFT,
            y: frame.centre().y,
        };
        let text = font.fitted(&shape.to_string(), FRAME_RIGHT - SHAPE_LEFT - 4.0);
        self.canvas.text(font, place, &text);
    }

    fn totals(&mut self, summary: &Summary) {
        let y = self.y + SMALL / 2.0 + 2.0;
        let start = Font::TEXT.bold().anchored(Anchor::Start);
        self.canvas.text(start, Point { x: BOX_LEFT, y }, "in all");
        if let Some(seen) = summary.receptive_field() {
            let text = format!("the last feature maps see {seen} pixels");
            let place = Point {
                x: BOX_LEFT + 60.0,
                y,
            };
            self.canvas
                .text(Font::SMALL.anchored(Anchor::Start), place, &text);
        }
        self.costs(y, summary.trained_parameters(), summary.multiply_adds());
        self.y = y + SMALL;
    }

    fn costs(&mut self, y: f64, parameters: u64, multiply_adds: u64) {
        let font = Font::TEXT.anchored(Anchor::End);
        for (x, count) in [
            (PARAMETERS_RIGHT, parameters),
            (MULTIPLY_ADDS_RIGHT, multiply_adds),
        ] {
            self.canvas.text(font, Point { x, y }, &rounded(count));
        }
    }
}

fn height(run: &Run) -> f64 {
    match run.content {
        Content::Layer(_) => BOX_HEIGHT,
        Content::Block(_) => BLOCK_HEIGHT,
    }
}

/// The class of a step's box.
pub(super) fn class(look: Look) -> &'static str {
    match look {
        Look::Weights => "weights",
        Look::Plain => "plain",
        Look::Add | Look::Product | Look::Concat => "join",
    }
}

/// A path without as many of its first parts as makes it fit.
fn shortened(path: &str, font: Font, room: f64) -> String {
    let mut rest = path;
    let mut shown = path.to_owned();
    while font.width(&shown) > room
        && let Some((_, shorter)) = rest.split_once('.')
    {
        rest = shorter;
        shown = format!("…{rest}");
    }
    font.fitted(&shown, room)
}

/// `1.23 M`: three digits and a unit; nothing as `–`.
fn rounded(count: u64) -> String {
    let units = ["", " k", " M", " G", " T", " P", " E"];
    let (mut value, mut unit) = (count as f64, 0);
    // What would be rounded up to a thousand takes the next unit, too.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit_text = units[unit];
    match (count, unit) {
        (0, _) => "–".to_owned(),
        (_, 0) => count.to_string(),
        _ if value < 9.995 => format!("{value:.2}{unit_text}"),
        _ if value < 99.95 => format!("{value:.1}{unit_text}"),
        _ => format!("{value:.0}{unit_text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_have_three_digits() {
        for (count, text) in [
            (0, "–"),
            (999, "999"),
            (1000, "1.00 k"),
            (9_996, "10.0 k"),
            (999_600, "1.00 M"),
            (21_797_672, "21.8 M"),
            (3_663_761_408, "3.66 G"),
        ] {
            assert_eq!(rounded(count), text);
        }
    }
}
