//! `gp-agent check dns`: one look at every peer.

use crate::domain::finding::Finding;
use crate::domain::names::{Check, Forward, judge};
use crate::domain::pace::Pace;
use crate::domain::peers::{PeerView, lookup_finding, name_finding};
use crate::domain::topology::{Member, Topology};
use crate::sys::dns::{DnsError, Families, Resolver};
use crate::sys::names::Names;
use futures_util::StreamExt;
use futures_util::stream;
use std::net::IpAddr;
use std::time::Instant;

/// Looks up every peer of `me` and checks its name through libc; one finding for each problem, in the topology's order.
pub async fn check(
    topology: &Topology,
    me: &Member,
    resolver: &Resolver,
    names: &Names,
) -> Vec<Finding> {
    let members: Vec<&Member> = topology.peers(me).collect();
    let lookups: Vec<(&Member, Result<Vec<IpAddr>, DnsError>)> = stream::iter(
        members
            .into_iter()
            .map(async |m| (m, look_up(resolver, m).await)),
    )
    .buffered(Pace::default().at_once)
    .collect()
    .await;
    let found = || {
        lookups
            .iter()
            .filter_map(|(m, r)| Some((m, r.as_ref().ok()?)))
    };
    let addresses: Vec<IpAddr> = found().flat_map(|(_, list)| list.clone()).collect();
    let asked: Vec<String> = found().map(|(m, _)| m.fqdn.clone()).collect();
    let (reverse, forward) = tokio::join!(names.reverse(&addresses), names.forward(&asked));
    let mut findings = Vec::new();
    for (member, lookup) in &lookups {
        match lookup {
            Err(error) => findings.push(lookup_finding(
                &member.fqdn,
                &PeerView::new(Instant::now()),
                &error.to_string(),
                None,
            )),
            Ok(list) => {
                let libc = forward.get(&member.fqdn).unwrap_or(&Forward::Missing);
                if let Check::Bad { reason, .. } = judge(&member.fqdn, list, &reverse, libc) {
                    findings.push(name_finding(&member.fqdn, list, &reason));
                }
            }
        }
    }
    findings
}

/// Asks twice when the first question was not answered: one lost packet is not worth a finding.
async fn look_up(resolver: &Resolver, member: &Member) -> Result<Vec<IpAddr>, DnsError> {
    let first = resolver.addresses(&member.fqdn, Families::Both).await;
    let answer = match first {
        Err(e) if !e.is_negative() => resolver.addresses(&member.fqdn, Families::Both).await,
        other => other,
    };
    answer.map(|a| a.addresses)
}
