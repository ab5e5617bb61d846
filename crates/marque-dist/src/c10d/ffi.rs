//! The functions of `shim.cc`.

use crate::Launch;
use marque_torch::Tensor;
use std::ffi::{CStr, CString, c_char, c_void};
use std::net::IpAddr;
use std::ptr::NonNull;
use std::time::Duration;

/// For how long the processes look for one another when all of them are there: what fails then are addresses and interfaces.
const JOINING: Duration = Duration::from_secs(20);

/// `MarquePlace` in shim.cc.
#[repr(C)]
struct Place {
    rank: i32,
    world_size: i32,
    host: *const c_char,
    port: u16,
    serves: u8,
    timeout_ms: i64,
    joining_ms: i64,
    prefix: *const c_char,
}

/// `MarqueGroup` in shim.cc.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn marque_dist_open(
        place: *const Place,
        opened: *mut *mut Handle,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_join(
        group: *mut Handle,
        place: *const Place,
        interfaces: *const c_char,
        address: *const c_char,
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
    fn marque_dist_leave(group: *mut Handle, message: *mut c_char, length: usize) -> i32;
    fn marque_dist_note(group: *mut Handle, key: *const c_char, message: *mut c_char, length: usize) -> i32;
    fn marque_dist_put(
        group: *mut Handle,
        key: *const c_char,
        text: *const c_char,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_get(
        group: *mut Handle,
        key: *const c_char,
        text: *mut c_char,
        room: usize,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_has(
        group: *mut Handle,
        key: *const c_char,
        has: *mut u8,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_await(
        group: *mut Handle,
        key: *const c_char,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> i32;
    fn marque_dist_free(group: *mut Handle);
}

/// Where the other side writes text, such as what went wrong.
struct Message([c_char; 1024]);

impl Message {
    fn empty() -> Self {
        Self([0; 1024])
    }

    fn text(&self) -> String {
        // SAFETY: the other side has ended what it wrote within the length that it was given, and what it did not write is 0.
        let text = unsafe { CStr::from_ptr(self.0.as_ptr()) };
        text.to_string_lossy().trim_end().to_owned()
    }
}

fn said(function: impl FnOnce(*mut c_char, usize) -> i32) -> Result<(), String> {
    let mut message = Message::empty();
    match function(message.0.as_mut_ptr(), message.0.len()) {
        0 => Ok(()),
        _ => Err(message.text()),
    }
}

fn text(of: &str) -> Result<CString, String> {
    CString::new(of).map_err(|_| format!("{of:?} has a zero in it"))
}

/// Calls `function` with the place of this process, and what else it says.
fn with_place<T>(launch: &Launch, function: impl FnOnce(&Place) -> Result<T, String>) -> Result<T, String> {
    let number =
        |number: usize| i32::try_from(number).map_err(|_| format!("{number} processes are too many"));
    let host = text(&launch.host)?;
    // The store of torchrun's agent outlives the processes: a new start must not find what an old one has left.
    let prefix = text(&format!("marque/{}", launch.restart))?;
    function(&Place {
        rank: number(launch.rank)?,
        world_size: number(launch.world_size)?,
        host: host.as_ptr(),
        port: launch.port,
        serves: u8::from(launch.rank == 0 && !launch.is_served),
        timeout_ms: milliseconds(launch.timeout),
        joining_ms: milliseconds(launch.timeout.min(JOINING)),
        prefix: prefix.as_ptr(),
    })
}

/// Where the processes of a start leave notes for one another.
#[derive(Debug)]
pub(super) struct Store(NonNull<Handle>);

// SAFETY: c10d's stores and groups lock what their threads share, and the handle itself is changed by its one owner alone.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Store {
    /// The store at the address where the processes meet, as soon as it can be reached.
    pub(super) fn open(launch: &Launch) -> Result<Self, String> {
        let mut opened = std::ptr::null_mut();
        with_place(launch, |place| {
            // SAFETY: what the place points to lives until the call is over.
            said(|message, length| unsafe { marque_dist_open(place, &mut opened, message, length) })
        })?;
        let handle = NonNull::new(opened).ok_or("no store was made")?;
        Ok(Self(handle))
    }

    /// Connects the processes, all of which are there, by the network interfaces of these names, separated by commas; without any, by the
    /// one that has the address.
    pub(super) fn join(
        self,
        launch: &Launch,
        interfaces: &str,
        address: IpAddr,
    ) -> Result<Connected, String> {
        let (interfaces, address) = (text(interfaces)?, text(&address.to_string())?);
        with_place(launch, |place| {
            // SAFETY: as in `open`; the handle lives as long as `self`, which nobody else has, and both texts until the call is over.
            said(|message, length| unsafe {
                let (interfaces, address) = (interfaces.as_ptr(), address.as_ptr());
                marque_dist_join(self.0.as_ptr(), place, interfaces, address, message, length)
            })
        })?;
        Ok(Connected(self))
    }

    /// Writes a key.
    pub(super) fn note(&self, key: &str) -> Result<(), String> {
        let key = text(key)?;
        // SAFETY: the handle lives as long as `self`, the text until the call is over.
        said(|message, length| unsafe { marque_dist_note(self.0.as_ptr(), key.as_ptr(), message, length) })
    }

    /// Writes text under a key.
    pub(super) fn put(&self, key: &str, written: &str) -> Result<(), String> {
        let (key, written) = (text(key)?, text(written)?);
        // SAFETY: as in `note`.
        said(|message, length| unsafe {
            marque_dist_put(self.0.as_ptr(), key.as_ptr(), written.as_ptr(), message, length)
        })
    }

    /// The text that somebody has written, or writes within the timeout, under a key: at most 1023 bytes.
    pub(super) fn get(&self, key: &str) -> Result<String, String> {
        let key = text(key)?;
        let mut found = Message::empty();
        let (start, room) = (found.0.as_mut_ptr(), found.0.len());
        // SAFETY: as in `note`; the room for the text lives until the call is over, too.
        said(|message, length| unsafe {
            marque_dist_get(self.0.as_ptr(), key.as_ptr(), start, room, message, length)
        })?;
        Ok(found.text())
    }

    /// Whether somebody has written a key.
    pub(super) fn has(&self, key: &str) -> Result<bool, String> {
        let key = text(key)?;
        let mut has = 0;
        // SAFETY: as in `note`.
        said(|message, length| unsafe {
            marque_dist_has(self.0.as_ptr(), key.as_ptr(), &mut has, message, length)
        })?;
        Ok(has != 0)
    }

    /// Waits until somebody has written a key.
    pub(super) fn wait_for(&self, key: &str, timeout: Duration) -> Result<(), String> {
        let key = text(key)?;
        let timeout = milliseconds(timeout);
        // SAFETY: as in `note`.
        said(|message, length| unsafe {
            marque_dist_await(self.0.as_ptr(), key.as_ptr(), timeout, message, length)
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle was made by `marque_dist_open`, and nobody else frees it.
        unsafe { marque_dist_free(self.0.as_ptr()) };
    }
}

/// A process group, with the store in which its processes met.
#[derive(Debug)]
pub(super) struct Connected(Store);

impl Connected {
    pub(super) fn store(&self) -> &Store {
        &self.0
    }

    /// Closes the connections to the other processes, so that those that wait for this one go on. The store stays.
    pub(super) fn leave(&self) -> Result<(), String> {
        // SAFETY: the handle lives as long as `self`; what another thread does with the group, it ends.
        said(|message, length| unsafe { marque_dist_leave(self.0.0.as_ptr(), message, length) })
    }

    pub(super) fn all_reduce(&self, tensor: &mut Tensor) -> Result<(), String> {
        let tensor = tensor.as_mut_ptr();
        // SAFETY: the handle lives as long as `self`, and its processes are joined; tch's pointer is one to an `at::Tensor`, which is
        // borrowed for the call.
        said(|message, length| unsafe {
            marque_dist_all_reduce(self.0.0.as_ptr(), tensor.cast(), message, length)
        })
    }

    /// `root` is below the number of processes.
    pub(super) fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), String> {
        let tensor = tensor.as_mut_ptr();
        // SAFETY: as in `all_reduce`.
        said(|message, length| unsafe {
            marque_dist_broadcast(self.0.0.as_ptr(), tensor.cast(), root as i32, message, length)
        })
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX).max(1)
}
