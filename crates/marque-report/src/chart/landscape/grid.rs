//! Values on a rectangular grid.

use ndarray::{Array2, ArrayView2};

use crate::chart::axis::LARGEST;
use crate::{Error, Scale};

/// The most rows or columns of a grid: the drawing of a finer one would be larger than a page can bear, and no sharper.
const MOST: usize = 512;

/// Values on a rectangular grid: `values[[row, column]]` belongs to the point `(x[column], y[row])`.
///
/// Both rows of coordinates ascend. A value that is not finite is a hole.
///
/// # Example
/// ```
/// use marque_report::Grid;
/// use ndarray::array;
///
/// let values = array![[1.0, 2.0, 3.0], [4.0, 5.0, f64::NAN]];
/// let grid = Grid {
///     x: &[-1.0, 0.0, 1.0],
///     y: &[0.0, 10.0],
///     values: values.view(),
/// };
/// assert_eq!(grid.values.dim(), (grid.y.len(), grid.x.len()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a> {
    /// The x coordinate of each column.
    pub x: &'a [f64],
    /// The y coordinate of each row.
    pub y: &'a [f64],
    /// The values, `[rows, columns]`.
    pub values: ArrayView2<'a, f64>,
}

impl Grid<'_> {
    /// # Errors
    /// [`Error::GridSize`] for a side of less than 2 or more than 512 values, [`Error::GridShape`] for coordinates
    /// of another number, [`Error::Coordinate`] for ones that do not ascend.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (rows, columns) = self.values.dim();
        for (what, side) in [("rows", rows), ("columns", columns)] {
            if !(2..=MOST).contains(&side) {
                return Err(Error::GridSize {
                    what,
                    limit: MOST,
                    found: side,
                });
            }
        }
        let sides = [("x", self.x, columns), ("y", self.y, rows)];
        for (axis, coordinates, expected) in sides {
            if coordinates.len() != expected {
                return Err(Error::GridShape {
                    axis,
                    expected,
                    found: coordinates.len(),
                });
            }
            let mut above = -LARGEST;
            for (index, &found) in coordinates.iter().enumerate() {
                if !(above < found && found < LARGEST) {
                    return Err(Error::Coordinate {
                        axis,
                        index,
                        above,
                        found,
                    });
                }
                above = found;
            }
        }
        Ok(())
    }

    /// Where the values stand on `scale`; not a number where they have no place.
    pub(crate) fn on(&self, scale: Scale) -> Array2<f64> {
        self.values.mapv(|value| scale.of(value).unwrap_or(f64::NAN))
    }

    /// The least and the greatest value that have a place on `scale`.
    pub(crate) fn extent(&self, scale: Scale) -> Option<(f64, f64)> {
        let placed = self
            .values
            .iter()
            .copied()
            .filter(|value| scale.of(*value).is_some());
        placed.fold(None, |ends, value| match ends {
            None => Some((value, value)),
            Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
        })
    }

    /// The point of the least value that has a place on `scale`.
    pub(crate) fn lowest(&self, scale: Scale) -> Option<(f64, f64)> {
        let placed = self
            .values
            .indexed_iter()
            .filter(|(_, value)| scale.of(**value).is_some());
        let ((row, column), _) = placed.min_by(|a, b| a.1.total_cmp(b.1))?;
        Some((*self.x.get(column)?, *self.y.get(row)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(x: &[f64], y: &[f64], (rows, columns): (usize, usize)) -> String {
        let values = Array2::zeros((rows, columns));
        let grid = Grid {
            x,
            y,
            values: values.view(),
        };
        grid.check().unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_grid_is_refused_with_the_reason() {
        let two = [0.0, 1.0];
        assert_eq!(
            refused(&[], &[], (0, 0)),
            "the grid has 0 rows: expected from 2 to 512"
        );
        assert_eq!(
            refused(&two, &[0.0], (1, 2)),
            "the grid has 1 rows: expected from 2 to 512"
        );
        assert_eq!(
            refused(&two, &two, (2, 600)),
            "the grid has 600 columns: expected from 2 to 512"
        );
        assert_eq!(
            refused(&two, &two, (2, 3)),
            "the grid does not fit together: expected 3 x coordinates, found 2"
        );
        assert_eq!(
            refused(&two, &[1.0, 1.0], (2, 2)),
            "y coordinate 1 must be above 1e0 and below 1e100, found 1e0"
        );
        assert_eq!(
            refused(&[f64::NAN, 1.0], &two, (2, 2)),
            "x coordinate 0 must be above -1e100 and below 1e100, found NaN"
        );
        refused(&[0.0, f64::INFINITY], &two, (2, 2));
    }
}
