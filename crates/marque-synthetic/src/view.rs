//! From metres on the road to pixels in the frame.

use crate::canvas::Point;
use crate::dice::Dice;
use crate::profile::Profile;

/// A place in the world in metres: x from the nose to the tail of the car, y upwards from the ground, z away from
/// its near side.
pub(crate) type Place = [f32; 3];

/// A pinhole camera and where in the frame the car is to be.
#[derive(Clone, Debug)]
pub(crate) struct View {
    eye: Place,
    right: Place,
    up: Place,
    forward: Place,
    /// Pixels of the plane at distance 1, turned by the roll of the camera and mirrored or not.
    matrix: [Point; 2],
    offset: Point,
    bounds: [Point; 2],
}

impl View {
    /// Draws a pose for the car in a frame of this width and height in pixels.
    pub(crate) fn draw(profile: &Profile, frame: (f32, f32), dice: &mut Dice) -> Self {
        let m = &profile.measures;
        // The sum of two draws: most photos show the side, a few the three-quarter view.
        let yaw = (dice.between((-13.0, 13.0)) + dice.between((-13.0, 13.0))).to_radians();
        let pitch = dice.between((2.0, 11.0)).to_radians();
        let distance = m.length * dice.between((1.7, 4.0));
        let target = [m.length / 2.0, 0.4 * m.height, profile.width / 2.0];
        let eye = [
            target[0] + distance * yaw.sin() * pitch.cos(),
            target[1] + distance * pitch.sin(),
            target[2] - distance * yaw.cos() * pitch.cos(),
        ];
        let forward = normalised(minus(target, eye));
        let right = normalised([forward[2], 0.0, -forward[0]]);
        let up = cross(forward, right);
        let (sin, cos) = dice.between((-3.0, 3.0)).to_radians().sin_cos();
        let mirror = if dice.chance(0.5) { -1.0 } else { 1.0 };
        let matrix = [[mirror * cos, mirror * sin], [sin, -cos]];
        let mut view = View {
            eye,
            right,
            up,
            forward,
            matrix,
            offset: [0.0; 2],
            bounds: [[0.0; 2]; 2],
        };
        view.fit(profile, frame, dice);
        view
    }

    /// The pixel of a place.
    pub(crate) fn project(&self, place: Place) -> Point {
        let ray = minus(place, self.eye);
        let depth = dot(ray, self.forward).max(0.1);
        let [x, y] = [dot(ray, self.right) / depth, dot(ray, self.up) / depth];
        let [[a, b], [c, d]] = self.matrix;
        [a * x + b * y + self.offset[0], c * x + d * y + self.offset[1]]
    }

    /// How far in front of the camera a place is, in metres.
    pub(crate) fn depth(&self, place: Place) -> f32 {
        dot(minus(place, self.eye), self.forward)
    }

    /// Whether the camera is on the side of a surface at `place` to which `normal` points.
    pub(crate) fn faces(&self, place: Place, normal: Place) -> bool {
        dot(minus(self.eye, place), normal) > 0.0
    }

    /// The left top and right bottom corner of the car in the frame.
    pub(crate) fn bounds(&self) -> [Point; 2] {
        self.bounds
    }

    /// Pixels per metre at this place.
    pub(crate) fn pixels_per_metre(&self, place: Place) -> f32 {
        let [a, b] = self.matrix[0];
        a.hypot(b) / self.depth(place).max(0.1)
    }

    /// Scales and shifts the car: 0.55 to 0.95 of the frame, off-centre, now and then partly outside.
    fn fit(&mut self, profile: &Profile, (width, height): (f32, f32), dice: &mut Dice) {
        let [low, high] = self.extent(profile);
        let size = [high[0] - low[0], high[1] - low[1]];
        let fill = 0.55 + 0.4 * dice.between((0.0, 1.0)).cbrt();
        let scale = (fill * width / size[0]).min(fill.max(0.7) * height / size[1]);
        for row in &mut self.matrix {
            *row = row.map(|value| value * scale);
        }
        let crop = if dice.chance(0.12) {
            dice.between((0.0, 0.12))
        } else {
            0.0
        };
        let mut place = |axis: usize, frame: f32| {
            let extent = scale * size[axis];
            // Photographers put the car near the middle: it moves in a part of the leftover, a cropped one beyond.
            let slack = 0.25 * (frame - extent).max(0.0) + crop * extent;
            frame / 2.0 + dice.between((-slack, slack)) - scale * (low[axis] + high[axis]) / 2.0
        };
        self.offset = [place(0, width), place(1, height)];
        self.bounds = [low, high].map(|[x, y]| [scale * x + self.offset[0], scale * y + self.offset[1]]);
    }

    /// The corners of the smallest upright rectangle around the car.
    fn extent(&self, profile: &Profile) -> [Point; 2] {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        let radius = profile.measures.wheel_radius;
        let wheels = profile
            .axles
            .iter()
            .flat_map(|&x| [[x - radius, 0.0], [x + radius, 0.0]]);
        let header = std::iter::once(profile.header());
        let body = profile.outline.iter().map(|corner| [corner.x, corner.y]);
        for [x, y] in body.chain(wheels).chain(header) {
            let inset = profile.inset(y);
            for z in [inset, profile.width - inset] {
                let point = self.project([x, y, z]);
                for axis in [0, 1] {
                    low[axis] = low[axis].min(point[axis]);
                    high[axis] = high[axis].max(point[axis]);
                }
            }
        }
        [low, high]
    }
}

pub(crate) fn dot(a: Place, b: Place) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn normalised(a: Place) -> Place {
    let length = dot(a, a).sqrt().max(1e-6);
    a.map(|x| x / length)
}

fn minus(a: Place, b: Place) -> Place {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: Place, b: Place) -> Place {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::BodyType;

    /// The length of what two intervals share.
    fn shared(low: f32, high: f32, frame: f32) -> f32 {
        high.min(frame) - low.max(0.0)
    }

    #[test]
    fn cars_fill_the_frame_and_at_most_a_part_is_cropped() {
        let (width, height) = (144.0, 96.0);
        let mut cropped = 0;
        for index in 0..700 {
            let mut dice = Dice::new(5, index);
            let body = BodyType::ALL[index as usize % 7];
            let profile = Profile::draw(body, &mut dice);
            let [low, high] = View::draw(&profile, (width, height), &mut dice).bounds();
            let size = [high[0] - low[0], high[1] - low[1]];
            let fill = (size[0] / width).max(size[1] / height);
            assert!(
                (0.549..0.951).contains(&fill),
                "{body:?} {index}: fills {fill} of the frame"
            );
            let inside = [shared(low[0], high[0], width), shared(low[1], high[1], height)];
            let visible = [inside[0] / size[0], inside[1] / size[1]];
            assert!(
                visible.iter().all(|&part| part > 0.87),
                "{body:?} {index}: {visible:?} visible"
            );
            cropped += usize::from(visible.iter().any(|&part| part < 0.999));
        }
        // Drawn for 0.12 of the photos, and not every crop reaches the border.
        assert!((7..140).contains(&cropped), "{cropped} of 700 cropped");
    }

    #[test]
    fn cars_face_both_ways() {
        let mut facing_left = 0;
        for index in 0..100 {
            let mut dice = Dice::new(6, index);
            let profile = Profile::draw(BodyType::Sedan, &mut dice);
            let view = View::draw(&profile, (144.0, 96.0), &mut dice);
            let [nose, tail] = [0.0, profile.measures.length].map(|x| view.project([x, 0.5, 0.0])[0]);
            facing_left += usize::from(nose < tail);
        }
        // A fair coin is outside 30..70 of 100 in one seed of 30,000.
        assert!((30..70).contains(&facing_left), "{facing_left} of 100 face left");
    }
}
