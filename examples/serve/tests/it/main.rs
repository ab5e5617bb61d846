//! The server as a process of its own, on addresses of this machine alone.

mod answers;
mod browser;
mod client;
mod exchange;
mod hostile;
mod limits;
mod photos;
mod process;
mod stopping;
