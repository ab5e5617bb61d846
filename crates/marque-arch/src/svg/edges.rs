//! Lines between the steps of a block, led past the boxes.

use super::canvas::{Canvas, Point, number};
use super::grid::{CellShape, Grid, ROW_GAP};
use crate::outline::steps::{Source, Step};

/// Above the first row, where what arrives is led to the branches.
pub(super) const ENTRY_GAP: f64 = 26.0;
const BEND: f64 = 10.0;
const LANE: f64 = 14.0;

/// A line with the tip at its end.
#[derive(Debug)]
pub(super) struct Edge {
    /// Corner by corner; all but the first are reached straight up, down, left or right, with a bend.
    corners: Vec<Point>,
    tip: Tip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tip {
    Down,
    Left,
}

/// Lines of a block, with the space on the right that lines around its boxes need.
#[derive(Debug)]
pub(super) struct Edges {
    edges: Vec<Edge>,
    pub right: f64,
}

impl Edges {
    pub(super) fn new(steps: &[Step], grid: &Grid) -> Self {
        let mut edges = Self {
            edges: Vec::new(),
            right: grid.width,
        };
        for (reader, step) in steps.iter().enumerate() {
            for &source in &step.inputs {
                let edge = edges.edge(grid, source, reader);
                edges.edges.push(edge);
            }
        }
        edges
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, by: Point) {
        for edge in &self.edges {
            edge.draw(canvas, by);
        }
    }

    fn edge(&mut self, grid: &Grid, source: Source, reader: usize) -> Edge {
        let cell = &grid.cells[reader];
        let (start, above, column) = start(grid, source);
        let centre = cell.frame.centre();
        let target = Point {
            x: if cell.shape == CellShape::Bar {
                start.x
            } else {
                centre.x
            },
            y: cell.frame.top,
        };
        let own_column_clear = column.is_some_and(|column| grid.clear(column, above, cell.row));
        if cell.shape == CellShape::Bar {
            return match own_column_clear {
                true => down(vec![start, target]),
                false => self.around(grid, source, reader),
            };
        }
        if column == Some(cell.column) && own_column_clear {
            return down(vec![start, target]);
        }
        let from_right = column.is_some_and(|column| column > cell.column);
        if cell.shape == CellShape::Disc && from_right && own_column_clear && grid.free_on_the_right(reader) {
            let corner = Point {
                x: start.x,
                y: centre.y,
            };
            let end = Point {
                x: cell.frame.right(),
                y: centre.y,
            };
            return Edge {
                corners: vec![start, corner, end],
                tip: Tip::Left,
            };
        }
        if column != Some(cell.column) && grid.clear(cell.column, above, cell.row) {
            let y = gap_below(grid, above);
            return sideways(start, target, y);
        }
        if column != Some(cell.column) && own_column_clear {
            return sideways(start, target, cell.frame.top - ROW_GAP / 2.0);
        }
        self.around(grid, source, reader)
    }

    /// Around everything on the right.
    fn around(&mut self, grid: &Grid, source: Source, reader: usize) -> Edge {
        self.right += LANE;
        let lane = self.right;
        let (start, above, _) = start(grid, source);
        let mut corners = match source {
            // Into a sum lines come from the right; those that leave it do so below.
            Source::Step(step)
                if grid.cells[step].shape != CellShape::Disc && grid.free_on_the_right(step) =>
            {
                let frame = grid.cells[step].frame;
                let y = frame.centre().y;
                vec![Point { x: frame.right(), y }, Point { x: lane, y }]
            }
            Source::Step(_) => {
                let y = gap_below(grid, above);
                vec![start, Point { x: start.x, y }, Point { x: lane, y }]
            }
            Source::Entry => vec![start, Point { x: lane, y: start.y }],
        };
        let cell = &grid.cells[reader];
        if cell.shape == CellShape::Bar || grid.free_on_the_right(reader) {
            let y = cell.frame.centre().y;
            corners.extend([
                Point { x: lane, y },
                Point {
                    x: cell.frame.right(),
                    y,
                },
            ]);
            return Edge {
                corners,
                tip: Tip::Left,
            };
        }
        let (x, y) = (cell.frame.centre().x, cell.frame.top);
        let gap = y - ROW_GAP / 2.0;
        corners.extend([Point { x: lane, y: gap }, Point { x, y: gap }, Point { x, y }]);
        down(corners)
    }
}

/// Where a line begins, with the row and the column of what it comes from.
fn start(grid: &Grid, source: Source) -> (Point, Option<usize>, Option<usize>) {
    match source {
        Source::Entry => {
            let point = Point {
                x: grid.entry_x,
                y: -ENTRY_GAP,
            };
            let above = grid
                .cells
                .iter()
                .find(|cell| cell.shape != CellShape::Bar && (cell.frame.centre().x - point.x).abs() < 0.1);
            (point, None, above.map(|cell| cell.column))
        }
        Source::Step(step) => {
            let cell = &grid.cells[step];
            let point = Point {
                x: cell.frame.centre().x,
                y: cell.frame.bottom(),
            };
            (point, Some(cell.row), Some(cell.column))
        }
    }
}

/// Where a line turns aside: in the middle of the space below a row, or right where what arrives forks.
fn gap_below(grid: &Grid, row: Option<usize>) -> f64 {
    row.map_or(-ENTRY_GAP, |row| grid.rows[row].1 + ROW_GAP / 2.0)
}

fn down(corners: Vec<Point>) -> Edge {
    Edge {
        corners,
        tip: Tip::Down,
    }
}

/// Down to a height, across, and down again.
fn sideways(start: Point, end: Point, y: f64) -> Edge {
    let mut corners = vec![start];
    if y > start.y {
        corners.push(Point { x: start.x, y });
    }
    corners.extend([Point { x: end.x, y }, end]);
    down(corners)
}

impl Edge {
    fn draw(&self, canvas: &mut Canvas, by: Point) {
        let corners: Vec<Point> = self
            .corners
            .iter()
            .map(|corner| Point {
                x: corner.x + by.x,
                y: corner.y + by.y,
            })
            .collect();
        let [first, .., last] = corners[..] else {
            return;
        };
        let mut path = format!("M{} {}", number(first.x), number(first.y));
        for window in corners.windows(3) {
            let [before, corner, after] = [window[0], window[1], window[2]];
            let (enter, leave) = (towards(corner, before), towards(corner, after));
            path += &format!(
                " L{} {} Q{} {} {} {}",
                number(enter.x),
                number(enter.y),
                number(corner.x),
                number(corner.y),
                number(leave.x),
                number(leave.y)
            );
        }
        // The line ends inside its tip.
        let end = match self.tip {
            Tip::Down => Point {
                y: last.y - 4.0,
                ..last
            },
            Tip::Left => Point {
                x: last.x + 4.0,
                ..last
            },
        };
        path += &format!(" L{} {}", number(end.x), number(end.y));
        canvas.line(&path);
        match self.tip {
            Tip::Down => canvas.tip_down(last),
            Tip::Left => canvas.tip_left(last),
        }
    }
}

/// The place on the way from a corner to its neighbour where the bend ends, at most half of the way.
fn towards(corner: Point, neighbour: Point) -> Point {
    let (x, y) = (neighbour.x - corner.x, neighbour.y - corner.y);
    let length = x.hypot(y);
    if length == 0.0 {
        return corner;
    }
    let share = BEND.min(length / 2.0) / length;
    Point {
        x: corner.x + x * share,
        y: corner.y + y * share,
    }
}
