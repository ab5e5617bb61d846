//! Values on a grid: from above as contours, from the side as a surface.

mod camera;
mod contour;
mod faces;
mod grid;
mod regions;
mod room;
mod surface;

pub use contour::{ContourOptions, contour_chart};
pub use grid::Grid;
pub use surface::{SurfaceOptions, surface_chart};
