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
    pub fn fitting(&self, width: u32, height: u32) -> Option<Rectangle> {
        let image_area = f64::from(width) * f64::from(height);
        let (low, high) = (f64::from(self.aspect.0).ln(), f64::from(self.aspect.1).ln());
        self.tries.iter().find_map(|tried| {
            let [area, aspect, left, top] = tried.map(f64::from);
            let area = image_area * (f64::from(self.area.0) + area * f64::from(self.area.1 - self.area.0));
            let aspect = (low + aspect * (high - low)).exp();
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

    /// The first try that fits, or else the largest rectangle in the middle whose aspect is in the range.
    pub fn fitting_or_central(&self, width: u32, height: u32) -> Rectangle {
        self.fitting(width, height).unwrap_or_else(|| {
            let aspect = f64::from(width) / f64::from(height.max(1));
            let (low, high) = (f64::from(self.aspect.0), f64::from(self.aspect.1));
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
            let crop = plan.fitting_or_central(width, height);
            assert!(crop.width >= 1 && crop.height >= 1);
            assert!(crop.left + crop.width <= width && crop.top + crop.height <= height);
            if plan.fitting(width, height).is_none() {
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
        assert_eq!(crop.fitting(100, 20), None);
        assert_eq!(
            crop.fitting_or_central(100, 20),
            Rectangle {
                left: 40,
                top: 0,
                width: 20,
                height: 20
            }
        );
        assert_eq!(
            crop.fitting_or_central(20, 101),
            Rectangle {
                left: 0,
                top: 40,
                width: 20,
                height: 20
            }
        );
        assert_eq!(crop.fitting_or_central(1, 500).width, 1);
    }
}
