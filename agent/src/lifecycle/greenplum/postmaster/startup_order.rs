//! Lets the primaries start before the coordinator's server; see [`gp_agent_core::greenplum::startup_order`].

use crate::lifecycle::peers::client;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer, CatalogRole};
use gp_agent_core::cluster::pairing::Pairing;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::greenplum::startup_order::awaited;
use gp_agent_core::process::poll_interval::PollInterval;
use gp_agent_core::process::timeouts;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The pods of a cluster that is made anew come one after another, with their volumes. A primary that is lost for good
/// delays the coordinator's return by this long.
const PRIMARIES_START_WITHIN: Duration = timeouts::PRIMARIES_START;
const LOOK_AGAIN: PollInterval = PollInterval::new(Duration::from_millis(50), Duration::from_secs(1));
const PACE: FanOutLimits = FanOutLimits {
    peer: timeouts::STARTING_PEER_ANSWERS,
    all: timeouts::STARTING_PEERS_ANSWER,
    in_flight: 256,
};

/// Before the active coordinator's server starts: waits for the primaries of the catalog's snapshot.
pub(super) async fn primaries_first(pod: &Pod) {
    let Some(catalog) = snapshot(pod) else { return };
    let primaries = primaries(pod, &catalog);
    let mut pauses = LOOK_AGAIN;
    let begin = Instant::now();
    loop {
        let entries = client::ask_each(pod, primaries.iter().copied(), PACE).await;
        let missing: Vec<_> = entries.iter().filter(|e| awaited(e)).collect();
        let Some(first) = missing.first().filter(|_| begin.elapsed() < PRIMARIES_START_WITHIN) else {
            return;
        };
        let reason = format!(
            "letting {} of {} primaries start first; {} does not serve yet",
            missing.len(),
            entries.len(),
            first.pod
        );
        pod.board.phase(Phase::Starting, reason);
        sleep(pauses.pause()).await;
    }
}

fn snapshot(pod: &Pod) -> Option<Catalog> {
    match &*pod.catalog.borrow() {
        CatalogAnswer::Known(catalog) if pod.me.content.is_coordinator() => Some(catalog.clone()),
        _ => None,
    }
}

fn primaries<'a>(pod: &'a Pod, catalog: &'a Catalog) -> Vec<&'a Member> {
    let pairing = Pairing::new(&pod.topology, &catalog.segments);
    let rows = catalog.segments.iter();
    let rows = rows.filter(|s| s.content.is_segment() && s.role == CatalogRole::Primary);
    rows.filter_map(|row| pairing.member_of(row)).collect()
}
