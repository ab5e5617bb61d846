//! The faces of a surface, from the back to the front.

use ndarray::ArrayView2;

use super::camera::{Camera, Space};

/// A part of a surface between neighbouring grid points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Face {
    /// Row and column of its first corner.
    pub(crate) cell: (usize, usize),
    /// Its corners in the box, in order around it.
    pub(crate) corners: Vec<Space>,
    /// The mean height of its corners, from 0 to 1.
    pub(crate) height: f64,
}

/// A surface in its box: coordinates from −1 to 1, heights from 0 to 1 or not a number.
pub(crate) struct Surface<'a> {
    pub(crate) x: &'a [f64],
    pub(crate) y: &'a [f64],
    pub(crate) heights: ArrayView2<'a, f64>,
    /// What lies above it is cut off.
    pub(crate) ceiling: f64,
}

impl Surface<'_> {
    /// The faces in the order in which they must be drawn: whatever hides a face comes after it.
    ///
    /// Rows and columns are taken from the far end on. That is enough for a surface over a grid seen along parallel
    /// rays: no ray leads from a cell to one that is farther away in both directions.
    pub(crate) fn faces(&self, camera: &Camera) -> Vec<Face> {
        let (rows, columns) = self.heights.dim();
        let back = camera.back();
        let order = |count: usize, back: f64| -> Vec<usize> {
            let forward = 0..count.saturating_sub(1);
            if back < 0.0 {
                forward.collect()
            } else {
                forward.rev().collect()
            }
        };
        let columns = order(columns, back.0);
        order(rows, back.1)
            .into_iter()
            .flat_map(|row| columns.iter().map(move |column| (row, *column)))
            .filter_map(|cell| self.face(cell))
            .collect()
    }

    fn face(&self, (row, column): (usize, usize)) -> Option<Face> {
        let points = [
            (row, column),
            (row, column + 1),
            (row + 1, column + 1),
            (row + 1, column),
        ];
        let corners = points.map(|(row, column)| [self.x[column], self.y[row], self.heights[[row, column]]]);
        if !corners.iter().all(|corner| corner[2].is_finite()) {
            return None;
        }
        let corners = cut(&corners, self.ceiling);
        let sum: f64 = corners.iter().map(|corner| corner[2]).sum();
        let height = sum / corners.len() as f64;
        (corners.len() > 2).then_some(Face {
            cell: (row, column),
            corners,
            height,
        })
    }
}

/// The part of a face that is not above `ceiling` (Sutherland and Hodgman, 1974, for one plane).
fn cut(corners: &[Space], ceiling: f64) -> Vec<Space> {
    let mut kept = Vec::with_capacity(corners.len() + 1);
    for (index, &from) in corners.iter().enumerate() {
        let to = corners[(index + 1) % corners.len()];
        if from[2] <= ceiling {
            kept.push(from);
        }
        if (from[2] <= ceiling) != (to[2] <= ceiling) {
            let share = (ceiling - from[2]) / (to[2] - from[2]);
            let between = |axis: usize| from[axis] + (to[axis] - from[axis]) * share;
            kept.push([between(0), between(1), ceiling]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ndarray::Array2;

    use super::*;

    const AT: [f64; 6] = [-1.0, -0.9, -0.3, 0.0, 0.75, 1.0];

    fn surface(heights: &Array2<f64>, ceiling: f64) -> Surface<'_> {
        Surface {
            x: &AT,
            y: &AT,
            heights: heights.view(),
            ceiling,
        }
    }

    #[test]
    fn of_two_neighbours_the_nearer_is_drawn_later_from_any_side() {
        let heights = Array2::from_shape_fn((6, 6), |(row, column)| ((row * column) % 4) as f64 / 4.0);
        let surface = surface(&heights, 1.0);
        for azimuth in (-360..360).step_by(15) {
            let camera = Camera::new(f64::from(azimuth), 30.0, (0.0, 0.0), (100.0, 100.0)).unwrap();
            let faces = surface.faces(&camera);
            assert_eq!(faces.len(), 25);
            let turn: HashMap<_, _> = faces
                .iter()
                .enumerate()
                .map(|(turn, face)| (face.cell, turn))
                .collect();
            let middle = |(row, column): (usize, usize)| {
                camera.away((AT[column] + AT[column + 1]) / 2.0, (AT[row] + AT[row + 1]) / 2.0)
            };
            for &cell in turn.keys() {
                for other in [(cell.0 + 1, cell.1), (cell.0, cell.1 + 1)] {
                    let (Some(first), Some(second)) = (turn.get(&cell), turn.get(&other)) else {
                        continue;
                    };
                    let nearer = middle(other) - middle(cell);
                    assert!(
                        nearer.abs() < 1e-9 || (nearer < 0.0) == (second > first),
                        "{cell:?} and {other:?} at {azimuth}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_is_left_above_the_ceiling_and_all_below_it() {
        let heights = Array2::from_shape_fn((6, 6), |(row, _)| AT[row] / 2.0 + 0.5);
        let camera = Camera::new(30.0, 30.0, (0.0, 0.0), (100.0, 100.0)).unwrap();
        let ground = |face: &Face| {
            let next = face.corners.iter().cycle().skip(1);
            let twice = face
                .corners
                .iter()
                .zip(next)
                .map(|(a, b)| a[0] * b[1] - b[0] * a[1]);
            twice.sum::<f64>() / 2.0
        };
        for ceiling in [0.25, 0.6, 1.0] {
            let faces = surface(&heights, ceiling).faces(&camera);
            assert!(
                faces
                    .iter()
                    .flat_map(|face| &face.corners)
                    .all(|corner| corner[2] <= ceiling)
            );
            let covered: f64 = faces.iter().map(ground).sum();
            assert!((covered - 4.0 * ceiling).abs() < 1e-9, "{covered} of {ceiling}");
        }
        assert!(surface(&heights, -1.0).faces(&camera).is_empty());
    }

    #[test]
    fn holes_stay_open() {
        let mut heights = Array2::zeros((6, 6));
        heights[[2, 3]] = f64::NAN;
        let camera = Camera::new(30.0, 30.0, (0.0, 0.0), (100.0, 100.0)).unwrap();
        assert_eq!(surface(&heights, 1.0).faces(&camera).len(), 21);
    }
}
