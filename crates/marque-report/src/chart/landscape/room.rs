//! The box around a surface: walls, axes and their labels.

use super::camera::{Camera, Space};
use crate::chart::axis::{Axis, Tick};
use crate::chart::font::{Weight, shorten};
use crate::chart::names::SPARE;
use crate::chart::plot::{TEXT, label_width, quiet, widest};
use crate::chart::svg::{Anchor, MARGIN, Node, Point, Text, line};
use crate::chart::theme::Role;

/// The box: its axes and what they are called.
pub(crate) struct Room<'a> {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) height: Axis,
    pub(crate) x_name: &'a str,
    pub(crate) y_name: &'a str,
    pub(crate) height_name: &'a str,
    /// The width of the drawing.
    pub(crate) width: f32,
    /// The height of the drawing.
    pub(crate) bottom: f32,
}

/// One of the two axes on the ground, at the edge that is nearest to the viewer.
struct GroundAxis<'a> {
    axis: &'a Axis,
    name: &'a str,
    /// The point of the ground at a position from −1 to 1 along the axis.
    at: &'a dyn Fn(f64) -> Space,
    /// The direction on the paper that leads away from the box, of length one.
    out: Point,
}

impl Room<'_> {
    /// The ground and the two walls behind the surface, with a line at each tick.
    pub(crate) fn draw_walls(&self, camera: &Camera, nodes: &mut Vec<Node>) {
        let (back_x, back_y) = camera.back();
        let mut draw = |from: Space, to: Space, role: Role| {
            nodes.push(line(camera.place(from), camera.place(to), role));
        };
        for x in positions(&self.x) {
            draw([x, -1.0, 0.0], [x, 1.0, 0.0], Role::Grid);
            draw([x, back_y, 0.0], [x, back_y, 1.0], Role::Grid);
        }
        for y in positions(&self.y) {
            draw([-1.0, y, 0.0], [1.0, y, 0.0], Role::Grid);
            draw([back_x, y, 0.0], [back_x, y, 1.0], Role::Grid);
        }
        for tick in &self.height.ticks {
            let height = f64::from(self.height.share(tick.at));
            draw([back_x, -1.0, height], [back_x, 1.0, height], Role::Grid);
            draw([-1.0, back_y, height], [1.0, back_y, height], Role::Grid);
        }
        let corners = [(back_x, back_y), (-back_x, back_y), (back_x, -back_y)];
        for (x, y) in corners {
            draw([x, y, 0.0], [x, y, 1.0], Role::Grid);
        }
        for (height, role) in [(0.0, Role::Axis), (1.0, Role::Grid)] {
            draw([back_x, -1.0, height], [back_x, 1.0, height], role);
            draw([-1.0, back_y, height], [1.0, back_y, height], role);
        }
        draw([-back_x, -1.0, 0.0], [-back_x, 1.0, 0.0], Role::Axis);
        draw([-1.0, -back_y, 0.0], [1.0, -back_y, 0.0], Role::Axis);
        let (x, y) = self.upright(camera);
        draw([x, y, 0.0], [x, y, 1.0], Role::Axis);
    }

    /// The edge of the box where heights are read: the leftmost on the paper.
    fn upright(&self, camera: &Camera) -> (f64, f64) {
        let (back_x, back_y) = camera.back();
        let (first, second) = ((back_x, -back_y), (-back_x, back_y));
        let across = |(x, y): (f64, f64)| camera.place([x, y, 0.0]).0;
        if across(first) < across(second) {
            first
        } else {
            second
        }
    }

    /// The labels of the three axes and their names. A label that would touch another one is left out: seen from the
    /// side, the ticks of an axis are close together.
    pub(crate) fn draw_labels(&self, camera: &Camera, nodes: &mut Vec<Node>) {
        let (back_x, back_y) = camera.back();
        let mut labels = Labels {
            room: self,
            placed: Vec::new(),
            nodes,
        };
        labels.draw_height(camera, self.upright(camera));
        let out = |x: f64, y: f64| {
            let (from, to) = (camera.place([0.0; 3]), camera.place([x, y, 0.0]));
            let (x, y) = (to.0 - from.0, to.1 - from.1);
            let length = x.hypot(y).max(1e-3);
            (x / length, y / length)
        };
        let (along_x, along_y) = (|x: f64| [x, -back_y, 0.0], |y: f64| [-back_x, y, 0.0]);
        labels.draw_ground(
            camera,
            &GroundAxis {
                axis: &self.x,
                name: self.x_name,
                at: &along_x,
                out: out(0.0, -back_y),
            },
        );
        labels.draw_ground(
            camera,
            &GroundAxis {
                axis: &self.y,
                name: self.y_name,
                at: &along_y,
                out: out(-back_x, 0.0),
            },
        );
    }
}

/// Where the ticks of a ground axis are, from −1 to 1.
fn positions(axis: &Axis) -> impl Iterator<Item = f64> {
    axis.ticks.iter().map(|tick| position(axis, tick))
}

fn position(axis: &Axis, tick: &Tick) -> f64 {
    f64::from(axis.share(tick.at)) * 2.0 - 1.0
}

/// A rectangle on the paper: its middle, and half of its width and height.
#[derive(Clone, Copy)]
struct Patch {
    middle: Point,
    half: (f32, f32),
}

impl Patch {
    fn touches(self, other: Patch) -> bool {
        (self.middle.0 - other.middle.0).abs() < self.half.0 + other.half.0 + 3.0
            && (self.middle.1 - other.middle.1).abs() < self.half.1 + other.half.1
    }
}

struct Labels<'a> {
    room: &'a Room<'a>,
    placed: Vec<Patch>,
    nodes: &'a mut Vec<Node>,
}

impl Labels<'_> {
    fn draw_height(&mut self, camera: &Camera, (x, y): (f64, f64)) {
        let axis = &self.room.height;
        for tick in &axis.ticks {
            let at = camera.place([x, y, f64::from(axis.share(tick.at))]);
            self.nodes.push(line((at.0 - 5.0, at.1), at, Role::Axis));
            let half = label_width(tick) / 2.0;
            self.put(&tick.label, (at.0 - 10.0 - half, at.1));
        }
        let name = shorten(
            self.room.height_name,
            (self.room.bottom - 120.0) / SPARE,
            TEXT,
            Weight::Regular,
        );
        if name.is_empty() {
            return;
        }
        let (top, foot) = (camera.place([x, y, 1.0]), camera.place([x, y, 0.0]));
        let text = quiet((0.0, 0.0), name);
        let half = text.width() * SPARE / 2.0;
        let middle = (top.1 + foot.1) / 2.0;
        let middle = middle.clamp(48.0 + half, (self.room.bottom - 12.0 - half).max(48.0 + half));
        let across = (foot.0 - 10.0 - widest(axis) - 10.0).max(MARGIN + 12.0);
        let at = (across, middle);
        self.placed.push(Patch {
            middle: (at.0 - 5.0, at.1),
            half: (9.0, half),
        });
        self.nodes
            .push(Node::Text(Text { at, ..text }.upward().anchor(Anchor::Middle)));
    }

    fn draw_ground(&mut self, camera: &Camera, ground: &GroundAxis<'_>) {
        let (out_x, out_y) = ground.out;
        let beside = |from: Point, distance: f32, width: f32| {
            let far = distance + out_x.abs() * width / 2.0 + out_y.abs() * 8.0;
            (from.0 + out_x * far, from.1 + out_y * far)
        };
        for tick in &ground.axis.ticks {
            let at = camera.place((ground.at)(position(ground.axis, tick)));
            let end = (at.0 + out_x * 5.0, at.1 + out_y * 5.0);
            self.nodes.push(line(at, end, Role::Axis));
            self.put(&tick.label, beside(at, 10.0, label_width(tick)));
        }
        let past_labels = 10.0 + out_x.abs() * widest(ground.axis) + out_y.abs() * 16.0 + 6.0;
        let name = shorten(ground.name, 220.0 / SPARE, TEXT, Weight::Regular);
        let width = quiet((0.0, 0.0), name.as_str()).width() * SPARE;
        self.put(&name, beside(camera.place((ground.at)(0.0)), past_labels, width));
    }

    /// Draws a text around `middle`, moved into the drawing if it sticks out, unless it would touch another one.
    fn put(&mut self, content: &str, middle: Point) {
        let text = quiet((0.0, 0.0), content);
        let half = (text.width() * SPARE / 2.0, 7.6);
        let (width, bottom) = (self.room.width, self.room.bottom);
        let middle = (
            middle
                .0
                .clamp(8.0 + half.0, (width - 8.0 - half.0).max(8.0 + half.0)),
            middle.1.clamp(48.0, bottom - 14.0),
        );
        let patch = Patch { middle, half };
        if content.is_empty() || self.placed.iter().any(|other| other.touches(patch)) {
            return;
        }
        self.placed.push(patch);
        let at = (middle.0, middle.1 + 5.0);
        self.nodes
            .push(Node::Text(Text { at, ..text }.anchor(Anchor::Middle)));
    }
}
