//! A drawing of typed elements.

use super::font::{Weight, text_width};
#[cfg(feature = "landscape")]
use super::theme::Rgb;
use super::theme::Role;

/// A point in pixels, from the left and from the top.
pub(crate) type Point = (f32, f32);

/// What every chart leaves free at its left, in pixels.
pub(crate) const MARGIN: f32 = 16.0;

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
        Self {
            weight: Weight::SemiBold,
            ..self
        }
    }

    pub(crate) fn colour(self, colour: Role) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn upward(self) -> Self {
        Self {
            direction: Direction::Upward,
            ..self
        }
    }

    /// The width of the text along its own direction, in pixels.
    pub(crate) fn width(&self) -> f32 {
        text_width(&self.content, self.size, self.weight)
    }
}

/// A solid line of the thickness of an axis.
pub(crate) fn line(from: Point, to: Point, stroke: Role) -> Node {
    Node::Line {
        from,
        to,
        stroke,
        dashed: Dash::Solid,
    }
}

/// A ring that marks one point.
pub(crate) fn ring(at: Point, stroke: Role) -> Node {
    Node::Dot {
        at,
        radius: 5.0,
        fill: Role::Surface,
        stroke,
    }
}

/// One element of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Rect {
        at: Point,
        size: (f32, f32),
        fill: Role,
        opacity: f32,
    },
    Frame {
        at: Point,
        size: (f32, f32),
        stroke: Role,
    },
    Line {
        from: Point,
        to: Point,
        stroke: Role,
        dashed: Dash,
    },
    Curve {
        points: Vec<Point>,
        stroke: Role,
        dashed: Dash,
    },
    Dot {
        at: Point,
        radius: f32,
        fill: Role,
        stroke: Role,
    },
    /// A filled area with the colour of a map, which is the same in both themes; a ring inside another one is a hole.
    #[cfg(feature = "landscape")]
    Area {
        rings: Vec<Vec<Point>>,
        fill: Rgb,
        edge: Option<Rgb>,
    },
    /// A thin line on such areas.
    #[cfg(feature = "landscape")]
    Trace {
        points: Vec<Point>,
        stroke: Rgb,
    },
    Text(Text),
    /// Elements that share a title, which a browser shows under the pointer.
    Titled {
        title: String,
        children: Vec<Node>,
    },
}

/// Whether a line is broken into dashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    Solid,
    Short,
    Long,
    Dotted,
    OneDot,
    Longest,
    TwoDots,
    LongShort,
    Even,
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
}
