//! `cargo xtask doctor`: what is on this machine, and what to do about what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::libtorch::installation::{Installation, Origin, loads};
use crate::libtorch::pip::Pip;
use crate::libtorch::platform::{Flavour, Platform};
use crate::process::output_of;
use crate::terminal::out;
use crate::workspace::{Workspace, cache_folder};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    /// Something does not work, but training can be built.
    Note,
    /// Training cannot be built.
    Bad,
}

/// One line of the report, and what to do if it is not good.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    grade: Grade,
    text: String,
    advice: Option<String>,
}

impl Finding {
    fn new(what: &'static str, grade: Grade, text: impl Into<String>) -> Self {
        Self {
            what,
            grade,
            text: text.into(),
            advice: None,
        }
    }

    fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self::new(what, Grade::Good, text)
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn lines(&self) -> String {
        let mark = match self.grade {
            Grade::Good => "ok  ",
            Grade::Note => "note",
            Grade::Bad => "BAD ",
        };
        let mut lines = format!("{mark}  {:<13}  {}", self.what, self.text);
        for line in self.advice.iter().flat_map(|advice| advice.lines()) {
            lines.push_str(&format!("\n{:21}→ {line}", ""));
        }
        lines
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut findings = vec![
        rust(),
        compiler(),
        processor(),
        waiting(|name| std::env::var(name).ok()),
        python(),
        cache(),
    ];
    match Platform::host() {
        Ok(platform) => findings.extend(libtorch(workspace, platform)),
        Err(error) => findings.push(Finding::new("LibTorch", Grade::Bad, error.to_string())),
    }
    findings.push(executables(workspace));
    for finding in &findings {
        out!("{}", finding.lines())?;
    }
    if findings.iter().any(|finding| finding.grade == Grade::Bad) {
        out!("\nTraining cannot be built yet: see what is marked BAD.")?;
        return Ok(ExitCode::FAILURE);
    }
    out!("\nTraining can be built: `cargo xtask demo` shows it at work.")?;
    Ok(ExitCode::SUCCESS)
}

fn rust() -> Finding {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = output_of(Command::new(rustc).arg("--version"));
    let cargo = output_of(crate::cargo::cargo().arg("--version"));
    match (rustc, cargo) {
        (Some(rustc), Some(cargo)) => Finding::good("Rust", format!("{rustc}, {cargo}")),
        _ => {
            Finding::new("Rust", Grade::Bad, "rustc or cargo does not start").advise("install it with rustup")
        }
    }
}

/// `torch-sys` compiles LibTorch's C++ interface.
fn compiler() -> Finding {
    let name = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    // CXX may hold a launcher and flags besides.
    let mut words = name.split_whitespace();
    let version = words
        .next()
        .and_then(|program| output_of(Command::new(program).args(words).arg("--version")))
        .and_then(|text| text.lines().next().map(str::to_owned));
    match version {
        Some(version) => Finding::good("C++ compiler", format!("{name}: {version}")),
        None => Finding::new("C++ compiler", Grade::Bad, format!("{name} does not start"))
            .advise("install one: the package g++ (or gcc-c++) on Linux, `xcode-select --install` on a Mac"),
    }
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match std::env::var("OMP_NUM_THREADS") {
        Ok(limit) => format!("OMP_NUM_THREADS={limit} limits LibTorch's threads"),
        Err(_) => format!("LibTorch uses up to {cores} threads (OMP_NUM_THREADS sets another number)"),
    };
    let place = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    Finding::good("processor", format!("{place}, {cores} cores to use; {threads}"))
}

/// What LibTorch's threads do while they wait for each other. The OpenMP library reads these variables when it is loaded, and
/// the first of them that is set holds; where none is, the programs have threads sleep after waiting briefly.
fn waiting(variable: impl Fn(&str) -> Option<String>) -> Finding {
    const WHAT: &str = "waiting";
    let particular = if cfg!(target_os = "linux") {
        "GOMP_SPINCOUNT"
    } else {
        "KMP_BLOCKTIME"
    };
    let names = [particular, "OMP_WAIT_POLICY"];
    match names.into_iter().find_map(|name| Some((name, variable(name)?))) {
        None => Finding::good(WHAT, "LibTorch's threads wait briefly and then sleep: the programs see to it"),
        Some((name, value)) => Finding::new(WHAT, Grade::Note, format!("your {name}={value} holds")).advise(
            "unset it, and the programs have LibTorch's threads wait briefly and then sleep: those that spin\n\
             for long make training slow beside other work on the same cores, those that sleep at once alone",
        ),
    }
}

fn python() -> Finding {
    match Pip::find() {
        Ok(pip) => Finding::good("Python", format!("{}: {}", pip.python().display(), pip.version())),
        Err(error) => {
            let text = error.to_string();
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            Finding::new("Python", Grade::Note, first).advise(rest)
        }
    }
}

fn cache() -> Finding {
    match cache_folder() {
        Ok(folder) if folder.exists() => Finding::good("cache", folder.display().to_string()),
        Ok(folder) => Finding::good("cache", format!("{} (not there yet)", folder.display())),
        Err(error) => Finding::new("cache", Grade::Note, error.to_string()),
    }
}

fn libtorch(workspace: &Workspace, platform: Platform) -> Vec<Finding> {
    let fetch = "`cargo xtask libtorch` finds or fetches one";
    let found = match Installation::find(workspace) {
        Ok(Some(found)) => found,
        Ok(None) => return vec![Finding::new("LibTorch", Grade::Bad, "none yet").advise(fetch)],
        Err(error) => return vec![Finding::new("LibTorch", Grade::Bad, error.to_string())],
    };
    let place = found.lib.canonicalize().unwrap_or_else(|_| found.lib.clone());
    let version = found.version.as_deref().unwrap_or("of unknown version");
    let text = format!("{version} in {}, by {}", place.display(), found.origin);
    let problems = found.problems(platform);
    if !problems.is_empty() {
        let way_out = match found.origin {
            Origin::Link => "`cargo xtask libtorch --force` makes it again".to_owned(),
            origin => format!("mend it, or unset {origin}; then {fetch}"),
        };
        let advice = format!("{}\n{way_out}", problems.join("\n"));
        return vec![Finding::new("LibTorch", Grade::Bad, text).advise(advice)];
    }
    vec![
        Finding::good("LibTorch", text),
        Finding::good("C++ interface", found.cxx_abi(platform)),
        loading(&found, platform),
        cuda(&found, platform),
    ]
}

fn loading(found: &Installation, platform: Platform) -> Finding {
    match loads(&found.lib.join(platform.library("torch_cpu"))) {
        Some(Ok(())) => Finding::good("loading", "the loader finds LibTorch and all that it needs"),
        Some(Err(reason)) => Finding::new("loading", Grade::Bad, reason)
            .advise("install the library that is named, or `cargo xtask libtorch --force`"),
        None => Finding::new(
            "loading",
            Grade::Note,
            "not tried, for want of a Python to try it with",
        ),
    }
}

/// Whether training can use a GPU; if not, why not.
fn cuda(found: &Installation, platform: Platform) -> Finding {
    let graphics = output_of(Command::new("nvidia-smi").arg("-L")).filter(|list| list.contains("GPU "));
    match (found.flavour(), graphics) {
        (Flavour::Cuda, Some(list)) => {
            let names: Vec<&str> = list
                .lines()
                .map(|line| line.split(" (UUID").next().unwrap_or(line))
                .collect();
            Finding::good("CUDA", format!("yes: {}", names.join(", ")))
        }
        (Flavour::Cuda, None) => Finding::new(
            "CUDA",
            Grade::Note,
            "no: LibTorch has it, but no NVIDIA driver answers",
        )
        .advise("install the driver (580 or newer, for CUDA 13), or inside a container pass the GPU on"),
        (Flavour::Cpu, Some(_)) => Finding::new(
            "CUDA",
            Grade::Note,
            "no: there is an NVIDIA GPU, but this LibTorch is for the CPU alone",
        )
        .advise("`cargo xtask libtorch --cuda` fetches one with CUDA (about 3 GB)"),
        (Flavour::Cpu, None) if platform == Platform::MacOsAarch64 => {
            Finding::good("CUDA", "no: there is none for Macs; training runs on the CPU")
        }
        (Flavour::Cpu, None) => Finding::good(
            "CUDA",
            "no: no NVIDIA GPU answers, and this LibTorch is for the CPU",
        ),
    }
}

/// Whether the examples that have been built would start.
fn executables(workspace: &Workspace) -> Finding {
    let what = "executables";
    let Some(example) = a_built_example(workspace) else {
        return Finding::good(what, "none of the examples has been built yet");
    };
    let name = example.display();
    if cfg!(not(target_os = "linux")) {
        return Finding::good(what, format!("{name} has been built"));
    }
    let Some(text) = output_of(Command::new("ldd").arg(&example)) else {
        return Finding::new(
            what,
            Grade::Note,
            format!("ldd cannot say whether {name} finds its libraries"),
        );
    };
    match unresolved(&text).as_slice() {
        [] => Finding::good(what, format!("{name} finds its libraries")),
        missing => Finding::new(
            what,
            Grade::Note,
            format!("{name} does not find {}", missing.join(", ")),
        )
        .advise("LibTorch has moved since it was built: `cargo clean -p marque-torch`, and build again"),
    }
}

/// The libraries that `ldd` did not find.
fn unresolved(ldd: &str) -> Vec<&str> {
    ldd.lines()
        .filter_map(|line| line.split_once(" => not found"))
        .map(|(name, _)| name.trim())
        .collect()
}

fn a_built_example(workspace: &Workspace) -> Option<PathBuf> {
    let metadata = workspace.metadata().ok()?;
    let target = Path::new(metadata["target_directory"].as_str()?);
    let built = ["release", "debug"].map(|profile| target.join(profile).join("examples/resnet_from_scratch"));
    built
        .into_iter()
        .find(|path| fs::metadata(path).is_ok_and(|found| found.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ldd_does_not_find_is_named() {
        let text =
            "\tlinux-vdso.so.1 (0x1)\n\tlibtorch_cpu.so => not found\n\tlibm.so.6 => /lib/libm.so.6 (0x2)\n";
        assert_eq!(unresolved(text), ["libtorch_cpu.so"]);
    }

    #[test]
    fn advice_stands_below_what_it_is_about() {
        let finding = Finding::new("LibTorch", Grade::Bad, "none yet").advise("do this\nor that");
        let lines = finding.lines();
        assert_eq!(lines.lines().count(), 3);
        assert!(lines.starts_with("BAD   LibTorch       none yet\n"), "{lines}");
        assert!(
            lines
                .lines()
                .skip(1)
                .all(|line| line.trim_start().starts_with('→')),
            "{lines}"
        );
    }

    #[test]
    fn what_holds_for_waiting_threads_is_said() {
        let said = |variables: &[(&str, &str)]| {
            let value = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            waiting(value).lines()
        };
        let brief = said(&[]);
        assert!(
            brief.starts_with("ok    waiting        LibTorch's threads wait briefly"),
            "{brief}"
        );
        let particular = if cfg!(target_os = "linux") {
            "GOMP_SPINCOUNT"
        } else {
            "KMP_BLOCKTIME"
        };
        let spinning = said(&[("OMP_WAIT_POLICY", "passive"), (particular, "300000")]);
        let expected = format!("note  waiting        your {particular}=300000 holds\n");
        assert!(spinning.starts_with(&expected), "{spinning}");
        assert!(said(&[("OMP_WAIT_POLICY", "active")]).contains("your OMP_WAIT_POLICY=active holds"));
    }
}
