//! Where the car stands: sky, wall or texture, a floor, and things that are not the car.

use crate::canvas::{Canvas, Point, Tone};
use crate::dice::Dice;
use crate::view::View;

/// The colours behind and under the car.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The row of pixels at which the ground ends.
    horizon: f32,
    above: [Tone; 2],
    below: [Tone; 2],
    texture: Texture,
}

/// Smooth random brightness over the picture.
#[derive(Clone, Copy, Debug)]
struct Texture {
    salt: u32,
    /// Pixels from one random value to the next.
    pitch: f32,
    strength: [f32; 2],
}

impl Scene {
    pub(crate) fn draw(canvas: &Canvas, view: &View, dice: &mut Dice) -> Self {
        let height = canvas.height() as f32;
        let [top, bottom] = view.bounds().map(|point| point[1]);
        let horizon = bottom - dice.between((0.2, 1.2)) * (bottom - top);
        let mut tone = |saturation: (f32, f32), value: (f32, f32)| {
            Tone::from_hsv(
                dice.between((0.0, 1.0)),
                dice.between(saturation),
                dice.between(value),
            )
        };
        let plain = tone((0.0, 0.5), (0.2, 1.0));
        let (wall, floor) = (tone((0.0, 0.5), (0.25, 0.95)), tone((0.0, 0.4), (0.25, 0.85)));
        let sky = Tone::from_hsv(0.58, dice.between((0.0, 0.6)), dice.between((0.5, 1.0)));
        let grass = Tone::from_hsv(0.28, dice.between((0.2, 0.7)), dice.between((0.2, 0.6)));
        let asphalt = Tone::grey(dice.between((0.2, 0.7)));
        let (above, below) = match dice.below(4) {
            0 => (sky, asphalt),
            1 => (sky, grass),
            2 => (wall, floor),
            _ => (plain, plain),
        };
        let mut fade = |tone: Tone| [tone, tone.shaded(dice.between((0.7, 1.35)))];
        let (above, below) = (fade(above), fade(below));
        let texture = Texture {
            salt: dice.bits(),
            pitch: canvas.unit() * dice.between((0.03, 0.25)),
            strength: [dice.between((0.0, 0.18)), dice.between((0.0, 0.18))],
        };
        Scene {
            horizon: horizon.clamp(0.08 * height, 0.9 * height),
            above,
            below,
            texture,
        }
    }

    /// A colour that much of the background has.
    pub(crate) fn mood(&self) -> Tone {
        self.above[0]
    }

    /// Fills the picture and puts things behind the car.
    pub(crate) fn paint(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let height = canvas.height() as f32;
        canvas.fill(|[x, y]| {
            let ground = usize::from(y > self.horizon);
            let part = if ground == 0 {
                y / self.horizon
            } else {
                (y - self.horizon) / (height - self.horizon)
            };
            let [far, near] = [self.above, self.below][ground];
            let rough = self.texture.at([x, y]) * self.texture.strength[ground];
            far.mixed(near, part).shaded(1.0 + rough)
        });
        if dice.chance(0.3) {
            self.lane(canvas, dice);
        }
        for _ in 0..dice.below(4) {
            self.thing(canvas, dice);
        }
    }

    /// Puts something in front of the car, in one picture of eight.
    pub(crate) fn paint_foreground(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let [width, height] = [canvas.width() as f32, canvas.height() as f32];
        if !dice.chance(0.125) {
            return;
        }
        let tone = any_tone(dice);
        let x = dice.between((0.0, width));
        let unit = canvas.unit();
        if dice.chance(0.5) {
            let half = unit * dice.between((0.01, 0.03));
            canvas.rectangle([x - half, 0.0], [x + half, height], tone, 1.0);
        } else {
            let size = unit * dice.between((0.05, 0.14));
            canvas.ellipse([x, height], [1.6 * size, size], tone, 1.0);
        }
    }

    /// A line on the ground.
    fn lane(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let [width, height] = [canvas.width() as f32, canvas.height() as f32];
        let mut row = || dice.between((self.horizon, height));
        let ends = [[0.0, row()], [width, row()]];
        let thickness = canvas.unit() * dice.between((0.01, 0.04));
        canvas.line(ends, thickness, Tone::grey(dice.between((0.5, 1.0))), 0.8);
    }

    /// A tree, a pole, a house, a hill, a cloud, or a shape that is none of these.
    fn thing(&self, canvas: &mut Canvas, dice: &mut Dice) {
        let [width, height] = [canvas.width() as f32, canvas.height() as f32];
        let unit = canvas.unit();
        let foot = [
            dice.between((0.0, width)),
            self.horizon + unit * dice.between((-0.05, 0.12)),
        ];
        let size = unit * dice.between((0.1, 0.45));
        match dice.below(7) {
            0 => tree(canvas, foot, size, dice),
            1 => {
                let half = unit * dice.between((0.005, 0.02));
                canvas.rectangle(
                    [foot[0] - half, foot[1] - 2.5 * size],
                    [foot[0] + half, foot[1]],
                    any_tone(dice),
                    1.0,
                );
            }
            2 => house(canvas, foot, size, dice),
            3 => {
                let reach = size * dice.between((1.5, 4.0));
                let peak = [foot[0], self.horizon - size];
                let base = [[foot[0] - reach, self.horizon], [foot[0] + reach, self.horizon]];
                canvas.polygon(&[base[0], peak, base[1]], any_tone(dice), 1.0);
            }
            4 => {
                let centre = [foot[0], dice.between((0.0, self.horizon))];
                canvas.ellipse(
                    centre,
                    [size, 0.3 * size],
                    Tone::grey(dice.between((0.7, 1.0))),
                    0.7,
                );
            }
            5 => {
                let centre = [foot[0], dice.between((0.0, height))];
                let radii = [0.5 * size, 0.5 * size * dice.between((0.4, 1.2))];
                canvas.ellipse(centre, radii, any_tone(dice), 0.9);
            }
            _ => shard(canvas, [foot[0], dice.between((0.0, height))], size, dice),
        }
    }
}

fn any_tone(dice: &mut Dice) -> Tone {
    Tone::from_hsv(
        dice.between((0.0, 1.0)),
        dice.between((0.0, 0.8)),
        dice.between((0.1, 0.95)),
    )
}

fn tree(canvas: &mut Canvas, [x, y]: Point, size: f32, dice: &mut Dice) {
    let half = 0.08 * size;
    canvas.rectangle([x - half, y - size], [x + half, y], Tone([0.3, 0.22, 0.15]), 1.0);
    let leaves = Tone::from_hsv(dice.between((0.15, 0.4)), 0.6, dice.between((0.2, 0.7)));
    for _ in 0..4 {
        let centre = [
            x + size * dice.between((-0.4, 0.4)),
            y - size * dice.between((0.8, 1.6)),
        ];
        let radius = size * dice.between((0.25, 0.5));
        canvas.ellipse(
            centre,
            [radius, radius],
            leaves.shaded(dice.between((0.7, 1.2))),
            1.0,
        );
    }
}

fn house(canvas: &mut Canvas, [x, y]: Point, size: f32, dice: &mut Dice) {
    let wall = any_tone(dice);
    let [half, tall] = [size * dice.between((0.5, 1.2)), size * dice.between((0.8, 2.5))];
    canvas.rectangle([x - half, y - tall], [x + half, y], wall, 1.0);
    let window = wall.shaded(dice.between((0.4, 1.5)));
    for row in 0..3_u8 {
        for column in 0..3_u8 {
            let left = x - half + half * (0.25 + 0.6 * f32::from(column));
            let top = y - tall + tall * (0.1 + 0.3 * f32::from(row));
            canvas.rectangle([left, top], [left + 0.3 * half, top + 0.16 * tall], window, 1.0);
        }
    }
}

/// A random quadrilateral.
fn shard(canvas: &mut Canvas, [x, y]: Point, size: f32, dice: &mut Dice) {
    let mut near = |dx: f32, dy: f32| {
        [
            x + size * (dx + dice.between((-0.4, 0.4))),
            y + size * (dy + dice.between((-0.4, 0.4))),
        ]
    };
    let corners = [near(-0.5, -0.5), near(0.5, -0.5), near(0.5, 0.5), near(-0.5, 0.5)];
    canvas.polygon(&corners, any_tone(dice), 0.9);
}

impl Texture {
    /// The brightness here in −1..1: random values on a grid, blended between its points.
    fn at(&self, [x, y]: Point) -> f32 {
        let [x, y] = [x / self.pitch, y / self.pitch];
        let [column, row] = [x.floor(), y.floor()];
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let [u, v] = [smooth(x - column), smooth(y - row)];
        let value =
            |dx: u32, dy: u32| self.value((column as u32).wrapping_add(dx), (row as u32).wrapping_add(dy));
        let upper = value(0, 0) * (1.0 - u) + value(1, 0) * u;
        let lower = value(0, 1) * (1.0 - u) + value(1, 1) * u;
        upper * (1.0 - v) + lower * v
    }

    /// A hash of a point of the grid as a number in −1..1.
    fn value(&self, column: u32, row: u32) -> f32 {
        let mut bits = self.salt ^ column.wrapping_mul(0x9e37_79b1) ^ row.wrapping_mul(0x85eb_ca77);
        for shift in [15, 13] {
            bits = (bits ^ (bits >> shift)).wrapping_mul(0x2c1b_3c6d);
        }
        ((bits >> 8) as f32) / ((1_u32 << 23) as f32) - 1.0
    }
}
