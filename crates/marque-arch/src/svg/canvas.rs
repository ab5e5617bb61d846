//! Boxes, lines and texts as SVG.

use std::fmt::Write;

/// Text of boxes, in the units of the viewBox.
pub(super) const TEXT: f64 = 12.5;
/// Text of captions.
pub(super) const SMALL: f64 = 11.0;

/// A place, or a width and a height.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub y: f64,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub(super) fn right(self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(self) -> f64 {
        self.top + self.height
    }

    pub(super) fn centre(self) -> Point {
        Point {
            x: self.left + self.width / 2.0,
            y: self.top + self.height / 2.0,
        }
    }

    pub(super) fn moved(self, by: Point) -> Frame {
        Frame {
            left: self.left + by.x,
            top: self.top + by.y,
            ..self
        }
    }
}

/// Which end of a text lies at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Font {
    pub size: f64,
    pub weight: u16,
    pub class: &'static str,
    pub anchor: Anchor,
}

impl Font {
    pub(super) const TEXT: Font = Font {
        size: TEXT,
        weight: 400,
        class: "ink",
        anchor: Anchor::Middle,
    };
    pub(super) const SMALL: Font = Font {
        size: SMALL,
        weight: 400,
        class: "soft",
        anchor: Anchor::Middle,
    };

    pub(super) fn anchored(self, anchor: Anchor) -> Font {
        Font { anchor, ..self }
    }

    pub(super) fn bold(self) -> Font {
        Font { weight: 600, ..self }
    }

    /// About how wide a text is; rather too much than too little, for every reader has another font.
    pub(super) fn width(self, text: &str) -> f64 {
        let bold = if self.weight > 400 { 1.1 } else { 1.0 };
        text.chars().map(advance).sum::<f64>() * self.size * bold
    }

    /// The text, or as much of its end as has room in `width`.
    pub(super) fn fitted(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let mut left = width - self.width("…");
        let mut kept: Vec<char> = Vec::new();
        for c in text.chars().rev() {
            left -= self.width(c.encode_utf8(&mut [0; 4]));
            if left < 0.0 {
                break;
            }
            kept.push(c);
        }
        kept.push('…');
        kept.into_iter().rev().collect()
    }
}

/// Width of a character over the size of the text, as in wide faces such as DejaVu Sans.
fn advance(c: char) -> f64 {
    match c {
        ' ' | '·' | '.' | ',' | ':' | '\'' | '/' | '(' | ')' => 0.36,
        'i' | 'j' | 'l' | 'I' => 0.3,
        'f' | 'r' | 't' => 0.41,
        'm' | 'w' | 'M' | 'W' => 0.98,
        '×' | '+' | '→' => 0.84,
        c if c.is_ascii_lowercase() => 0.62,
        c if c.is_ascii_digit() => 0.64,
        c if c.is_ascii() => 0.75,
        '–' => 0.5,
        _ => 1.0,
    }
}

/// A picture under construction.
#[derive(Debug, Default)]
pub(super) struct Canvas(String);

impl Canvas {
    pub(super) fn into_markup(self) -> String {
        self.0
    }

    /// Opens a group with what a reader's pointer brings up; [`end_group`](Self::end_group) ends it.
    pub(super) fn begin_group(&mut self, title: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "<g><title>{}</title>", escaped(title));
    }

    pub(super) fn end_group(&mut self) {
        self.0.push_str("</g>\n");
    }

    pub(super) fn rect(&mut self, class: &str, frame: Frame, radius: f64) {
        let _ = writeln!(
            self.0,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            number(frame.left),
            number(frame.top),
            number(frame.width),
            number(frame.height),
            number(radius)
        );
    }

    pub(super) fn circle(&mut self, class: &str, centre: Point, radius: f64) {
        let (x, y, radius) = (number(centre.x), number(centre.y), number(radius));
        let _ = writeln!(
            self.0,
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"
        );
    }

    /// A line of text whose middle, up and down, is at `place`.
    pub(super) fn text(&mut self, font: Font, place: Point, text: &str) {
        let anchor = match font.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = match font.weight {
            400 => String::new(),
            weight => format!(" font-weight=\"{weight}\""),
        };
        let _ = writeln!(
            self.0,
            "<text class=\"{}\" x=\"{}\" y=\"{}\" font-size=\"{}\"{weight} text-anchor=\"{anchor}\">{}</text>",
            font.class,
            number(place.x),
            // Letters stand on their line and reach seven tenths of their size up.
            number(place.y + 0.35 * font.size),
            number(font.size),
            escaped(text)
        );
    }

    /// A line along `path`, in SVG's path language.
    pub(super) fn line(&mut self, path: &str) {
        let _ = writeln!(self.0, "<path class=\"edge\" d=\"{path}\"/>");
    }

    /// The tip of an arrow that points down at `place`.
    pub(super) fn tip_down(&mut self, place: Point) {
        self.tip(place, "l-3.5 -6.5 h7");
    }

    /// The tip of an arrow that points left at `place`.
    pub(super) fn tip_left(&mut self, place: Point) {
        self.tip(place, "l6.5 -3.5 v7");
    }

    fn tip(&mut self, place: Point, sides: &str) {
        let (x, y) = (number(place.x), number(place.y));
        let _ = writeln!(self.0, "<path class=\"tip\" d=\"M{x} {y} {sides} z\"/>");
    }

    /// The letter of a kind of block in a disc of the kind's colour.
    pub(super) fn badge(&mut self, kind: usize, centre: Point) {
        self.circle(&format!("kind{}", kind % 6), centre, 9.5);
        let font = Font {
            class: "badge",
            size: SMALL,
            ..Font::TEXT
        };
        self.text(font.bold(), centre, &letter(kind));
    }
}

/// A to Z, then A1 to Z1 and so on.
fn letter(kind: usize) -> String {
    let letter = char::from(b'A' + (kind % 26) as u8);
    match kind / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// A length without more digits than can be seen.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Text that cannot end its element; characters that XML does not allow are replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_beginning() {
        let short = Font::TEXT.fitted("layer1.0", 200.0);
        assert_eq!(short, "layer1.0");
        let long = Font::TEXT.fitted(&"features.denseblock1.".repeat(5), 100.0);
        assert!(long.starts_with('…') && long.ends_with("denseblock1."), "{long}");
        assert!(Font::TEXT.width(&long) <= 100.0);
    }

    #[test]
    fn numbers_are_short_and_letters_go_on_behind_z() {
        assert_eq!([number(2.0), number(2.04), number(2.16)], ["2", "2", "2.2"]);
        assert_eq!([letter(0), letter(25), letter(26)], ["A", "Z", "A1"]);
    }

    #[test]
    fn what_xml_does_not_allow_is_replaced() {
        assert_eq!(
            escaped("a<b>&\"\u{0}\u{b}"),
            "a&lt;b&gt;&amp;&quot;\u{fffd}\u{fffd}"
        );
    }
}
