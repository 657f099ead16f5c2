//! What the file should say, by what discovery knows.

use super::place::{KeptHost, Whereabouts};
use crate::cluster::topology::{Member, Topology};
use crate::discovery::peers::{PeerMap, PeerView};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// This pod, as the kernel knows it.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Who it is.
    pub me: &'a Member,
    /// Its addresses that other pods see.
    pub addresses: &'a [IpAddr],
}

/// A place for every pod of the topology: this one first, then those that are known.
///
/// The address of a pod that cannot be looked up is an old one where another pod has got it since, and is left out: a line
/// for it would give that other pod's connections its name.
pub fn wanted(topology: &Topology, own: Own<'_>, peers: &PeerMap) -> Vec<KeptHost> {
    let mut got: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for peer in peers.values().filter(|p| p.error.is_none()) {
        for address in &peer.addresses {
            let since = got.entry(address.to_canonical()).or_default();
            *since = peer.since.max(*since);
        }
    }
    let place = |member: &Member, at| KeptHost {
        name: member.fqdn.to_ascii_lowercase(),
        alias: member.pod.clone(),
        at,
    };
    let mut places = vec![place(own.me, Whereabouts::At(own.addresses.to_vec()))];
    for member in topology.peers(own.me) {
        let at = peers
            .get(&member.pod)
            .map_or(Whereabouts::Unknown, |peer| whereabouts(peer, &got));
        places.push(place(member, at));
    }
    places
}

/// `got`: since when, in Unix seconds, one that can be looked up has an address.
fn whereabouts(peer: &PeerView, got: &BTreeMap<IpAddr, u64>) -> Whereabouts {
    if peer.gone {
        return Whereabouts::Nowhere;
    }
    if !peer.found() {
        return Whereabouts::Unknown;
    }
    let lost =
        |a: &IpAddr| peer.error.is_some() && got.get(&a.to_canonical()).is_some_and(|since| *since >= peer.since);
    Whereabouts::At(peer.addresses.iter().filter(|a| !lost(a)).copied().collect())
}
