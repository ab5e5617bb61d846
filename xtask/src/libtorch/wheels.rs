//! The wheels that LibTorch is made of, pinned by SHA-256 in `wheels.txt`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::platform::{Flavour, Platform};

const PINNED: &str = include_str!("../../wheels.txt");

/// One file of a package registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wheel {
    /// `nvidia_cublas-13.1.1.3-py3-none-manylinux_2_27_x86_64.whl`
    pub(crate) file: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl Wheel {
    /// What pip is to be asked for: `nvidia-cublas==13.1.1.3`.
    pub(crate) fn requirement(&self) -> String {
        let mut parts = self.file.split('-');
        let name = parts.next().unwrap_or_default().replace('_', "-");
        format!("{name}=={}", parts.next().unwrap_or_default())
    }

    /// The platform tags that the wheel is for; pip is given them so that it asks for this very file, whatever
    /// Python it runs on.
    pub(crate) fn platform_tags(&self) -> impl Iterator<Item = &str> {
        let stem = self.file.strip_suffix(".whl").unwrap_or(&self.file);
        stem.rsplit('-').next().unwrap_or_default().split('.')
    }

    /// Whether the file at `path` is this wheel, whole and unchanged.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        let found = std::fs::metadata(path)
            .with_context(|| format!("no {}", path.display()))?
            .len();
        if found != self.bytes {
            bail!("{} has {found} bytes instead of {}", path.display(), self.bytes);
        }
        let found = sha256_of(path).with_context(|| format!("cannot read {}", path.display()))?;
        if found != self.sha256 {
            bail!(
                "{} has the SHA-256 {found} instead of {}",
                path.display(),
                self.sha256
            );
        }
        Ok(())
    }
}

/// The wheels for a platform, LibTorch itself first.
pub(crate) fn wheels(platform: Platform, flavour: Flavour) -> Result<Vec<Wheel>> {
    let mut found = section(PINNED, &platform.to_string())?;
    if flavour == Flavour::Cuda {
        let more = section(PINNED, &format!("{platform} cuda"))?;
        if more.is_empty() {
            bail!("there is no CUDA for {platform}: leave --cuda out");
        }
        found.extend(more);
    }
    Ok(found)
}

fn section(pinned: &str, title: &str) -> Result<Vec<Wheel>> {
    let heading = format!("[{title}]");
    let lines = pinned
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != heading)
        .skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| parse(line).with_context(|| format!("wheels.txt: `{line}`")))
        .collect()
}

fn parse(line: &str) -> Result<Wheel> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [sha256, bytes, file] = fields[..] else {
        bail!("expected SHA-256, bytes and file name")
    };
    let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if sha256.len() != 64 || !sha256.chars().all(hexadecimal) {
        bail!("the first field is no SHA-256 in lower case");
    }
    let bytes = bytes.parse().context("the second field is no size")?;
    Ok(Wheel {
        file: file.to_owned(),
        sha256: sha256.to_owned(),
        bytes,
    })
}

fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pinned_wheel_is_for_its_section() {
        for (platform, cpu, cuda) in [
            (Platform::LinuxX86_64, 3, 16),
            (Platform::LinuxAarch64, 3, 16),
            (Platform::MacOsAarch64, 1, 0),
        ] {
            let architecture = if platform == Platform::LinuxX86_64 {
                "_x86_64"
            } else {
                "64"
            };
            let found = wheels(platform, Flavour::Cpu).unwrap();
            assert_eq!(found.len(), cpu, "{platform}");
            assert_eq!(found[0].requirement(), "torch==2.13.0");
            assert!(
                found
                    .iter()
                    .all(|wheel| wheel.file.ends_with(&format!("{architecture}.whl")))
            );
            match wheels(platform, Flavour::Cuda) {
                Ok(found) => assert_eq!(found.len(), cuda, "{platform}"),
                Err(error) => assert!(cuda == 0 && error.to_string().contains("no CUDA"), "{error}"),
            }
        }
    }

    #[test]
    fn the_file_name_says_what_to_ask_pip_for() {
        let file = "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl";
        let wheel = Wheel {
            file: file.to_owned(),
            sha256: String::new(),
            bytes: 0,
        };
        assert_eq!(wheel.requirement(), "nvidia-cuda-runtime==13.0.96");
        assert_eq!(
            wheel.platform_tags().collect::<Vec<_>>(),
            ["manylinux2014_x86_64", "manylinux_2_17_x86_64"]
        );
    }

    #[test]
    fn a_changed_or_cut_file_is_told_from_the_real_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.whl");
        // The SHA-256 of "abc", from FIPS 180-2.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        let wheel = Wheel {
            file: "a.whl".to_owned(),
            sha256,
            bytes: 3,
        };
        assert!(wheel.check(&path).is_err());
        for (content, right) in [("abc", true), ("abd", false), ("ab", false)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(wheel.check(&path).is_ok(), right, "{content}");
        }
    }

    #[test]
    fn a_broken_line_is_reported_with_its_text() {
        let error = section("[here]\nabc 12 x.whl\n", "here").unwrap_err();
        assert!(format!("{error:#}").contains("abc 12 x.whl"), "{error:#}");
        assert!(section("[here]\n", "elsewhere").unwrap().is_empty());
    }
}
