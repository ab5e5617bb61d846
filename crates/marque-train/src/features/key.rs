//! All that features depend on, as one name.

use crate::Error;
use marque_core::ContentHash;
use marque_data::Loader;
use marque_torch::{Device, FrozenPrefix, MemoryFormat, Network, Precision};
use std::time::UNIX_EPOCH;

/// Goes up whenever the meaning of the files changes, or what the key is made of.
const VERSION: u32 = 3;

/// SHA-256, in hexadecimal, of everything that changes what the prefix makes of the loader's photos: its layers and their
/// parameters, how photos are prepared and changed, the photos themselves (path, size and time of the last change), the
/// seed, precision and device.
pub(super) fn key(network: &Network, loader: &Loader, prefix: &FrozenPrefix) -> Result<String, Error> {
    let mut hash = ContentHash::new();
    hash.value(&VERSION)?;
    hash.value(&computation(network))?;
    let graph = network.graph();
    let nodes = graph.nodes().iter().zip(&prefix.nodes);
    for (node, _) in nodes.filter(|(_, inside)| **inside) {
        hash.value(node)?;
    }
    hash.value(&prefix.frontier)?;
    hash.value(loader.preprocess())?;
    hash.value(loader.augment())?;
    hash.value(&loader.config().seed)?;
    for sample in loader.samples() {
        // From wherever a run is gone on with.
        let path = std::path::absolute(&sample.path).unwrap_or_else(|_| sample.path.clone());
        hash.bytes(path.as_os_str().as_encoded_bytes());
        // A photo that is not there is the loader's to complain about.
        let state = sample.state().map(|found| {
            let changed = found.changed;
            let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            (found.bytes, changed)
        });
        hash.value(&state)?;
    }
    let weights = network.state_dict()?;
    for parameter in graph.parameters() {
        if prefix.nodes[parameter.node.index()]
            && let Some(tensor) = weights.get(&parameter.name)
        {
            hash.bytes(&parameter.name);
            hash.bytes(tensor.bytes());
        }
    }
    Ok(hash.finish())
}

/// How the network computes: precision, order in memory, and the kind and number of the device.
fn computation(network: &Network) -> (&'static str, &'static str, &'static str, usize) {
    let precision = match network.precision() {
        Precision::Single => "single",
        Precision::Double => "double",
        Precision::Mixed => "mixed",
    };
    let memory = match network.memory_format() {
        MemoryFormat::Contiguous => "contiguous",
        MemoryFormat::ChannelsLast => "channels-last",
    };
    let (device, number) = match network.device() {
        Device::Cpu => ("cpu", 0),
        Device::Cuda(number) => ("cuda", number),
        Device::Mps => ("mps", 0),
        Device::Vulkan => ("vulkan", 0),
    };
    (precision, memory, device, number)
}
