//! The network over which the processes see one another.

use crate::Launch;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

/// The address that this machine has on the way to the one where the processes meet: those that found their meeting place find one another
/// there, too. The host's own name would do only where it resolves, and to an address that others see.
pub(super) fn local_address(launch: &Launch) -> Result<IpAddr, String> {
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
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((here, 0))?;
    socket.connect(place)?;
    Ok(socket.local_addr()?.ip())
}
