//! The functions of `shim.cc`.

use crate::Launch;
use marque_torch::Tensor;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::NonNull;
use std::time::Duration;

/// `MarquePlace` in shim.cc.
#[repr(C)]
struct Place {
    rank: i32,
    world_size: i32,
    host: *const c_char,
    port: u16,
    serves: u8,
    timeout_ms: i64,
    prefix: *const c_char,
    interfaces: *const c_char,
}

/// `MarqueGroup` in shim.cc.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn marque_dist_connect(
        place: *const Place,
        connected: *mut *mut Handle,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_all_reduce(
        group: *mut Handle,
        tensor: *const c_void,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_broadcast(
        group: *mut Handle,
        tensor: *const c_void,
        root: i32,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_note(group: *mut Handle, key: *const c_char, message: *mut c_char, length: usize) -> i32;
    fn marque_dist_await(
        group: *mut Handle,
        key: *const c_char,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_free(group: *mut Handle);
}

/// Where the other side says what went wrong.
struct Message([c_char; 1024]);

impl Message {
    fn text(&self) -> String {
        // SAFETY: the other side has ended what it wrote within the length that it was given, and what it did not write is 0.
        let text = unsafe { CStr::from_ptr(self.0.as_ptr()) };
        text.to_string_lossy().trim_end().to_owned()
    }
}

fn said(function: impl FnOnce(*mut c_char, usize) -> i32) -> Result<(), String> {
    let mut message = Message([0; 1024]);
    match function(message.0.as_mut_ptr(), message.0.len()) {
        0 => Ok(()),
        _ => Err(message.text()),
    }
}

fn text(of: &str) -> Result<CString, String> {
    CString::new(of).map_err(|_| format!("{of:?} has a zero in it"))
}

/// A process group with its store.
#[derive(Debug)]
pub(super) struct Connected(NonNull<Handle>);

// SAFETY: c10d's stores and groups lock what their threads share, and the handle itself is never changed.
unsafe impl Send for Connected {}
// SAFETY: as above.
unsafe impl Sync for Connected {}

impl Connected {
    pub(super) fn new(launch: &Launch, interfaces: &str) -> Result<Self, String> {
        let number =
            |number: usize| i32::try_from(number).map_err(|_| format!("{number} processes are too many"));
        let host = text(&launch.host)?;
        // The store of torchrun's agent outlives the processes: a new start must not find what an old one has left.
        let prefix = text(&format!("marque/{}", launch.restart))?;
        let interfaces = text(interfaces)?;
        let place = Place {
            rank: number(launch.rank)?,
            world_size: number(launch.world_size)?,
            host: host.as_ptr(),
            port: launch.port,
            serves: u8::from(launch.rank == 0 && !launch.is_served),
            timeout_ms: milliseconds(launch.timeout),
            prefix: prefix.as_ptr(),
            interfaces: interfaces.as_ptr(),
        };
        let mut connected = std::ptr::null_mut();
        // SAFETY: the texts live until the call is over.
        said(|message, length| unsafe { marque_dist_connect(&place, &mut connected, message, length) })?;
        let handle = NonNull::new(connected).ok_or("no group was made")?;
        Ok(Self(handle))
    }

    pub(super) fn all_reduce(&self, tensor: &mut Tensor) -> Result<(), String> {
        let tensor = tensor.as_mut_ptr();
        // SAFETY: the handle lives as long as `self`; tch's pointer is one to an `at::Tensor`, which is borrowed for the call.
        said(|message, length| unsafe {
            marque_dist_all_reduce(self.0.as_ptr(), tensor.cast(), message, length)
        })
    }

    /// `root` is below the number of processes.
    pub(super) fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), String> {
        let tensor = tensor.as_mut_ptr();
        // SAFETY: as in `all_reduce`.
        said(|message, length| unsafe {
            marque_dist_broadcast(self.0.as_ptr(), tensor.cast(), root as i32, message, length)
        })
    }

    /// Writes a key of the store.
    pub(super) fn note(&self, key: &str) -> Result<(), String> {
        let key = text(key)?;
        // SAFETY: the handle lives as long as `self`, the text until the call is over.
        said(|message, length| unsafe { marque_dist_note(self.0.as_ptr(), key.as_ptr(), message, length) })
    }

    /// Waits until somebody has written a key of the store.
    pub(super) fn wait_for(&self, key: &str, timeout: Duration) -> Result<(), String> {
        let key = text(key)?;
        let timeout = milliseconds(timeout);
        // SAFETY: as in `note`.
        said(|message, length| unsafe {
            marque_dist_await(self.0.as_ptr(), key.as_ptr(), timeout, message, length)
        })
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        // SAFETY: the handle was made by `marque_dist_connect`, and nobody else frees it.
        unsafe { marque_dist_free(self.0.as_ptr()) };
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1)
}
