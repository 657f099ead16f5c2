//! Whether a TCP port is free, asked for each address family by itself.

use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A port that somebody else holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TCP port {port} is in use on {family}; stop what holds it (ss -ltnp), or configure another port")]
pub(crate) struct PortInUse {
    /// The port.
    pub port: u16,
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
}

/// Checks both families. A port taken on IPv4 alone lets postgres start on IPv6 alone, which its peers then wait for in
/// vain. A family that this container does not have counts as free.
pub(crate) fn check_free(port: u16) -> Result<(), PortInUse> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    for (family, addr) in [("IPv4", v4), ("IPv6", v6)] {
        if try_listen(addr).is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse) {
            return Err(PortInUse { port, family });
        }
    }
    Ok(())
}

fn try_listen(addr: SocketAddr) -> io::Result<()> {
    let family = if addr.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket(family, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &addr)?;
    Ok(listen(&socket, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn one_family_is_enough_to_be_in_use() {
        let held = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = held.local_addr().unwrap().port();
        assert_eq!(check_free(port), Err(PortInUse { port, family: "IPv4" }));
        drop(held);
        assert_eq!(check_free(port), Ok(()));
    }
}
