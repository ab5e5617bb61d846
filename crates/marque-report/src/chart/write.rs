//! Drawings as SVG text.

#[cfg(feature = "landscape")]
mod areas;

use std::fmt::{self, Write as _};

use super::font::{self, RAISED, Weight, raised};
use super::svg::{Anchor, Dash, Direction, MARGIN, Node, Point, Svg, Text};
use super::theme::Role;

impl Svg {
    /// The drawing as an `<svg>` element for a page, coloured by the page's CSS variables. `id` must be unique
    /// in the page: title and description are referred to by it.
    ///
    /// The element has the variable `--natural`, the width at which its text has the size of the page's.
    pub(crate) fn inline(&self, id: &str) -> String {
        // The page has margins of its own: without the drawing's left one, the drawing lines up with the text.
        let (left, width, height) = (Number(MARGIN), Number(self.width - MARGIN), Number(self.height));
        let mut out = format!(
            "<svg class=\"chart\" style=\"--natural:{width}px\" viewBox=\"{left} 0 {width} {height}\""
        );
        // Writing into a `String` cannot fail, here and below.
        let _ = write!(out, " role=\"img\" aria-labelledby=\"{id}-title {id}-text\">");
        let (title, description) = (Escaped(&self.title), Escaped(&self.description));
        let _ = write!(
            out,
            "<title id=\"{id}-title\">{title}</title><desc id=\"{id}-text\">{description}</desc>"
        );
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
        write!(
            out,
            "<title>{}</title><desc>{}</desc>",
            Escaped(&self.title),
            Escaped(&self.description)
        )?;
        let ground = Role::Surface.light();
        write!(
            out,
            "<rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>"
        )?;
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

    /// The attributes for a line that encloses nothing.
    fn pen(self, stroke: Role, dashed: Dash) -> String {
        self.paint(None, Some(stroke)) + dashed.attribute()
    }
}

fn write_nodes(out: &mut dyn fmt::Write, nodes: &[Node], palette: Palette) -> fmt::Result {
    nodes.iter().try_for_each(|node| write_node(out, node, palette))
}

fn write_node(out: &mut dyn fmt::Write, node: &Node, palette: Palette) -> fmt::Result {
    match node {
        Node::Rect {
            at,
            size,
            fill,
            opacity,
        } => {
            let (paint, opacity) = (palette.paint(Some(*fill), None), Number(*opacity));
            write!(
                out,
                "<rect{}{paint} fill-opacity=\"{opacity}\"/>",
                Area(*at, *size)
            )
        }
        Node::Frame { at, size, stroke } => {
            let paint = palette.paint(None, Some(*stroke));
            write!(out, "<rect{}{paint}/>", Area(*at, *size))
        }
        Node::Line {
            from,
            to,
            stroke,
            dashed,
        } => write_line(out, *from, *to, &palette.pen(*stroke, *dashed)),
        Node::Curve {
            points,
            stroke,
            dashed,
        } => write_curve(out, points, &palette.pen(*stroke, *dashed)),
        Node::Dot {
            at,
            radius,
            fill,
            stroke,
        } => write_dot(out, *at, *radius, &palette.paint(Some(*fill), Some(*stroke))),
        #[cfg(feature = "landscape")]
        Node::Area { rings, fill, edge } => areas::write_area(out, rings, *fill, *edge),
        #[cfg(feature = "landscape")]
        Node::Trace { points, stroke } => areas::write_trace(out, points, *stroke),
        Node::Text(text) => write_text(out, text, palette),
        Node::Titled { title, children } => {
            write!(out, "<g><title>{}</title>", Escaped(title))?;
            write_nodes(out, children, palette)?;
            write!(out, "</g>")
        }
    }
}

fn write_line(out: &mut dyn fmt::Write, from: Point, to: Point, pen: &str) -> fmt::Result {
    let (x1, y1, x2, y2) = (Number(from.0), Number(from.1), Number(to.0), Number(to.1));
    write!(
        out,
        "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"{pen}/>"
    )
}

fn write_dot(out: &mut dyn fmt::Write, at: Point, radius: f32, paint: &str) -> fmt::Result {
    let (x, y, radius) = (Number(at.0), Number(at.1), Number(radius));
    write!(
        out,
        "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{paint} stroke-width=\"2\"/>"
    )
}

fn write_points(out: &mut dyn fmt::Write, points: &[Point]) -> fmt::Result {
    write!(out, "<polyline points=\"")?;
    for (index, (x, y)) in points.iter().enumerate() {
        let space = if index == 0 { "" } else { " " };
        write!(out, "{space}{},{}", Number(*x), Number(*y))?;
    }
    out.write_char('"')
}

fn write_curve(out: &mut dyn fmt::Write, points: &[Point], pen: &str) -> fmt::Result {
    write_points(out, points)?;
    write!(
        out,
        "{pen} stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
    )
}

fn write_text(out: &mut dyn fmt::Write, text: &Text, palette: Palette) -> fmt::Result {
    let (x, y, size) = (Number(text.at.0), Number(text.at.1), Number(text.size));
    write!(
        out,
        "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{}",
        palette.paint(Some(text.colour), None)
    )?;
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
    out.write_char('>')?;
    write_content(out, text)?;
    out.write_str("</text>")
}

/// The characters of a text, superscripts as smaller ones above the base line.
fn write_content(out: &mut dyn fmt::Write, text: &Text) -> fmt::Result {
    let mut rest = text.content.as_str();
    let mut above = false;
    while !rest.is_empty() {
        let plain = rest.find(|c| raised(c).is_some()).unwrap_or(rest.len());
        let (start, after) = rest.split_at(plain);
        let end = after.find(|c| raised(c).is_none()).unwrap_or(after.len());
        let (high, after) = after.split_at(end);
        let shift = Number(text.size * 0.36);
        match above {
            true if !start.is_empty() => write!(out, "<tspan dy=\"{shift}\">{}</tspan>", Escaped(start))?,
            _ => write!(out, "{}", Escaped(start))?,
        }
        if !high.is_empty() {
            let high: String = high.chars().filter_map(raised).collect();
            let size = Number(text.size * RAISED);
            write!(out, "<tspan dy=\"-{shift}\" font-size=\"{size}\">{high}</tspan>")?;
            above = true;
        }
        rest = after;
    }
    Ok(())
}

/// Position and size of a rectangle as attributes.
struct Area(Point, (f32, f32));

impl fmt::Display for Area {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, y, width, height) = (
            Number(self.0.0),
            Number(self.0.1),
            Number(self.1.0),
            Number(self.1.1),
        );
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

impl Dash {
    fn attribute(self) -> &'static str {
        match self {
            Dash::Solid => "",
            Dash::Short => " stroke-dasharray=\"2 4\"",
            Dash::Long => " stroke-dasharray=\"7 4\"",
            // Round ends make a dot of a dash of almost no length.
            Dash::Dotted => " stroke-dasharray=\"0.1 4.4\"",
            Dash::OneDot => " stroke-dasharray=\"9 4.5 0.1 4.5\"",
            Dash::Longest => " stroke-dasharray=\"15 5\"",
            Dash::TwoDots => " stroke-dasharray=\"9 4.5 0.1 4.5 0.1 4.5\"",
            Dash::LongShort => " stroke-dasharray=\"13 4.5 3.5 4.5\"",
            Dash::Even => " stroke-dasharray=\"3 5\"",
        }
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
            assert!(
                !written.contains("<script") && !written.contains('\0'),
                "{written}"
            );
            resvg::usvg::roxmltree::Document::parse(&written).unwrap();
        }
    }

    #[test]
    fn superscripts_are_raised_and_what_follows_is_not() {
        let written = |content: &str| {
            let mut out = String::new();
            write_content(&mut out, &Text::new((0.0, 0.0), 10.0, content)).unwrap();
            out
        };
        assert_eq!(written("a & b"), "a &amp; b");
        assert_eq!(
            written("10⁻³ m² < ∞"),
            "10<tspan dy=\"-3.6\" font-size=\"7\">−3</tspan><tspan dy=\"3.6\"> m</tspan>\
             <tspan dy=\"-3.6\" font-size=\"7\">2</tspan><tspan dy=\"3.6\"> &lt; ∞</tspan>"
        );
        let width = |text: &str| font::text_width(text, 10.0, Weight::Regular);
        assert_eq!(width("⁻³"), width("−3") * RAISED);
    }

    #[test]
    fn numbers_are_short() {
        let written = [0.0, -0.001, 12.0, 0.5, 1.0 / 3.0, -7.25].map(|value| Number(value).to_string());
        assert_eq!(written, ["0", "0", "12", "0.5", "0.33", "-7.25"]);
    }
}
