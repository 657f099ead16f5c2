//! What is known of the peers, and the words for it.

use super::libc_view;
use super::name_check::NameVerdict;
use crate::cluster::status::PeersStatus;
use crate::cluster::topology::{Member, Topology};
use crate::finding::{Area, Finding, Severity};
use crate::log::utc;
use crate::postgres::hba::PeerAddress;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many peers a line names before it says "and 7 more".
const NAMED: usize = 3;
/// Seconds that a peer may be missing before that is a finding and not just a wait.
const FINDING_AFTER_SECONDS: u64 = 30;

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Its addresses, sorted; empty until it was found. Kept while DNS fails.
    pub addresses: Vec<IpAddr>,
    /// Whether pg_hba.conf may use its name.
    pub verdict: NameVerdict,
    /// How libc differs from DNS about where it is, where that was asked.
    pub libc_differs: Option<String>,
    /// Unix seconds since when it has these addresses, or, with `error`, since when it could not be looked up.
    pub since: u64,
    /// Why the last lookup failed, if it did.
    pub error: Option<String>,
    /// DNS says that there is no such name, and nobody answers at the addresses either.
    pub gone: bool,
    /// The same for so long that somebody else may have its addresses by now.
    pub left: bool,
}

/// Seconds. A name is away for a moment while its pod is replaced; a cluster's network hands out the address of one that was removed
/// again when it comes to it.
const LEFT_AFTER: u64 = 60;

impl PeerView {
    /// A peer that has not been looked up yet.
    pub fn new(now: u64) -> Self {
        PeerView {
            addresses: Vec::new(),
            verdict: NameVerdict::Unchecked,
            libc_differs: None,
            since: now,
            error: None,
            gone: false,
            left: false,
        }
    }

    /// How pg_hba.conf writes this peer, which is `member`. A coordinator stands there by name and by address: in Kubernetes
    /// clients' Services give its address other reverse names as soon as it serves, and no check can see that beforehand.
    ///
    /// One that has left stands there by its name only, which leads nowhere.
    pub fn in_hba(&self, member: &Member) -> PeerAddress {
        match &self.verdict {
            NameVerdict::Verified(_) if self.left => PeerAddress::Name(member.fqdn.clone()),
            _ if self.left => PeerAddress::Unknown,
            NameVerdict::Verified(_) if member.content.is_coordinator() => {
                PeerAddress::NameAndAddresses(member.fqdn.clone(), self.addresses.clone())
            }
            NameVerdict::Verified(_) => PeerAddress::Name(member.fqdn.clone()),
            _ if self.addresses.is_empty() => PeerAddress::Unknown,
            _ => PeerAddress::Addresses(self.addresses.clone()),
        }
    }

    /// What is wrong with the name of this peer, which is `member`, where pg_hba.conf should use it. Another name of a
    /// coordinator harms nobody, see [`PeerView::in_hba`], and every cluster in Kubernetes with a Service for clients has it.
    ///
    /// While the pod itself is not in DNS, that alone is the finding: nothing is known of its name then.
    pub fn name_finding(&self, member: &Member) -> Option<Finding> {
        match &self.verdict {
            _ if self.error.is_some() => None,
            NameVerdict::Unverified { another_name: true, .. } if member.content.is_coordinator() => None,
            NameVerdict::Unverified { reason, .. } => Some(name_finding(&member.fqdn, &self.addresses, reason)),
            NameVerdict::Unchecked | NameVerdict::Verified(_) => None,
        }
    }

    /// That this pod's server would look for the peer, which is `member`, at another place than the agents.
    pub fn libc_finding(&self, member: &Member) -> Option<Finding> {
        let difference = self.libc_differs.as_deref().filter(|_| self.error.is_none())?;
        Some(libc_view::finding(&member.fqdn, difference))
    }

    /// Whether it was found at some time.
    pub fn found(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Takes a successful lookup into account; returns the old addresses when they changed.
    pub fn answered(&mut self, mut addresses: Vec<IpAddr>, now: u64) -> Option<Vec<IpAddr>> {
        addresses.sort_unstable();
        addresses.dedup();
        let changed = addresses != self.addresses;
        if changed || self.error.is_some() {
            self.since = now;
        }
        self.error = None;
        (self.gone, self.left) = (false, false);
        changed.then(|| std::mem::replace(&mut self.addresses, addresses))
    }

    /// Takes a failed lookup into account; the addresses stay. Returns whether anything is different.
    pub fn failed(&mut self, error: String, now: u64) -> bool {
        if self.error.is_none() && self.found() {
            self.since = now;
        }
        let different = self.error.as_ref() != Some(&error);
        self.error = Some(error);
        different
    }

    /// Whether it is gone by what DNS and its addresses say now, after that failure. Returns whether that is different.
    pub fn is_gone(&mut self, gone: bool, now: u64) -> bool {
        let left = gone && now.saturating_sub(self.since) >= LEFT_AFTER;
        let different = (self.gone, self.left) != (gone, left);
        (self.gone, self.left) = (gone, left);
        different
    }
}

/// Every peer by its pod name.
pub type PeerMap = BTreeMap<String, PeerView>;

/// Seconds in one unit: `12 s`, `3 min`, `5 h`, `4 d`.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

fn waiting(peers: &PeerMap) -> impl Iterator<Item = (&String, &PeerView)> {
    peers.iter().filter(|(_, p)| !p.found())
}

fn wait_words(pod: &str, peer: &PeerView, now: u64) -> String {
    let error = peer.error.as_deref().unwrap_or("no answer yet");
    let since = span(now.saturating_sub(peer.since));
    format!("{pod}: {error} since {since}")
}

/// The peers for `/status`.
pub fn status(peers: &PeerMap, now: u64) -> PeersStatus {
    let mut named: Vec<String> = waiting(peers)
        .take(NAMED)
        .map(|(pod, peer)| wait_words(pod, peer, now))
        .collect();
    let missing = waiting(peers).count();
    if missing > NAMED {
        named.push(format!("and {} more", missing - NAMED));
    }
    PeersStatus {
        found: peers.len() - missing,
        total: peers.len(),
        waiting: named,
    }
}

/// One line of progress: `5 of 6 peers; waiting for segment-b-1: NXDOMAIN since 12 s`.
pub fn progress(peers: &PeerMap, now: u64) -> String {
    let PeersStatus { found, total, waiting } = status(peers, now);
    match waiting.split_last() {
        None => format!("{found} of {total} peers"),
        Some((more, named)) if named.len() == NAMED => {
            format!("{found} of {total} peers; waiting for {} {more}", named.join(", "))
        }
        _ => format!("{found} of {total} peers; waiting for {}", waiting.join(", ")),
    }
}

/// What a line of progress depends on, besides the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressKey {
    missing: usize,
    named: Vec<(String, Option<String>)>,
}

/// What [`progress`] says, without the times: a line is worth logging when this changes.
pub fn progress_key(peers: &PeerMap) -> ProgressKey {
    let named = waiting(peers)
        .take(NAMED)
        .map(|(pod, peer)| (pod.clone(), peer.error.clone()))
        .collect();
    ProgressKey {
        missing: waiting(peers).count(),
        named,
    }
}

/// What an administrator should know of the peers. The words stay the same while nothing changes. Names only matter for the pods in `in_hba`.
pub fn findings(topology: &Topology, peers: &PeerMap, in_hba: &BTreeSet<String>, now: u64) -> Vec<Finding> {
    let mut list = lookup_findings(topology, peers, now);
    list.extend(
        in_hba
            .iter()
            .filter_map(|pod| peers.get(pod)?.name_finding(topology.member(pod)?)),
    );
    let differing = peers.iter().filter(|(_, peer)| peer.libc_differs.is_some());
    list.extend(differing.filter_map(|(pod, peer)| peer.libc_finding(topology.member(pod)?)));
    list
}

fn fqdn<'a>(topology: &'a Topology, pod: &'a str) -> &'a str {
    topology.member(pod).map_or(pod, |m| m.fqdn.as_str())
}

fn name_finding(fqdn: &str, addresses: &[IpAddr], reason: &str) -> Finding {
    let list: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    Finding::warning(
        Area::Dns,
        fqdn,
        format!(
            "pg_hba.conf uses the IP {} instead of the name: {reason}",
            list.join(", ")
        ),
        "let the address have one reverse name, this one: no second service with the pod among its endpoints (or one \
         without a cluster IP's PTR), publishNotReadyAddresses on the headless service, subdomain set in the pod",
    )
}

/// Peers that cannot be looked up, one finding for each, or one for all of them that share a reason.
fn lookup_findings(topology: &Topology, peers: &PeerMap, now: u64) -> Vec<Finding> {
    let mut groups: BTreeMap<(bool, &str), Vec<(&String, &PeerView)>> = BTreeMap::new();
    for (pod, peer) in peers {
        let Some(error) = &peer.error else { continue };
        let patient = now.saturating_sub(peer.since) < FINDING_AFTER_SECONDS;
        if peer.found() || !patient {
            let group = groups.entry((peer.found(), error)).or_default();
            group.push((pod, peer));
        }
    }
    let mut list = Vec::new();
    for ((found, error), members) in groups {
        if members.len() > NAMED {
            list.push(group_finding(topology, found, error, &members));
        } else {
            list.extend(
                members
                    .iter()
                    .map(|(pod, peer)| lookup_finding(fqdn(topology, pod), peer, error)),
            );
        }
    }
    list
}

fn group_finding(topology: &Topology, found: bool, error: &str, members: &[(&String, &PeerView)]) -> Finding {
    let longest = members.iter().map(|(_, p)| p.since).min().unwrap_or_default();
    let since = utc::from_unix(longest);
    let named: Vec<&str> = members.iter().take(NAMED).map(|(p, _)| p.as_str()).collect();
    let kept = if found {
        "; their last known addresses are kept"
    } else {
        ""
    };
    let what = format!(
        "{} peers cannot be looked up since {since} ({} and {} more): {error}{kept}",
        members.len(),
        named.join(", "),
        members.len() - NAMED
    );
    Finding::new(severity(found), Area::Dns, &topology.domain, what, remedy(error))
}

fn severity(found: bool) -> Severity {
    if found { Severity::Warning } else { Severity::Error }
}

/// The finding for a peer whose name cannot be looked up.
pub fn lookup_finding(fqdn: &str, peer: &PeerView, error: &str) -> Finding {
    let list: Vec<String> = peer.addresses.iter().map(IpAddr::to_string).collect();
    let since = utc::from_unix(peer.since);
    let kept = if peer.found() {
        format!("; its last known address {} is kept", list.join(", "))
    } else {
        String::new()
    };
    Finding::new(
        severity(peer.found()),
        Area::Dns,
        fqdn,
        format!("cannot be looked up since {since}: {error}{kept}"),
        remedy(error),
    )
}

fn remedy(error: &str) -> &'static str {
    if error.starts_with("NXDOMAIN") || error.starts_with("no address") {
        "see that the pod runs, that its headless service selects it and has publishNotReadyAddresses, and that the \
         configuration's domain is right"
    } else {
        "see that the cluster's DNS service runs and that this pod may reach the name server of its /etc/resolv.conf"
    }
}

#[cfg(test)]
mod tests;
