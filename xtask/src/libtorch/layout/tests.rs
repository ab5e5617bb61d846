//! The rules, tried on small wheels with the names that the real ones have.

use super::*;

const HEADERS: [&str; 2] = [
    "torch/include/ATen/ATen.h",
    "torch/include/torch/csrc/api/include/torch/torch.h",
];

fn wheel(path: &Path, names: &[&str]) {
    let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
    for name in names {
        archive
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(name.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

/// Every file below a folder, relative to it and sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn lay_out(layout: Layout, wheels: &[&[&str]]) -> (tempfile::TempDir, Result<()>) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out");
    for names in wheels {
        let path = folder.path().join("a.whl");
        wheel(&path, names);
        layout.extract(&path, &target).unwrap();
    }
    let finished = layout.finish(&target);
    (folder, finished)
}

#[test]
fn the_cpu_build_for_linux_has_what_it_loads_in_one_folder() {
    let layout = Layout::new(Platform::LinuxX86_64, Flavour::Cpu);
    let torch = [
        HEADERS[0],
        HEADERS[1],
        "torch/lib/libc10.so",
        "torch/lib/libc10_cuda.so",
        "torch/lib/libgomp.so.1",
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_python.so",
        "torch/__init__.py",
        "torch-2.13.0.dist-info/RECORD",
    ];
    let cudart = ["nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/include/cuda.h"];
    let cupti = [
        "nvidia/cu13/lib/libcupti.so.13",
        "nvidia/cu13/lib/libnvperf_host.so",
    ];
    let (folder, finished) = lay_out(layout, &[&torch, &cudart, &cupti]);
    finished.unwrap();
    let out = folder.path().join("out");
    assert_eq!(
        files(&out),
        [
            "build-version",
            "include/ATen/ATen.h",
            "include/torch/csrc/api/include/torch/torch.h",
            "lib/libc10.so",
            "lib/libcudart.so.13",
            "lib/libcupti.so.13",
            "lib/libgomp.so",
            "lib/libgomp.so.1",
            "lib/libtorch.so",
            "lib/libtorch_cpu.so",
        ]
    );
    assert_eq!(
        fs::read_to_string(out.join("lib/libtorch.so")).unwrap(),
        "INPUT(libtorch_cpu.so)\n"
    );
    assert_eq!(
        fs::read_to_string(out.join("lib/libgomp.so")).unwrap(),
        "torch/lib/libgomp.so.1"
    );
    assert_eq!(
        fs::read_to_string(out.join("lib/libcupti.so.13")).unwrap(),
        cupti[0]
    );
    assert_eq!(fs::read_to_string(out.join("build-version")).unwrap(), "2.13.0\n");
}

#[test]
fn the_cpu_build_for_linux_on_aarch64_brings_its_linear_algebra() {
    let layout = Layout::new(Platform::LinuxAarch64, Flavour::Cpu);
    let mut torch = HEADERS.map(str::to_owned).to_vec();
    torch.extend(
        Platform::LinuxAarch64
            .cpu_libraries()
            .iter()
            .map(|name| format!("torch/lib/{name}")),
    );
    torch.extend(["torch/lib/libtorch_cuda.so", "torch/lib/libgfortran.so.5"].map(str::to_owned));
    let torch: Vec<&str> = torch.iter().map(String::as_str).collect();
    let nvidia = [
        "nvidia/cu13/lib/libcudart.so.13",
        "nvidia/cu13/lib/libcupti.so.13",
    ];
    let (folder, finished) = lay_out(layout, &[&torch, &nvidia]);
    finished.unwrap();
    let found = files(&folder.path().join("out/lib"));
    // The nine of LibTorch, NVIDIA's two, the linker script and the second name of libgomp.
    assert_eq!(found.len(), 13, "{found:?}");
    assert!(found.contains(&"libnvpl_lapack_lp64_gomp.so.0".to_owned()));
    assert!(!found.contains(&"libtorch_cuda.so".to_owned()));
}

#[test]
fn the_build_for_macos_is_taken_as_it_is() {
    let layout = Layout::new(Platform::MacOsAarch64, Flavour::Cpu);
    let torch = [
        HEADERS[0],
        HEADERS[1],
        "torch/lib/libc10.dylib",
        "torch/lib/libomp.dylib",
        "torch/lib/libshm.dylib",
        "torch/lib/libtorch.dylib",
        "torch/lib/libtorch_cpu.dylib",
        "torch/lib/libtorch_python.dylib",
    ];
    let (folder, finished) = lay_out(layout, &[&torch]);
    finished.unwrap();
    let found = files(&folder.path().join("out/lib"));
    assert_eq!(
        found,
        [
            "libc10.dylib",
            "libomp.dylib",
            "libtorch.dylib",
            "libtorch_cpu.dylib"
        ]
    );
}

#[test]
fn the_cuda_build_keeps_the_tree_that_pip_would_make() {
    let layout = Layout::new(Platform::LinuxX86_64, Flavour::Cuda);
    let torch = [
        HEADERS[0],
        HEADERS[1],
        "torch/lib/libc10.so",
        "torch/lib/libc10_cuda.so",
        "torch/lib/libgomp.so.1",
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_python.so",
    ];
    let cudnn = [
        "nvidia/cudnn/lib/libcudnn.so.9",
        "nvidia/cudnn/include/cudnn.h",
        "nvidia/cudnn/lib/x.bc",
    ];
    let (folder, finished) = lay_out(layout, &[&torch, &cudnn]);
    finished.unwrap();
    let out = folder.path().join("out");
    let found = files(&out);
    assert!(
        found.contains(&"nvidia/cudnn/lib/libcudnn.so.9".to_owned()),
        "{found:?}"
    );
    assert!(found.contains(&"torch/build-version".to_owned()), "{found:?}");
    assert!(
        !found
            .iter()
            .any(|name| name.ends_with(".bc") || name.contains("python")),
        "{found:?}"
    );
    assert_eq!(layout.libtorch_in(&out), out.join("torch"));
    assert_eq!(
        fs::read_to_string(out.join("torch/lib/libtorch.so")).unwrap(),
        "torch/lib/libtorch.so"
    );
}

#[test]
fn a_wheel_without_a_library_is_named_and_not_accepted() {
    let layout = Layout::new(Platform::MacOsAarch64, Flavour::Cpu);
    let (_folder, finished) = lay_out(layout, &[&HEADERS]);
    let error = finished.unwrap_err().to_string();
    assert!(
        error.contains("lib/libtorch_cpu.dylib") && error.contains("lib/libomp.dylib"),
        "{error}"
    );
}

#[test]
fn an_entry_that_climbs_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    wheel(&path, &["torch/include/../../../escaped.h"]);
    let layout = Layout::new(Platform::LinuxX86_64, Flavour::Cpu);
    assert!(layout.extract(&path, &folder.path().join("deep/out")).is_err());
    assert!(!folder.path().join("escaped.h").exists());
}

#[test]
fn something_that_is_no_zip_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torch.whl");
    fs::write(&path, "<html>captive portal</html>").unwrap();
    let layout = Layout::new(Platform::LinuxX86_64, Flavour::Cpu);
    let error = layout.extract(&path, folder.path()).unwrap_err();
    assert!(format!("{error:#}").contains("torch.whl"), "{error:#}");
}

#[test]
#[cfg(unix)]
fn a_link_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".libtorch");
    link(Path::new("one"), &path).unwrap();
    link(Path::new("two"), &path).unwrap();
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("two"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
