//! Segments that are added, as metrics; in the pod of the active coordinator of Greenplum alone.

use super::recovery::results;
use super::values::{counter, flag, gauge};
use gp_agent_core::cluster::expansion_status::ExpansionStatus;
use prometheus_client::registry::Registry;

pub(super) fn expansion(registry: &mut Registry, status: &ExpansionStatus) {
    gauge(
        registry,
        "segments_unlisted",
        "Pods of segments whose content is not in the catalog yet",
        status.new.len() as f64,
    );
    gauge(
        registry,
        "expansion_active",
        "1 while gpexpand adds segments, spreads tables over them, or undoes what was broken off",
        flag(status.activity.is_some()),
    );
    gauge(
        registry,
        "expansion_stuck",
        "1 while an expansion waits for a person",
        flag(status.remedy.is_some()),
    );
    let progress = status.progress.clone().unwrap_or_default();
    gauge(
        registry,
        "expansion_tables",
        "Tables that the expansion under way has spread over all segments",
        progress.tables as f64,
    );
    gauge(
        registry,
        "expansion_tables_left",
        "Tables that the expansion under way has still to spread over all segments",
        progress.tables_left as f64,
    );
    gauge(
        registry,
        "expansion_left_bytes",
        "Bytes of the tables that the expansion under way has still to spread over all segments",
        progress.bytes_left as f64,
    );
    let counts = &status.counts;
    results(
        registry,
        "expansion_attempts",
        "Calls of gpexpand that have ended, since the agent started",
        [("succeeded", counts.succeeded), ("failed", counts.failed)],
    );
    counter(
        registry,
        "expansion_seconds",
        "Seconds that the calls of gpexpand took, since the agent started",
        counts.seconds,
    );
}
