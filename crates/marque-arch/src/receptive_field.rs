//! How far the network sees: which input pixels the value at one place of a feature map depends on.

use crate::op::Sees;
use crate::{Error, Graph, ImageSize, Node, NodeId, Op, Shape, Window};

/// What the values along one direction of a feature map see: value `i` the pixels from `i·jump + first` up to
/// `i·jump + last`, those outside the image included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    jump: i64,
    first: i64,
    last: i64,
}

impl Axis {
    const PIXEL: Axis = Axis {
        jump: 1,
        first: 0,
        last: 0,
    };

    /// Behind a window of `extent` values, of which `before` lie in the border at the first place.
    fn slide(self, extent: usize, stride: usize, before: usize) -> Option<Axis> {
        let (extent, before) = (i64::try_from(extent).ok()?, i64::try_from(before).ok()?);
        let ahead = extent.checked_sub(1)?.checked_sub(before)?;
        Some(Axis {
            jump: self.jump.checked_mul(i64::try_from(stride).ok()?)?,
            first: self.first.checked_sub(before.checked_mul(self.jump)?)?,
            last: self.last.checked_add(ahead.checked_mul(self.jump)?)?,
        })
    }

    /// What both see together. Where they step differently no single interval is right at all places; that of the
    /// first place, with the wider step, stands for all.
    fn joined(self, other: Axis) -> Axis {
        Axis {
            jump: self.jump.max(other.jump),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }

    fn extent(self) -> Option<usize> {
        usize::try_from(self.last.checked_sub(self.first)?.checked_add(1)?).ok()
    }
}

/// What the values of a feature map see, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    height: Axis,
    width: Axis,
}

impl Sight {
    /// Rows and columns from the first to the last pixel that a value depends on, or `None` where the arithmetic
    /// overflows.
    fn extent(self) -> Option<ImageSize> {
        Some(ImageSize {
            height: self.height.extent()?,
            width: self.width.extent()?,
        })
    }

    /// Pixels of the image between neighbouring values, down and across.
    pub(crate) fn jump(self) -> (i64, i64) {
        (self.height.jump, self.width.jump)
    }

    fn slide(self, window: Window, size: ImageSize) -> Option<Sight> {
        let border = window.border(size)?;
        Some(Sight {
            height: self
                .height
                .slide(window.extent.height, window.stride, border.top)?,
            width: self
                .width
                .slide(window.extent.width, window.stride, border.left)?,
        })
    }

    fn joined(self, other: Sight) -> Sight {
        Sight {
            height: self.height.joined(other.height),
            width: self.width.joined(other.width),
        }
    }
}

/// Nodes' sights with their extents; `None` where a value depends on the whole image.
pub(crate) type Sights = Vec<Option<(Sight, ImageSize)>>;

impl Graph {
    /// What the values behind every node see.
    ///
    /// # Errors
    /// [`Error::Overflow`] names the node where a machine word does not hold the extent.
    pub(crate) fn sights(&self, shapes: &[Shape]) -> Result<Sights, Error> {
        self.sights_by(shapes, |node| &node.inputs)
    }

    /// What the values behind every node see if the factors that maps are multiplied by count for nothing: where in the network a node is.
    ///
    /// # Errors
    /// As [`sights`](Self::sights).
    pub(crate) fn sights_without_factors(&self, shapes: &[Shape]) -> Result<Sights, Error> {
        self.sights_by(shapes, |node| match node.op {
            Op::Multiply => &node.inputs[..1],
            _ => &node.inputs,
        })
    }

    fn sights_by(&self, shapes: &[Shape], inputs: impl Fn(&Node) -> &[NodeId]) -> Result<Sights, Error> {
        let mut sights: Sights = Vec::with_capacity(shapes.len());
        for node in &self.nodes {
            let arriving: Vec<Option<Sight>> = inputs(node)
                .iter()
                .map(|input| sights[input.index()].map(|(sight, _)| sight))
                .collect();
            let size = node.inputs.first().map(|input| shapes[input.index()]);
            let overflow = || Error::Overflow {
                node: node.name.clone(),
            };
            let sight = match arriving.iter().copied().collect::<Option<Vec<Sight>>>() {
                Some(arriving) => behind(&node.op, &arriving, size).ok_or_else(overflow)?,
                None => None,
            };
            let measured = sight.map(|sight| sight.extent().map(|extent| (sight, extent)));
            sights.push(match measured {
                Some(measured) => Some(measured.ok_or_else(overflow)?),
                None => None,
            });
        }
        Ok(sights)
    }
}

/// `Some(None)` where the whole image is seen, `None` where the arithmetic overflows.
fn behind(op: &Op, arriving: &[Sight], shape: Option<Shape>) -> Option<Option<Sight>> {
    let pixel = Sight {
        height: Axis::PIXEL,
        width: Axis::PIXEL,
    };
    let Some(&first) = arriving.first() else {
        return Some(Some(pixel));
    };
    match (op.sees(), shape) {
        (Sees::Window(window), Some(Shape::Map { size, .. })) => first.slide(window, size).map(Some),
        (Sees::Everything, _) => Some(None),
        // No window slides over a vector: shapes have been inferred before.
        (Sees::Window(_) | Sees::SamePlace, _) => Some(arriving.iter().copied().reduce(Sight::joined)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_widen_the_view_by_the_jump_of_what_they_slide_over() {
        let strided = Axis::PIXEL.slide(7, 2, 3).unwrap();
        assert_eq!(strided.extent(), Some(7));
        let pooled = strided.slide(3, 2, 1).unwrap();
        assert_eq!((pooled.jump, pooled.first, pooled.last), (4, -5, 5));
        assert_eq!(Axis::PIXEL.slide(1, 2, 0).unwrap().extent(), Some(1));
    }

    #[test]
    fn branches_are_seen_together_even_where_they_look_aside() {
        // A 3-wide window without border looks to the right, one with its border before it to the left.
        let right = Axis::PIXEL.slide(3, 1, 0).unwrap();
        let left = Axis::PIXEL.slide(3, 1, 2).unwrap();
        assert_eq!(right.joined(left).extent(), Some(5));
    }

    #[test]
    fn what_no_word_holds_is_no_number() {
        let far = Axis::PIXEL.slide(1, 1 << 40, 0).unwrap();
        assert_eq!(far.slide(1, 1 << 40, 0), None);
        assert_eq!(far.slide(1 << 30, 1, 0), None);
        assert_eq!(Axis::PIXEL.slide(usize::MAX, 1, 0), None);
    }
}
