//! Where the steps of a block stand: rows by what they wait for, columns by branch.

use super::canvas::{Font, Frame, Point};
use crate::outline::kinds::Kind;
use crate::outline::steps::{Look, Source, Step};

/// Between rows, where the lines lead from one branch to another.
pub(super) const ROW_GAP: f64 = 22.0;
const COLUMN_GAP: f64 = 14.0;
const PADDING: f64 = 8.0;
const ADD_SIZE: f64 = 22.0;
const MIN_WIDTH: f64 = 64.0;

/// The steps of a block in their places, the upper left corner of the first row at zero.
#[derive(Debug)]
pub(super) struct Grid {
    /// By step.
    pub cells: Vec<Cell>,
    /// Upper and lower end of each row.
    pub rows: Vec<(f64, f64)>,
    /// Where the last column ends.
    pub width: f64,
    /// Where what arrives comes from above: this far from the left.
    pub entry_x: f64,
    /// What follows every layer with weights and is told in a note, for the boxes to be narrow.
    pub shared_after: Option<String>,
}

/// A step in its place.
#[derive(Debug)]
pub(super) struct Cell {
    pub row: usize,
    pub column: usize,
    pub frame: Frame,
    pub shape: CellShape,
    /// What it says.
    pub lines: Vec<(Font, String)>,
}

/// What a cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellShape {
    Box,
    /// A sum or a product.
    Disc,
    /// Branches come together across all columns.
    Bar,
}

impl Grid {
    pub(super) fn new(kind: &Kind) -> Self {
        let steps = &kind.steps;
        let (rows, columns) = (rows(steps), columns(steps));
        let column_count = columns.iter().max().map_or(0, |last| last + 1);
        let narrow = column_count > 2;
        let shared_after = shared_after(steps).filter(|_| narrow);
        let cells = steps.iter().enumerate().map(|(index, step)| {
            let shape = match step.look {
                Look::Add | Look::Product => CellShape::Disc,
                Look::Concat if column_count > 1 && index + 1 == steps.len() => CellShape::Bar,
                _ => CellShape::Box,
            };
            let width = kind.widths[index].as_str();
            let lines = match (narrow, &shared_after) {
                (false, _) => vec![(Font::TEXT, step.line(width))],
                (true, None) => lines(step, width, &step.after),
                (true, Some(shared)) => lines(step, width, step.after.trim_start_matches(shared.as_str())),
            };
            Cell {
                row: rows[index],
                column: columns[index],
                frame: extent(shape, &lines),
                shape,
                lines,
            }
        });
        let mut grid = Self {
            cells: cells.collect(),
            rows: Vec::new(),
            width: 0.0,
            entry_x: 0.0,
            shared_after,
        };
        grid.place(column_count);
        grid
    }

    fn place(&mut self, column_count: usize) {
        let mut widths = vec![0.0f64; column_count];
        let mut heights = vec![0.0f64; self.cells.iter().map(|cell| cell.row + 1).max().unwrap_or(0)];
        for cell in &self.cells {
            heights[cell.row] = heights[cell.row].max(cell.frame.height);
            if cell.shape != CellShape::Bar {
                widths[cell.column] = widths[cell.column].max(cell.frame.width);
            }
        }
        let lefts = running(&widths, COLUMN_GAP);
        let tops = running(&heights, ROW_GAP);
        self.width = lefts
            .last()
            .zip(widths.last())
            .map_or(0.0, |(left, width)| left + width);
        for cell in &mut self.cells {
            let (left, width) = match cell.shape {
                CellShape::Bar => (0.0, self.width),
                CellShape::Disc => (
                    lefts[cell.column] + (widths[cell.column] - cell.frame.width) / 2.0,
                    cell.frame.width,
                ),
                CellShape::Box => (lefts[cell.column], widths[cell.column]),
            };
            cell.frame = Frame {
                left,
                width,
                top: tops[cell.row],
                ..cell.frame
            };
        }
        self.rows = tops
            .iter()
            .zip(&heights)
            .map(|(top, height)| (*top, top + height))
            .collect();
        let spans = self.cells.iter().any(|cell| cell.shape == CellShape::Bar);
        self.entry_x = match spans {
            true => self.width / 2.0,
            false => widths.first().map_or(0.0, |width| width / 2.0),
        };
    }

    /// Whether no cell of a column stands in the rows between two others.
    pub(super) fn clear(&self, column: usize, above: Option<usize>, below: usize) -> bool {
        let between = |row: usize| above.is_none_or(|above| row > above) && row < below;
        !self
            .cells
            .iter()
            .any(|cell| cell.column == column && between(cell.row))
    }

    /// Whether a cell is the last one on the right in its row.
    pub(super) fn free_on_the_right(&self, index: usize) -> bool {
        let this = &self.cells[index];
        !self
            .cells
            .iter()
            .any(|cell| cell.row == this.row && cell.column > this.column)
    }

    /// How far down the last row reaches.
    pub(super) fn height(&self) -> f64 {
        self.rows.last().map_or(0.0, |row| row.1)
    }

    /// Where the last step ends.
    pub(super) fn exit(&self) -> Point {
        self.cells.last().map_or(Point::default(), |cell| Point {
            x: cell.frame.centre().x,
            y: cell.frame.bottom(),
        })
    }
}

/// Sums of what comes before each, with a gap between.
fn running(sizes: &[f64], gap: f64) -> Vec<f64> {
    let next = |start: &mut f64, size: &f64| {
        let this = *start;
        *start += size + gap;
        Some(this)
    };
    sizes.iter().scan(0.0, next).collect()
}

/// A step comes below all that it reads.
fn rows(steps: &[Step]) -> Vec<usize> {
    let mut rows: Vec<usize> = Vec::with_capacity(steps.len());
    for step in steps {
        let below = |source: &Source| match source {
            Source::Entry => 0,
            Source::Step(step) => rows[*step] + 1,
        };
        rows.push(step.inputs.iter().map(below).max().unwrap_or(0));
    }
    rows
}

/// Going back from the end, the first input stays in its reader's column and every other gets one to the right.
fn columns(steps: &[Step]) -> Vec<usize> {
    let mut columns: Vec<Option<usize>> = vec![None; steps.len()];
    let mut count = 0;
    for end in (0..steps.len()).rev() {
        // What waits to be placed, with the column it shall have if it is not a new one.
        let mut waiting = vec![(end, None)];
        while let Some((step, column)) = waiting.pop() {
            if columns[step].is_some() {
                continue;
            }
            let column = column.unwrap_or(count);
            count = count.max(column + 1);
            columns[step] = Some(column);
            let inputs = steps[step].inputs.iter().filter_map(|source| match source {
                Source::Entry => None,
                Source::Step(input) => Some(*input),
            });
            let with_columns = inputs.enumerate().map(|(position, input)| match position {
                0 => (input, Some(column)),
                _ => (input, None),
            });
            let mut with_columns: Vec<_> = with_columns.collect();
            with_columns.reverse();
            waiting.extend(with_columns);
        }
    }
    columns.into_iter().map(|column| column.unwrap_or(0)).collect()
}

/// What comes after all layers with weights, if it is the same.
fn shared_after(steps: &[Step]) -> Option<String> {
    let mut layers = steps.iter().filter(|step| step.look == Look::Weights);
    let first = &layers.next()?.after;
    let same = layers.all(|step| step.after == *first);
    (same && !first.is_empty()).then(|| first.clone())
}

/// What a step says in a narrow box: the operation, below it the channels and the rest.
fn lines(step: &Step, width: &str, after: &str) -> Vec<(Font, String)> {
    let (first, second) = match step.operation.split_once(' ') {
        Some((first, second)) if width.is_empty() => (first, second),
        _ => (step.operation.as_str(), ""),
    };
    let lines = [
        (Font::SMALL, step.before.as_str()),
        (Font::TEXT, first),
        (Font::TEXT, second),
        (Font::SMALL, width),
        (Font::SMALL, after),
    ];
    lines
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(font, text)| (font, text.to_owned()))
        .collect()
}

fn extent(shape: CellShape, lines: &[(Font, String)]) -> Frame {
    let widest = lines
        .iter()
        .map(|(font, line)| font.width(line))
        .fold(0.0, f64::max);
    let (width, height) = match shape {
        CellShape::Disc => (ADD_SIZE, ADD_SIZE),
        CellShape::Bar => (widest + 2.0 * PADDING, 26.0),
        CellShape::Box => (
            (widest + 2.0 * PADDING).max(MIN_WIDTH),
            12.0 + 16.0 * lines.len() as f64,
        ),
    };
    Frame {
        left: 0.0,
        top: 0.0,
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::Outline;
    use crate::{ArchitectureOptions, ImageSize, architecture};

    fn grid(name: &str, kind: usize) -> Grid {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let summary = graph.summary(ImageSize::square(299)).unwrap();
        Grid::new(&Outline::new(&graph, &summary).unwrap().kinds[kind])
    }

    #[test]
    fn branches_stand_side_by_side() {
        // Figure 7 of the paper: two of the four branches fork at their end.
        let grid = grid("inception_v3", 4);
        let mut places: Vec<(usize, usize)> = grid.cells.iter().map(|cell| (cell.column, cell.row)).collect();
        assert_eq!(places.pop(), Some((0, 3)));
        places.sort_unstable();
        let expected = [
            (0, 0),
            (1, 0),
            (1, 1),
            (2, 1),
            (3, 0),
            (3, 1),
            (3, 2),
            (4, 2),
            (5, 0),
            (5, 1),
        ];
        assert_eq!(places, expected);
        assert_eq!(grid.shared_after.as_deref(), Some("BN · ReLU"));
    }

    #[test]
    fn no_two_cells_overlap() {
        let mut count = 0;
        for (name, kinds) in [
            ("resnet34-a", 2),
            ("inception_v3", 5),
            ("xception", 3),
            ("densenet121", 2),
        ] {
            for kind in 0..kinds {
                let grid = grid(name, kind);
                for (index, cell) in grid.cells.iter().enumerate() {
                    for other in &grid.cells[..index] {
                        let (a, b) = (cell.frame, other.frame);
                        let apart = a.right() <= b.left
                            || b.right() <= a.left
                            || a.bottom() <= b.top
                            || b.bottom() <= a.top;
                        assert!(apart, "{name} {kind}: {cell:?} {other:?}");
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 0);
    }
}
