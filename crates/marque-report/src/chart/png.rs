//! Charts as pixels.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use resvg::{tiny_skia, usvg};

use super::font;
use super::svg::Svg;
use crate::Error;

/// The longest side of a picture, in pixels: 16384² pixels of four bytes are one gibibyte.
const LONGEST_SIDE: u32 = 16_384;

impl Svg {
    /// The chart as a PNG (8-bit RGB, opaque) of `scale` pixels per CSS pixel, drawn with the embedded font: the
    /// same bytes on every machine.
    ///
    /// # Errors
    /// [`Error::PictureSize`] where a side would be shorter than 1 or longer than 16384 pixels, or `scale` is not
    /// a number.
    ///
    /// # Example
    /// ```
    /// let chart = marque_report::confusion_chart(&[vec![9, 1], vec![2, 8]], &["Sedan".into(), "Van".into()])?;
    /// let picture = chart.to_png(2.0)?;
    /// assert!(picture.starts_with(b"\x89PNG"));
    /// # Ok::<(), marque_report::Error>(())
    /// ```
    pub fn to_png(&self, scale: f32) -> Result<Vec<u8>, Error> {
        let (width, height) = ((self.width * scale).ceil(), (self.height * scale).ceil());
        let fits = |side: f32| (1.0..=LONGEST_SIDE as f32).contains(&side);
        let refused = Error::PictureSize {
            width,
            height,
            limit: LONGEST_SIDE,
        };
        if !fits(width) || !fits(height) {
            return Err(refused);
        }
        let options = usvg::Options {
            fontdb: font::database(),
            font_family: font::FAMILY.to_owned(),
            ..usvg::Options::default()
        };
        let tree = usvg::Tree::from_str(&self.to_string(), &options).map_err(|source| Error::Draw {
            title: self.title.clone(),
            source,
        })?;
        let Some(mut pixels) = tiny_skia::Pixmap::new(width as u32, height as u32) else {
            return Err(refused);
        };
        // A side is rounded up to whole pixels: the ground must reach its end.
        pixels.fill(tiny_skia::Color::WHITE);
        resvg::render(
            &tree,
            tiny_skia::Transform::from_scale(scale, scale),
            &mut pixels.as_mut(),
        );
        // The ground is opaque, so the premultiplied colours are the colours.
        let rgb = pixels
            .data()
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        let Some(picture) = RgbImage::from_raw(pixels.width(), pixels.height(), rgb) else {
            return Err(refused);
        };
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png)?;
        Ok(file.into_inner())
    }
}
