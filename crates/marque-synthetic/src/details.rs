//! What is on and under a car: wheels, lights, doors, seats and its shadow.

use crate::body::BodyType;
use crate::canvas::Tone;
use crate::car::{Car, Strip, band};
use crate::dice::Dice;
use crate::view::Place;

const TYRE: Tone = Tone([0.07, 0.07, 0.08]);

/// A regular polygon with enough corners to pass for a circle, around a place of the profile.
fn circle([x, y]: [f32; 2], radius: f32, z: f32) -> Vec<Place> {
    const CORNERS: u8 = 22;
    let angle = |i: u8| f32::from(i) * std::f32::consts::TAU / f32::from(CORNERS);
    (0..CORNERS)
        .map(|i| [x + radius * angle(i).cos(), y + radius * angle(i).sin(), z])
        .collect()
}

/// The shadow on the road, and the dark under the car.
pub(crate) fn shadow(car: &mut Car, dice: &mut Dice) {
    let [length, width] = [car.profile.measures.length, car.profile.width];
    let slant = dice.between((-0.5, 0.5));
    let strength = dice.between((0.25, 0.6));
    let outline = |margin: f32, slant: f32| {
        let [near, far] = [-margin, width + margin];
        [
            [-margin, near],
            [length + margin, near],
            [length + margin + slant, far],
            [-margin + slant, far],
        ]
        .map(|[x, z]| [x, 0.0, z])
    };
    car.polygon(&outline(0.3, slant), Tone::grey(0.02), 0.5 * strength);
    car.polygon(&outline(0.1, slant), Tone::grey(0.02), strength);
    car.polygon(&outline(-0.15, 0.0), Tone::grey(0.02), 0.7);
}

pub(crate) fn far_wheels(car: &mut Car) {
    let radius = car.profile.measures.wheel_radius;
    for x in car.profile.axles {
        for z in [car.profile.width - 0.02, car.profile.width - 0.22] {
            car.polygon(&circle([x, radius], radius, z), TYRE, 1.0);
        }
    }
}

/// Wheel arches, tyres, rims and hubs of the near side.
pub(crate) fn near_wheels(car: &mut Car, dice: &mut Dice) {
    const SPOKES: u8 = 5;
    let radius = car.profile.measures.wheel_radius;
    let clearance = car.profile.measures.clearance;
    let turn = dice.between((0.0, 1.2));
    let rim_radius = radius * dice.between((0.6, 0.72));
    let rim = car.coat.rim;
    for x in car.profile.axles {
        let mut arch = circle([x, radius], 1.18 * radius, 0.0);
        arch.iter_mut()
            .for_each(|place| place[1] = place[1].max(clearance));
        car.polygon(&arch, Tone::grey(0.04), 1.0);
        for z in [0.22, 0.02] {
            car.polygon(&circle([x, radius], radius, z), TYRE, 1.0);
        }
        car.polygon(&circle([x, radius], rim_radius, 0.0), rim.shaded(0.45), 1.0);
        for spoke in 0..SPOKES {
            let angle = turn + f32::from(spoke) * std::f32::consts::TAU / f32::from(SPOKES);
            let end = [
                x + 0.95 * rim_radius * angle.cos(),
                radius + 0.95 * rim_radius * angle.sin(),
                0.0,
            ];
            car.line([[x, radius, 0.0], end], 0.3 * rim_radius, rim);
        }
        car.polygon(&circle([x, radius], 0.3 * rim_radius, 0.0), rim, 1.0);
    }
}

/// Headlights, grille, air intake and number plate.
pub(crate) fn front(car: &mut Car, strip: Strip) {
    let lamp = Tone([0.95, 0.95, 0.88]);
    let dark = Tone::grey(0.08);
    car.patch(strip, [0.0, 1.0], [0.0, 0.3], car.coat.trim);
    car.patch(strip, [0.12, 0.88], [0.02, 0.22], dark);
    car.patch(strip, [0.3, 0.7], [0.45, 0.85], dark);
    car.patch(strip, [0.36, 0.64], [0.26, 0.4], Tone::grey(0.85));
    for across in [[0.03, 0.25], [0.75, 0.97]] {
        car.patch(strip, across, [0.6, 0.9], lamp);
    }
}

/// The spare wheel of an SUV, seen from the side or the front: what stands out behind the tail.
pub(crate) fn spare_wheel(car: &mut Car) {
    let m = &car.profile.measures;
    let z = 0.5 * car.profile.width;
    let heights = [m.deck_height - 0.38, m.deck_height + 0.3];
    car.polygon(
        &band([m.length - 0.1, m.length + 0.2], heights).map(|[x, y]| [x, y, z]),
        TYRE,
        1.0,
    );
}

/// Tail lights, number plate and bumper. The strip runs from the top to the bottom.
pub(crate) fn rear(car: &mut Car, strip: Strip) {
    car.patch(strip, [0.0, 1.0], [0.75, 1.0], car.coat.trim);
    car.patch(strip, [0.34, 0.66], [0.4, 0.58], Tone::grey(0.85));
    for across in [[0.02, 0.2], [0.8, 0.98]] {
        car.patch(strip, across, [0.1, 0.42], Tone([0.72, 0.06, 0.06]));
    }
    if car.profile.body == BodyType::Suv {
        let m = &car.profile.measures;
        let centre = [0.5 * car.profile.width, m.deck_height - 0.04];
        for (radius, tone) in [(0.34, TYRE), (0.2, car.coat.rim)] {
            // A circle across the car instead of along it.
            let disc: Vec<_> = circle(centre, radius, 0.0)
                .iter()
                .map(|p| [m.length + 0.2, p[1], p[0]])
                .collect();
            car.polygon(&disc, tone, 1.0);
        }
    }
}

/// The open cabin of a convertible: seats, headrests and the frame of the windscreen.
pub(crate) fn cabin(car: &mut Car, dice: &mut Dice) {
    let belt = car.profile.belt();
    let m = &car.profile.measures;
    let (cowl, end) = ([m.bonnet_length, m.cowl_height], m.glass_foot());
    let head = car.profile.header();
    let width = car.profile.width;
    let (seats, trim, glass) = (car.coat.seats, car.coat.trim, car.coat.glass);
    let front_row = cowl[0] + dice.between((0.95, 1.15));
    let mut rows = vec![front_row];
    if end - front_row > 0.75 && dice.chance(0.75) {
        rows.push(end - 0.25);
    }
    // From far to near; the nearer row hides the farther.
    for part in [0.72, 0.28] {
        for &x in &rows {
            let z = part * width;
            let shape = |[left, right]: [f32; 2], [low, high]: [f32; 2]| {
                band([x + left, x + right], [belt + low, belt + high]).map(|[x, y]| [x, y, z])
            };
            car.polygon(&shape([-0.1, 0.18], [-0.1, 0.14]), seats.shaded(0.8), 1.0);
            car.polygon(&shape([-0.02, 0.2], [0.08, 0.36]), seats, 1.0);
        }
    }
    let sides = [width - 0.1, 0.1];
    let [far, near] = sides.map(|z| [[cowl[0], cowl[1], z], [head[0], head[1], 0.9 * z + 0.05 * width]]);
    car.polygon(
        &[far[0], far[1], near[1], near[0]],
        glass.mixed(Tone::grey(0.8), 0.4),
        0.5,
    );
    car.line(far, 0.05, trim);
    car.line([far[1], near[1]], 0.08, trim);
    car.line(near, 0.08, trim);
}

/// Posts, doors, handles, lamps, bumpers and the mirror on the near side.
pub(crate) fn near_side(car: &mut Car, dice: &mut Dice) {
    let profile = car.profile;
    let m = &profile.measures;
    let belt = profile.belt();
    let tone = car.side_tone();
    let sill = m.clearance + 0.12;
    for &x in profile.pillars.iter().filter(|_| !profile.side_glass.is_empty()) {
        car.line(
            [car.near([x, belt]), car.near([x + 0.06, m.height - 0.12])],
            0.08,
            tone.shaded(0.7),
        );
    }
    for (i, &x) in profile.doors.iter().enumerate() {
        car.line(
            [car.near([x, sill]), car.near([x, belt + 0.02])],
            0.035,
            tone.shaded(0.45),
        );
        if i > 0 && x < m.glass_foot() {
            let handle = band([x - 0.28, x - 0.1], [belt - 0.14, belt - 0.09]);
            car.on_side(&handle, tone.shaded(0.5), 1.0);
        }
    }
    lamps_and_bumpers(car, dice);
    let mirror = band(
        [m.bonnet_length + 0.22, m.bonnet_length + 0.4],
        [belt + 0.02, belt + 0.14],
    );
    car.polygon(&mirror.map(|[x, y]| [x, y, -0.12]), car.coat.trim, 1.0);
    if profile.body == BodyType::Suv {
        let y = m.height + 0.05;
        let ends = [profile.header()[0] + 0.2, m.length - m.roof_end - 0.1];
        car.line(ends.map(|x| [x, y, profile.inset(y)]), 0.05, Tone::grey(0.15));
    }
}

fn lamps_and_bumpers(car: &mut Car, dice: &mut Dice) {
    let m = &car.profile.measures;
    let (length, clearance) = (m.length, m.clearance);
    let trim = car.coat.trim;
    let lamp = [m.nose_height - 0.17, m.nose_height - 0.05];
    car.on_side(
        &band([0.04, dice.between((0.2, 0.4))], lamp),
        Tone([0.93, 0.93, 0.86]),
        1.0,
    );
    let tail = [m.deck_height - dice.between((0.2, 0.34)), m.deck_height - 0.06];
    car.on_side(
        &band([length - 0.22, length - 0.03], tail),
        Tone([0.7, 0.06, 0.06]),
        1.0,
    );
    let sill = if car.profile.body == BodyType::Suv {
        0.2
    } else {
        0.1
    };
    car.on_side(
        &band([0.06, length - 0.08], [clearance, clearance + sill]),
        trim,
        1.0,
    );
    car.on_side(
        &band([0.02, 0.4], [clearance + 0.05, clearance + 0.28]),
        trim,
        0.8,
    );
    car.on_side(
        &band(
            [length - 0.4, length - 0.03],
            [clearance + 0.05, clearance + 0.28],
        ),
        trim,
        0.8,
    );
}
