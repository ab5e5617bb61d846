//! All that features depend on, as one name.

use crate::Error;
use marque_data::Loader;
use marque_torch::{FrozenPrefix, Network};
use sha2::{Digest, Sha256};
use std::time::UNIX_EPOCH;

/// Goes up whenever the meaning of the files changes.
const VERSION: u32 = 1;

/// SHA-256, in hexadecimal, of everything that changes what the prefix makes of the loader's photos: its layers and their
/// parameters, how photos are prepared and changed, the photos themselves (path, size and time of the last change), the
/// seed, precision and device.
pub(super) fn key(network: &Network, loader: &Loader, prefix: &FrozenPrefix) -> Result<String, Error> {
    let mut hash = Sha256::new();
    let mut add = |text: String| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(format!(
        "{VERSION} {:?} {:?} {:?}",
        network.precision(),
        network.device(),
        network.memory_format()
    ));
    let graph = network.graph();
    for (node, _) in graph
        .nodes()
        .iter()
        .zip(&prefix.nodes)
        .filter(|(_, inside)| **inside)
    {
        add(format!("{node:?}"));
    }
    add(format!("{:?}", prefix.frontier));
    add(format!(
        "{:?} {:?} {}",
        loader.preprocess(),
        loader.augment(),
        loader.config().seed
    ));
    for sample in loader.samples() {
        let metadata = std::fs::metadata(&sample.path);
        // A photo that is not there is the loader's to complain about.
        let state = metadata.map(|found| (found.len(), found.modified().ok()));
        let state = state.map(|(bytes, time)| {
            let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            format!("{bytes} {:?}", time.map(|time| time.as_nanos()))
        });
        add(format!("{:?} {:?}", sample.path, state.ok()));
    }
    let weights = network.state_dict()?;
    for parameter in graph.parameters() {
        if prefix.nodes[parameter.node.index()]
            && let Some(tensor) = weights.get(&parameter.name)
        {
            hash.update(parameter.name.as_bytes());
            hash.update(tensor.bytes());
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
