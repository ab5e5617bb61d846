//! Drawings as SVG text.

use std::fmt::{self, Write as _};

use crate::font::{self, Weight};
use crate::svg::{Anchor, Dash, Direction, MARGIN, Node, Point, Svg, Text};
use crate::theme::Role;

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
            let paint = palette.paint(Some(*fill), None);
            write!(
                out,
                "<rect{}{paint} fill-opacity=\"{}\"/>",
                Area(*at, *size),
                Number(*opacity)
            )
        }
        Node::Frame { at, size, stroke } => {
            write!(
                out,
                "<rect{}{}/>",
                Area(*at, *size),
                palette.paint(None, Some(*stroke))
            )
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
        } => {
            let paint = palette.paint(Some(*fill), Some(*stroke));
            let (x, y, radius) = (Number(at.0), Number(at.1), Number(*radius));
            write!(
                out,
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{paint} stroke-width=\"2\"/>"
            )
        }
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

fn write_curve(out: &mut dyn fmt::Write, points: &[Point], pen: &str) -> fmt::Result {
    write!(out, "<polyline points=\"")?;
    for (index, (x, y)) in points.iter().enumerate() {
        let space = if index == 0 { "" } else { " " };
        write!(out, "{space}{},{}", Number(*x), Number(*y))?;
    }
    write!(
        out,
        "\"{pen} stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"
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
    write!(out, ">{}</text>", Escaped(&text.content))
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
    fn numbers_are_short() {
        let written = [0.0, -0.001, 12.0, 0.5, 1.0 / 3.0, -7.25].map(|value| Number(value).to_string());
        assert_eq!(written, ["0", "0", "12", "0.5", "0.33", "-7.25"]);
    }
}
