//! Failover of the coordinator as metrics; left out where it does not run.

use super::values::{counter, counters, flag, gauge};
use gp_agent_core::cluster::failover_status::{FailoverKind, FailoverStatus, TakeoverMode};
use prometheus_client::registry::Registry;

pub(super) fn failover(registry: &mut Registry, status: &FailoverStatus, now: u64) {
    gauge(
        registry,
        "failover_holder",
        "1 in the pod that may write as the coordinator",
        flag(status.mine),
    );
    gauge(
        registry,
        "failover_epoch",
        "Grows with every change of the coordinator's pod",
        status.epoch as f64,
    );
    gauge(
        registry,
        "failover_in_sync",
        "1 while a standby may be promoted, as the record says that this pod last saw",
        flag(status.in_sync.is_some()),
    );
    gauge(
        registry,
        "failover_record_trouble",
        "1 while the record of who may write is not read, or not believed",
        flag(status.record.is_some()),
    );
    gauge(
        registry,
        "failover_paused",
        "1 while somebody has paused failover",
        flag(status.paused),
    );
    if !status.mine && status.mode != TakeoverMode::Manual {
        gauge(
            registry,
            "failover_possible",
            "1 while this pod would take over from a lost coordinator by itself; left out in the coordinator's pod, and \
             where failover.mode is manual",
            flag(status.obstacle.is_none() && status.record.is_none()),
        );
    }
    times(registry, status, now);
    let count = |kind: FailoverKind| (vec![("kind", kind.as_str().to_string())], status.counts.of(kind));
    counters(
        registry,
        "failover",
        "Times that this pod became the coordinator's, since the agent started",
        FailoverKind::COUNTED.map(count),
    );
    counter(
        registry,
        "failover_fences",
        "Times that the agent killed this pod's server because it might not write any more, since the agent started",
        status.fences,
    );
}

fn times(registry: &mut Registry, status: &FailoverStatus, now: u64) {
    if let Some(until) = status.writes_until {
        gauge(
            registry,
            "failover_deadline_seconds",
            "Seconds until this pod stops writing unless it renews before; left out without such a deadline",
            until.saturating_sub(now) as f64,
        );
    }
    if let Some(seconds) = status.renewal_seconds {
        gauge(
            registry,
            "failover_renewal_seconds",
            "Seconds that this pod's last write of the failover record took; left out before the first, and without the role",
            seconds,
        );
    }
    if let Some(last) = &status.last {
        gauge(
            registry,
            "failover_last_duration_seconds",
            "Seconds that the last change of the coordinator's pod took; left out before the first",
            last.seconds,
        );
    }
}
