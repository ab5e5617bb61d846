//! PyTorch's checkpoints: what PyTorch wrote is read, what it did not write is refused.

use marque_weights::{DType, Format, StateDict, Tensor};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/torch")
        .join(name)
}

fn read(name: &str) -> StateDict {
    StateDict::read(&golden(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(name: &str) -> String {
    let error = StateDict::read(&golden(name)).expect_err(name);
    assert!(error.to_string().contains(name), "{error} names no file");
    error.to_string()
}

/// The generator's formula, before halves are made of it.
fn raw(name: &str, index: usize) -> i64 {
    (index as i64 * 7 + name.bytes().map(i64::from).sum::<i64>()) % 23
}

fn value(name: &str, index: usize) -> f32 {
    (raw(name, index) - 11) as f32 / 4.0
}

fn assert_values(tensor: &Tensor, name: &str, shape: &[usize]) {
    assert_eq!(tensor.shape(), shape, "{name}");
    let expected: Vec<f32> = (0..tensor.len()).map(|index| value(name, index)).collect();
    assert_eq!(tensor.to_f32().unwrap()[..], expected, "{name}");
}

const NETWORK: [(&str, &[usize]); 4] = [
    ("conv.weight", &[2, 3, 2, 2]),
    ("norm.weight", &[2]),
    ("fc.weight", &[3, 2]),
    ("fc.bias", &[3]),
];

#[test]
fn a_state_dict_is_read_from_every_container() {
    for (name, format) in [
        ("zip.pth", Format::TorchZip),
        ("legacy.pth", Format::TorchLegacy),
        ("protocol4.pth", Format::TorchZip),
        ("legacy_protocol5.pth", Format::TorchLegacy),
        ("big_endian.pth", Format::TorchZip),
        ("compressed.pth", Format::TorchZip),
        ("folder.ot", Format::TorchScript),
    ] {
        assert_eq!(Format::of_file(&golden(name)).unwrap(), format, "{name}");
        let weights = read(name);
        assert_eq!(weights.len(), NETWORK.len(), "{name}");
        for (tensor, shape) in NETWORK {
            assert_values(weights.get(tensor).expect(tensor), tensor, shape);
        }
        if format != Format::TorchScript {
            let names: Vec<&str> = weights.iter().map(|(name, _)| name).collect();
            assert_eq!(names, NETWORK.map(|(name, _)| name), "{name} in the file's order");
        }
        assert!(weights.metadata.is_empty(), "{name}: {:?}", weights.metadata);
    }
}

#[test]
fn every_type_of_number_is_read() {
    for file in ["dtypes.pth", "legacy_dtypes.pth"] {
        let weights = read(file);
        assert_eq!(weights.len(), DType::ALL.len(), "{file}");
        for dtype in DType::ALL {
            let name = dtype.to_string();
            let tensor = weights.get(&name).expect(&name);
            assert_eq!((tensor.dtype(), tensor.shape()), (dtype, &[3][..]), "{file}");
            if dtype.is_float() {
                assert_values(tensor, &name, &[3]);
                continue;
            }
            let expected: Vec<u8> = (0..3)
                .flat_map(|index| {
                    let number = match dtype {
                        DType::Bool => raw(&name, index) % 2,
                        DType::I64 | DType::I32 | DType::I16 | DType::I8 => raw(&name, index) - 11,
                        _ => raw(&name, index),
                    };
                    number.to_le_bytes().into_iter().take(dtype.size_bytes())
                })
                .collect();
            assert_eq!(tensor.bytes(), expected, "{file}: {name}");
        }
    }
}

#[test]
fn views_of_one_storage_become_tensors_of_their_own() {
    let whole = |row: usize, column: usize| value("whole", row * 6 + column);
    let grid = |rows: &[usize], columns: &[usize]| -> Vec<f32> {
        let cells = rows
            .iter()
            .flat_map(|&row| columns.iter().map(move |&column| (row, column)));
        cells.map(|(row, column)| whole(row, column)).collect()
    };
    let transposed = (0..6).flat_map(|column| (0..4).map(move |row| whole(row, column)));
    let expected: [(&str, &[usize], Vec<f32>); 8] = [
        ("whole", &[4, 6], grid(&[0, 1, 2, 3], &[0, 1, 2, 3, 4, 5])),
        ("rows", &[2, 6], grid(&[1, 2], &[0, 1, 2, 3, 4, 5])),
        ("columns", &[4, 3], grid(&[0, 1, 2, 3], &[2, 3, 4])),
        ("transposed", &[6, 4], transposed.collect()),
        ("steps", &[2, 2], grid(&[0, 2], &[0, 3])),
        ("one", &[], grid(&[3], &[5])),
        ("none", &[4, 0], Vec::new()),
        ("expanded", &[2, 3], vec![whole(0, 0); 6]),
    ];
    for file in ["views.pth", "legacy_views.pth"] {
        let weights = read(file);
        for (name, shape, values) in &expected {
            let tensor = weights.get(name).expect(name);
            assert_eq!(tensor.shape(), *shape, "{file}: {name}");
            assert_eq!(tensor.to_f32().unwrap()[..], values[..], "{file}: {name}");
        }
        assert_values(
            weights.get("channels_last").unwrap(),
            "channels_last",
            &[2, 3, 4, 5],
        );
    }
}

#[test]
fn parameters_are_tensors() {
    let weights = read("parameters.pth");
    for (name, shape) in [
        ("plain", &[2, 2][..]),
        ("frozen", &[2]),
        ("tagged", &[2]),
        ("buffer", &[3]),
    ] {
        assert_values(weights.get(name).expect(name), name, shape);
    }
}

#[test]
fn the_network_is_found_among_what_training_keeps() {
    for file in ["training.pth", "legacy_training.pth"] {
        let weights = read(file);
        assert_eq!(weights.len(), 2, "{file}");
        assert_values(weights.get("weight").unwrap(), "weight", &[3, 2]);
        assert_values(weights.get("bias").unwrap(), "bias", &[3]);
        for (key, text) in [
            ("marque.source_key", "state_dict"),
            ("marque.stripped_prefix", "module."),
            ("marque.other_keys", "rng, model_ema"),
            ("epoch", "12"),
            ("arch", "linear"),
            ("best_acc", "0.75"),
            ("loss", "0.5"),
            ("done", "True"),
        ] {
            assert_eq!(
                weights.metadata.get(key).map(String::as_str),
                Some(text),
                "{file}: {key}"
            );
        }
    }
}

#[test]
fn averaged_weights_are_taken_if_there_are_no_others() {
    let weights = read("ema.pth");
    assert_values(weights.get("a").unwrap(), "a", &[2]);
    assert_eq!(weights.metadata["marque.source_key"], "model_ema.state_dict");
    assert_eq!(weights.metadata["marque.stripped_prefix"], "_orig_mod.");
    assert_eq!(weights.metadata["epoch"], "1");
}

#[test]
fn a_whole_network_gives_its_state_dict() {
    const PARAMETERS: [(&str, &[usize]); 6] = [
        ("blocks.0.conv.weight", &[2, 1, 1, 1]),
        ("blocks.0.conv.bias", &[2]),
        ("blocks.0.norm.weight", &[2]),
        ("blocks.0.norm.running_var", &[2]),
        ("head.weight", &[2, 2]),
        ("head.bias", &[2]),
    ];
    for file in [
        "module.pth",
        "legacy_module.pth",
        "module_within.pth",
        "script.pt",
    ] {
        let weights = read(file);
        for (name, shape) in PARAMETERS {
            assert_values(weights.get(name).expect(name), name, shape);
        }
        assert_eq!(weights.get("tied.weight"), weights.get("head.weight"), "{file}");
        let batches = weights.get("blocks.0.norm.num_batches_tracked").unwrap();
        assert_eq!((batches.dtype(), batches.shape()), (DType::I64, &[][..]));
        // TorchScript does not say which buffers a state dict leaves out.
        assert_eq!(
            weights.get("blocks.0.scratch").is_some(),
            file == "script.pt",
            "{file}"
        );
    }
}

#[test]
fn what_would_run_code_is_named_and_refused() {
    for file in ["attack.pth", "legacy_attack.pth"] {
        let error = refusal(file);
        assert!(error.contains("posix.system"), "{error}");
    }
}

#[test]
fn what_is_no_state_dict_is_refused_with_advice() {
    for (file, reason) in [
        ("list.pth", "a list"),
        ("tensor.pth", "a single tensor"),
        ("laughs.pth", "a dictionary of other things"),
        ("laughing_modules.pth", "more entries"),
        ("complex.pth", "ComplexFloatStorage"),
        ("sparse.pth", "sparse"),
    ] {
        let error = refusal(file);
        assert!(error.contains(reason), "{file}: {error}");
    }
    assert!(refusal("list.pth").contains("torch.save(model.state_dict(), path)"));
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    for file in ["zip.pth", "dtypes.pth", "views.pth", "module.pth"] {
        let mut weights = read(file);
        weights.metadata.clear();
        weights.write_torch(&path).unwrap();
        assert_eq!(StateDict::read(&path).unwrap(), weights, "{file}");
        let first = std::fs::read(&path).unwrap();
        weights.write_torch(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first, "{file}: the same bytes");
    }
    let empty = StateDict::default();
    empty.write_torch(&path).unwrap();
    assert_eq!(StateDict::read(&path).unwrap(), empty);
}

#[test]
fn storages_are_written_where_they_can_be_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let mut weights = StateDict::default();
    for length in [1, 3, 100] {
        let tensor = Tensor::new(DType::U8, &[length], vec![0xa5; length]).unwrap();
        weights.insert(format!("of {length}"), tensor);
    }
    weights.write_torch(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let starts = (1..bytes.len()).filter(|&at| bytes[at] == 0xa5 && bytes[at - 1] != 0xa5);
    let starts: Vec<usize> = starts.collect();
    assert_eq!(starts.len(), 3);
    assert!(starts.iter().all(|start| start % 64 == 0), "{starts:?}");
}
