//! A mirror or standby of Greenplum refuses SQL while it is healthy (hot_standby = off). What it does shows in the titles
//! of its processes.

use crate::domain::observation::Observation;
use crate::domain::status::ReplicationStatus;
use crate::sys::process;

/// What the children of this postmaster, a replica's, do.
pub fn observe_replica(postmaster: i32) -> Observation {
    let titles = process::processes()
        .unwrap_or_default()
        .into_iter()
        .filter(|p| p.ppid == postmaster)
        .map(|p| p.args.join(" "));
    from_titles(titles)
}

/// `walreceiver` since PostgreSQL 10, `wal receiver process` before (walreceiver.c, postmaster.c); `streaming X/Y` follows
/// once write-ahead log arrives.
fn from_titles(titles: impl Iterator<Item = String>) -> Observation {
    let receiver = |title: &String| title.contains("walreceiver") || title.contains("wal receiver");
    let receiving = titles.filter(receiver).any(|t| t.contains("streaming "));
    let link = ReplicationStatus {
        state: "streaming".into(),
        ..ReplicationStatus::default()
    };
    Observation {
        in_recovery: true,
        timeline: None,
        replication: receiving.then_some(link).into_iter().collect(),
        receiving,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiving(titles: &[&str]) -> bool {
        from_titles(titles.iter().map(|t| t.to_string())).receiving
    }

    #[test]
    fn a_wal_receiver_that_streams_is_seen() {
        let startup = "postgres:  7000, startup   recovering 000000010000000000000003";
        assert!(receiving(&[
            startup,
            "postgres:  7000, walreceiver   streaming 0/C000158"
        ]));
        assert!(receiving(&[
            "postgres: 7000, wal receiver process   streaming 0/C000158"
        ]));
        assert!(!receiving(&[startup, "postgres:  7000, walreceiver"]));
        assert!(!receiving(&["postgres:  7000, checkpointer"]));
    }
}
