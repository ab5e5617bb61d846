//! Where the line is between names that a checkpoint may have called and those that it may not.
//!
//! - A name alone does no harm and may be any, but for those of modules that no checkpoint has a reason to name
//!   ([`is_hostile`]).
//! - An object that is made without a call of its own choice (`NEWOBJ`: an empty instance of a class, then its
//!   attributes) may be of any class: training checkpoints hold options, schedulers, whole networks. It is kept as data.
//! - What is called with arguments of the file's choice (`REDUCE`, `OBJ`, `INST`) must be on the list of [`is_callable`].
//!   A class is not told from a function by its name, so that an unknown one is refused, and the error names it.
//!
//! That a name is on the list does not mean that it is called. Nothing is; it means that what the call would give is
//! known, or known to be harmless and of no use to us.

use super::Global;

/// Modules that run programs, code or files. No checkpoint has a reason to name anything in them.
const HOSTILE: [&str; 11] = [
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "pty",
    "socket",
    "shutil",
    "runpy",
    "importlib",
    "webbrowser",
];

/// Built-in functions of the same kind.
const HOSTILE_BUILTINS: [&str; 13] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "open",
    "file",
    "input",
    "__import__",
    "getattr",
    "setattr",
    "delattr",
    "globals",
    "breakpoint",
];

/// Whether nothing good can come from a file that as much as names this.
pub(super) fn is_hostile(global: Global<'_>) -> bool {
    if is_builtin(global.module) {
        return HOSTILE_BUILTINS.contains(&global.name);
    }
    let package = global.module.split('.').next().unwrap_or_default();
    HOSTILE.contains(&package)
}

/// Whether a file may have this called with arguments.
pub(super) fn is_callable(global: Global<'_>) -> bool {
    let Global { module, name } = global;
    match module {
        "torch._utils" => name.starts_with("_rebuild_"),
        "torch._tensor" => name == "_rebuild_from_type_v2",
        "torch.nn.parameter" => matches!(name, "Parameter" | "Buffer"),
        "torch.autograd.variable" => name == "Variable",
        "torch" => matches!(name, "Size" | "device" | "dtype" | "Tensor" | "Generator"),
        "torch.serialization" => name == "_get_layout",
        "torch.jit._pickle" => matches!(
            name,
            "build_intlist"
                | "build_doublelist"
                | "build_boollist"
                | "build_tensorlist"
                | "build_tensor_from_id"
                | "restore_type_tag"
        ),
        "collections" => matches!(name, "Counter" | "OrderedDict" | "defaultdict" | "deque"),
        "copy_reg" | "copyreg" => name == "_reconstructor",
        "_codecs" => name == "encode",
        "datetime" => matches!(name, "date" | "datetime" | "time" | "timedelta" | "timezone"),
        "pathlib" | "pathlib._local" => matches!(
            name,
            "Path" | "PosixPath" | "PurePath" | "PurePosixPath" | "PureWindowsPath" | "WindowsPath"
        ),
        "numpy" => matches!(name, "dtype" | "ndarray"),
        "numpy.core.multiarray" | "numpy._core.multiarray" => matches!(name, "_reconstruct" | "scalar"),
        "numpy.core.numeric" | "numpy._core.numeric" => name == "_frombuffer",
        _ if is_builtin(module) => matches!(
            name,
            "bool"
                | "bytearray"
                | "bytes"
                | "complex"
                | "dict"
                | "float"
                | "frozenset"
                | "int"
                | "list"
                | "object"
                | "range"
                | "set"
                | "slice"
                | "str"
                | "tuple"
        ),
        _ => false,
    }
}

/// Whether it makes a dictionary.
pub(super) fn is_dictionary(global: Global<'_>) -> bool {
    match global.module {
        "collections" => matches!(global.name, "Counter" | "OrderedDict" | "defaultdict"),
        module => is_builtin(module) && global.name == "dict",
    }
}

fn is_builtin(module: &str) -> bool {
    matches!(module, "builtins" | "__builtin__")
}
