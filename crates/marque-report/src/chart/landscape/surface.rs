//! Surfaces in space.

use super::camera::Camera;
use super::contour::describe;
use super::faces::Surface;
use super::room::Room;
use crate::chart::axis::Axis;
use crate::chart::colour_map::{colour, mixed};
use crate::chart::plot::{NAME, heading, quiet, widest};
use crate::chart::svg::{Anchor, MARGIN, Node, Point, Svg};
use crate::chart::theme::Rgb;
use crate::{Error, Grid, Scale};

const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 560.0;
/// What lies under the box: ticks, labels, names.
const BELOW: f32 = 66.0;
/// Grids with more points along a side than this have no mesh of lines: it would hide the colours.
const FINEST_MESH: usize = 120;

/// What a picture of a surface says and from where it is seen.
///
/// # Example
/// ```
/// use marque_report::SurfaceOptions;
///
/// let options = SurfaceOptions { ceiling: Some(10.0), ..SurfaceOptions::default() };
/// assert_eq!((options.azimuth_degrees, options.elevation_degrees), (35.0, 30.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceOptions {
    /// What stands above the picture.
    pub title: String,
    /// What x is; may be empty.
    pub x_label: String,
    /// What y is; may be empty.
    pub y_label: String,
    /// What the heights are; may be empty.
    pub value_label: String,
    /// Whether equal heights are equal differences or equal ratios.
    pub scale: Scale,
    /// By how much the surface is turned clockwise, seen from above. At 0 x runs to the right and y away from the
    /// viewer. The default, 35, shows both of them and hides little.
    pub azimuth_degrees: f64,
    /// How high above the ground the viewer is, from 5 to 85; 30 by default.
    pub elevation_degrees: f64,
    /// The value at which the surface is cut off; by default it is shown whole.
    pub ceiling: Option<f64>,
    /// Two heights that the box takes in even if the surface does not reach them: pictures with the same pair can be
    /// compared. None by default.
    pub reaches: Option<(f64, f64)>,
}

impl Default for SurfaceOptions {
    fn default() -> Self {
        Self {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            value_label: String::new(),
            scale: Scale::Linear,
            azimuth_degrees: 35.0,
            elevation_degrees: 30.0,
            ceiling: None,
            reaches: None,
        }
    }
}

/// The values of a grid as a surface in space, coloured by height, in a box with three axes.
///
/// Seen along parallel rays: nearer parts are not larger. Cells at a value that has no place (not finite, at least
/// 1e100 in size on a linear scale, not above zero on a logarithmic one) are holes. x and y each fill their side of
/// the box.
///
/// # Errors
/// [`Error::GridSize`], [`Error::GridShape`] and [`Error::Coordinate`] for a grid that is none, [`Error::Setting`] for
/// an angle or a ceiling out of its range.
///
/// # Example
/// ```
/// use marque_report::{Grid, SurfaceOptions, surface_chart};
/// use ndarray::Array2;
///
/// let at: Vec<f64> = (-10..=10).map(|step| f64::from(step) / 10.0).collect();
/// let bowl = Array2::from_shape_fn((21, 21), |(row, column)| at[row].powi(2) + at[column].powi(2));
/// let grid = Grid { x: &at, y: &at, values: bowl.view() };
/// let chart = surface_chart(&grid, &SurfaceOptions::default())?;
/// assert_eq!(chart.to_string().matches("<path").count(), 400, "a face for each cell");
/// # Ok::<(), marque_report::Error>(())
/// ```
pub fn surface_chart(grid: &Grid<'_>, options: &SurfaceOptions) -> Result<Svg, Error> {
    grid.check()?;
    let ceiling = ceiling(options)?;
    let scale = options.scale;
    let below = |value: &f64| scale.of(*value).is_some_and(|at| at <= ceiling);
    let values: Vec<f64> = grid.values.iter().copied().filter(below).collect();
    let cut = options
        .ceiling
        .filter(|_| values.len() < grid.values.len() && !values.is_empty());
    let axis = |coordinates: &[f64]| Axis::tight(Scale::Linear, coordinates.iter().copied(), 5.0);
    let reached = options.reaches.into_iter().flat_map(<[f64; 2]>::from);
    let heights = values.iter().copied().chain(cut).chain(reached);
    let room = Room {
        x: axis(grid.x),
        y: axis(grid.y),
        height: Axis::fitting(scale, heights, 6.0),
        x_name: &options.x_label,
        y_name: &options.y_label,
        height_name: &options.value_label,
        width: WIDTH,
        bottom: HEIGHT,
    };
    let camera = Camera::new(
        options.azimuth_degrees,
        options.elevation_degrees,
        (left(&room), 52.0),
        (right(&room), HEIGHT - BELOW),
    )?;
    let mut nodes = vec![heading(&options.title, WIDTH)];
    room.draw_walls(&camera, &mut nodes);
    draw_faces(grid, &room, ceiling, &camera, &mut nodes);
    room.draw_labels(&camera, &mut nodes);
    if values.is_empty() {
        let centre = camera.place([0.0, 0.0, 0.0]);
        nodes.push(Node::Text(
            quiet(centre, "no values to draw").anchor(Anchor::Middle),
        ));
    }
    Ok(Svg {
        width: WIDTH,
        height: HEIGHT,
        title: options.title.clone(),
        description: describe(grid, scale),
        nodes,
    })
}

/// The place of the ceiling on the scale; above everything where there is none.
fn ceiling(options: &SurfaceOptions) -> Result<f64, Error> {
    let Some(value) = options.ceiling else {
        return Ok(f64::INFINITY);
    };
    options.scale.of(value).ok_or(Error::Setting {
        what: "the ceiling",
        expected: match options.scale {
            Scale::Linear => "a number below 1e100 in size",
            Scale::Log10 => "a finite number above zero",
        },
        found: value,
    })
}

/// Where the box begins: beside the labels of heights and their name.
fn left(room: &Room<'_>) -> f32 {
    MARGIN + NAME + 12.0 + widest(&room.height).max(widest(&room.x)).max(widest(&room.y))
}

fn right(room: &Room<'_>) -> f32 {
    WIDTH - f32::max(56.0, MARGIN + 10.0 + widest(&room.x).max(widest(&room.y)))
}

fn draw_faces(grid: &Grid<'_>, room: &Room<'_>, ceiling: f64, camera: &Camera, nodes: &mut Vec<Node>) {
    let side = |axis: &Axis, at: &f64| f64::from(axis.share(*at)) * 2.0 - 1.0;
    let x: Vec<f64> = grid.x.iter().map(|at| side(&room.x, at)).collect();
    let y: Vec<f64> = grid.y.iter().map(|at| side(&room.y, at)).collect();
    // Far above the box a height is as good as any other: infinity would leave a hole.
    let height = |at: f64| match at.is_finite() {
        true => f64::from(room.height.share(at)).clamp(-1e6, 1e6),
        false => f64::NAN,
    };
    let heights = grid.on(room.height.scale).mapv(height);
    let surface = Surface {
        x: &x,
        y: &y,
        heights: heights.view(),
        ceiling: height(ceiling.min(room.height.high)).min(1.0),
    };
    let has_mesh = x.len().max(y.len()) <= FINEST_MESH;
    nodes.extend(surface.faces(camera).into_iter().map(|face| {
        let ring: Vec<Point> = face.corners.iter().map(|corner| camera.place(*corner)).collect();
        let fill = colour(face.height);
        // Without a mesh an edge of its own colour closes the seam to the next face.
        let edge = if has_mesh { edge_of(face.height) } else { fill };
        Node::Area {
            rings: vec![ring],
            fill,
            edge: Some(edge),
        }
    }));
}

/// The colour at `share`, darker: the edge of a face of that colour.
fn edge_of(share: f64) -> Rgb {
    let Rgb(ground) = colour(share);
    mixed(ground.map(f64::from), [0.0; 3], 0.32)
}
