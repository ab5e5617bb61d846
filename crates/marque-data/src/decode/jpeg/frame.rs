//! What the frame header says: size, components and their blocks.

/// A picture's header.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// Minimum coded units of a scan with all components, across and down.
    pub(super) units: [usize; 2],
    pub(super) components: Vec<Component>,
}

/// One component, such as brightness.
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks of a minimum coded unit, across and down.
    pub(super) sampling: [usize; 2],
    /// Blocks that hold pixels, across and down: those of a scan of this component alone.
    pub(super) blocks: [usize; 2],
    /// Blocks of a row, those outside of the picture included.
    pub(super) row_blocks: usize,
    /// One bit per coefficient: whether a scan brought it in full precision.
    pub(super) arrived: u64,
    /// For each block of a progressive picture, which coefficients are not zero so far: what refining scans refer to.
    pub(super) nonzero: Vec<u64>,
}

impl Frame {
    /// Reads the content of a frame header of 8-bit samples; `None` where it is damaged.
    pub(super) fn read(content: &[u8], progressive: bool) -> Option<Self> {
        let (header, rest) = content.split_first_chunk::<6>()?;
        let &[_precision, height_high, height_low, width_high, width_low, count] = header;
        let height_px = u32::from(u16::from_be_bytes([height_high, height_low]));
        let width_px = u32::from(u16::from_be_bytes([width_high, width_low]));
        let (described, _) = rest.get(..usize::from(count) * 3)?.as_chunks::<3>();
        let sampling: Vec<[usize; 2]> = described
            .iter()
            .map(|&[_, factors, _]| [usize::from(factors >> 4), usize::from(factors & 15)])
            .collect();
        let sound = |factors: &[usize; 2]| factors.iter().all(|factor| (1..=4).contains(factor));
        if width_px == 0 || height_px == 0 || sampling.is_empty() || !sampling.iter().all(sound) {
            return None;
        }
        let size = [width_px as usize, height_px as usize];
        let most = [0, 1].map(|axis| sampling.iter().map(|factors| factors[axis]).max().unwrap_or(1));
        let units = [0, 1].map(|axis| size[axis].div_ceil(8 * most[axis]));
        let component = |(&[id, ..], sampling): (&[u8; 3], [usize; 2])| Component {
            id,
            sampling,
            blocks: [0, 1].map(|axis| (size[axis] * sampling[axis]).div_ceil(most[axis]).div_ceil(8)),
            row_blocks: units[0] * sampling[0],
            arrived: 0,
            nonzero: Vec::new(),
        };
        Some(Self {
            progressive,
            width_px,
            height_px,
            units,
            components: described.iter().zip(sampling).map(component).collect(),
        })
    }

    /// Takes the memory that refining scans need. The size must have been checked.
    pub(super) fn reserve(&mut self) {
        if self.progressive {
            for component in &mut self.components {
                let blocks = component.row_blocks * self.units[1] * component.sampling[1];
                component.nonzero = vec![0; blocks];
            }
        }
    }

    /// Whether every coefficient of every component is there.
    pub(super) fn is_complete(&self) -> bool {
        self.components
            .iter()
            .all(|component| component.arrived == u64::MAX)
    }

    /// Whether each component has at least its means, so that a decoder shows the whole picture.
    pub(super) fn is_shown(&self) -> bool {
        self.components.iter().all(|component| component.arrived & 1 == 1)
    }
}
