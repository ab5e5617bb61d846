//! Anti-aliased shapes on an opaque picture.

use tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Transform};

/// A place in the picture: x to the right and y downwards, in pixels.
pub(crate) type Point = [f32; 2];

/// A colour: red, green and blue in 0..1, as displayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tone(pub(crate) [f32; 3]);

impl Tone {
    /// A grey of this lightness in 0..1.
    pub(crate) fn grey(value: f32) -> Self {
        Tone([value; 3])
    }

    /// The colour of a hue in turns, a saturation and a value in 0..1.
    pub(crate) fn from_hsv(hue: f32, saturation: f32, value: f32) -> Self {
        Tone([5.0_f32, 3.0, 1.0].map(|offset| {
            let sector = (offset + hue * 6.0).rem_euclid(6.0);
            value * (1.0 - saturation * sector.min(4.0 - sector).clamp(0.0, 1.0))
        }))
    }

    /// This colour made darker (`factor` < 1) or lighter.
    pub(crate) fn shaded(self, factor: f32) -> Self {
        Tone(self.0.map(|channel| (channel * factor).clamp(0.0, 1.0)))
    }

    /// The colour at `part` (0..1) of the way to `other`.
    pub(crate) fn mixed(self, other: Tone, part: f32) -> Self {
        let [r, g, b] = self.0;
        let [s, h, c] = other.0;
        Tone([r + part * (s - r), g + part * (h - g), b + part * (c - b)])
    }
}

/// An opaque picture to draw on.
pub(crate) struct Canvas(Pixmap);

impl Canvas {
    /// A black picture; `None` where a side is 0 or the picture would not fit into memory.
    pub(crate) fn new(width: u32, height: u32) -> Option<Self> {
        Pixmap::new(width, height).map(Canvas)
    }

    pub(crate) fn width(&self) -> u32 {
        self.0.width()
    }

    pub(crate) fn height(&self) -> u32 {
        self.0.height()
    }

    /// The length of the shorter side in pixels: what sizes of things in the scene are given in.
    pub(crate) fn unit(&self) -> f32 {
        self.width().min(self.height()) as f32
    }

    /// Gives every pixel the colour that `tone` has for its centre.
    pub(crate) fn fill(&mut self, mut tone: impl FnMut(Point) -> Tone) {
        let width = self.width().max(1) as usize;
        for (row, line) in self.0.pixels_mut().chunks_exact_mut(width).enumerate() {
            for (column, pixel) in line.iter_mut().enumerate() {
                let [r, g, b] = tone([column as f32 + 0.5, row as f32 + 0.5]).0.map(to_byte);
                *pixel = PremultipliedColorU8::from_rgba(r, g, b, u8::MAX).unwrap_or(*pixel);
            }
        }
    }

    /// Fills a closed polygon.
    pub(crate) fn polygon(&mut self, corners: &[Point], tone: Tone, alpha: f32) {
        let mut builder = PathBuilder::new();
        for (i, &[x, y]) in corners.iter().enumerate() {
            if i == 0 {
                builder.move_to(x, y)
            } else {
                builder.line_to(x, y)
            }
        }
        builder.close();
        self.path(builder.finish(), tone, alpha);
    }

    /// Fills an upright ellipse.
    pub(crate) fn ellipse(&mut self, [x, y]: Point, [rx, ry]: Point, tone: Tone, alpha: f32) {
        let outline = Rect::from_ltrb(x - rx, y - ry, x + rx, y + ry).and_then(PathBuilder::from_oval);
        self.path(outline, tone, alpha);
    }

    /// Fills an upright rectangle, given by two opposite corners.
    pub(crate) fn rectangle(&mut self, [left, top]: Point, [right, bottom]: Point, tone: Tone, alpha: f32) {
        self.polygon(
            &[[left, top], [right, top], [right, bottom], [left, bottom]],
            tone,
            alpha,
        );
    }

    /// Draws a straight line of this width in pixels.
    pub(crate) fn line(&mut self, [from, to]: [Point; 2], width: f32, tone: Tone, alpha: f32) {
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        let length = dx.hypot(dy);
        if length > 0.0 {
            let [nx, ny] = [-dy / length * width / 2.0, dx / length * width / 2.0];
            let corners = [
                [from[0] + nx, from[1] + ny],
                [to[0] + nx, to[1] + ny],
                [to[0] - nx, to[1] - ny],
                [from[0] - nx, from[1] - ny],
            ];
            self.polygon(&corners, tone, alpha);
        }
    }

    /// The pixels row by row.
    pub(crate) fn tones(&self) -> impl Iterator<Item = Tone> + '_ {
        let channel = |value: u8| f32::from(value) / 255.0;
        self.0
            .pixels()
            .iter()
            .map(move |p| Tone([channel(p.red()), channel(p.green()), channel(p.blue())]))
    }

    /// A path without area or with coordinates out of all bounds has no `Path`: there is nothing to draw.
    fn path(&mut self, path: Option<Path>, tone: Tone, alpha: f32) {
        let Some(path) = path else { return };
        let [r, g, b] = tone.0.map(to_byte);
        let mut paint = Paint {
            anti_alias: true,
            ..Paint::default()
        };
        paint.set_color_rgba8(r, g, b, to_byte(alpha));
        self.0
            .fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }
}

/// 0..1 as 0..=255, rounded; what is outside is clamped.
pub(crate) fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_those_of_the_colour_wheel() {
        assert_eq!(Tone::from_hsv(0.0, 1.0, 1.0).0.map(to_byte), [255, 0, 0]);
        assert_eq!(Tone::from_hsv(1.0 / 3.0, 1.0, 1.0).0.map(to_byte), [0, 255, 0]);
        assert_eq!(Tone::from_hsv(0.5, 0.5, 1.0).0.map(to_byte), [128, 255, 255]);
        assert_eq!(Tone::from_hsv(0.7, 0.0, 0.4), Tone::grey(0.4));
    }

    #[test]
    fn a_polygon_covers_half_of_a_pixel_by_half() {
        let mut canvas = Canvas::new(4, 2).unwrap();
        canvas.rectangle([1.5, 0.0], [3.0, 2.0], Tone::grey(1.0), 1.0);
        let row: Vec<u8> = canvas.tones().take(4).map(|tone| to_byte(tone.0[0])).collect();
        assert_eq!([row[0], row[2], row[3]], [0, 255, 0]);
        // The rasteriser knows four sample columns a pixel; half of one is exact but for its rounding.
        assert!(row[1].abs_diff(128) <= 2, "{row:?}");
    }
}
