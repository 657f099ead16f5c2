//! Discovery beside the database: says which names matter, and puts what it finds on the board.

use crate::lifecycle::discovery;
use crate::lifecycle::discovery::{Discovery, HostsKeeper};
use crate::lifecycle::pod::Pod;
use crate::sys::discovery::dns::Resolver;
use crate::sys::discovery::nss::NssResolver;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::{Member, Role, Topology};
use gp_agent_core::config::{Config, KeepHosts};
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::name_check::NameVerdict;
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::finding::Finding;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::postgres::hba;
use gp_agent_core::process::timeouts;
use std::collections::BTreeSet;
use std::time::Duration;

/// Verdicts follow the names within a second or two; one that is wrong stays so.
const VERIFIED_WITHIN: Duration = timeouts::NAMES_VERIFIED;
/// Thousands of peers are found one after another; one report for many.
const COALESCE: Duration = Duration::from_millis(200);
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Discovery through the container's own resolv.conf and libc, which goes by what is found.
pub(crate) async fn start(config: &Config, topology: &Topology, me: &Member) -> Discovery {
    let off = config.names.hosts == KeepHosts::Off;
    Discovery::start(
        topology,
        me,
        Resolver::system(),
        NssResolver::system(),
        LookupIntervals::default(),
        HostsKeeper::begin(topology, me, off).await,
    )
}

/// The pods whose names or addresses this pod's pg_hba.conf holds.
fn in_hba(topology: &Topology, me: &Member, user: &str) -> BTreeSet<String> {
    let needs = hba::needs(topology, me, user);
    needs
        .into_iter()
        .map(|need| need.from)
        .filter(|pod| *pod != me.pod)
        .collect()
}

/// Whose names have to be right: a cluster that is created writes all of them into its catalog, and, where lookups find
/// them, into every pg_hba.conf.
fn names_that_matter(pod: &Pod, created: bool) -> BTreeSet<String> {
    if !created && pod.me.role == Role::Coordinator {
        return pod.topology.peers(&pod.me).map(|m| m.pod.clone()).collect();
    }
    in_hba(&pod.topology, &pod.me, &pod.account.name)
}

/// Runs as long as the pod.
pub(crate) async fn keep(pod: &Pod, discovery: Discovery) {
    let mut peers = discovery.peers();
    let mut watched = None;
    loop {
        let now = pod.board.is_created();
        if watched.replace(now) != Some(now) {
            discovery.set_in_hba(names_that_matter(pod, now)).await;
        }
        pod.board.on(Event::Peers(discovery.status()));
        pod.board.findings(FindingSource::Dns, discovery.findings());
        tokio::select! {
            () = pod.board.until(|s| s.cluster.is_created()), if !now => {}
            Ok(()) = peers.changed() => tokio::time::sleep(COALESCE).await,
            () = tokio::time::sleep(REPORT_EVERY) => {}
        }
    }
}

/// One look at every peer, for `gp-agent check` and `render`: what was found, and what is wrong.
pub(crate) async fn look(topology: &Topology, me: &Member, user: &str) -> (PeerMap, Vec<Finding>) {
    let in_hba = in_hba(topology, me, user);
    discovery::look(topology, me, &in_hba, &Resolver::system(), &NssResolver::system()).await
}

/// Returns when every pod that the topology names can be found: a cluster is created only then.
pub(crate) async fn all_found(pod: &Pod) {
    let mut peers = pod.peers.clone();
    let complete = |map: &PeerMap| {
        let found = |member: &Member| map.get(&member.pod).is_some_and(|p| p.found());
        pod.topology.peers(&pod.me).all(found)
    };
    if !complete(&peers.borrow()) {
        let reason = "waiting for the names of all peers";
        pod.board.phase(Phase::Discovering, reason);
        // The sender lives as long as the pod.
        let _ = peers.wait_for(complete).await;
    }
}

/// Whether every peer's name leads to it and back, once names that were just found have been looked at.
pub(crate) async fn all_verified(pod: &Pod) -> bool {
    let mut peers = pod.peers.clone();
    let verified = |map: &PeerMap| {
        let verdict = |m: &Member| map.get(&m.pod).map(|p| &p.verdict);
        let mut members = pod.topology.peers(&pod.me);
        members.all(|m| matches!(verdict(m), Some(NameVerdict::Verified(_))))
    };
    let settled = peers.wait_for(verified);
    matches!(tokio::time::timeout(VERIFIED_WITHIN, settled).await, Ok(Ok(_)))
}
