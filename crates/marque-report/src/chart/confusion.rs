//! The confusion matrix as a heat map.

use super::cells::{Cell, cells, most_frequent_confusions, row_sum, share_text};
use super::font::{Weight, text_width};
use super::names::{Names, SPARE};
use super::svg::{Anchor, MARGIN, Node, Point, Svg, Text};
use super::theme::{Role, heat_ink, heat_opacity};
use crate::Error;
use crate::number::grouped;

const TITLE: f32 = 17.0;
/// From this side on a cell shows its share under its count.
const CELL_WITH_SHARE: f32 = 44.0;
/// Numbers smaller than this are left out: nobody reads them.
const SMALLEST_NUMBER: f32 = 7.5;

/// The confusion matrix as a heat map: a row per true class, a column per predicted class.
///
/// `counts[t][p]` is the number of samples of class `t` that were taken for class `p`. A cell's shade is its share
/// of its row, blue on the diagonal and brown beside it; as far as there is room, the cell shows its count and that
/// share in per cent. Long names are shortened; the full ones are in each cell's title.
///
/// # Errors
/// [`Error::Inconsistent`] unless `counts` is square with one name per row, and a row at all.
pub fn confusion_chart(counts: &[Vec<u64>], class_names: &[String]) -> Result<Svg, Error> {
    let classes = counts.len();
    let check = |what, found| match found == classes {
        true => Ok(()),
        false => Err(Error::Inconsistent {
            what,
            expected: classes,
            found,
        }),
    };
    if classes == 0 {
        return Err(Error::Inconsistent {
            what: "classes of the confusion matrix",
            expected: 1,
            found: 0,
        });
    }
    check("class names of the confusion matrix", class_names.len())?;
    for row in counts {
        check("columns of the confusion matrix", row.len())?;
    }
    Ok(HeatMap::new(counts, class_names).draw())
}

struct HeatMap<'a> {
    counts: &'a [Vec<u64>],
    class_names: &'a [String],
    cell: f32,
    names: Names,
    left: f32,
    top: f32,
    /// The width of the column of row sums at the right.
    sums: f32,
    width: f32,
}

impl<'a> HeatMap<'a> {
    fn new(counts: &'a [Vec<u64>], class_names: &'a [String]) -> Self {
        let classes = counts.len() as f32;
        let cell = (580.0 / classes)
            .clamp(3.0, 84.0)
            .max(if classes <= 40.0 { 15.0 } else { 3.0 });
        let names = Names::new(class_names, cell);
        let largest = counts.iter().map(|row| row_sum(row)).max().unwrap_or(0);
        let sums = text_width(&grouped(largest), 13.0, Weight::Regular).max(text_width(
            "photos",
            13.0,
            Weight::Regular,
        ));
        let sums = if cell >= 13.0 { sums * SPARE + 14.0 } else { 0.0 };
        let left = MARGIN + 24.0 + names.width + 10.0;
        let top = 68.0 + 24.0 + names.height + 10.0;
        let width = (left + cell * classes + sums + MARGIN).max(430.0);
        Self {
            counts,
            class_names,
            cell,
            names,
            left,
            top,
            sums,
            width,
        }
    }

    fn side(&self) -> f32 {
        self.cell * self.counts.len() as f32
    }

    fn draw(&self) -> Svg {
        let mut nodes = vec![Node::Text(
            Text::new((MARGIN, 30.0), TITLE, "Confusion matrix").bold(),
        )];
        self.draw_key(&mut nodes);
        self.draw_captions(&mut nodes);
        self.draw_row_names(&mut nodes);
        self.draw_column_names(&mut nodes);
        for cell in cells(self.counts) {
            let across = self.left + self.cell * cell.predicted as f32;
            let at = (across, self.top + self.cell * cell.truth as f32);
            match cell.count {
                0 => self.draw_zero(cell, at, &mut nodes),
                _ => self.draw_cell(cell, at, &mut nodes),
            }
        }
        let (at, side) = ((self.left, self.top), (self.side(), self.side()));
        nodes.push(Node::Frame {
            at,
            size: side,
            stroke: Role::Axis,
        });
        let height = self.top + self.side() + MARGIN;
        let title = "Confusion matrix".to_owned();
        Svg {
            width: self.width,
            height,
            title,
            description: self.describe(),
            nodes,
        }
    }

    /// What the shades mean: two ramps from nothing to all of a row.
    fn draw_key(&self, nodes: &mut Vec<Node>) {
        let mut x = MARGIN;
        for (fill, name) in [(Role::Correct, "correct"), (Role::Confused, "confused")] {
            for step in 0..5 {
                let opacity = heat_opacity(f64::from(step + 1) / 5.0);
                let at = (x + 9.0 * step as f32, 45.0);
                nodes.push(Node::Rect {
                    at,
                    size: (9.0, 12.0),
                    fill,
                    opacity,
                });
            }
            let text = Text::new((x + 53.0, 56.0), 13.0, name).colour(Role::Muted);
            x += 53.0 + text.width() * SPARE + 18.0;
            nodes.push(Node::Text(text));
        }
        let text = Text::new((x, 56.0), 13.0, "shade: share of the row").colour(Role::Muted);
        nodes.push(Node::Text(text));
    }

    fn draw_captions(&self, nodes: &mut Vec<Node>) {
        let caption = |at, text: &str| {
            Text::new(at, 13.0, text)
                .colour(Role::Muted)
                .anchor(Anchor::Middle)
        };
        let middle = self.side().max(110.0) / 2.0;
        nodes.push(Node::Text(caption((self.left + middle, 86.0), "Predicted class")));
        nodes.push(Node::Text(
            caption((MARGIN + 12.0, self.top + self.side() / 2.0), "True class").upward(),
        ));
        if self.sums > 0.0 {
            let at = (self.left + self.side() + self.sums, self.top - 10.0);
            nodes.push(Node::Text(caption(at, "photos").anchor(Anchor::End)));
        }
    }

    fn draw_row_names(&self, nodes: &mut Vec<Node>) {
        for (index, name) in self.class_names.iter().enumerate().step_by(self.names.every) {
            let y = self.top + self.cell * (index as f32 + 0.5) + self.names.size * 0.36;
            let text = Text::new((self.left - 10.0, y), self.names.size, self.names.shortened(name));
            nodes.push(Node::Text(text.anchor(Anchor::End)));
            if self.sums > 0.0 {
                let sum = self.counts.get(index).map_or(0, |row| row_sum(row));
                let at = (self.left + self.side() + self.sums, y);
                let text = Text::new(at, self.names.size.min(13.0), grouped(sum));
                nodes.push(Node::Text(text.colour(Role::Muted).anchor(Anchor::End)));
            }
        }
    }

    fn draw_column_names(&self, nodes: &mut Vec<Node>) {
        let size = self.names.size;
        let centre = |index: usize| self.left + self.cell * (index as f32 + 0.5);
        if let Some(columns) = &self.names.across {
            for (index, lines) in columns.iter().enumerate() {
                for (above, line) in lines.iter().rev().enumerate() {
                    let at = (centre(index), self.top - 10.0 - above as f32 * size * 1.2);
                    nodes.push(Node::Text(
                        Text::new(at, size, line.as_str()).anchor(Anchor::Middle),
                    ));
                }
            }
            return;
        }
        for (index, name) in self.class_names.iter().enumerate().step_by(self.names.every) {
            let at = (centre(index) + size * 0.36, self.top - 8.0);
            nodes.push(Node::Text(
                Text::new(at, size, self.names.shortened(name)).upward(),
            ));
        }
    }

    fn draw_cell(&self, cell: Cell, (x, y): Point, nodes: &mut Vec<Node>) {
        let opacity = heat_opacity(cell.share());
        let fill = match cell.is_correct() {
            true => Role::Correct,
            false => Role::Confused,
        };
        // A pixel of ground between cells keeps them apart where they are large enough for it.
        let gap = if self.cell > 12.0 { 1.0 } else { 0.0 };
        let size = (self.cell - gap, self.cell - gap);
        let at = (x + gap / 2.0, y + gap / 2.0);
        let mut children = vec![Node::Rect {
            at,
            size,
            fill,
            opacity,
        }];
        let ink = heat_ink(fill, opacity);
        children.extend(
            self.numbers(cell, (x, y))
                .into_iter()
                .map(|text| Node::Text(text.colour(ink))),
        );
        nodes.push(Node::Titled {
            title: self.title(cell),
            children,
        });
    }

    /// A cell without samples: a faint zero where there is room for one, and a hint of the diagonal.
    fn draw_zero(&self, cell: Cell, (x, y): Point, nodes: &mut Vec<Node>) {
        if cell.is_correct() {
            nodes.push(Node::Frame {
                at: (x, y),
                size: (self.cell, self.cell),
                stroke: Role::Grid,
            });
        }
        if self.cell >= 30.0 {
            let at = (x + self.cell / 2.0, y + self.cell / 2.0 + 5.0);
            nodes.push(Node::Text(
                Text::new(at, 13.0, "0")
                    .colour(Role::Muted)
                    .anchor(Anchor::Middle),
            ));
        }
    }

    /// The count of a cell and its share of the row, as far as there is room for them.
    fn numbers(&self, cell: Cell, (x, y): Point) -> Vec<Text> {
        let (centre, middle) = (x + self.cell / 2.0, y + self.cell / 2.0);
        let count = grouped(cell.count);
        let widest = (self.cell - 6.0) / (text_width(&count, 1.0, Weight::SemiBold) * SPARE);
        let size = (self.cell * 0.45).min(16.0).min(widest);
        if size < SMALLEST_NUMBER {
            return Vec::new();
        }
        let count = |baseline| {
            Text::new((centre, baseline), size, count)
                .bold()
                .anchor(Anchor::Middle)
        };
        if self.cell < CELL_WITH_SHARE {
            return vec![count(middle + size * 0.36)];
        }
        let small = (self.cell * 0.2).clamp(9.0, 13.0);
        let share = Text::new((centre, middle + small + 3.0), small, share_text(cell.share()));
        vec![count(middle), share.anchor(Anchor::Middle)]
    }

    /// What a cell says, in words.
    fn title(&self, cell: Cell) -> String {
        let name = |index: usize| self.class_names.get(index).map_or("", String::as_str);
        let (truth, predicted) = (name(cell.truth), name(cell.predicted));
        let (count, sum, share) = (grouped(cell.count), grouped(cell.sum), share_text(cell.share()));
        match cell.is_correct() {
            true => format!("{count} of {sum} {truth} recognised ({share})"),
            false => format!("{count} of {sum} {truth} taken for {predicted} ({share})"),
        }
    }

    fn describe(&self) -> String {
        let sum = |right: fn(&Cell) -> bool| {
            let counts = cells(self.counts).filter(right).map(|cell| cell.count);
            grouped(counts.fold(0, u64::saturating_add))
        };
        let (right, all) = (sum(|cell| cell.is_correct()), sum(|_| true));
        let mut text = format!("{right} of {all} photos are on the diagonal, that is, classified rightly.");
        if let Some(&worst) = most_frequent_confusions(self.counts, 1).first() {
            text += &format!(" The most frequent confusion: {}.", self.title(worst));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_that_is_not_square_is_refused() {
        let names = ["a".to_owned(), "b".to_owned()];
        let error = confusion_chart(&[vec![1, 2], vec![3]], &names).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the run does not fit together: columns of the confusion matrix: expected 2, found 1"
        );
        confusion_chart(&[vec![1]], &names).unwrap_err();
        confusion_chart(&[], &[]).unwrap_err();
    }
}
