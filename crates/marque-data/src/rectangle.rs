//! Rectangles that are drawn before the image is known that they lie in.

/// Four numbers from 0 to 1 (area, aspect, left, top) for each of ten tries.
pub(crate) type Tries = [[f32; 4]; 10];

/// A random rectangle of an image whose size is not known yet.
#[derive(Clone, Debug, PartialEq)]
pub struct RectanglePlan {
    pub(crate) area: (f32, f32),
    pub(crate) aspect: (f32, f32),
    pub(crate) tries: Tries,
}

/// A rectangle of whole pixels inside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Number of columns, at least 1.
    pub width: u32,
    /// Number of rows, at least 1.
    pub height: u32,
}

impl RectanglePlan {
    /// The first of the tries that fits into an image of `width` × `height` px.
    ///
    /// `unit_aspect` is the width ÷ height, in px of the image, of a rectangle whose aspect is 1: the
    /// [`aspect`](crate::ImageSize::aspect) of the result for a crop, which is scaled to it, and 1 for erasing.
    pub fn fitting(&self, width: u32, height: u32, unit_aspect: f64) -> Option<Rectangle> {
        let image_area = f64::from(width) * f64::from(height);
        let (low, high) = (f64::from(self.aspect.0).ln(), f64::from(self.aspect.1).ln());
        self.tries.iter().find_map(|tried| {
            let [area, aspect, left, top] = tried.map(f64::from);
            let area = image_area * (f64::from(self.area.0) + area * f64::from(self.area.1 - self.area.0));
            let aspect = (low + aspect * (high - low)).exp() * unit_aspect;
            let [crop_width, crop_height] = [(area * aspect).sqrt(), (area / aspect).sqrt()].map(f64::round);
            let fits = (1.0..=f64::from(width)).contains(&crop_width)
                && (1.0..=f64::from(height)).contains(&crop_height);
            // Each of the `room + 1` whole positions is equally likely.
            let position = |drawn: f64, room: f64| (drawn * (room + 1.0)).floor().min(room) as u32;
            fits.then(|| Rectangle {
                left: position(left, f64::from(width) - crop_width),
                top: position(top, f64::from(height) - crop_height),
                width: crop_width as u32,
                height: crop_height as u32,
            })
        })
    }

    /// The first try that fits, or else the largest rectangle in the middle whose aspect is in the range; the
    /// arguments are those of [`fitting`](RectanglePlan::fitting).
    pub fn fitting_or_central(&self, width: u32, height: u32, unit_aspect: f64) -> Rectangle {
        self.fitting(width, height, unit_aspect).unwrap_or_else(|| {
            let aspect = f64::from(width) / f64::from(height.max(1));
            let [low, high] = [self.aspect.0, self.aspect.1].map(|bound| f64::from(bound) * unit_aspect);
            let (mut crop_width, mut crop_height) = (width, height);
            if aspect < low {
                crop_height = ((f64::from(width) / low).round() as u32).clamp(1, height.max(1));
            } else if aspect > high {
                crop_width = ((f64::from(height) * high).round() as u32).clamp(1, width.max(1));
            }
            let [left, top] = [
                width.saturating_sub(crop_width) / 2,
                height.saturating_sub(crop_height) / 2,
            ];
            Rectangle {
                left,
                top,
                width: crop_width,
                height: crop_height,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Augment, CropRange};

    #[test]
    fn crops_lie_inside_and_keep_to_their_ranges() {
        let augment = Augment::strong();
        let mut fitting = 0;
        for index in 0..2000 {
            let (width, height) = (60 + index as u32 % 300, 50 + index as u32 % 170);
            let plan = augment.plan(9, 0, index).crop.unwrap();
            let crop = plan.fitting_or_central(width, height, 1.0);
            assert!(crop.width >= 1 && crop.height >= 1);
            assert!(crop.left + crop.width <= width && crop.top + crop.height <= height);
            if plan.fitting(width, height, 1.0).is_none() {
                continue;
            }
            fitting += 1;
            let area = f64::from(crop.width * crop.height) / f64::from(width * height);
            // Rounding sides of at least 24 px by half a pixel moves an area or an aspect by less than a twentieth.
            assert!((0.2375..=1.0).contains(&area), "{area}");
            let aspect = f64::from(crop.width) / f64::from(crop.height);
            assert!((0.7125..=1.4).contains(&aspect), "{aspect}");
        }
        // Photos several times as long as high are left to the middle.
        assert!((1500..2000).contains(&fitting), "{fitting}");
    }

    #[test]
    fn a_photo_that_no_crop_fits_is_cut_in_the_middle() {
        let range = CropRange {
            area: (1.0, 1.0),
            aspect: (1.0, 1.0),
        };
        let augment = Augment {
            random_resized_crop: Some(range),
            ..Augment::none()
        };
        let crop = augment.plan(1, 0, 0).crop.unwrap();
        assert_eq!(crop.fitting(100, 20, 1.0), None);
        assert_eq!(
            crop.fitting_or_central(100, 20, 1.0),
            Rectangle {
                left: 40,
                top: 0,
                width: 20,
                height: 20
            }
        );
        assert_eq!(
            crop.fitting_or_central(20, 101, 1.0),
            Rectangle {
                left: 0,
                top: 40,
                width: 20,
                height: 20
            }
        );
        assert_eq!(crop.fitting_or_central(1, 500, 1.0).width, 1);
    }

    #[test]
    fn the_aspect_of_a_crop_is_relative_to_that_of_the_result() {
        let wide = 1.6;
        let augment = Augment::strong();
        let mut fitting = 0;
        for index in 0..2000 {
            let (width, height) = (96 + index as u32 % 300, 80 + index as u32 % 170);
            let plan = augment.plan(9, 1, index).crop.unwrap();
            let crop = plan.fitting_or_central(width, height, wide);
            assert!(crop.left + crop.width <= width && crop.top + crop.height <= height);
            fitting += usize::from(plan.fitting(width, height, wide).is_some());
            // Whole pixels: half of one on sides of at least 27 px, and as much again of the other side.
            let aspect = f64::from(crop.width) / f64::from(crop.height) / wide;
            assert!((0.72..=1.39).contains(&aspect), "{aspect}");
        }
        assert!((1500..=2000).contains(&fitting), "{fitting}");
    }

    #[test]
    fn the_central_crop_has_the_proportions_of_the_result() {
        let plan = RectanglePlan {
            area: (1.0, 1.0),
            aspect: (1.0, 1.0),
            tries: Default::default(),
        };
        assert_eq!(plan.fitting(100, 100, 1.6), None);
        let expected = |left, top, width, height| Rectangle {
            left,
            top,
            width,
            height,
        };
        assert_eq!(plan.fitting_or_central(160, 160, 1.6), expected(0, 30, 160, 100));
        assert_eq!(plan.fitting_or_central(400, 100, 1.6), expected(120, 0, 160, 100));
        assert_eq!(plan.fitting_or_central(32, 20, 1.6), expected(0, 0, 32, 20));
    }
}
