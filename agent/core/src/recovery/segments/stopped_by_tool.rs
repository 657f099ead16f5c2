//! Servers that a run of the agent's own tool has stopped, and that it never came to start again: to their own agents an
//! administrator has stopped them.

use super::attempts::Attempts;
use crate::cluster::catalog::CatalogRole;
use crate::recovery::facts::evidence::Pair;
use crate::recovery::facts::server::Server;
use crate::recovery::roles::attempts::RebalanceAttempts;

/// gprecoverseg stops its targets before it does anything else, and with `-r` the acting primaries (gppylib/operations,
/// buildMirrorSegments.py and rebalanceSegments.py).
const STOPS_WITHIN_SECONDS: u64 = 300;
/// So far the clocks of two pods may differ. No run begins on what was stopped before, unless somebody asks for it.
const CLOCKS_DIFFER_SECONDS: u64 = 60;

/// What was tried, and since when the catalog has lost the server.
pub(super) struct Tried<'a> {
    pub attempts: &'a Attempts,
    pub rebalances: &'a RebalanceAttempts,
    pub down_since: u64,
    pub now: u64,
}

pub(super) fn is(pair: &Pair, server: &Server, tried: &Tried<'_>) -> bool {
    let by_run = |begun: u64, stop: u64| {
        let stops = begun.saturating_sub(CLOCKS_DIFFER_SECONDS)..=begun + STOPS_WITHIN_SECONDS;
        stops.contains(&stop)
    };
    let mut in_vain = tried.attempts.in_vain(pair.row.content, tried.now).iter();
    if in_vain.any(|attempt| by_run(attempt.at, server.since)) {
        return true;
    }
    // Only what acted as primary and was made as the mirror is stopped to put roles back. An agent that starts anew counts
    // from then: the catalog has lost the server when it was stopped.
    let of_roles = pair.row.preferred_role == CatalogRole::Mirror;
    let stops = [server.since, tried.down_since];
    let mut begun = tried.rebalances.begun();
    of_roles && begun.any(|begun| stops.iter().any(|stop| by_run(begun, *stop)))
}
