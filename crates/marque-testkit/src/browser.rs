//! A headless Chromium, for tests of pages as their readers see them.
//!
//! It is driven by its [DevTools protocol] over two pipes, so that neither a driver program nor a web socket is needed.
//! Nothing that a page asks for leaves the machine.
//!
//! [DevTools protocol]: https://chromedevtools.github.io/devtools-protocol/
//!
//! ```no_run
//! use std::path::Path;
//!
//! use marque_testkit::browser::Browser;
//!
//! # fn a_test_of_a_page() -> Result<(), marque_testkit::browser::Error> {
//! let Some(mut browser) = Browser::launch()? else { return Ok(()) };
//! let mut page = browser.new_page()?;
//! page.set_viewport(390, 844)?;
//! page.open(Path::new("report.html"))?;
//! assert_eq!(page.evaluate("document.documentElement.scrollWidth")?, 390);
//! assert!(page.messages()?.is_empty());
//! # Ok(())
//! # }
//! ```

mod connection;
mod error;
mod looks;
mod page;

use crate::skip;
use std::path::{Path, PathBuf};

use connection::Connection;

pub use error::Error;
pub use page::{ColourScheme, Key, Page};

/// The browser's program; an empty value leaves the tests out.
const PROGRAM: &str = "MARQUE_CHROMIUM";

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const PLACES: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// A running browser with a profile of its own. It is ended, with all its processes, when this is dropped.
pub struct Browser {
    connection: Connection,
}

impl Browser {
    /// Starts the Chromium that `MARQUE_CHROMIUM` names, or one of the usual names on the `PATH`.
    ///
    /// Where there is none, or the variable is empty, a line on standard error says so, also where output of tests is
    /// captured, and the test is to return.
    ///
    /// # Errors
    /// [`Error::Start`] or [`Error::Ended`] if it is there but does not run.
    pub fn launch() -> Result<Option<Self>, Error> {
        let named = std::env::var_os(PROGRAM).map(PathBuf::from);
        let is_unwanted = named.as_ref().is_some_and(|path| path.as_os_str().is_empty());
        let program = if is_unwanted { None } else { named.or_else(find) };
        let Some(program) = program else {
            let reason = match is_unwanted {
                true => format!("{PROGRAM} is empty"),
                false => format!(
                    "no {} on the PATH (`apt-get install chromium`); {PROGRAM} names another",
                    NAMES.join(", ")
                ),
            };
            skip(&format!("the pages in a browser: {reason}"));
            return Ok(None);
        };
        Ok(Some(Self {
            connection: Connection::start(&program)?,
        }))
    }

    /// A new, empty page.
    ///
    /// # Errors
    /// [`Error::Ended`] if the browser does not run, [`Error::Timeout`] if it does not answer in two minutes.
    pub fn new_page(&mut self) -> Result<Page<'_>, Error> {
        Page::new(&mut self.connection)
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let on_path = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    on_path
        .chain(PLACES.iter().map(PathBuf::from))
        .find(|program| program.is_file())
}

/// The `file:` address of an absolute path (RFC 8089).
fn file_address(path: &Path) -> String {
    let mut address = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => address.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => address.push(char::from(byte)),
            _ => address += &format!("%{byte:02X}"),
        }
    }
    address
}

#[cfg(test)]
mod tests;
