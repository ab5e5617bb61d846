//! A car as an extruded profile: strips between its two sides from far to near, then the near side.

use crate::body::BodyType;
use crate::canvas::{Canvas, Tone};
use crate::details;
use crate::dice::Dice;
use crate::profile::{Corner, Profile, Surface};
use crate::view::{Place, View, dot, normalised};

/// The colours of one car and the light it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Coat {
    pub(crate) paint: Tone,
    /// Bumpers, sills and frames.
    pub(crate) trim: Tone,
    pub(crate) glass: Tone,
    pub(crate) rim: Tone,
    pub(crate) seats: Tone,
    /// Where the light comes from.
    light: Place,
    /// The part of the light that comes from everywhere.
    ambient: f32,
}

impl Coat {
    /// Draws colours; a part of the cars take one near that of their `surroundings`.
    pub(crate) fn draw(surroundings: Tone, dice: &mut Dice) -> Self {
        let paint = if dice.chance(0.1) {
            let other = Tone::from_hsv(dice.between((0.0, 1.0)), 0.4, dice.between((0.2, 0.8)));
            surroundings.mixed(other, dice.between((0.1, 0.4)))
        } else if dice.chance(0.45) {
            Tone::grey(dice.between((0.15, 0.95)))
        } else {
            let saturation = dice.between((0.35, 0.95));
            Tone::from_hsv(dice.between((0.0, 1.0)), saturation, dice.between((0.25, 0.95)))
        };
        let dark = Tone::grey(dice.between((0.05, 0.25)));
        Coat {
            paint,
            trim: if dice.chance(0.5) { dark } else { paint.shaded(0.6) },
            glass: Tone::from_hsv(0.55, dice.between((0.0, 0.3)), dice.between((0.06, 0.35))),
            rim: Tone::grey(dice.between((0.3, 0.85))),
            seats: Tone::from_hsv(
                dice.between((0.0, 0.12)),
                dice.between((0.0, 0.7)),
                dice.between((0.1, 0.8)),
            ),
            light: normalised([
                dice.between((-1.0, 1.0)),
                dice.between((0.4, 1.2)),
                dice.between((-1.0, 0.4)),
            ]),
            ambient: dice.between((0.5, 0.75)),
        }
    }

    /// By how much a surface that looks in this direction is brighter or darker than its colour.
    fn lit(&self, normal: Place) -> f32 {
        self.ambient + 1.3 * (1.0 - self.ambient) * dot(normal, self.light).max(0.0)
    }
}

/// One car being drawn.
pub(crate) struct Car<'a> {
    pub(crate) canvas: &'a mut Canvas,
    pub(crate) view: &'a View,
    pub(crate) profile: &'a Profile,
    pub(crate) coat: &'a Coat,
}

impl Car<'_> {
    pub(crate) fn paint(&mut self, dice: &mut Dice) {
        details::shadow(self, dice);
        details::far_wheels(self);
        if self.profile.body == BodyType::Suv {
            details::spare_wheel(self);
        }
        self.strips(dice);
        if self.profile.body == BodyType::Convertible {
            details::cabin(self, dice);
        }
        self.near_side();
        details::near_side(self, dice);
        details::near_wheels(self, dice);
    }

    /// Fills a polygon whose corners are places in the world.
    pub(crate) fn polygon(&mut self, corners: &[Place], tone: Tone, alpha: f32) {
        let points: Vec<_> = corners.iter().map(|&corner| self.view.project(corner)).collect();
        self.canvas.polygon(&points, tone, alpha);
    }

    /// Draws a line whose width is given in metres.
    pub(crate) fn line(&mut self, ends: [Place; 2], width: f32, tone: Tone) {
        let pixels = width * self.view.pixels_per_metre(ends[0]);
        self.canvas
            .line(ends.map(|end| self.view.project(end)), pixels, tone, 1.0);
    }

    /// The place of a point of the profile on the near side.
    pub(crate) fn near(&self, [x, y]: [f32; 2]) -> Place {
        [x, y, self.profile.inset(y)]
    }

    /// Fills a polygon on the near side.
    pub(crate) fn on_side(&mut self, corners: &[[f32; 2]], tone: Tone, alpha: f32) {
        let places: Vec<_> = corners.iter().map(|&corner| self.near(corner)).collect();
        self.polygon(&places, tone, alpha);
    }

    /// The colour of sheet metal on the near side.
    pub(crate) fn side_tone(&self) -> Tone {
        self.coat.paint.shaded(self.coat.lit([0.0, 0.0, -1.0]))
    }

    /// The surfaces between the two sides that the camera sees.
    fn strips(&mut self, dice: &mut Dice) {
        let depth = |strip: &[Corner]| {
            let middle = [0.5 * (strip[0].x + strip[1].x), 0.5 * (strip[0].y + strip[1].y)];
            self.view.depth([middle[0], middle[1], 0.5 * self.profile.width])
        };
        let mut strips: Vec<_> = self.profile.outline.windows(2).collect();
        strips.sort_by(|a, b| depth(b).total_cmp(&depth(a)));
        let reflection = dice.between((0.0, 0.35));
        for pair in strips {
            let strip = Strip {
                start: pair[0],
                end: pair[1],
            };
            let normal = strip.normal();
            if !self.view.faces([strip.start.x, strip.start.y, 0.0], normal) {
                continue;
            }
            let tone = self.coat.paint.shaded(self.coat.lit(normal));
            self.patch(strip, [0.0, 1.0], [0.0, 1.0], tone);
            match strip.start.surface {
                Surface::Paint => {}
                Surface::Windscreen => self.window(strip, reflection),
                Surface::RearGlass => self.window(strip, 0.5 * reflection),
                Surface::Open => self.patch(strip, [0.05, 0.95], [0.02, 0.98], Tone::grey(0.08)),
                Surface::Front => details::front(self, strip),
                Surface::Rear => details::rear(self, strip),
            }
        }
    }

    fn window(&mut self, strip: Strip, reflection: f32) {
        let glass = self.coat.glass.mixed(Tone::grey(0.9), reflection);
        self.patch(strip, [0.06, 0.94], [0.04, 0.97], glass);
        self.patch(strip, [0.06, 0.94], [0.6, 0.97], glass.shaded(0.8));
    }

    /// Fills a part of a strip: `across` from the near (0) to the far side (1), `along` from its start to its end.
    pub(crate) fn patch(&mut self, strip: Strip, across: [f32; 2], along: [f32; 2], tone: Tone) {
        let at = |u: f32, v: f32| {
            let x = strip.start.x + v * (strip.end.x - strip.start.x);
            let y = strip.start.y + v * (strip.end.y - strip.start.y);
            let inset = self.profile.inset(y);
            [x, y, inset + u * (self.profile.width - 2.0 * inset)]
        };
        let corners = [
            at(across[0], along[0]),
            at(across[1], along[0]),
            at(across[1], along[1]),
            at(across[0], along[1]),
        ];
        self.polygon(&corners, tone, 1.0);
    }

    /// The near side: sheet metal, its lights and shades, and the windows.
    fn near_side(&mut self) {
        let tone = self.side_tone();
        let profile = self.profile;
        let m = &profile.measures;
        let outline: Vec<_> = profile
            .outline
            .iter()
            .map(|corner| [corner.x, corner.y])
            .collect();
        self.on_side(&outline, tone, 1.0);
        let shoulder = profile.belt() - 0.12;
        let middle = 0.5 * (shoulder + m.clearance);
        // The flank bulges: its upper half sees the sky, its lower half the road.
        let end = m.length - 0.02;
        self.on_side(
            &band([0.06, end], [middle - 0.05, middle]),
            tone.shaded(0.85),
            0.7,
        );
        let low = [0.05, end - 0.03];
        self.on_side(&band(low, [m.clearance, middle - 0.05]), tone.shaded(0.72), 0.7);
        self.on_side(
            &band([0.2, end - 0.1], [shoulder, shoulder + 0.05]),
            tone.mixed(Tone::grey(1.0), 0.4),
            0.6,
        );
        let glass = self.coat.glass;
        self.on_side(&profile.side_glass, glass, 1.0);
    }
}

/// A surface between the two sides, from one corner of the outline to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strip {
    start: Corner,
    end: Corner,
}

impl Strip {
    /// The direction in which it looks. The outline runs over the car from the nose, so this is to its left.
    fn normal(&self) -> Place {
        normalised([self.start.y - self.end.y, self.end.x - self.start.x, 0.0])
    }
}

/// An upright rectangle of the profile.
pub(crate) fn band([left, right]: [f32; 2], [low, high]: [f32; 2]) -> [[f32; 2]; 4] {
    [[left, low], [right, low], [right, high], [left, high]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_covers_a_good_part_of_the_picture() {
        let ground = Tone([1.0, 0.0, 1.0]);
        for index in 0..70 {
            let body = BodyType::ALL[index as usize % 7];
            let mut dice = Dice::new(9, index);
            let mut canvas = Canvas::new(144, 96).unwrap();
            canvas.fill(|_| ground);
            let profile = Profile::draw(body, &mut dice);
            let view = View::draw(&profile, (144.0, 96.0), &mut dice);
            let coat = Coat::draw(Tone::grey(0.5), &mut dice);
            Car {
                canvas: &mut canvas,
                view: &view,
                profile: &profile,
                coat: &coat,
            }
            .paint(&mut dice);
            let covered = canvas.tones().filter(|&tone| tone != ground).count() as f32 / (144.0 * 96.0);
            assert!(
                (0.08..0.75).contains(&covered),
                "{body:?} {index}: {covered} of the picture"
            );
        }
    }
}
