//! What tests look at in a page when the machine has what it takes.

use super::{Browser, Error, Page};
use crate::skip;
use std::path::PathBuf;

/// The file `axe.min.js`; `cargo xtask test` fetches it.
const AXE: &str = "MARQUE_AXE";
/// A folder for pictures of pages.
const SCREENSHOTS: &str = "MARQUE_SCREENSHOTS";

const VIOLATIONS: &str = r#"axe.run(document, { preload: false, resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, impact, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} (${impact}): ${target.join(" ")}: ${failureSummary}`)))"#;

fn named(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

impl Browser {
    /// As [`launch`](Self::launch), for a test that looks at the accessibility of pages, too: a line says so where that is left out.
    ///
    /// # Errors
    /// As [`launch`](Self::launch).
    pub fn launch_to_look() -> Result<Option<Self>, Error> {
        let browser = Self::launch()?;
        if browser.is_some() && !Page::has_axe() {
            skip(&format!(
                "the accessibility of pages; `cargo xtask test` fetches axe-core, {AXE} names its axe.min.js"
            ));
        }
        Ok(browser)
    }
}

impl Page<'_> {
    /// Whether [`violations`](Self::violations) looks: `MARQUE_AXE` names axe-core's program.
    pub fn has_axe() -> bool {
        named(AXE).is_some()
    }

    /// What axe-core objects to in the page as it is now, a line each that begins with the rule's name; nothing where there is no
    /// axe-core.
    ///
    /// # Errors
    /// [`Error::File`] if its program cannot be read, [`Error::Script`] if it fails.
    pub fn violations(&mut self) -> Result<Vec<String>, Error> {
        let Some(path) = named(AXE) else {
            return Ok(Vec::new());
        };
        let source = std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })?;
        self.evaluate(&(source + "; null"))?;
        let found = self.evaluate(VIOLATIONS)?;
        let lines = found.as_array().into_iter().flatten();
        Ok(lines
            .map(|line| line.as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// Writes a picture of the page, `NAME.png`, into the folder that `MARQUE_SCREENSHOTS` names; no picture without.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn keep_screenshot(&mut self, name: &str) -> Result<(), Error> {
        let Some(folder) = named(SCREENSHOTS) else {
            return Ok(());
        };
        std::fs::create_dir_all(&folder).map_err(|source| Error::File {
            path: folder.clone(),
            source,
        })?;
        self.screenshot(&folder.join(format!("{name}.png")))
    }
}
