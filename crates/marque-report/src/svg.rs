//! A drawing of typed elements, written as SVG.

use std::fmt::{self, Write as _};

use crate::font::{self, Weight, text_width};
use crate::theme::Role;

/// A point in pixels, from the left and from the top.
pub(crate) type Point = (f32, f32);

/// Which side of a text its position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From left to right.
    Across,
    /// From the bottom to the top, turned by a quarter.
    Upward,
}

/// One line of text; its position is on the base line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    pub(crate) at: Point,
    pub(crate) content: String,
    pub(crate) size: f32,
    pub(crate) weight: Weight,
    pub(crate) colour: Role,
    pub(crate) anchor: Anchor,
    pub(crate) direction: Direction,
}

impl Text {
    /// A text in ink, regular, across, that starts at `at`.
    pub(crate) fn new(at: Point, size: f32, content: impl Into<String>) -> Self {
        Self {
            at,
            content: content.into(),
            size,
            weight: Weight::Regular,
            colour: Role::Ink,
            anchor: Anchor::Start,
            direction: Direction::Across,
        }
    }

    pub(crate) fn bold(self) -> Self {
        Self { weight: Weight::SemiBold, ..self }
    }

    pub(crate) fn colour(self, colour: Role) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn upward(self) -> Self {
        Self { direction: Direction::Upward, ..self }
    }

    /// The width of the text along its own direction, in pixels.
    pub(crate) fn width(&self) -> f32 {
        text_width(&self.content, self.size, self.weight)
    }
}

/// One element of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Rect { at: Point, size: (f32, f32), fill: Role, opacity: f32 },
    Frame { at: Point, size: (f32, f32), stroke: Role },
    Line { from: Point, to: Point, stroke: Role, dashed: Dash },
    Curve { points: Vec<Point>, stroke: Role, dashed: Dash },
    Dot { at: Point, radius: f32, fill: Role, stroke: Role },
    Text(Text),
    /// Elements that share a title, which a browser shows under the pointer.
    Titled { title: String, children: Vec<Node> },
}

/// Whether a line is broken into dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    Solid,
    Short,
    Long,
}

impl Dash {
    fn attribute(self) -> &'static str {
        match self {
            Dash::Solid => "",
            Dash::Short => " stroke-dasharray=\"2 4\"",
            Dash::Long => " stroke-dasharray=\"7 4\"",
        }
    }
}

/// A chart. Its `Display` form is a stand-alone SVG document in the light theme on an opaque ground.
///
/// # Example
/// ```
/// use marque_metrics::History;
///
/// let chart = marque_report::loss_chart(&History::default());
/// assert!(chart.to_string().starts_with("<svg xmlns="));
/// assert!(chart.to_png(1.0)?.starts_with(b"\x89PNG"));
/// # Ok::<(), marque_report::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Svg {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) nodes: Vec<Node>,
}

impl Svg {
    /// The width in CSS pixels.
    pub fn width(&self) -> f32 {
        self.width
    }

    /// The height in CSS pixels.
    pub fn height(&self) -> f32 {
        self.height
    }

    /// What a screen reader says first: the name of the chart.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the chart shows, in one or two sentences.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The drawing as an `<svg>` element for a page, coloured by the page's CSS variables. `id` must be unique
    /// in the page: title and description are referred to by it.
    pub(crate) fn inline(&self, id: &str) -> String {
        let mut out = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\">",
            Number(self.width),
            Number(self.height),
        );
        let (title, description) = (Escaped(&self.title), Escaped(&self.description));
        let _ = write!(out, "<title id=\"{id}-title\">{title}</title><desc id=\"{id}-text\">{description}</desc>");
        // Writing into a `String` cannot fail.
        let _ = write_nodes(&mut out, &self.nodes, Palette::Variables);
        out.push_str("</svg>");
        out
    }
}

impl fmt::Display for Svg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = (Number(self.width), Number(self.height));
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"{family}, 'Helvetica Neue', Arial, sans-serif\">",
            family = font::FAMILY,
        )?;
        write!(out, "<title>{}</title><desc>{}</desc>", Escaped(&self.title), Escaped(&self.description))?;
        let ground = Role::Surface.light();
        write!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>")?;
        write_nodes(out, &self.nodes, Palette::Light)?;
        writeln!(out, "</svg>")
    }
}

/// Where colours come from.
#[derive(Clone, Copy)]
enum Palette {
    Light,
    Variables,
}

impl Palette {
    /// The attributes for a fill and a stroke; `None` is no paint.
    fn paint(self, fill: Option<Role>, stroke: Option<Role>) -> String {
        let colour = |role: Option<Role>| match (role, self) {
            (None, _) => "none".to_owned(),
            (Some(role), Palette::Light) => role.light().to_owned(),
            (Some(role), Palette::Variables) => format!("var(--{})", role.variable()),
        };
        match self {
            Palette::Light => format!(" fill=\"{}\" stroke=\"{}\"", colour(fill), colour(stroke)),
            Palette::Variables => format!(" style=\"fill:{};stroke:{}\"", colour(fill), colour(stroke)),
        }
    }
}

fn write_nodes(out: &mut dyn fmt::Write, nodes: &[Node], palette: Palette) -> fmt::Result {
    nodes.iter().try_for_each(|node| write_node(out, node, palette))
}

fn write_node(out: &mut dyn fmt::Write, node: &Node, palette: Palette) -> fmt::Result {
    match node {
        Node::Rect { at, size, fill, opacity } => {
            let paint = palette.paint(Some(*fill), None);
            write!(out, "<rect{}{paint} fill-opacity=\"{}\"/>", Box2(*at, *size), Number(*opacity))
        }
        Node::Frame { at, size, stroke } => {
            write!(out, "<rect{}{}/>", Box2(*at, *size), palette.paint(None, Some(*stroke)))
        }
        Node::Line { from, to, stroke, dashed } => {
            let paint = palette.paint(None, Some(*stroke));
            let (x1, y1, x2, y2) = (Number(from.0), Number(from.1), Number(to.0), Number(to.1));
            let dash = dashed.attribute();
            write!(out, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"{paint}{dash}/>")
        }
        Node::Curve { points, stroke, dashed } => {
            write!(out, "<polyline points=\"")?;
            for (index, (x, y)) in points.iter().enumerate() {
                let space = if index == 0 { "" } else { " " };
                write!(out, "{space}{},{}", Number(*x), Number(*y))?;
            }
            let (paint, dash) = (palette.paint(None, Some(*stroke)), dashed.attribute());
            write!(out, "\"{paint}{dash} stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>")
        }
        Node::Dot { at, radius, fill, stroke } => {
            let paint = palette.paint(Some(*fill), Some(*stroke));
            let (x, y, radius) = (Number(at.0), Number(at.1), Number(*radius));
            write!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{paint} stroke-width=\"2\"/>")
        }
        Node::Text(text) => write_text(out, text, palette),
        Node::Titled { title, children } => {
            write!(out, "<g><title>{}</title>", Escaped(title))?;
            write_nodes(out, children, palette)?;
            write!(out, "</g>")
        }
    }
}

fn write_text(out: &mut dyn fmt::Write, text: &Text, palette: Palette) -> fmt::Result {
    let (x, y, size) = (Number(text.at.0), Number(text.at.1), Number(text.size));
    write!(out, "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{}", palette.paint(Some(text.colour), None))?;
    if text.weight != Weight::Regular {
        write!(out, " font-weight=\"{}\"", text.weight.css())?;
    }
    match text.anchor {
        Anchor::Start => {}
        Anchor::Middle => write!(out, " text-anchor=\"middle\"")?,
        Anchor::End => write!(out, " text-anchor=\"end\"")?,
    }
    if text.direction == Direction::Upward {
        write!(out, " transform=\"rotate(-90 {x} {y})\"")?;
    }
    write!(out, ">{}</text>", Escaped(&text.content))
}

/// Position and size of a rectangle as attributes.
struct Box2(Point, (f32, f32));

impl fmt::Display for Box2 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, y, width, height) = (Number(self.0.0), Number(self.0.1), Number(self.1.0), Number(self.1.1));
        write!(out, " x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
    }
}

/// A coordinate with at most two decimals: a hundredth of a pixel is finer than anything drawn.
struct Number(f32);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (f64::from(self.0) * 100.0).round() / 100.0;
        // Adding zero turns the negative zero into the usual one.
        write!(out, "{}", rounded + 0.0)
    }
}

/// Text for the content or an attribute of an XML element. Characters that XML 1.0 forbids become U+FFFD.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                '\t' | '\n' | '\r' => out.write_char(' ')?,
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.write_char('\u{fffd}')?,
                _ => out.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_stays_well_formed() {
        let hostile = "<script>alert('1')</script> & \"x\"\0\u{1b}";
        let svg = Svg {
            width: 10.0,
            height: 10.0,
            title: hostile.to_owned(),
            description: hostile.to_owned(),
            nodes: vec![Node::Titled {
                title: hostile.to_owned(),
                children: vec![Node::Text(Text::new((1.0, 2.0), 3.0, hostile).upward())],
            }],
        };
        for written in [svg.to_string(), svg.inline("a")] {
            assert!(!written.contains("<script") && !written.contains('\0'), "{written}");
            resvg::usvg::roxmltree::Document::parse(&written).unwrap();
        }
    }

    #[test]
    fn numbers_are_short() {
        let written = [0.0, -0.001, 12.0, 0.5, 1.0 / 3.0, -7.25].map(|value| Number(value).to_string());
        assert_eq!(written, ["0", "0", "12", "0.5", "0.33", "-7.25"]);
    }
}
