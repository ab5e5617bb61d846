//! The seven body types and the measures that tell them apart.

use crate::dice::Dice;

/// A type of car body. The order is that of the labels: the class names sorted by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyType {
    Convertible,
    Coupe,
    Hatchback,
    PickupTruck,
    Suv,
    Sedan,
    Van,
}

impl BodyType {
    pub(crate) const ALL: [BodyType; 7] = [
        BodyType::Convertible,
        BodyType::Coupe,
        BodyType::Hatchback,
        BodyType::PickupTruck,
        BodyType::Suv,
        BodyType::Sedan,
        BodyType::Van,
    ];
}

/// The measures of one car in metres.
///
/// Heights are above the ground. `roof_end` is how far ahead of the tail the roof ends, `glass_run` how far from
/// there the rear window reaches backwards: together they make three boxes, two or one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    pub(crate) length: f32,
    pub(crate) height: f32,
    pub(crate) clearance: f32,
    pub(crate) wheel_radius: f32,
    pub(crate) bonnet_length: f32,
    pub(crate) nose_height: f32,
    pub(crate) cowl_height: f32,
    pub(crate) windscreen_run: f32,
    pub(crate) roof_end: f32,
    pub(crate) glass_run: f32,
    pub(crate) deck_height: f32,
}

impl Measures {
    /// Draws a car of this type.
    pub(crate) fn draw(body: BodyType, dice: &mut Dice) -> Self {
        let (low, high) = limits(body);
        let mut within = |low: f32, high: f32| dice.between((low, high));
        Measures {
            length: within(low.length, high.length),
            height: within(low.height, high.height),
            clearance: within(low.clearance, high.clearance),
            wheel_radius: within(low.wheel_radius, high.wheel_radius),
            bonnet_length: within(low.bonnet_length, high.bonnet_length),
            nose_height: within(low.nose_height, high.nose_height),
            cowl_height: within(low.cowl_height, high.cowl_height),
            windscreen_run: within(low.windscreen_run, high.windscreen_run),
            roof_end: within(low.roof_end, high.roof_end),
            glass_run: within(low.glass_run, high.glass_run),
            deck_height: within(low.deck_height, high.deck_height),
        }
    }

    /// x of the foot of the rear window.
    pub(crate) fn glass_foot(&self) -> f32 {
        self.length - self.roof_end + self.glass_run
    }
}

/// Measures in the order of the fields: one line a car keeps the table readable.
const fn measures(m: [f32; 11]) -> Measures {
    Measures {
        length: m[0],
        height: m[1],
        clearance: m[2],
        wheel_radius: m[3],
        bonnet_length: m[4],
        nose_height: m[5],
        cowl_height: m[6],
        windscreen_run: m[7],
        roof_end: m[8],
        glass_run: m[9],
        deck_height: m[10],
    }
}

/// The smallest and the largest measures of a type.
#[rustfmt::skip]
fn limits(body: BodyType) -> (Measures, Measures) {
    //                             length height clear wheel bonnet nose cowl screen roof  glass deck
    let (low, high) = match body {
        BodyType::Convertible => ([4.00, 1.12, 0.12, 0.31, 1.20, 0.60, 0.84, 0.38, 1.50, 0.55, 0.84],
                                  [4.50, 1.24, 0.17, 0.35, 1.45, 0.69, 0.92, 0.55, 1.70, 0.75, 0.92]),
        BodyType::Coupe =>       ([4.10, 1.30, 0.11, 0.32, 1.45, 0.58, 0.80, 0.70, 1.60, 1.35, 0.82],
                                  [4.55, 1.40, 0.16, 0.36, 1.70, 0.68, 0.88, 0.88, 1.85, 1.55, 0.92]),
        BodyType::Hatchback =>   ([3.40, 1.44, 0.13, 0.28, 0.72, 0.68, 0.92, 0.66, 0.60, 0.45, 0.94],
                                  [3.80, 1.54, 0.17, 0.31, 0.92, 0.77, 1.00, 0.82, 0.80, 0.58, 1.03]),
        BodyType::PickupTruck => ([5.10, 1.78, 0.32, 0.38, 1.15, 0.98, 1.14, 0.48, 2.15, 0.04, 1.00],
                                  [5.60, 1.92, 0.42, 0.44, 1.35, 1.08, 1.24, 0.66, 2.60, 0.14, 1.10]),
        BodyType::Suv =>         ([4.40, 1.78, 0.32, 0.39, 1.12, 1.00, 1.15, 0.36, 0.12, 0.06, 1.10],
                                  [4.85, 1.94, 0.42, 0.45, 1.35, 1.10, 1.25, 0.52, 0.22, 0.10, 1.20]),
        BodyType::Sedan =>       ([4.50, 1.40, 0.13, 0.30, 1.20, 0.67, 0.92, 0.62, 1.42, 0.50, 0.96],
                                  [4.95, 1.50, 0.18, 0.34, 1.45, 0.76, 1.00, 0.82, 1.65, 0.65, 1.05]),
        BodyType::Van =>         ([4.70, 2.00, 0.18, 0.31, 0.38, 0.88, 1.18, 0.58, 0.07, 0.03, 1.20],
                                  [5.30, 2.34, 0.24, 0.35, 0.62, 1.00, 1.30, 0.80, 0.14, 0.06, 1.35]),
    };
    (measures(low), measures(high))
}
