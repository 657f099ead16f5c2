//! One look at every peer, for `gp-agent check` and `gp-agent render`.

use crate::lifecycle::status_board::now;
use crate::sys::discovery::dns::{DnsAnswer, DnsError, Families, Resolver};
use crate::sys::discovery::nss::NssResolver;
use futures_util::StreamExt;
use futures_util::stream;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::libc_view::difference;
use gp_agent_core::discovery::name_check::{Check, Forward, NameVerdict, judge};
use gp_agent_core::discovery::peers::{PeerMap, PeerView, lookup_finding};
use gp_agent_core::finding::Finding;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Looks up every peer of `me`, in DNS and through libc, and checks the names of those in `in_hba`; one finding for each problem.
pub async fn look(
    topology: &Topology,
    me: &Member,
    in_hba: &BTreeSet<String>,
    resolver: &Resolver,
    names: &NssResolver,
) -> (PeerMap, Vec<Finding>) {
    let members: Vec<&Member> = topology.peers(me).collect();
    let lookups: Vec<LookedUp<'_>> = stream::iter(members.into_iter().map(async |m| look_up(resolver, m).await))
        .buffered(LookupIntervals::default().at_once)
        .collect()
        .await;
    let lookups = verify(lookups, in_hba, names).await;
    let mut findings = Vec::new();
    for (member, peer) in &lookups {
        let error = peer.error.as_deref();
        findings.extend(error.map(|error| lookup_finding(&member.fqdn, peer, error)));
    }
    for (member, peer) in &lookups {
        findings.extend(peer.name_finding(member));
        findings.extend(peer.libc_finding(member));
    }
    let named = |(m, peer): (&Member, PeerView)| (m.pod.clone(), peer);
    (lookups.into_iter().map(named).collect(), findings)
}

/// What came of a lookup.
struct LookedUp<'a> {
    member: &'a Member,
    peer: PeerView,
    /// Whether anybody said anything of the name.
    told: bool,
    /// Where DNS says that it is, where a line in /etc/hosts says it too.
    in_dns: Vec<IpAddr>,
}

/// Asks twice when the first question was not answered: one lost packet is not worth a finding.
async fn look_up<'a>(resolver: &Resolver, member: &'a Member) -> LookedUp<'a> {
    let first = resolver.addresses(&member.fqdn, Families::Both).await;
    let answer: Result<DnsAnswer, DnsError> = match first {
        Err(e) if !e.is_negative() => resolver.addresses(&member.fqdn, Families::Both).await,
        other => other,
    };
    let told = answer.as_ref().err().is_none_or(DnsError::is_negative);
    let mut peer = PeerView::new(now());
    match answer {
        Ok(answer) => {
            peer.answered(answer.addresses, now());
        }
        Err(error) => {
            peer.failed(error.to_string(), now());
        }
    }
    LookedUp {
        member,
        peer,
        told,
        in_dns: resolver.beside_hosts(&member.fqdn).await,
    }
}

/// Asks libc where every peer is, as the server would, and how those are called whose names pg_hba.conf should use.
async fn verify<'a>(
    peers: Vec<LookedUp<'a>>,
    in_hba: &BTreeSet<String>,
    names: &NssResolver,
) -> Vec<(&'a Member, PeerView)> {
    let close = |m: &Member, peer: &PeerView| peer.found() && in_hba.contains(&m.pod);
    let addresses: Vec<IpAddr> = peers
        .iter()
        .filter(|looked| close(looked.member, &looked.peer))
        .flat_map(|looked| looked.peer.addresses.clone())
        .collect();
    let asked: Vec<String> = peers.iter().map(|looked| looked.member.fqdn.clone()).collect();
    let (reverse, forward) = tokio::join!(names.reverse(&addresses), names.forward(&asked));
    let judged = |looked: LookedUp<'a>| {
        let LookedUp {
            member,
            mut peer,
            told,
            in_dns,
        } = looked;
        let libc = forward.get(&member.fqdn).unwrap_or(&Forward::Missing);
        // What DNS does not say differs from nothing: libc may well know from /etc/hosts.
        let dns = if in_dns.is_empty() { &peer.addresses } else { &in_dns };
        peer.libc_differs = difference(dns, libc).filter(|_| told);
        if !close(member, &peer) {
            return (member, peer);
        }
        peer.verdict = match judge(&member.fqdn, &peer.addresses, &reverse, libc) {
            Check::Good(name) => NameVerdict::Verified(name),
            Check::Bad { reason, another_name } => NameVerdict::Unverified { reason, another_name },
        };
        (member, peer)
    };
    peers.into_iter().map(judged).collect()
}
