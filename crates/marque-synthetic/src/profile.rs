//! The side view of a car, from its measures.

use crate::body::{BodyType, Measures};
use crate::dice::Dice;

/// What covers the part of the body between two corners of its outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Sheet metal.
    Paint,
    /// The face with headlights and grille.
    Front,
    /// The face with tail lights and number plate.
    Rear,
    /// The windscreen.
    Windscreen,
    /// The rear window.
    RearGlass,
    /// No cover: the cabin of a convertible, the bed of a pickup truck.
    Open,
}

/// A corner of the outline and the surface that begins there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corner {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) surface: Surface,
}

/// A car seen from its left side, in metres: x from the nose to the tail, y upwards from the ground.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) body: BodyType,
    pub(crate) measures: Measures,
    pub(crate) width: f32,
    /// Metres by which the sides lean inwards for each metre above the belt line.
    pub(crate) tumblehome: f32,
    pub(crate) axles: [f32; 2],
    /// From the foot of the nose over the roof to the foot of the tail.
    pub(crate) outline: Vec<Corner>,
    /// The outline of the side windows; empty where there are none.
    pub(crate) side_glass: Vec<[f32; 2]>,
    /// x of the posts between side windows.
    pub(crate) pillars: Vec<f32>,
    /// x of the gaps between doors.
    pub(crate) doors: Vec<f32>,
}

impl Profile {
    pub(crate) fn draw(body: BodyType, dice: &mut Dice) -> Self {
        let measures = Measures::draw(body, dice);
        let m = &measures;
        let front_axle = dice.between((0.72, 0.86)).max(m.wheel_radius + 0.3);
        let rear_overhang = if body == BodyType::PickupTruck {
            (0.95, 1.2)
        } else {
            (0.65, 0.85)
        };
        let rear_axle = m.length - dice.between(rear_overhang);
        let side_glass = side_glass(body, m, dice);
        let (pillars, doors) = posts(body, m, dice);
        Profile {
            body,
            width: dice.between((1.65, 1.9)),
            tumblehome: if body == BodyType::Van {
                0.08
            } else {
                dice.between((0.18, 0.3))
            },
            axles: [front_axle, rear_axle],
            outline: rounded(&sharp_outline(body, m), dice.between((0.06, 0.14))),
            side_glass,
            pillars,
            doors,
            measures,
        }
    }

    /// The height of the lower edge of the side windows.
    pub(crate) fn belt(&self) -> f32 {
        belt(&self.measures)
    }

    /// How far the near side lies behind the widest plane of the car at this height, in metres.
    pub(crate) fn inset(&self, y: f32) -> f32 {
        (y - self.belt()).max(0.0) * self.tumblehome
    }

    /// The head of the windscreen.
    pub(crate) fn header(&self) -> [f32; 2] {
        header(&self.measures)
    }
}

fn belt(m: &Measures) -> f32 {
    m.cowl_height - 0.03
}

fn header(m: &Measures) -> [f32; 2] {
    [m.bonnet_length + m.windscreen_run, m.height - 0.05]
}

/// The outline before its corners are rounded.
fn sharp_outline(body: BodyType, m: &Measures) -> Vec<Corner> {
    let corner = |x: f32, y: f32, surface: Surface| Corner { x, y, surface };
    let mut outline = vec![
        corner(0.10, m.clearance, Surface::Paint),
        corner(0.0, m.clearance + 0.16, Surface::Front),
        corner(0.05, m.nose_height, Surface::Paint),
    ];
    match body {
        BodyType::Convertible => {
            outline.push(corner(m.bonnet_length, m.cowl_height, Surface::Paint));
            outline.push(corner(m.bonnet_length + 0.12, belt(m), Surface::Open));
            outline.push(corner(m.glass_foot() - 0.1, belt(m), Surface::Paint));
            outline.push(corner(m.glass_foot(), m.deck_height + 0.05, Surface::Paint));
        }
        _ => {
            let [x, y] = header(m);
            let drop = if body == BodyType::Coupe { 0.07 } else { 0.03 };
            let end = [m.length - m.roof_end, m.height - drop];
            outline.push(corner(m.bonnet_length, m.cowl_height, Surface::Windscreen));
            outline.push(corner(x, y, Surface::Paint));
            outline.push(corner(x + 0.35 * (end[0] - x), m.height, Surface::Paint));
            outline.push(corner(end[0], end[1], Surface::RearGlass));
            let bed = body == BodyType::PickupTruck;
            let deck = if bed { Surface::Open } else { Surface::Paint };
            outline.push(corner(m.glass_foot(), m.deck_height, deck));
        }
    }
    outline.push(corner(m.length - 0.03, m.deck_height - 0.01, Surface::Rear));
    outline.push(corner(m.length, m.clearance + 0.2, Surface::Paint));
    outline.push(corner(m.length - 0.1, m.clearance, Surface::Paint));
    outline
}

/// Replaces every inner corner by a curve that begins and ends `radius` metres away from it.
fn rounded(sharp: &[Corner], radius: f32) -> Vec<Corner> {
    let mut outline: Vec<Corner> = sharp.first().copied().into_iter().collect();
    for corners in sharp.windows(3) {
        let [before, corner, after] = [corners[0], corners[1], corners[2]];
        let towards = |other: Corner| {
            let length = (other.x - corner.x).hypot(other.y - corner.y).max(1e-6);
            let part = (radius / length).min(0.4);
            [
                corner.x + part * (other.x - corner.x),
                corner.y + part * (other.y - corner.y),
            ]
        };
        let [start, end] = [towards(before), towards(after)];
        // Halfway along the quadratic Bézier curve whose control point is the corner.
        let middle = [0, 1].map(|axis| {
            let control = [corner.x, corner.y][axis];
            0.25 * start[axis] + 0.5 * control + 0.25 * end[axis]
        });
        outline.push(Corner {
            x: start[0],
            y: start[1],
            surface: Surface::Paint,
        });
        outline.push(Corner {
            x: middle[0],
            y: middle[1],
            surface: Surface::Paint,
        });
        outline.push(Corner {
            x: end[0],
            y: end[1],
            surface: corner.surface,
        });
    }
    outline.extend(sharp.last());
    outline
}

/// x of a straight line through two points at this height.
fn x_at(from: [f32; 2], to: [f32; 2], y: f32) -> f32 {
    from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0])
}

/// The side windows as one shape, from the foot of the windscreen post clockwise.
fn side_glass(body: BodyType, m: &Measures, dice: &mut Dice) -> Vec<[f32; 2]> {
    let cowl = [m.bonnet_length, m.cowl_height];
    let head = header(m);
    let roof = [m.length - m.roof_end, m.height - 0.05];
    let foot = [m.glass_foot(), m.deck_height];
    let bottom = [belt(m) + 0.04, m.deck_height.max(belt(m)) + 0.04];
    let top = m.height - 0.13;
    let post = dice.between((0.10, 0.2));
    match body {
        BodyType::Convertible => Vec::new(),
        // A delivery van: windows in the front doors alone.
        BodyType::Van if dice.chance(0.5) => {
            let end = head[0] + 0.75;
            vec![
                [x_at(cowl, head, bottom[0]) + 0.16, bottom[0]],
                [x_at(cowl, head, top) + 0.14, top],
                [end, top],
                [end, bottom[0]],
            ]
        }
        _ => vec![
            [x_at(cowl, head, bottom[0]) + 0.16, bottom[0]],
            [x_at(cowl, head, top) + 0.14, top],
            [x_at(roof, foot, top) - post, top],
            [x_at(roof, foot, bottom[1]) - post - 0.05, bottom[1]],
        ],
    }
}

/// Where posts and gaps between doors are.
fn posts(body: BodyType, m: &Measures, dice: &mut Dice) -> (Vec<f32>, Vec<f32>) {
    let front = m.bonnet_length + 0.08;
    let cabin_end = m.length - m.roof_end.max(0.9);
    let head = header(m)[0];
    let at = |part: f32| head + part * (cabin_end - head);
    let four_doors = match body {
        BodyType::Convertible | BodyType::Coupe => false,
        BodyType::Hatchback => dice.chance(0.6),
        BodyType::PickupTruck => cabin_end - head > 1.0,
        _ => true,
    };
    match body {
        BodyType::Convertible => (Vec::new(), vec![front, front + 1.25]),
        BodyType::Van => {
            let second = head + 0.8;
            (
                vec![second, second + 1.2, second + 2.3],
                vec![front, second, second + 1.2],
            )
        }
        _ if four_doors => (vec![at(0.42), at(0.95)], vec![front, at(0.42), at(0.95)]),
        BodyType::PickupTruck => (Vec::new(), vec![front, at(0.9), m.glass_foot() + 0.08]),
        _ => (vec![at(0.75)], vec![front, at(0.75)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The height of the outline at this x: the highest of the edges above it.
    fn roof_at(profile: &Profile, x: f32) -> f32 {
        let above = profile
            .outline
            .windows(2)
            .filter(|edge| (edge[0].x..=edge[1].x).contains(&x));
        above
            .map(|edge| edge[0].y + (x - edge[0].x) / (edge[1].x - edge[0].x) * (edge[1].y - edge[0].y))
            .fold(0.0, f32::max)
    }

    #[test]
    fn outlines_run_over_the_car_from_nose_to_tail() {
        for index in 0..700 {
            let body = BodyType::ALL[index as usize % 7];
            let profile = Profile::draw(body, &mut Dice::new(1, index));
            let m = &profile.measures;
            let [low, high] = [m.clearance - 1e-4, m.height + 1e-4];
            for corner in &profile.outline {
                let inside = (0.0..=m.length).contains(&corner.x) && (low..=high).contains(&corner.y);
                assert!(inside, "{body:?} {index}: {corner:?}");
            }
            for points in profile.side_glass.iter() {
                assert!(
                    points[1] < roof_at(&profile, points[0]),
                    "{body:?} {index}: window at {points:?}"
                );
            }
            assert!(profile.axles[0] + 1.2 < profile.axles[1], "{body:?} {index}");
        }
    }

    #[test]
    fn the_outline_behind_the_cabin_tells_the_body_types_apart() {
        for index in 0..700 {
            let body = BodyType::ALL[index as usize % 7];
            let profile = Profile::draw(body, &mut Dice::new(2, index));
            let m = &profile.measures;
            // How high the outline is 0.6 m before the tail, between the belt line (0) and the roof (1).
            let rear = (roof_at(&profile, m.length - 0.6) - profile.belt()) / (m.height - profile.belt());
            let expected = match body {
                BodyType::Suv | BodyType::Van => 0.9..1.01,
                BodyType::Hatchback => 0.55..1.01,
                BodyType::Coupe => 0.05..0.55,
                BodyType::Convertible | BodyType::PickupTruck | BodyType::Sedan => -0.4..0.4,
            };
            assert!(expected.contains(&rear), "{body:?} {index}: {rear}");
        }
    }
}
