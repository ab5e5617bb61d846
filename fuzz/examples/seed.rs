//! Fills `corpus/` with the golden files of the tests, each where its format belongs, and with graphs and models, and prints how many
//! there are.

use flate2::read::GzDecoder;
use marque_weights::Format;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use zip::ZipArchive;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("corpus");
    for target in [
        "model",
        "onnx",
        "graph",
        "safetensors",
        "npz",
        "npy",
        "torch_zip",
        "torch_legacy",
        "pickle",
        "hdf5",
        "keras_hdf5",
        "keras_archive",
        "photo",
        "tar",
        "photo_list",
    ] {
        fs::create_dir_all(corpus.join(target))?;
    }
    let mut folders = ["data", "hdf5", "weights"]
        .map(|name| root.join(format!("../crates/marque-{name}/tests")))
        .to_vec();
    let mut count = seed_graphs(&corpus)? + seed_archives(&corpus)?;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                count += seed(&corpus, &path)?;
            }
        }
    }
    println!("{count} seeds in {}", corpus.display());
    Ok(())
}

/// Small tar files in both layouts, and lists.
fn seed_archives(corpus: &Path) -> io::Result<usize> {
    let layouts: [&[(&str, &str)]; 3] = [
        &[("1.png", "a"), ("1.cls", "van"), ("2.png", "b"), ("2.cls", "SUV")],
        &[
            ("1.jpg", "a"),
            ("1.json", r#"{"label": 3, "split": "train", "group": "x"}"#),
            ("2.jpg", "b"),
            ("2.json", r#"{"label": 4}"#),
        ],
        &[
            ("cars/train/van/1.png", "a"),
            ("cars/train/SUV/2.png", "b"),
            ("cars/test/van/3.png", "c"),
        ],
    ];
    for (number, files) in layouts.iter().enumerate() {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in *files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content.as_bytes())?;
        }
        fs::write(
            corpus.join("tar").join(format!("layout-{number}")),
            archive.into_inner()?,
        )?;
    }
    let lists = [
        "path,label,split,group,weight\n1.jpg,van,train,a,1\n2.jpg,SUV,test,b,0.5\n",
        "file;class\n\"a;b\";x\nc;y\n",
    ];
    for (number, text) in lists.iter().enumerate() {
        fs::write(corpus.join("photo_list").join(format!("list-{number}")), text)?;
    }
    Ok(layouts.len() + lists.len())
}

/// Numbers that describe graphs, and model files with the same graphs.
fn seed_graphs(corpus: &Path) -> io::Result<usize> {
    let mut count = 0;
    for seed in 0..200_u64 {
        // The generator of Knuth's MMIX; its upper bits are the better ones.
        let mut state = seed;
        let mut byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        // Large numbers are left to the fuzzer, which finds them by changing a byte.
        let bytes: Vec<u8> = (0..24 + seed).map(|_| byte() % 244).collect();
        fs::write(corpus.join("graph").join(seed.to_string()), &bytes)?;
        count += 1;
        if let Some((card, weights)) = marque_fuzz::model(&bytes) {
            let path = corpus.join("model").join(seed.to_string());
            marque_model::save_model(&path, &weights, &card).map_err(io::Error::other)?;
            count += 1;
            if let Some(file) = marque_fuzz::onnx(&card, &weights) {
                fs::write(corpus.join("onnx").join(seed.to_string()), file)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Puts a file, unpacked if need be, and the parts of an archive into the folders of their targets.
fn seed(corpus: &Path, path: &Path) -> io::Result<usize> {
    let mut path = path.to_owned();
    if path.extension().is_some_and(|ending| ending == "gz") {
        let unpacked = corpus.join(path.file_stem().unwrap_or_default());
        io::copy(
            &mut GzDecoder::new(File::open(&path)?),
            &mut File::create(&unpacked)?,
        )?;
        path = unpacked;
    }
    if marque_data::has_photo_name(&path) {
        fs::copy(&path, corpus.join("photo").join(name_of(&path)))?;
        return Ok(1);
    }
    let Ok(format) = Format::of_file(&path) else {
        return Ok(0);
    };
    let (target, parts) = match format {
        Format::Safetensors | Format::SafetensorsIndex => ("safetensors", None),
        Format::TorchLegacy => ("torch_legacy", None),
        Format::TorchZip | Format::TorchScript => ("torch_zip", Some(("pickle", ".pkl"))),
        Format::Npz => ("npz", Some(("npy", ".npy"))),
        Format::KerasWeights | Format::KerasLegacy => ("keras_hdf5", None),
        Format::KerasArchive => ("keras_archive", None),
    };
    let name = name_of(&path);
    if format == Format::KerasArchive {
        let mut archive = ZipArchive::new(File::open(&path)?)?;
        let mut read = |entry: &str| -> io::Result<Vec<u8>> {
            let mut contents = Vec::new();
            archive.by_name(entry)?.read_to_end(&mut contents)?;
            Ok(contents)
        };
        let config = read("config.json")?;
        let length = u16::try_from(config.len()).map_err(io::Error::other)?;
        let seed = [&length.to_le_bytes()[..], &config, &read("model.weights.h5")?].concat();
        fs::write(corpus.join(target).join(name), seed)?;
        return Ok(1);
    }
    fs::copy(&path, corpus.join(target).join(&name))?;
    let mut count = 1;
    if target == "keras_hdf5" {
        fs::copy(&path, corpus.join("hdf5").join(&name))?;
        count += 1;
    }
    if let Some((target, ending)) = parts {
        let mut archive = ZipArchive::new(File::open(&path)?)?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            if entry.name()?.ends_with(ending) {
                let file = corpus.join(target).join(format!("{name}-{index}"));
                io::copy(&mut entry, &mut File::create(file)?)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// The last two parts of a path as one name.
fn name_of(path: &Path) -> String {
    let parts: Vec<_> = path
        .iter()
        .rev()
        .take(2)
        .map(|part| part.to_string_lossy())
        .collect();
    parts.join("-")
}
