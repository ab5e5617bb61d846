//! What is inside a kind of block.

use super::canvas::{Anchor, Canvas, Font, Frame, Point};
use super::column::class;
use super::edges::{ENTRY_GAP, Edges};
use super::grid::{Cell, CellShape, Grid};
use crate::outline::Outline;
use crate::outline::kinds::Kind;
use crate::outline::steps::Source;

const PADDING: f64 = 16.0;
const HEADING: f64 = 34.0;
const NOTE: f64 = 16.0;
const EXIT: f64 = 20.0;
const LEAD: f64 = 10.0;

/// A kind of block in its frame.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    kind: &'a Kind,
    position: usize,
    grid: Grid,
    edges: Edges,
    notes: Vec<String>,
    pub size: Point,
}

impl<'a> Panel<'a> {
    pub(super) fn new(outline: &'a Outline, position: usize) -> Self {
        let kind = &outline.kinds[position];
        let grid = Grid::new(kind);
        let edges = Edges::new(&kind.steps, &grid);
        let mut notes = kind.notes.clone();
        if let Some(after) = &grid.shared_after {
            notes.push(format!("{after} after every convolution"));
        }
        let heading = Font::TEXT.bold().width(&kind.title) + 28.0;
        let text = notes
            .iter()
            .map(|note| Font::SMALL.width(note))
            .fold(heading, f64::max);
        let size = Point {
            x: edges.right.max(text) + 2.0 * PADDING,
            y: grid_top(&notes) + lead(kind) + grid.height() + EXIT + PADDING / 2.0,
        };
        Self {
            kind,
            position,
            grid,
            edges,
            notes,
            size,
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, corner: Point) {
        let frame = Frame {
            left: corner.x,
            top: corner.y,
            width: self.size.x,
            height: self.size.y,
        };
        canvas.rect("panel", frame, 8.0);
        self.heading(canvas, corner);
        // A narrow drawing stands in the middle of its frame.
        let origin = Point {
            x: corner.x + (self.size.x - self.edges.right) / 2.0,
            y: corner.y + grid_top(&self.notes) + lead(self.kind),
        };
        self.edges.draw(canvas, origin);
        self.ends(canvas, origin);
        for (index, cell) in self.grid.cells.iter().enumerate() {
            let class = class(self.kind.steps[index].look);
            draw_cell(canvas, cell, class, cell.frame.moved(origin));
        }
    }

    fn heading(&self, canvas: &mut Canvas, corner: Point) {
        let y = corner.y + HEADING / 2.0 + 2.0;
        let x = corner.x + PADDING;
        canvas.badge(self.position, Point { x: x + 8.0, y });
        let title = Font::TEXT.bold().anchored(Anchor::Start);
        canvas.text(title, Point { x: x + 26.0, y }, &self.kind.title);
        for (row, note) in self.notes.iter().enumerate() {
            let y = corner.y + HEADING + NOTE * (row as f64 + 0.5);
            canvas.text(Font::SMALL.anchored(Anchor::Start), Point { x, y }, note);
        }
    }

    /// The line that comes in, with a dot where it forks, and the one that goes out.
    fn ends(&self, canvas: &mut Canvas, origin: Point) {
        let entry = Point {
            x: origin.x + self.grid.entry_x,
            y: origin.y - ENTRY_GAP,
        };
        if forks(self.kind) {
            canvas.line(&format!("M{:.1} {:.1} v{LEAD}", entry.x, entry.y - LEAD));
            canvas.circle("tip", entry, 2.5);
        }
        let exit = self.grid.exit();
        let (x, y) = (origin.x + exit.x, origin.y + exit.y);
        canvas.line(&format!("M{x:.1} {y:.1} v{}", EXIT - 4.0));
        canvas.tip_down(Point { x, y: y + EXIT });
    }
}

/// Where the first row of a panel begins if what arrives does not fork.
fn grid_top(notes: &[String]) -> f64 {
    HEADING + NOTE * notes.len() as f64 + ENTRY_GAP + 6.0
}

/// Whether several steps read what arrives.
fn forks(kind: &Kind) -> bool {
    let inputs = kind.steps.iter().flat_map(|step| &step.inputs);
    inputs.filter(|source| **source == Source::Entry).count() > 1
}

/// The way to the fork, if there is one.
fn lead(kind: &Kind) -> f64 {
    if forks(kind) { LEAD } else { 0.0 }
}

fn draw_cell(canvas: &mut Canvas, cell: &Cell, class: &str, frame: Frame) {
    match cell.shape {
        CellShape::Disc => canvas.circle(class, frame.centre(), frame.width / 2.0),
        CellShape::Bar => canvas.rect(class, frame, frame.height / 2.0),
        CellShape::Box => canvas.rect(class, frame, 6.0),
    }
    let middle = (cell.lines.len() as f64 - 1.0) / 2.0;
    for (index, (font, line)) in cell.lines.iter().enumerate() {
        let place = Point {
            x: frame.centre().x,
            y: frame.centre().y + 15.0 * (index as f64 - middle),
        };
        canvas.text(*font, place, line);
    }
}
