//! From wheels to a folder that `torch-sys` accepts as LIBTORCH.
//!
//! The CPU build gathers its few libraries in one `lib` folder, because they look for each other beside
//! themselves. The CUDA build keeps the tree that pip would install, because there each library carries a path
//! relative to itself to the folders of NVIDIA's wheels.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::platform::{Flavour, Platform, VERSION};

/// Parts of PyTorch that serve its Python side alone.
const ONLY_FOR_PYTHON: [&str; 3] = ["libtorch_python.so", "libshm.so", "libtorch_global_deps.so"];

/// Which files of the wheels are taken, and where they go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    platform: Platform,
    flavour: Flavour,
}

impl Layout {
    pub(crate) fn new(platform: Platform, flavour: Flavour) -> Self {
        Self { platform, flavour }
    }

    /// The name of the finished folder in the cache.
    pub(crate) fn folder_name(self) -> String {
        format!("libtorch-{VERSION}-{}", self.flavour)
    }

    /// Where in the finished folder LibTorch itself is: the place of `lib` and `include`.
    pub(crate) fn libtorch_in(self, folder: &Path) -> PathBuf {
        match self.flavour {
            Flavour::Cpu => folder.to_path_buf(),
            Flavour::Cuda => folder.join("torch"),
        }
    }

    /// Unpacks what is needed out of a wheel.
    pub(crate) fn extract(self, wheel: &Path, folder: &Path) -> Result<usize> {
        let file = File::open(wheel).with_context(|| format!("cannot open {}", wheel.display()))?;
        let mut archive = zip::ZipArchive::new(io::BufReader::new(file))
            .with_context(|| format!("{} is no zip archive", wheel.display()))?;
        let mut count = 0;
        for index in 0..archive.len() {
            let mut entry = archive
                .by_index(index)
                .with_context(|| format!("{}, entry {index}", wheel.display()))?;
            let Some(name) = entry.enclosed_name() else {
                bail!(
                    "{}: the entry {:?} points outside of the archive",
                    wheel.display(),
                    entry.name()
                );
            };
            let Some(target) = self.destination(&name) else {
                continue;
            };
            if entry.is_dir() {
                continue;
            }
            let target = folder.join(target);
            write_entry(&mut entry, &target).with_context(|| format!("cannot write {}", target.display()))?;
            count += 1;
        }
        Ok(count)
    }

    /// Where a file of a wheel goes in the folder, or `None` if it is not needed.
    fn destination(self, entry: &Path) -> Option<PathBuf> {
        let parts: Vec<&str> = entry
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let name = *parts.last()?;
        let wanted = match (parts.as_slice(), self.flavour) {
            (["torch", "include", _, ..], _) => true,
            (["torch", "lib", library], Flavour::Cpu) => self.platform.cpu_libraries().contains(library),
            (["nvidia", .., "lib", library], Flavour::Cpu) => {
                self.platform.cpu_companions().contains(library)
            }
            (["torch", "lib", library], Flavour::Cuda) => {
                is_shared_object(library) && !ONLY_FOR_PYTHON.contains(library)
            }
            (["nvidia", .., "lib", library], Flavour::Cuda) => is_shared_object(library),
            _ => false,
        };
        match self.flavour {
            _ if !wanted => None,
            Flavour::Cuda => Some(entry.to_path_buf()),
            Flavour::Cpu if parts[0] == "nvidia" => Some(Path::new("lib").join(name)),
            Flavour::Cpu => Some(parts[1..].iter().collect()),
        }
    }

    /// Adds what the wheels do not have, and the mark of completeness last.
    pub(crate) fn finish(self, folder: &Path) -> Result<()> {
        let libtorch = self.libtorch_in(folder);
        let lib = libtorch.join("lib");
        if self.flavour == Flavour::Cpu && self.platform.replaces_libtorch() {
            write(&lib.join("libtorch.so"), "INPUT(libtorch_cpu.so)\n")?;
        }
        if self.platform != Platform::MacOsAarch64 {
            // `torch-sys` links with -lgomp; only a machine with GCC has that name.
            link(Path::new("libgomp.so.1"), &lib.join("libgomp.so"))?;
        }
        write(&libtorch.join("build-version"), &format!("{VERSION}\n"))?;
        match self.missing(folder).as_slice() {
            [] => Ok(()),
            missing => bail!("the wheels lack {}", missing.join(", ")),
        }
    }

    /// What a finished folder ought to have and this one has not.
    pub(crate) fn missing(self, folder: &Path) -> Vec<String> {
        let libtorch = self.libtorch_in(folder);
        let mut files = vec![
            "build-version".to_owned(),
            "include/ATen/ATen.h".to_owned(),
            "include/torch/csrc/api/include/torch/torch.h".to_owned(),
        ];
        files.extend(
            self.libraries()
                .into_iter()
                .map(|library| format!("lib/{library}")),
        );
        files.retain(|file| !fs::metadata(libtorch.join(file)).is_ok_and(|found| found.len() > 0));
        files
    }

    fn libraries(self) -> Vec<String> {
        match self.flavour {
            Flavour::Cpu => {
                let own = self
                    .platform
                    .cpu_libraries()
                    .iter()
                    .chain(self.platform.cpu_companions());
                own.map(|&name| name.to_owned())
                    .chain([self.platform.library("torch")])
                    .collect()
            }
            Flavour::Cuda => {
                let names = ["c10", "c10_cuda", "torch", "torch_cpu", "torch_cuda"];
                names.iter().map(|name| self.platform.library(name)).collect()
            }
        }
    }

    /// The library whose loading pulls in all the others.
    pub(crate) fn topmost_library(self, folder: &Path) -> PathBuf {
        let name = match self.flavour {
            Flavour::Cpu => "torch_cpu",
            Flavour::Cuda => "torch_cuda",
        };
        self.libtorch_in(folder)
            .join("lib")
            .join(self.platform.library(name))
    }
}

/// `libc10.so` and `libcudnn.so.9`, but not `libnvshmem_device.bc`.
fn is_shared_object(name: &str) -> bool {
    name.ends_with(".so") || name.contains(".so.")
}

fn write_entry(entry: &mut impl io::Read, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    // The folder gets its name only when all is in it, so this write need not be atomic by itself.
    let mut file = File::create(target)?;
    io::copy(entry, &mut file)?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    marque_fs::write_atomically(path, |file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a symbolic link at `path`, in place of one that is there.
#[cfg(unix)]
pub(crate) fn link(target: &Path, path: &Path) -> Result<()> {
    // Made beside and renamed over: a build that runs meanwhile sees the old link or the new one.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    std::os::unix::fs::symlink(target, &temporary)
        .and_then(|()| fs::rename(&temporary, path))
        .with_context(|| format!("cannot link {} to {}", path.display(), target.display()))
}

#[cfg(not(unix))]
pub(crate) fn link(_target: &Path, path: &Path) -> Result<()> {
    bail!("cannot link {}: set LIBTORCH instead", path.display())
}

#[cfg(test)]
mod tests;
