//! Recovery of segments as metrics; in the pod of the active coordinator of Greenplum alone.

use super::values::{counter, counters, flag, gauge};
use gp_agent_core::cluster::recovery_status::RecoveryStatus;
use gp_agent_core::cluster::roles_status::RolesStatus;
use prometheus_client::registry::Registry;

pub(super) fn recovery(registry: &mut Registry, status: &RecoveryStatus) {
    gauge(
        registry,
        "segments_down",
        "Segments that the catalog lists as down",
        status.down.iter().filter(|down| !down.unlisted).count() as f64,
    );
    gauge(
        registry,
        "mirrors_unlisted",
        "Mirrors that have a pod and are not in the catalog yet",
        status.down.iter().filter(|down| down.unlisted).count() as f64,
    );
    gauge(
        registry,
        "segments_stuck",
        "Segments that are down, or mirrors not there yet, that wait for a person",
        status.down.iter().filter(|down| down.remedy.is_some()).count() as f64,
    );
    gauge(
        registry,
        "recovery_active",
        "1 while segments are being brought back, or mirrors made",
        flag(status.activity.is_some()),
    );
    let counts = &status.counts;
    results(
        registry,
        "recovery_attempts",
        "Attempts to bring a segment back, or to make a mirror, that have ended, since the agent started",
        [("recovered", counts.recovered), ("failed", counts.failed)],
    );
    counter(
        registry,
        "recovery_seconds",
        "Seconds that these attempts took, since the agent started",
        counts.seconds,
    );
}

/// Primaries and mirrors that have changed places.
pub(super) fn roles(registry: &mut Registry, status: &RolesStatus) {
    gauge(
        registry,
        "contents_out_of_place",
        "Contents that are served by the server made as their mirror",
        status.swapped.len() as f64,
    );
    gauge(
        registry,
        "rebalance_active",
        "1 while primaries and mirrors change their roles back",
        flag(status.activity.is_some()),
    );
    let counts = &status.counts;
    results(
        registry,
        "rebalance_attempts",
        "Attempts to change roles back that have ended, since the agent started",
        [("rebalanced", counts.rebalanced), ("failed", counts.failed)],
    );
    counter(
        registry,
        "rebalance_seconds",
        "Seconds that the attempts to change roles back took, since the agent started",
        counts.seconds,
    );
}

pub(super) fn results(registry: &mut Registry, name: &str, help: &str, counts: [(&str, u64); 2]) {
    let of = |(result, count): (&str, u64)| (vec![("result", result.to_string())], count);
    counters(registry, name, help, counts.map(of));
}
