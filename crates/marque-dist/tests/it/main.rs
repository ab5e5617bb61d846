//! Groups of several processes, which the tests start themselves: this program once more, with one of the roles below.

mod losses;
mod network;
mod rank;
mod sums;
