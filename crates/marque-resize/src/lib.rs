#![doc = include_str!("../README.md")]

mod error;

pub use error::{Error, Side};

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions};

/// How many bytes a pixel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Red, green and blue, say.
    Three,
    /// One more, which is resized like the others. Four are faster than three, for the same result.
    Four,
}

impl Channels {
    /// 3 or 4.
    pub fn count(self) -> usize {
        match self {
            Channels::Three => 3,
            Channels::Four => 4,
        }
    }
}

/// A picture: its pixels row by row from the top, without a gap.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As many as there are pixels and channels.
    pub bytes: &'a [u8],
    /// Columns.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// Bytes of a pixel.
    pub channels: Channels,
}

impl Source<'_> {
    /// That it does not have this rectangle.
    fn without(&self, rectangle: Rectangle) -> Error {
        Error::Rectangle {
            rectangle,
            width_px: self.width_px,
            height_px: self.height_px,
        }
    }
}

/// A rectangle of a picture, in px of the picture; its sides need not lie between two pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    /// From the left side of the picture.
    pub left: f64,
    /// From the top of the picture.
    pub top: f64,
    /// From its own left side.
    pub width: f64,
    /// From its own top.
    pub height: f64,
}

impl Rectangle {
    /// Whether a picture of these sides has all of it; false where a number is not one.
    fn is_within(&self, (width_px, height_px): (u32, u32)) -> bool {
        let fits = |start: f64, length: f64, side: u32| {
            start >= 0.0 && length >= 0.0 && start + length <= f64::from(side)
        };
        fits(self.left, self.width, width_px) && fits(self.top, self.height, height_px)
    }
}

/// Resizes one picture after the other in the same memory.
#[derive(Debug, Default)]
pub struct Resizer {
    inner: fast_image_resize::Resizer,
}

impl Resizer {
    /// Brings a rectangle of `source` to `width` × `height` px in `target`, which has the channels of the source.
    ///
    /// At the edges of the rectangle the filter reaches what lies beyond them in the picture, as with Pillow's `box`. Where a side of the
    /// rectangle or of the target is 0, `target` stays as it is.
    ///
    /// # Errors
    /// [`Error::Length`] if there are more or fewer bytes than sides and channels say, [`Error::Rectangle`] if the rectangle is not all
    /// within the picture.
    pub fn resize(
        &mut self,
        source: &Source<'_>,
        rectangle: Rectangle,
        (width, height): (u32, u32),
        target: &mut [u8],
    ) -> Result<(), Error> {
        let sides = (source.width_px, source.height_px);
        check_length(Side::Source, sides, source.channels, source.bytes)?;
        check_length(Side::Target, (width, height), source.channels, target)?;
        if !rectangle.is_within(sides) {
            return Err(source.without(rectangle));
        }
        if rectangle.width == 0.0 || rectangle.height == 0.0 || width == 0 || height == 0 {
            return Ok(());
        }
        // The type of the pixels is given: the library compiles its kernels for these alone, and not for all that it knows.
        match source.channels {
            Channels::Three => self.resize_as::<U8x3>(source, rectangle, (width, height), target),
            Channels::Four => self.resize_as::<U8x4>(source, rectangle, (width, height), target),
        }
    }

    /// The memory that it holds for the next picture.
    pub fn held_bytes(&self) -> usize {
        self.inner.size_of_internal_buffers()
    }

    /// Gives that memory back.
    pub fn release(&mut self) {
        self.inner.reset_internal_buffers();
    }

    fn resize_as<P: PixelTrait>(
        &mut self,
        source: &Source<'_>,
        rectangle: Rectangle,
        (width, height): (u32, u32),
        target: &mut [u8],
    ) -> Result<(), Error> {
        // The lengths and the rectangle are checked: the library has nothing else to refuse.
        let view = TypedImageRef::<P>::from_buffer(source.width_px, source.height_px, source.bytes)
            .map_err(|_| source.without(rectangle))?;
        let mut target =
            TypedImage::<P>::from_buffer(width, height, target).map_err(|_| source.without(rectangle))?;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(rectangle.left, rectangle.top, rectangle.width, rectangle.height)
            // A fourth channel is one like the others.
            .use_alpha(false);
        self.inner
            .resize_typed(&view, &mut target, &options)
            .map_err(|_| source.without(rectangle))
    }
}

/// That a picture has the bytes that its sides and channels say.
fn check_length(
    side: Side,
    (width_px, height_px): (u32, u32),
    channels: Channels,
    bytes: &[u8],
) -> Result<(), Error> {
    // In 64 bits on every machine; what does not fit into them is more than there can be.
    let pixels = u64::from(width_px) * u64::from(height_px);
    let expected_bytes = pixels.saturating_mul(channels.count() as u64);
    if expected_bytes == bytes.len() as u64 {
        return Ok(());
    }
    Err(Error::Length {
        side,
        width_px,
        height_px,
        expected_bytes,
        found_bytes: bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Rectangle = Rectangle {
        left: 0.0,
        top: 0.0,
        width: 9.0,
        height: 7.0,
    };

    fn noise(channels: Channels) -> Vec<u8> {
        let level = |pixel: u32, channel: u32| (pixel.wrapping_mul(2_654_435_761) >> (8 * channel)) as u8;
        let pixels =
            (0..63).flat_map(|pixel| (0..channels.count() as u32).map(move |channel| level(pixel, channel)));
        pixels.collect()
    }

    fn source(bytes: &[u8], channels: Channels) -> Source<'_> {
        Source {
            bytes,
            width_px: 9,
            height_px: 7,
            channels,
        }
    }

    fn resized(
        channels: Channels,
        rectangle: Rectangle,
        (width, height): (u32, u32),
    ) -> Result<Vec<u8>, Error> {
        let bytes = noise(channels);
        let mut out = vec![7; width as usize * height as usize * channels.count()];
        Resizer::default().resize(&source(&bytes, channels), rectangle, (width, height), &mut out)?;
        Ok(out)
    }

    /// The definition, in double precision: the mean of what the triangle reaches, first along one side and then along the other.
    fn by_definition(rectangle: Rectangle, (width, height): (u32, u32)) -> Vec<f64> {
        let weights = |begin: f64, length: f64, out: u32, pixels: usize| -> Vec<Vec<f64>> {
            let scale = length / f64::from(out);
            let support = scale.max(1.0);
            let of = |index: u32| {
                let center = begin + (f64::from(index) + 0.5) * scale;
                let (low, high) = (
                    (center - support + 0.5).floor().max(0.0),
                    (center + support + 0.5).floor(),
                );
                let weight = |pixel: usize| match (pixel as f64) >= low && (pixel as f64) < high {
                    true => (1.0 - ((pixel as f64 + 0.5 - center) / support).abs()).max(0.0),
                    false => 0.0,
                };
                let all: Vec<f64> = (0..pixels).map(weight).collect();
                let sum: f64 = all.iter().sum();
                all.iter().map(|weight| weight / sum).collect()
            };
            (0..out).map(of).collect()
        };
        let (columns, rows) = (
            weights(rectangle.left, rectangle.width, width, 9),
            weights(rectangle.top, rectangle.height, height, 7),
        );
        let bytes = noise(Channels::Three);
        let mut out = Vec::new();
        for row in &rows {
            for column in &columns {
                for channel in 0..3 {
                    let level = |y: usize, x: usize| f64::from(bytes[(y * 9 + x) * 3 + channel]);
                    let line = |y: usize| (0..9).map(|x| column[x] * level(y, x)).sum::<f64>();
                    out.push((0..7).map(|y| row[y] * line(y)).sum());
                }
            }
        }
        out
    }

    #[test]
    fn levels_are_those_of_the_definition() {
        let inner = Rectangle {
            left: 1.25,
            top: 0.5,
            width: 6.5,
            height: 5.0,
        };
        for (rectangle, size) in [
            (WHOLE, (4, 3)),
            (WHOLE, (20, 15)),
            (inner, (3, 9)),
            (inner, (5, 2)),
        ] {
            let found = resized(Channels::Three, rectangle, size).unwrap();
            for (found, expected) in found.iter().zip(by_definition(rectangle, size)) {
                // Each of the two passes rounds its weights and its levels.
                assert!(
                    (f64::from(*found) - expected).abs() <= 1.1,
                    "{rectangle:?} {size:?}: {found} and {expected}"
                );
            }
        }
    }

    #[test]
    fn three_channels_are_the_first_three_of_four() {
        for size in [(4, 3), (9, 7), (20, 15)] {
            let narrow = resized(Channels::Three, WHOLE, size).unwrap();
            let wide = resized(Channels::Four, WHOLE, size).unwrap();
            let first_three: Vec<u8> = wide.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            assert_eq!(narrow, first_three);
        }
    }

    #[test]
    fn the_same_size_is_a_copy_and_no_size_is_nothing() {
        assert_eq!(
            resized(Channels::Three, WHOLE, (9, 7)).unwrap(),
            noise(Channels::Three)
        );
        assert!(resized(Channels::Three, WHOLE, (0, 7)).unwrap().is_empty());
        let none = Rectangle { width: 0.0, ..WHOLE };
        assert_eq!(resized(Channels::Three, none, (2, 1)).unwrap(), [7; 6]);
    }

    #[test]
    fn wrong_lengths_and_rectangles_are_named() {
        let bytes = noise(Channels::Three);
        let mut resizer = Resizer::default();
        let wrong = resizer.resize(&source(&bytes, Channels::Four), WHOLE, (2, 2), &mut [0; 16]);
        assert_eq!(
            wrong.unwrap_err().to_string(),
            "a source of 9 × 7 px has 189 bytes instead of 252"
        );
        let wrong = resizer.resize(&source(&bytes, Channels::Three), WHOLE, (2, 2), &mut [0; 11]);
        assert_eq!(
            wrong.unwrap_err().to_string(),
            "a target of 2 × 2 px has 11 bytes instead of 12"
        );
        for outside in [
            Rectangle { left: 1.0, ..WHOLE },
            Rectangle { top: -1.0, ..WHOLE },
            Rectangle {
                height: f64::NAN,
                ..WHOLE
            },
            Rectangle {
                left: f64::INFINITY,
                ..WHOLE
            },
        ] {
            let error = resized(Channels::Three, outside, (2, 2)).unwrap_err().to_string();
            assert!(
                error.starts_with("a picture of 9 × 7 px has no rectangle of "),
                "{error}"
            );
        }
    }

    #[test]
    fn memory_is_held_until_it_is_given_back() {
        let bytes = noise(Channels::Three);
        let mut resizer = Resizer::default();
        resizer
            .resize(&source(&bytes, Channels::Three), WHOLE, (4, 3), &mut [0; 36])
            .unwrap();
        assert!(resizer.held_bytes() > 0);
        resizer.release();
        assert_eq!(resizer.held_bytes(), 0);
    }
}
