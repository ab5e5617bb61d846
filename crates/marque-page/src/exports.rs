//! What the page calls: memory that it fills, and what is done with it.
//!
//! The functions have the C calling convention and a prefix, so that they can be linked into tests. Texts, an answer as JSON or an error,
//! lie where [`marque_text`] points until the next call. There is no `unsafe` in it but for their names: what the page writes to stays a vector
//! of this side, which is found again by its address.
//!
//! A page is one thread: a WebAssembly instance of this crate is never entered by a second one, nor while a call is in it.

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;

use serde::Serialize;

use crate::{Error, PageClassifier};

thread_local! {
    static CLASSIFIER: RefCell<Option<PageClassifier>> = const { RefCell::new(None) };
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
    /// Memory that the page has asked for and not given back.
    static LENT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static HAS_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Memory of so many bytes, all 0, that belongs to the page until it gives it back to one of the functions that take it; null where
/// there is none.
#[unsafe(no_mangle)]
pub extern "C" fn marque_alloc(length: usize) -> *mut u8 {
    let mut bytes: Vec<u8> = Vec::new();
    if length == 0 || bytes.try_reserve_exact(length).is_err() {
        return std::ptr::null_mut();
    }
    bytes.resize(length, 0);
    let start = bytes.as_mut_ptr();
    LENT.with_borrow_mut(|lent| lent.push(bytes));
    start
}

/// Takes memory back that [`marque_alloc`] gave; other pointers are not looked at.
#[unsafe(no_mangle)]
pub extern "C" fn marque_free(start: *mut u8) {
    drop(taken(start));
}

/// Reads a model file's contents, from memory that [`marque_alloc`] gave and that is taken back. 1 if it can be used, and the text says
/// what it is; 0 if not, and the text says why.
#[unsafe(no_mangle)]
pub extern "C" fn marque_load(start: *mut u8) -> u32 {
    begin();
    let contents = taken(start).unwrap_or_default();
    told(PageClassifier::parse(contents).map(|classifier| {
        let model = classifier.model();
        CLASSIFIER.set(Some(classifier));
        model
    }))
}

/// Classifies a photo of this width and height, whose pixels of four bytes lie in memory that [`marque_alloc`] gave and that is taken
/// back. 1 if there is an answer, and the text is it; 0 if not, and the text says why.
#[unsafe(no_mangle)]
pub extern "C" fn marque_run(start: *mut u8, width_px: u32, height_px: u32) -> u32 {
    begin();
    let mut rgba = taken(start).unwrap_or_default();
    told(CLASSIFIER.with_borrow(|classifier| match classifier {
        Some(classifier) => classifier.classify(&mut rgba, width_px, height_px),
        None => Err(Error::NoModel),
    }))
}

/// Where the text of the last call begins: UTF-8, [`marque_text_length`] bytes of it.
#[unsafe(no_mangle)]
pub extern "C" fn marque_text() -> *const u8 {
    TEXT.with_borrow(|text| text.as_ptr())
}

/// The length of the text of the last call, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn marque_text_length() -> usize {
    TEXT.with_borrow(|text| text.len())
}

/// The memory that begins there, if it was lent.
fn taken(start: *mut u8) -> Option<Vec<u8>> {
    LENT.with_borrow_mut(|lent| {
        let place = lent
            .iter()
            .position(|bytes| std::ptr::eq(bytes.as_ptr(), start))?;
        Some(lent.swap_remove(place))
    })
}

/// Forgets the last text, and sees to it that a panic leaves one: on WebAssembly it ends the instance, whose memory can still be read.
fn begin() {
    TEXT.set(String::new());
    if !HAS_HOOK.replace(true) && cfg!(target_arch = "wasm32") {
        std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
            let message = panic.payload_as_str().unwrap_or("for an unknown reason");
            let place = panic
                .location()
                .map(|place| format!(" ({}:{})", place.file(), place.line()));
            TEXT.set(format!(
                "the program failed: {message}{}",
                place.unwrap_or_default()
            ));
        }));
    }
}

/// Leaves the text of a result.
fn told<T: Serialize>(result: Result<T, Error>) -> u32 {
    let text = result
        .map_err(|error| error.to_string())
        .and_then(|value| serde_json::to_string(&value).map_err(|error| error.to_string()));
    let (is_good, text) = match text {
        Ok(text) => (1, text),
        Err(text) => (0, text),
    };
    TEXT.set(text);
    is_good
}
