//! Official files for tests.

use crate::skip;
use marque_hub::{Catalog, FetchOptions, cached};
use std::path::PathBuf;

/// The file of an official entry for a test, if it is on this machine.
///
/// Otherwise a line on standard error names the file and what would fetch it, and the test returns: a test fetches
/// nothing by itself. Where `MARQUE_NETWORK_TESTS` is set, as on a machine that is known to have a network, the file's
/// absence is a failure.
///
/// ```
/// use marque_testkit::official_or_skip;
///
/// # fn a_test_with_real_weights() {
/// let Some(path) = official_or_skip("xception-keras.kitchenware") else { return };
/// assert!(path.is_file());
/// # }
/// # a_test_with_real_weights();
/// ```
///
/// # Panics
/// When there is no such entry, or the cache cannot be used; when the file is absent and `MARQUE_NETWORK_TESTS` is set.
pub fn official_or_skip(name: &str) -> Option<PathBuf> {
    let entry = Catalog::official().entry(name);
    let found = entry.and_then(|entry| cached(entry, &FetchOptions::default()));
    let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
    if found.is_none() {
        let reason = format!("{name} is not on this machine; `cargo xtask weights {name}` fetches it");
        assert!(std::env::var_os("MARQUE_NETWORK_TESTS").is_none(), "{reason}");
        skip(&reason);
    }
    found
}
