//! How the names of classes are fitted to the rows and columns of a matrix.

use super::font::{Weight, shorten, text_width};

/// The longest that a class name may be drawn, in pixels.
const LONGEST_NAME: f32 = 190.0;
/// What a text may be wider by in a browser that draws it in another font.
pub(crate) const SPARE: f32 = 1.06;

/// How class names are drawn.
pub(crate) struct Names {
    pub(crate) size: f32,
    /// Every how many classes one is named, where cells are lower than text.
    pub(crate) every: usize,
    /// The lines of each column's name, if all of them fit above the columns; otherwise they stand upright.
    pub(crate) across: Option<Vec<Vec<String>>>,
    /// The room that column names take above the matrix.
    pub(crate) height: f32,
    /// The room that row names take at its left.
    pub(crate) width: f32,
}

impl Names {
    pub(crate) fn new(class_names: &[String], cell: f32) -> Self {
        let largest = (cell * 0.8).clamp(8.0, 14.0);
        // Names that run across are read most easily: worth text that is a little smaller.
        let smaller = [largest, 13.0, 12.0].into_iter().filter(|size| *size <= largest);
        let mut tried = smaller.map(|size| (size, lines_of_all(class_names, cell - 6.0, size)));
        let (size, across) = tried
            .find(|(_, lines)| lines.is_some())
            .unwrap_or((largest, None));
        let every = (size / cell).ceil().max(1.0) as usize;
        let widest = class_names
            .iter()
            .map(|name| text_width(name, size, Weight::Regular))
            .fold(0.0, f32::max);
        let width = widest.min(LONGEST_NAME);
        let lines = across.iter().flatten().map(Vec::len).max();
        let height = lines.map_or(width * SPARE, |lines| lines as f32 * size * 1.2);
        Self {
            size,
            every,
            across,
            height,
            width: width * SPARE,
        }
    }

    pub(crate) fn shortened(&self, name: &str) -> String {
        shorten(name, LONGEST_NAME, self.size, Weight::Regular)
    }
}

fn lines_of_all(class_names: &[String], width: f32, size: f32) -> Option<Vec<Vec<String>>> {
    class_names
        .iter()
        .map(|name| lines_within(name, width, size))
        .collect()
}

/// `name` in at most two lines of at most `width`, broken between words; `None` if it does not fit.
fn lines_within(name: &str, width: f32, size: f32) -> Option<Vec<String>> {
    let fits = |line: &str| text_width(line, size, Weight::Regular) * SPARE <= width;
    if fits(name) {
        return Some(vec![name.to_owned()]);
    }
    let breaks = name
        .match_indices(' ')
        .map(|(at, _)| (&name[..at], &name[at + 1..]));
    breaks
        .filter(|(first, second)| fits(first) && fits(second))
        .min_by_key(|(first, second)| first.len().abs_diff(second.len()))
        .map(|(first, second)| vec![first.to_owned(), second.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_between_words_where_that_helps() {
        assert_eq!(
            lines_within("Pickup Truck", 76.0, 14.0),
            Some(vec!["Pickup".to_owned(), "Truck".to_owned()])
        );
        assert_eq!(lines_within("Van", 76.0, 14.0), Some(vec!["Van".to_owned()]));
        assert_eq!(lines_within("Convertible-Coupe", 76.0, 14.0), None);
    }
}
