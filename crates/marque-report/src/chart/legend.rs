//! What the curves of a chart are called, in rows under its title.

use super::font::{Weight, shorten};
use super::names::SPARE;
use super::plot::TEXT;
use super::svg::{Dash, MARGIN, Node, Point, Text, ring};
use super::theme::Role;

/// The base line of the first row.
const FIRST_ROW: f32 = 56.0;
/// From one base line to the next.
const ROW: f32 = 20.0;
/// The room between an entry's key and its text, and between entries.
const BESIDE_KEY: f32 = 8.0;
const BETWEEN: f32 = 22.0;

/// The sign before a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key {
    Stroke(Role, Dash),
    Ring(Role),
}

/// Entries with their places: in one row where they fit, else in columns of equal width.
pub(crate) struct Legend {
    entries: Vec<(Point, Key, String, String)>,
    key_px: f32,
    rows: usize,
}

impl Legend {
    /// Lays out `entries` in `width` pixels, each with a key of `key_px` pixels.
    pub(crate) fn new(entries: Vec<(Key, String)>, key_px: f32, width: f32) -> Self {
        let text_width = |name: &str| Text::new((0.0, 0.0), TEXT, name).width() * SPARE;
        let entry_width = |name: &str| key_px + BESIDE_KEY + text_width(name) + BETWEEN;
        let widths: Vec<f32> = entries.iter().map(|(_, name)| entry_width(name)).collect();
        let all: f32 = widths.iter().sum();
        let widest = widths.iter().copied().fold(0.0, f32::max);
        // The last entry of a row has nothing after it to keep away from.
        let room = width - 2.0 * MARGIN + BETWEEN;
        let in_one_row = all <= room;
        let columns = match in_one_row {
            true => entries.len().max(1),
            false => ((room / widest) as usize).clamp(1, 4),
        };
        let column = room / columns as f32;
        let longest = (column - key_px - BESIDE_KEY - BETWEEN) / SPARE;
        let mut x = MARGIN;
        let mut placed = Vec::with_capacity(entries.len());
        for (index, ((key, name), width)) in entries.into_iter().zip(widths).enumerate() {
            let shown = match in_one_row {
                true => name.clone(),
                false => shorten(&name, longest, TEXT, Weight::Regular),
            };
            let across = match in_one_row {
                true => x,
                false => MARGIN + column * (index % columns) as f32,
            };
            let at = (across, FIRST_ROW + ROW * (index / columns) as f32);
            placed.push((at, key, shown, name));
            x += width;
        }
        Self {
            rows: placed.len().div_ceil(columns),
            entries: placed,
            key_px,
        }
    }

    /// What the rows after the first add to the height of a chart.
    pub(crate) fn extra_height(&self) -> f32 {
        ROW * self.rows.saturating_sub(1) as f32
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn draw(self, nodes: &mut Vec<Node>) {
        for ((x, baseline), key, shown, name) in self.entries {
            let y = baseline - 5.0;
            let sign = match key {
                Key::Stroke(stroke, dashed) => Node::Curve {
                    points: vec![(x, y), (x + self.key_px, y)],
                    stroke,
                    dashed,
                },
                Key::Ring(stroke) => ring((x + self.key_px / 2.0, y), stroke),
            };
            let is_short = shown != name;
            let text = Text::new((x + self.key_px + BESIDE_KEY, baseline), TEXT, shown);
            let children = vec![sign, Node::Text(text)];
            match is_short {
                true => nodes.push(Node::Titled {
                    title: name,
                    children,
                }),
                false => nodes.extend(children),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(names: &[&str]) -> Legend {
        let key = Key::Stroke(Role::Ink, Dash::Solid);
        Legend::new(
            names.iter().map(|name| (key, (*name).to_owned())).collect(),
            36.0,
            640.0,
        )
    }

    #[test]
    fn entries_wrap_into_rows_and_stay_apart() {
        let long = "residual network of 110 layers, sigmoid, without normalisation of any kind, seed 42";
        for name in ["a", "plain, sigmoid, BN", "residual, ReLU, with BN", long] {
            let legend = legend(&[name; 8]);
            let end = |(at, _, shown, _): &(Point, Key, String, String)| {
                at.0 + 44.0 + Text::new(*at, TEXT, shown.as_str()).width()
            };
            assert!(
                legend.entries.iter().all(|entry| end(entry) <= 640.0 - MARGIN),
                "{name}"
            );
            for pair in legend.entries.windows(2) {
                let below = pair[1].0.1 >= pair[0].0.1 + ROW;
                assert!(below || pair[1].0.0 > end(&pair[0]), "{name}: {:?}", pair[1].0);
            }
        }
        assert_eq!(legend(&["a"; 8]).rows, 1);
        assert_eq!(legend(&["plain, sigmoid, BN"; 8]).rows, 3);
        assert_eq!(legend(&[long; 8]).rows, 8);
        assert_eq!(legend(&[]).rows, 0);
    }
}
