//! From space to paper.

use crate::Error;
use crate::chart::svg::Point;

/// A point of the box around a surface: x and y from −1 to 1, height from 0 to 1.
pub(crate) type Space = [f64; 3];

/// The height of the box, in half sides of its ground.
const HEIGHT: f64 = 1.25;

/// Parallel rays that meet the paper at a right angle: nearer parts are not drawn larger, so that heights can be
/// compared by eye.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    /// Sine and cosine of the turn around the upright axis.
    turn: (f64, f64),
    /// Sine and cosine of the height of the viewer above the ground.
    rise: (f64, f64),
    scale: f64,
    centre: (f64, f64),
}

impl Camera {
    /// A camera that sees the box as large as fits between `from` and `to`, two corners of a rectangle on the paper.
    ///
    /// # Errors
    /// [`Error::Setting`] for an azimuth that is not finite and an elevation that is not between 5 and 85 degrees.
    pub(crate) fn new(azimuth: f64, elevation: f64, from: Point, to: Point) -> Result<Self, Error> {
        if !azimuth.is_finite() {
            return Err(Error::Setting {
                what: "the azimuth in degrees",
                expected: "a finite number",
                found: azimuth,
            });
        }
        if !(5.0..=85.0).contains(&elevation) {
            return Err(Error::Setting {
                what: "the elevation in degrees",
                expected: "from 5 to 85",
                found: elevation,
            });
        }
        let camera = Self {
            turn: (azimuth % 360.0).to_radians().sin_cos(),
            rise: elevation.to_radians().sin_cos(),
            scale: 1.0,
            centre: (0.0, 0.0),
        };
        let seen = box_corners().map(|corner| camera.flat(corner));
        let ends = |of: fn(&(f64, f64)) -> f64| {
            let all = seen.iter().map(of);
            (
                all.clone().fold(f64::INFINITY, f64::min),
                all.fold(f64::NEG_INFINITY, f64::max),
            )
        };
        let (across, down) = (ends(|point| point.0), ends(|point| point.1));
        let room = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let scale = (room.0 / (across.1 - across.0)).min(room.1 / (down.1 - down.0));
        let middle = |from: f32, to: f32, ends: (f64, f64)| {
            f64::from(from + to) / 2.0 - scale * (ends.0 + ends.1) / 2.0
        };
        Ok(Self {
            scale,
            centre: (middle(from.0, to.0, across), middle(from.1, to.1, down)),
            ..camera
        })
    }

    /// Where a point of the box is on the paper, from the left and from the top.
    pub(crate) fn place(&self, point: Space) -> Point {
        let (x, y) = self.flat(point);
        (
            (self.centre.0 + self.scale * x) as f32,
            (self.centre.1 + self.scale * y) as f32,
        )
    }

    fn flat(&self, point: Space) -> (f64, f64) {
        let [x, y, height] = point;
        let across = x * self.turn.1 + y * self.turn.0;
        (
            across,
            -(self.away(x, y) * self.rise.0 + height * HEIGHT * self.rise.1),
        )
    }

    /// How far a point of the ground is from the viewer, compared with others.
    pub(crate) fn away(&self, x: f64, y: f64) -> f64 {
        y * self.turn.1 - x * self.turn.0
    }

    /// On which side the two walls behind the surface are: the ends of x and of y that are farther away.
    pub(crate) fn back(&self) -> (f64, f64) {
        let side = |away: f64| if away > 0.0 { 1.0 } else { -1.0 };
        (side(self.away(1.0, 0.0)), side(self.away(0.0, 1.0)))
    }
}

fn box_corners() -> [Space; 8] {
    let bit = |index: usize, of: usize| if index & of == 0 { -1.0 } else { 1.0 };
    std::array::from_fn(|index| {
        [
            bit(index, 1),
            bit(index, 2),
            if index & 4 == 0 { 0.0 } else { 1.0 },
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_fills_its_rectangle_from_any_side() {
        let (from, to) = ((100.0, 50.0), (500.0, 400.0));
        for azimuth in [-720.0, -90.0, 0.0, 1.0, 35.0, 90.0, 135.0, 271.0, 1e18] {
            for elevation in [5.0, 30.0, 85.0] {
                let camera = Camera::new(azimuth, elevation, from, to).unwrap();
                let corners = box_corners().map(|corner| camera.place(corner));
                let ends = |of: fn(&Point) -> f32| {
                    let all = corners.iter().map(of);
                    (
                        all.clone().fold(f32::INFINITY, f32::min),
                        all.fold(f32::NEG_INFINITY, f32::max),
                    )
                };
                let ((left, right), (top, bottom)) = (ends(|point| point.0), ends(|point| point.1));
                assert!(left > 99.9 && right < 500.1 && top > 49.9 && bottom < 400.1);
                assert!(right - left > 399.9 || bottom - top > 349.9);
            }
        }
    }

    #[test]
    fn a_view_from_nowhere_is_refused() {
        for (azimuth, elevation) in [
            (f64::NAN, 30.0),
            (f64::INFINITY, 30.0),
            (0.0, f64::NAN),
            (0.0, 4.0),
        ] {
            Camera::new(azimuth, elevation, (0.0, 0.0), (9.0, 9.0)).unwrap_err();
        }
        let error = Camera::new(0.0, 90.0, (0.0, 0.0), (9.0, 9.0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the elevation in degrees must be from 5 to 85, found 90"
        );
    }
}
