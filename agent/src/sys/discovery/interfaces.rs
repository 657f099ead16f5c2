//! This pod's own network addresses, as the kernel has them.

use gp_agent_core::postgres::hba::Interface;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use std::net::IpAddr;

/// Every address of every interface with its mask; empty when the kernel does not say.
pub(crate) fn interfaces() -> Vec<Interface> {
    let Ok(found) = getifaddrs() else {
        return Vec::new();
    };
    found
        .filter_map(|interface| {
            Some(Interface {
                address: ip(&interface.address?)?,
                mask: ip(&interface.netmask?)?,
            })
        })
        .collect()
}

/// The addresses that other pods see: neither loopback nor link-local, sorted.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = interfaces()
        .into_iter()
        .map(|interface| interface.address)
        .filter(|address| !address.is_loopback() && !link_local(address))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(v4.ip().into()),
        (_, Some(v6)) => Some(v6.ip().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_interface_and_no_own_address() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert!(interfaces().iter().any(|i| i.address == loopback));
        assert!(!own_addresses().contains(&loopback));
    }
}
