//! The network over which the processes see one another.
//!
//! A process is known to the others by the address that its machine has on the way to the one where they meet: those that found their
//! meeting place find one another there, too. The host's own name would do only where it resolves, and to an address that others see.

use super::ffi::Store;
use crate::Launch;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

fn key(rank: usize) -> String {
    format!("address/{rank}")
}

/// Finds the address of this process, and tells the others.
pub(super) fn announce(store: &Store, launch: &Launch) -> Result<IpAddr, String> {
    let address = on_the_way_to_meeting(launch)?;
    store.put(&key(launch.rank), &address.to_string())?;
    Ok(address)
}

/// The address of this process that all others see, when all of them have told theirs. The machine where they meet may take its own name
/// for a loopback address, as Debian's do; what others see is then its address on the way to one of those.
pub(super) fn seen_by_all(store: &Store, launch: &Launch, address: IpAddr) -> Result<IpAddr, String> {
    if !address.is_loopback() {
        return Ok(address);
    }
    for rank in (0..launch.world_size).filter(|&rank| rank != launch.rank) {
        let told = store.get(&key(rank))?;
        let other: IpAddr = told
            .parse()
            .map_err(|_| format!("rank {rank} has told {told:?} for its address"))?;
        if !other.is_loopback() {
            return on_the_way_to((other, launch.port).into())
                .map_err(|error| format!("no way from here to rank {rank} at {other}: {error}"));
        }
    }
    Ok(address)
}

fn on_the_way_to_meeting(launch: &Launch) -> Result<IpAddr, String> {
    let meeting = (&launch.host[..], launch.port).to_socket_addrs();
    let meeting = meeting.map_err(|error| format!("{}: {error}", launch.host))?;
    let mut meeting: Vec<SocketAddr> = meeting.collect();
    // All processes of a run have to take the same protocol, and the order of what a name stands for is each machine's own.
    meeting.sort_by_key(SocketAddr::is_ipv6);
    let mut said = "the name stands for no address".to_owned();
    for place in meeting {
        match on_the_way_to(place) {
            Ok(address) => return Ok(address),
            Err(error) => said = format!("{}: {error}", place.ip()),
        }
    }
    Err(format!("no way from here to {}: {said}", launch.host))
}

/// Connecting a datagram socket sends nothing: it only looks up the way.
fn on_the_way_to(place: SocketAddr) -> std::io::Result<IpAddr> {
    let here: IpAddr = match place {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((here, 0))?;
    socket.connect(place)?;
    Ok(socket.local_addr()?.ip())
}
