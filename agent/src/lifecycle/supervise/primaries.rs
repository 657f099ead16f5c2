//! A coordinator that starts before its primaries fails to recover distributed transactions, and tries again only after
//! seconds (cdbtm.c). So its server starts when theirs answer, or when they have had a moment.

use super::Supervisor;
use crate::domain::catalog::{Catalog, CatalogAnswer, CatalogRole};
use crate::domain::cluster::Entry;
use crate::domain::status::Phase;
use crate::domain::topology::{Member, Role};
use crate::lifecycle::cluster;
use crate::lifecycle::pod::Pod;
use crate::sys::gather::Pace;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Longer than a primary takes that was stopped in order. With one that recovers for longer the coordinator waits by itself.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PACE: Pace = Pace {
    peer: Duration::from_millis(500),
    all: Duration::from_secs(1),
    in_flight: 256,
};

impl Supervisor<'_> {
    /// Before the active coordinator's server starts: waits for the primaries of the catalog's snapshot.
    pub(super) async fn primaries_first(&self) {
        let pod = self.pod;
        let Some(catalog) = snapshot(pod) else { return };
        let primaries: Vec<&Member> = primaries(pod, &catalog).collect();
        let begin = Instant::now();
        loop {
            let entries = cluster::ask(pod, primaries.iter().copied(), PACE).await;
            let missing = entries.iter().filter(|e| !serves(e)).count();
            if missing == 0 || begin.elapsed() >= PATIENCE {
                return;
            }
            let reason = format!(
                "letting {missing} of {} primaries start first",
                entries.len()
            );
            pod.board.phase(Phase::Starting, reason);
            sleep(LOOK_EVERY).await;
        }
    }
}

fn snapshot(pod: &Pod) -> Option<Catalog> {
    match &*pod.catalog.borrow() {
        CatalogAnswer::Known(catalog) if pod.me.content == -1 => Some(catalog.clone()),
        _ => None,
    }
}

fn primaries<'a>(pod: &'a Pod, catalog: &'a Catalog) -> impl Iterator<Item = &'a Member> {
    let rows = catalog.segments.iter();
    let rows = rows.filter(|s| s.content >= 0 && s.role == CatalogRole::Primary);
    rows.filter_map(|row| pod.topology.members.iter().find(|m| row.is(m)))
}

fn serves(entry: &Entry) -> bool {
    let status = entry.status.as_ref().map(|r| &r.status);
    status.is_some_and(|s| s.active_role == Some(Role::Primary))
}
