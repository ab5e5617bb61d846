use std::fmt;

/// The kinds of files that checkpoints come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `.safetensors`: a JSON header, then the numbers.
    Safetensors,
    /// `model.safetensors.index.json`: which of several `.safetensors` files holds which tensor.
    SafetensorsIndex,
    /// `torch.save` since PyTorch 1.6: a zip archive of a pickle and one file per storage.
    TorchZip,
    /// `torch.save` before that: a stream of pickles, then the storages.
    TorchLegacy,
    /// What `tch` writes as `.ot`: a TorchScript archive whose module holds the tensors.
    TorchScript,
    /// Keras 3's `.weights.h5`.
    KerasWeights,
    /// Keras 3's `.keras`: a zip archive of a configuration and a `model.weights.h5`.
    KerasArchive,
    /// The `.h5` of Keras 1 and 2, of weights or of a whole model.
    KerasLegacy,
    /// NumPy's `.npz`: a zip archive of arrays.
    Npz,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 9] = [
        Format::Safetensors,
        Format::SafetensorsIndex,
        Format::TorchZip,
        Format::TorchLegacy,
        Format::TorchScript,
        Format::KerasWeights,
        Format::KerasArchive,
        Format::KerasLegacy,
        Format::Npz,
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Format::Safetensors => "safetensors",
            Format::SafetensorsIndex => "safetensors index",
            Format::TorchZip => "PyTorch",
            Format::TorchLegacy => "PyTorch (before 1.6)",
            Format::TorchScript => "TorchScript",
            Format::KerasWeights => "Keras 3 weights",
            Format::KerasArchive => "Keras 3 model",
            Format::KerasLegacy => "Keras HDF5",
            Format::Npz => "npz",
        })
    }
}
