/// What wrappers put before every name: `DataParallel` and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// The counter that `torch.optim.swa_utils.AveragedModel` keeps beside the network that it wraps.
const COUNTER: &str = "n_averaged";

/// Takes wrappers' prefixes off the names that all share; gives what was taken off.
pub(super) fn strip<T>(entries: &mut [(String, T)]) -> String {
    let mut stripped = String::new();
    loop {
        let prefix = WRAPPERS.into_iter().find(|prefix| {
            let mut wrapped = entries
                .iter()
                .map(|(name, _)| name)
                .filter(|name| *name != COUNTER)
                .peekable();
            wrapped.peek().is_some()
                && wrapped.all(|name| {
                    let rest = name.strip_prefix(prefix);
                    rest.is_some_and(|rest| !rest.is_empty() && rest != COUNTER)
                })
        });
        let Some(prefix) = prefix else { return stripped };
        for (name, _) in entries.iter_mut().filter(|(name, _)| name != COUNTER) {
            name.drain(..prefix.len());
        }
        stripped.push_str(prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(names: &[&str]) -> (String, Vec<String>) {
        let mut entries: Vec<(String, ())> = names.iter().map(|&name| (name.to_owned(), ())).collect();
        let prefix = strip(&mut entries);
        (prefix, entries.into_iter().map(|(name, ())| name).collect())
    }

    #[test]
    fn only_what_all_names_share_is_taken_off() {
        for (names, prefix, expected) in [
            (&["module.a", "module.b.c"][..], "module.", &["a", "b.c"][..]),
            (&["module._orig_mod.a"], "module._orig_mod.", &["a"]),
            (&["_orig_mod.module.a"], "_orig_mod.module.", &["a"]),
            (&["module.a", "b"], "", &["module.a", "b"]),
            (&["n_averaged", "module.a"], "module.", &["n_averaged", "a"]),
            (&["n_averaged"], "", &["n_averaged"]),
            (&["module."], "", &["module."]),
            (&["modules.a"], "", &["modules.a"]),
            (&[], "", &[]),
        ] {
            let (found, rest) = stripped(names);
            assert_eq!(found, prefix, "{names:?}");
            assert_eq!(rest, expected, "{names:?}");
        }
    }
}
