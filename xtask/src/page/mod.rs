//! `cargo xtask page`: a folder of static files that classifies photos in the browser.

mod standard;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::process::{run as run_command, step};
use crate::terminal::{note, out};
use crate::workspace::Workspace;

/// The target of the engine, and what it is compiled with beside: instructions on four numbers at a time, which all browsers since
/// 2023 have.
const TARGET: &str = "wasm32-unknown-unknown";
const FEATURES: &str = "target-feature=+simd128";

/// Names a built engine to the tests, which leave the page in a browser out without it.
const ENGINE: &str = "MARQUE_PAGE_ENGINE";

/// What of the page is written by hand, and copied as it is.
const STATIC: [&str; 3] = ["page.css", "page.js", "index.html"];
/// The bytes of a model or an engine that a line of a script holds: a multiple of 3, so that base64 needs no filling between.
const PIECE_BYTES: usize = 3 << 20;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The model file, as a training or `convert` wrote it.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "DIR", default_value = "page")]
    out: PathBuf,
    /// An engine that was built before, here or on another machine, in place of building it.
    #[arg(long, value_name = "FILE")]
    engine: Option<PathBuf>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let model = read(&arguments.model)?;
    check_model(&arguments.model, &model)?;
    let engine = match &arguments.engine {
        Some(path) => path.clone(),
        None => build(workspace)?,
    };
    let engine = read(&engine)?;
    let folder = &arguments.out;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let texts = workspace.root().join("crates/marque-page/static");
    let text = |name: &str| -> Result<String> {
        String::from_utf8(read(&texts.join(name))?).with_context(|| format!("{name} is no text"))
    };
    let mut files = vec![
        ("model.js", script("model", &model)),
        (
            "engine.js",
            format!(
                "{}{}marque.worker({});\n",
                text("local.js")?,
                script("engine", &engine),
                Value::from(text("worker.js")?)
            ),
        ),
    ];
    // The page comes last, so that a new one finds what it needs.
    for name in STATIC {
        files.push((name, text(name)?));
    }
    for (name, text) in &files {
        let path = folder.join(name);
        marque_fs::write_atomically(&path, |file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        out!("{:>12} bytes  {}", text.len(), path.display())?;
    }
    out!(
        "Open {} in a browser, from the disk or from a file server.",
        folder.join("index.html").display()
    )?;
    Ok(())
}

/// Builds the engine and gives its file.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let sysroot = step("standard library for the browser", || standard::ready(workspace))?;
    let mut flags = renamed(workspace.root(), "marque");
    flags.extend(["-C".to_owned(), FEATURES.to_owned()]);
    if let Some(folder) = &sysroot {
        flags.extend(["--sysroot".to_owned(), folder.display().to_string()]);
    }
    let target_folder = workspace.root().join("target");
    step("engine of the page", || {
        let mut cargo = workspace.cargo();
        cargo
            .args([
                "build",
                "--package",
                "marque-page",
                "--profile",
                "page",
                "--target",
                TARGET,
            ])
            .arg("--target-dir")
            .arg(&target_folder)
            // For the target alone: cargo gives them neither to build scripts nor to procedural macros.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        run_command(&mut cargo)
    })?;
    Ok(target_folder.join(TARGET).join("page/marque_page.wasm"))
}

/// The compiler's flags for a folder of sources, and that of cargo's packages, under other names: messages of panics name source files, and
/// whoever gets the page need not learn where they lay.
fn renamed(folder: &Path, name: &str) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let names = [(Some(folder.to_owned()), name), (home, "cargo")];
    let flag = |(folder, name): (Option<PathBuf>, &str)| {
        folder.map(|folder| format!("--remap-path-prefix={}={name}", folder.display()))
    };
    names.into_iter().filter_map(flag).collect()
}

/// Builds the engine for the tests; where that cannot be done, a line says what is left out.
pub(crate) fn prepare_for_tests(workspace: &Workspace) -> Option<PathBuf> {
    if std::env::var_os(ENGINE).is_some() {
        note!("   left to {ENGINE}");
        return None;
    }
    match build(workspace) {
        Ok(engine) => Some(engine),
        Err(error) => {
            note!(
                "   {error:#}\n   The page in a browser will not be tested ({ENGINE} names an engine that was built elsewhere)."
            );
            None
        }
    }
}

/// Tells the tests where the engine is.
pub(crate) fn tell(engine: Option<&Path>, command: &mut Command) {
    command.envs(engine.map(|path| (ENGINE, path)));
}

/// A script that hands over bytes: what is opened from a disk may load scripts, and nothing else.
fn script(name: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 1024);
    for piece in bytes.chunks(PIECE_BYTES) {
        text += &format!("marque.part('{name}', '");
        BASE64.encode_string(piece, &mut text);
        text += "');\n";
    }
    text
}

/// Refuses what the page would refuse, before anything is built.
fn check_model(path: &Path, content: &[u8]) -> Result<()> {
    let length = content.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let header = length
        .and_then(|length| usize::try_from(length).ok())
        .and_then(|length| content.get(8..)?.get(..length))
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    if !header.is_some_and(|header| header["__metadata__"]["marque"].is_string()) {
        bail!(
            "{} is no model file of marque: a training writes one, and `cargo run --release --example convert` makes one of a checkpoint",
            path.display()
        );
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_refused_before_anything_is_built() {
        let with = |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        let check = |content: &[u8]| check_model(Path::new("m.safetensors"), content);
        assert!(check(&with(r#"{"__metadata__":{"marque":"{}"}}"#)).is_ok());
        for content in [
            Vec::new(),
            b"short".to_vec(),
            u64::MAX.to_le_bytes().to_vec(),
            with("{"),
            with(r#"{"__metadata__":{"format":"pt"}}"#),
        ] {
            let error = check(&content).unwrap_err().to_string();
            assert!(
                error.starts_with("m.safetensors is no model file of marque"),
                "{error}"
            );
        }
    }

    #[test]
    fn bytes_come_in_pieces_that_are_whole_base64() {
        let bytes: Vec<u8> = (0..PIECE_BYTES + 5).map(|place| (place * 7) as u8).collect();
        let text = script("model", &bytes);
        let pieces: Vec<u8> = text
            .lines()
            .flat_map(|line| {
                let inner = line
                    .strip_prefix("marque.part('model', '")
                    .unwrap()
                    .strip_suffix("');")
                    .unwrap();
                BASE64.decode(inner).unwrap()
            })
            .collect();
        assert_eq!(text.lines().count(), 2);
        assert!(pieces == bytes);
        assert_eq!(script("engine", b""), "");
    }
}
