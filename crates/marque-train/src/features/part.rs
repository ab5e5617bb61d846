//! Features of a few photos as one file.

use crate::Error;
use crate::error::During;
use marque_arch::NodeId;
use marque_torch::{Device, FrozenPrefix, Kind, Network, Tensor};
use marque_weights::{DType, StateDict, Tensor as Stored};
use std::path::{Path, PathBuf};

/// Photos in a file. Files of some ten megabytes are large enough to be read at full speed and small enough to be gathered
/// in memory.
pub(super) const PHOTOS: usize = 128;

/// The tensor of the positions of a file's photos among the file's; photos that could not be read have none.
const POSITIONS: &str = "photos";

/// The file of a part of a view.
pub(super) fn path(folder: &Path, view: u64, part: usize) -> PathBuf {
    folder.join(format!("view-{view:03}-part-{part:05}.safetensors"))
}

/// Features of up to [`PHOTOS`] neighbouring photos in one view.
#[derive(Debug)]
pub(super) struct Part {
    /// For every photo, its row; `None` if it could not be read.
    rows: Vec<Option<usize>>,
    maps: Vec<Map>,
}

/// Outputs of one node, photo by photo, channels innermost.
#[derive(Debug)]
struct Map {
    node: NodeId,
    values: Stored,
    bytes_per_photo: usize,
}

impl Part {
    /// Maps a file; `None` if there is none, or what there is does not belong to this prefix.
    pub(super) fn read(path: &Path, network: &Network, prefix: &FrozenPrefix) -> Result<Option<Self>, Error> {
        let stored = match StateDict::read(path) {
            Ok(stored) => stored,
            Err(marque_weights::Error::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Ok(None);
            }
            Err(error @ marque_weights::Error::Read { .. }) => return Err(error.into()),
            // Damaged: it is computed anew.
            Err(_) => return Ok(None),
        };
        Ok(Self::from_stored(&stored, network, prefix))
    }

    fn from_stored(stored: &StateDict, network: &Network, prefix: &FrozenPrefix) -> Option<Self> {
        let positions = stored.get(POSITIONS)?;
        let (positions, _) = positions.bytes().as_chunks::<8>();
        let mut rows = vec![None; PHOTOS];
        for (row, &position) in positions.iter().enumerate() {
            let position = usize::try_from(u64::from_le_bytes(position)).ok()?;
            *rows.get_mut(position)? = Some(row);
        }
        if positions.is_empty() {
            return Some(Self {
                rows,
                maps: Vec::new(),
            });
        }
        let maps = prefix.frontier.iter().map(|&node| {
            let values = stored.get(&network.graph().nodes()[node.index()].name)?;
            let (&count, photo) = values.shape().split_first()?;
            let bytes_per_photo = photo.iter().product::<usize>() * values.dtype().size_bytes();
            (count == positions.len()).then(|| Map {
                node,
                values: values.clone(),
                bytes_per_photo,
            })
        });
        Some(Self {
            rows,
            maps: maps.collect::<Option<_>>()?,
        })
    }

    /// The row of a photo, counted within the part.
    pub(super) fn row(&self, photo: usize) -> Option<usize> {
        self.rows.get(photo).copied().flatten()
    }
}

/// The outputs of all frontier nodes for some photos, each a part and a row of it.
pub(super) fn gather(rows: &[(&Part, usize)], device: Device) -> Result<Vec<(NodeId, Tensor)>, Error> {
    let Some((first, _)) = rows.first() else {
        return Ok(Vec::new());
    };
    let gathered = first.maps.iter().enumerate().map(|(position, map)| {
        let mut bytes = Vec::with_capacity(rows.len() * map.bytes_per_photo);
        for (part, row) in rows {
            let map = &part.maps[position];
            bytes.extend_from_slice(&map.values.bytes()[row * map.bytes_per_photo..][..map.bytes_per_photo]);
        }
        let mut size = vec![rows.len() as i64];
        size.extend(map.values.shape()[1..].iter().map(|&extent| extent as i64));
        let kind = match map.values.dtype() {
            DType::BF16 => Kind::BFloat16,
            _ => Kind::Half,
        };
        let tensor = Tensor::f_from_data_size(&bytes, &size, kind)
            .and_then(|tensor| {
                if size.len() == 4 {
                    tensor.f_permute([0, 3, 1, 2])
                } else {
                    Ok(tensor)
                }
            })
            .and_then(|tensor| tensor.f_to_device(device));
        Ok((map.node, tensor.during("the features of a batch")?))
    });
    gathered.collect()
}

/// Collects the features of neighbouring photos and writes them.
#[derive(Debug, Default)]
pub(super) struct PartWriter {
    positions: Vec<u8>,
    maps: Vec<Collected>,
}

#[derive(Debug)]
struct Collected {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl PartWriter {
    /// Adds one photo's row of each of a batch's `outputs`, as [`halved`] made them.
    pub(super) fn add(&mut self, photo: usize, row: usize, outputs: &[Halved]) {
        self.positions.extend_from_slice(&(photo as u64).to_le_bytes());
        if self.maps.is_empty() {
            self.maps = outputs.iter().map(Collected::like).collect();
        }
        for (map, output) in self.maps.iter_mut().zip(outputs) {
            map.bytes.extend_from_slice(output.row(row));
        }
    }

    /// Writes what has been collected, whole or not at all.
    pub(super) fn write(self, path: &Path, names: &[String]) -> Result<(), Error> {
        let rows = self.positions.len() / size_of::<u64>();
        let mut stored = StateDict::default();
        stored.insert(POSITIONS, Stored::new(DType::U64, &[rows], self.positions)?);
        for (name, map) in names.iter().zip(self.maps) {
            let shape: Vec<usize> = std::iter::once(rows).chain(map.shape).collect();
            stored.insert(name, Stored::new(map.dtype, &shape, map.bytes)?);
        }
        Ok(stored.write(path)?)
    }
}

impl Collected {
    fn like(output: &Halved) -> Self {
        Self {
            dtype: output.dtype,
            shape: output.shape.clone(),
            bytes: Vec::with_capacity(PHOTOS * output.bytes_per_photo()),
        }
    }
}

/// A batch of outputs in half precision, channels innermost.
pub(super) struct Halved {
    dtype: DType,
    /// Of one photo.
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Halved {
    /// Feature maps that are in bfloat16 stay as they are. All else becomes binary16, which has three more bits; what is
    /// beyond its range, 65504, is cut off there.
    pub(super) fn new(output: &Tensor) -> Result<Self, Error> {
        Self::rounded(output).during("the features of a batch")
    }

    fn rounded(output: &Tensor) -> Result<Self, tch::TchError> {
        let output = if output.dim() == 4 {
            output.f_permute([0, 2, 3, 1])?
        } else {
            output.shallow_clone()
        };
        let (output, dtype) = match output.kind() {
            Kind::BFloat16 => (output, DType::BF16),
            _ => (
                output.f_clamp(-65504.0, 65504.0)?.f_to_kind(Kind::Half)?,
                DType::F16,
            ),
        };
        let output = output.f_contiguous()?.f_to_device(Device::Cpu)?;
        let mut bytes = vec![0; output.numel() * dtype.size_bytes()];
        output.f_copy_data_u8(&mut bytes, output.numel())?;
        let shape = output
            .size()
            .iter()
            .skip(1)
            .map(|&extent| extent as usize)
            .collect();
        Ok(Self { dtype, shape, bytes })
    }

    fn bytes_per_photo(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size_bytes()
    }

    fn row(&self, row: usize) -> &[u8] {
        let length = self.bytes_per_photo();
        &self.bytes[row * length..][..length]
    }
}
