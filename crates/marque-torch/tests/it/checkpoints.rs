//! Files that PyTorch, safetensors, Keras and h5py write, in today's layouts and old ones: each loads completely and gives
//! the logits of the network that was saved. `interop/write_checkpoints.py` writes them.

use marque_arch::{ArchitectureOptions, architecture};
use marque_testkit::tolerance::Deviation;
use marque_testkit::{Tolerance, formula, python_or_skip};
use marque_torch::{Network, NetworkOptions};
use marque_weights::{Format, MatchPolicy, Naming, StateDict};
use ndarray::ArrayView2;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/write_checkpoints.py");
const MODULES: [&str; 6] = ["h5py", "keras", "numpy", "safetensors", "timm", "torchvision"];

/// PyTorch's own float32 logits are off by up to 5e-6 (`golden/networks/generate.py`), Keras's are float32 on both sides.
const TOLERANCE: f64 = 1e-4;

/// What is expected of a file, and its ending.
type Kind = (&'static str, Format, Naming);

const TORCH: [&str; 3] = ["resnet50", "densenet121", "xception"];
const OF_TORCH: [Kind; 4] = [
    ("zip.pth", Format::TorchZip, Naming::Graph),
    ("legacy.pth", Format::TorchLegacy, Naming::Graph),
    ("safetensors", Format::Safetensors, Naming::Graph),
    // `state_dict` in a dictionary, `module.` before every name.
    ("nested.pth", Format::TorchZip, Naming::Graph),
];

const KERAS: [&str; 3] = ["resnet50-v1", "densenet121-keras", "xception-keras"];
const OF_KERAS: [Kind; 5] = [
    ("keras", Format::KerasArchive, Naming::Keras),
    ("weights.h5", Format::KerasWeights, Naming::Keras),
    ("whole.h5", Format::KerasLegacy, Naming::Keras),
    // By h5py, as Keras 2 laid out weights and whole models.
    ("old.h5", Format::KerasLegacy, Naming::Keras),
    ("old_whole.h5", Format::KerasLegacy, Naming::Keras),
];

const OTHER_NAMES: [(&str, Kind); 3] = [
    (
        "densenet121",
        ("dotted.pth", Format::TorchLegacy, Naming::DottedDenseNet),
    ),
    (
        "xception",
        ("flat.pth", Format::TorchLegacy, Naming::FlatPointwise),
    ),
    (
        "xception",
        ("last_linear.pth", Format::TorchLegacy, Naming::LastLinear),
    ),
];

/// The architecture of every file that the script writes, and its kind.
fn files() -> BTreeMap<String, (&'static str, Kind)> {
    let every = |architectures: [&'static str; 3], kinds: &'static [Kind]| {
        architectures
            .into_iter()
            .flat_map(|architecture| kinds.iter().map(move |&kind| (architecture, kind)))
    };
    every(TORCH, &OF_TORCH)
        .chain(every(KERAS, &OF_KERAS))
        .chain(OTHER_NAMES)
        .map(|(architecture, kind)| (format!("{architecture}.{}", kind.0), (architecture, kind)))
        .collect()
}

#[test]
fn files_of_other_libraries_give_the_logits_of_what_was_saved() {
    let Some(mut python) = python_or_skip(&MODULES) else {
        return;
    };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut script = python
        .arg(SCRIPT)
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut turns = script.stdin.take().unwrap();
    let mut files = files();
    assert_eq!(files.len(), 3 * 4 + 3 * 5 + 3);
    let mut failures = Vec::new();
    for line in BufReader::new(script.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The libraries may say something, too.
        let Some(name) = line.strip_prefix("file ") else {
            continue;
        };
        let (architecture, kind) = files
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is no file that is expected"));
        match logits_agree(&folder.path().join(name), architecture, kind) {
            Ok(deviation) => println!("{name}: {deviation}"),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
        // Hundreds of megabytes each way: one file at a time.
        std::fs::remove_file(folder.path().join(name)).unwrap();
        writeln!(turns).unwrap();
    }
    assert!(script.wait().unwrap().success(), "the script failed");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(files.is_empty(), "never written: {:?}", files.keys());
}

fn logits_agree(path: &Path, name: &str, (_, format, naming): Kind) -> Result<Deviation, Box<dyn Error>> {
    let found_format = Format::of_file(path)?;
    let graph = architecture(name, ArchitectureOptions::default())?;
    let matched = StateDict::read(path)?.matched_to(&graph, MatchPolicy::Strict)?;
    if (found_format, matched.account.naming) != (format, naming) {
        return Err(format!("taken for {found_format}; {}", matched.account).into());
    }
    let network = Network::with_matched(graph, &matched, NetworkOptions::default())?;
    let images = formula::images([2, 3, 96, 96], "checkpoints");
    let found = network.predict(images.view())?;
    let reference = StateDict::read(&path.with_file_name("logits.safetensors"))?;
    let expected = reference.f32_values("logits")?;
    let expected = ArrayView2::from_shape(found.dim(), &expected)?;
    let deviation = Deviation::between(found.view(), expected).ok_or("there are no logits")?;
    if deviation.is_within(Tolerance::relative(TOLERANCE)) {
        Ok(deviation)
    } else {
        Err(format!("{deviation}; {}", matched.account).into())
    }
}
