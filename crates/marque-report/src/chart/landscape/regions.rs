//! Where the values of a grid are at least as high as a level: marching squares.
//!
//! Between grid points a value is taken to change evenly along the edges of a cell. A cell whose corners are high and
//! low in turn (a saddle) is decided by the mean of its corners.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

/// A corner of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Vertex {
    /// A grid point: row and column.
    Point(usize, usize),
    /// The crossing of the level on the edge from this grid point to the one in the next column.
    Across(usize, usize),
    /// The crossing of the level on the edge from this grid point to the one in the next row.
    Along(usize, usize),
}

impl Vertex {
    fn is_crossing(self) -> bool {
        !matches!(self, Vertex::Point(..))
    }
}

/// Values on a grid; those that are not a number are holes.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) x: &'a [f64],
    pub(crate) y: &'a [f64],
    pub(crate) values: ArrayView2<'a, f64>,
}

/// A line of equal values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Isoline {
    /// Its points; a closed one ends where it began.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Field<'_> {
    /// The rings around the region of values of at least `level`, in cells without a hole.
    pub(crate) fn region(&self, level: f64) -> Vec<Vec<Vertex>> {
        let (rows, columns) = self.values.dim();
        let mut edges = BTreeMap::new();
        for row in 0..rows.saturating_sub(1) {
            for column in 0..columns.saturating_sub(1) {
                if self.is_whole(row, column) {
                    self.add_cell((row, column), level, &mut edges);
                }
            }
        }
        rings(edges)
    }

    /// The lines at `level`: the borders of `region`, the region of that level, that run through cells.
    pub(crate) fn isolines(&self, region: &[Vec<Vertex>], level: f64) -> Vec<Isoline> {
        let points = |run: &[Vertex]| run.iter().map(|vertex| self.point(*vertex, level)).collect();
        let mut lines = Vec::new();
        for ring in region {
            // From a grid point on, if there is one: a line must not be broken where the ring happens to begin.
            let Some(start) = ring.iter().position(|vertex| !vertex.is_crossing()) else {
                let closed: Vec<Vertex> = ring.iter().chain(ring.first()).copied().collect();
                lines.push(Isoline {
                    points: points(&closed),
                });
                continue;
            };
            let turned: Vec<Vertex> = ring[start..].iter().chain(&ring[..start]).copied().collect();
            let runs = turned.split(|vertex| !vertex.is_crossing());
            lines.extend(
                runs.filter(|run| run.len() > 1)
                    .map(|run| Isoline { points: points(run) }),
            );
        }
        lines
    }

    /// Where a vertex of a region of `level` lies.
    pub(crate) fn point(&self, vertex: Vertex, level: f64) -> (f64, f64) {
        let share = |from: f64, to: f64| ((level - from) / (to - from)).clamp(0.0, 1.0);
        let between = |from: f64, to: f64, share: f64| from + (to - from) * share;
        match vertex {
            Vertex::Point(row, column) => (self.x[column], self.y[row]),
            Vertex::Across(row, column) => {
                let share = share(self.values[[row, column]], self.values[[row, column + 1]]);
                (between(self.x[column], self.x[column + 1], share), self.y[row])
            }
            Vertex::Along(row, column) => {
                let share = share(self.values[[row, column]], self.values[[row + 1, column]]);
                (self.x[column], between(self.y[row], self.y[row + 1], share))
            }
        }
    }

    /// Whether the cell whose first corner is this grid point has a value at each of its corners.
    fn is_whole(&self, row: usize, column: usize) -> bool {
        corners(row, column)
            .iter()
            .all(|corner| self.values.get(*corner).is_some_and(|value| value.is_finite()))
    }

    /// Adds the edges of the part of a cell that is at least as high as `level`, except those that it shares with
    /// the cell beside it: from there they run the other way, and the two cancel each other.
    fn add_cell(&self, cell: (usize, usize), level: f64, edges: &mut BTreeMap<Vertex, Vec<Vertex>>) {
        let corners = corners(cell.0, cell.1);
        let values = corners.map(|corner| self.values[corner]);
        let high = values.map(|value| value >= level);
        let beside = self.beside(cell);
        for part in parts(high, values.iter().sum::<f64>() / 4.0 >= level) {
            for (index, &(vertex, side)) in part.iter().enumerate() {
                let (next, _) = part[(index + 1) % part.len()];
                let crossing = |step: &Step| matches!(step, Step::Crossing(_));
                let on_border = !(crossing(&vertex) && crossing(&next));
                if !(on_border && beside[side]) {
                    let [from, to] = [vertex, next].map(|step| step.vertex(cell));
                    edges.entry(from).or_default().push(to);
                }
            }
        }
    }

    /// Whether there is a whole cell at each side of a cell.
    fn beside(&self, (row, column): (usize, usize)) -> [bool; 4] {
        [
            row > 0 && self.is_whole(row - 1, column),
            self.is_whole(row, column + 1),
            self.is_whole(row + 1, column),
            column > 0 && self.is_whole(row, column - 1),
        ]
    }
}

/// The grid points around a cell; side `k` runs from corner `k` to the next one.
fn corners(row: usize, column: usize) -> [[usize; 2]; 4] {
    [
        [row, column],
        [row, column + 1],
        [row + 1, column + 1],
        [row + 1, column],
    ]
}

/// A step of the way around the high part of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Corner(usize),
    /// Where the level crosses a side.
    Crossing(usize),
}

impl Step {
    fn vertex(self, (row, column): (usize, usize)) -> Vertex {
        match self {
            Step::Corner(corner) => {
                let [row, column] = corners(row, column)[corner];
                Vertex::Point(row, column)
            }
            Step::Crossing(0) => Vertex::Across(row, column),
            Step::Crossing(1) => Vertex::Along(row, column + 1),
            Step::Crossing(2) => Vertex::Across(row + 1, column),
            Step::Crossing(_) => Vertex::Along(row, column),
        }
    }
}

/// The parts of a cell that are high, each as the steps around it with the side that each step lies on or begins.
/// `centre_high` says whether the two high corners of a saddle are joined.
fn parts(high: [bool; 4], centre_high: bool) -> Vec<Vec<(Step, usize)>> {
    let is_saddle = high[0] == high[2] && high[1] == high[3] && high[0] != high[1];
    if is_saddle && !centre_high {
        let alone = |corner: usize| {
            let before = (corner + 3) % 4;
            vec![
                (Step::Crossing(before), before),
                (Step::Corner(corner), corner),
                (Step::Crossing(corner), corner),
            ]
        };
        return (0..4).filter(|corner| high[*corner]).map(alone).collect();
    }
    let mut around = Vec::with_capacity(6);
    for side in 0..4 {
        if high[side] {
            around.push((Step::Corner(side), side));
        }
        if high[side] != high[(side + 1) % 4] {
            around.push((Step::Crossing(side), side));
        }
    }
    if around.is_empty() {
        Vec::new()
    } else {
        vec![around]
    }
}

/// Edges joined to rings. As many edges end in a vertex as begin there, so a way along them leads back to its start.
fn rings(mut edges: BTreeMap<Vertex, Vec<Vertex>>) -> Vec<Vec<Vertex>> {
    let mut rings = Vec::new();
    while let Some(start) = edges.keys().next().copied() {
        let mut ring = Vec::new();
        let mut at = start;
        while let Some(ends) = edges.get_mut(&at) {
            let next = ends.pop();
            if ends.is_empty() {
                edges.remove(&at);
            }
            let Some(next) = next else { break };
            ring.push(at);
            at = next;
            if at == start {
                break;
            }
        }
        if ring.len() > 2 {
            rings.push(ring);
        }
    }
    rings
}

/// The area that rings enclose together; a ring around a hole runs the other way.
#[cfg(test)]
pub(crate) fn area(rings: &[Vec<(f64, f64)>]) -> f64 {
    let twice = |ring: &Vec<(f64, f64)>| -> f64 {
        let next = ring.iter().cycle().skip(1);
        ring.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
    };
    rings.iter().map(twice).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    fn coordinates(count: usize) -> Vec<f64> {
        (0..count)
            .map(|at| at as f64 * 2.0 / (count - 1) as f64 - 1.0)
            .collect()
    }

    /// The area where the values of a grid over [−1, 1]² are at least `level`.
    fn area_above(values: &Array2<f64>, level: f64) -> f64 {
        let (y, x) = (coordinates(values.nrows()), coordinates(values.ncols()));
        let field = Field {
            x: &x,
            y: &y,
            values: values.view(),
        };
        let points = |ring: &Vec<Vertex>| ring.iter().map(|vertex| field.point(*vertex, level)).collect();
        area(&field.region(level).iter().map(points).collect::<Vec<_>>())
    }

    /// Values from 0 to 1 without any order, so that every fifth cell or so is a saddle.
    fn rough(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(row, column)| {
            let mixed = ((row * 31 + column * 17 + 7) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / (1u64 << 24) as f64
        })
    }

    #[test]
    fn high_and_low_parts_cover_the_plane_and_regions_lie_inside_each_other() {
        for values in [rough(2, 2), rough(9, 14), rough(40, 40)] {
            let mut below = 4.0;
            assert!((area_above(&values, f64::NEG_INFINITY) - 4.0).abs() < 1e-12);
            for level in [0.0, 0.03, 0.2, 0.41, 0.5, 0.66, 0.9, 0.99] {
                let above = area_above(&values, level);
                // What is high upside down is what was low.
                let turned = area_above(&values.mapv(|value| -value), -level);
                assert!((above + turned - 4.0).abs() < 1e-9, "{level}: {above} + {turned}");
                assert!(
                    above <= below + 1e-9 && above >= 0.0,
                    "{level}: {above} after {below}"
                );
                below = above;
            }
            assert_eq!(area_above(&values, 1.5), 0.0);
        }
    }

    #[test]
    fn regions_of_known_shapes_have_their_areas() {
        // A slope is cut by straight lines, exactly.
        let x = coordinates(7);
        let slope = Array2::from_shape_fn((5, 7), |(_, column)| x[column]);
        for level in [-0.9, -0.4, 0.0, 0.123, 0.8] {
            assert!((area_above(&slope, level) - 2.0 * (1.0 - level)).abs() < 1e-12);
        }
        // Both saddles of one cell: two corners, and what is left without two corners.
        let saddle = Array2::from_shape_fn((2, 2), |(row, column)| f64::from(u8::from(row == column)));
        assert!((area_above(&saddle, 0.75) - 4.0 * 2.0 * 0.25 * 0.25 / 2.0).abs() < 1e-12);
        assert!((area_above(&saddle, 0.25) - 4.0 * (1.0 - 0.25 * 0.25)).abs() < 1e-12);
    }

    #[test]
    fn a_bowl_has_round_lines() {
        let at = coordinates(61);
        let bowl = Array2::from_shape_fn((61, 61), |(row, column)| at[row].powi(2) + at[column].powi(2));
        let field = Field {
            x: &at,
            y: &at,
            values: bowl.view(),
        };
        for level in [0.05, 0.3, 0.81] {
            let lines = field.isolines(&field.region(level), level);
            assert_eq!(lines.len(), 1);
            let points = &lines[0].points;
            assert!(points.len() > 20 && points.first() == points.last());
            for (x, y) in points {
                assert!((x.hypot(*y) - level.sqrt()).abs() < 0.005, "{x} {y} at {level}");
            }
        }
        // Beyond the edge there are four arcs in the corners, none of which runs along the edge.
        let lines = field.isolines(&field.region(1.5), 1.5);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| {
            line.points
                .iter()
                .all(|(x, y)| (x.hypot(*y) - 1.5f64.sqrt()).abs() < 0.005)
        }));
    }

    #[test]
    fn cells_at_a_hole_are_left_out() {
        let mut values = Array2::zeros((5, 5));
        assert!((area_above(&values, 0.0) - 4.0).abs() < 1e-12);
        values[[2, 2]] = f64::NAN;
        assert!((area_above(&values, -1.0) - 3.0).abs() < 1e-12);
        values[[0, 0]] = f64::INFINITY;
        assert!((area_above(&values, -1.0) - 2.75).abs() < 1e-12);
        assert_eq!(area_above(&Array2::from_elem((3, 3), f64::NAN), 0.0), 0.0);
    }
}
