//! Where the line is between names that a checkpoint may hold and those that it may not.
//!
//! Nothing is called, whatever it is called with: what a call or the making of an object would give stays the account of
//! it, an [`Object`](super::Object). So a name does no harm and may be any, and hyper-parameters may be of any class: an
//! enumeration, a date, a path, a function with some of its arguments. Where a weight would depend on a value that only
//! a call can give, the reader of tensors knows the few calls that make tensors and refuses all others by name.
//!
//! The one exception are names of what runs programs, code or files ([`is_hostile`]). No training has a reason to leave
//! them in a checkpoint, and whoever is handed such a file should know.

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

/// Built-in functions of the same kind. `getattr` is not among them: it is how pickles name what stands within a class.
const HOSTILE_BUILTINS: [&str; 12] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "open",
    "file",
    "input",
    "__import__",
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
