//! Reading what pg_controldata prints.

use super::standby::{Required, required_by};
use crate::failover::lsn::Lsn;

/// Bytes that a checkpoint takes in the write-ahead log: header, data header and CheckPoint (xlogrecord.h, pg_control.h), rounded
/// up to eight.
const CHECKPOINT_RECORD: u64 = 120;
/// Bytes of a page of write-ahead log where pg_controldata does not say (Greenplum has pages of 32 KiB), and of its header
/// (xlog_internal.h).
const PAGE: u64 = 8192;
const PAGE_HEADER: u64 = 24;

/// The lines of pg_controldata that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlData {
    /// "Database system identifier".
    pub system_id: Option<String>,
    /// "Database cluster state", such as `in production` or `shut down`.
    pub state: Option<String>,
    /// "Latest checkpoint's TimeLineID".
    pub timeline: Option<u32>,
    /// "Latest checkpoint location", such as `0/3000028`.
    pub checkpoint: Option<String>,
    /// "WAL block size", in bytes.
    pub wal_page: Option<u64>,
    /// What a server needs that replays into the directory.
    pub required: Vec<Required>,
}

impl ControlData {
    /// Reads the output of pg_controldata run with `LC_ALL=C`.
    pub fn parse(output: &str) -> ControlData {
        let value = |key: &str| {
            output.lines().find_map(|line| {
                let (k, v) = line.split_once(':')?;
                (k.trim() == key).then(|| v.trim().to_string())
            })
        };
        ControlData {
            system_id: value("Database system identifier"),
            state: value("Database cluster state"),
            timeline: value("Latest checkpoint's TimeLineID").and_then(|t| t.parse().ok()),
            checkpoint: value("Latest checkpoint location"),
            wal_page: value("WAL block size")
                .and_then(|bytes| bytes.parse().ok())
                .filter(|bytes| *bytes > 0),
            required: required_by(output),
        }
    }

    /// Where the write-ahead log ends of a server that stopped in order: behind its last checkpoint. Rather too small than too
    /// large, where a later version's record is longer.
    pub fn ends_at(&self) -> Option<Lsn> {
        let start: Lsn = self.checkpoint.as_deref()?.parse().ok()?;
        let end = start.0.checked_add(CHECKPOINT_RECORD)?;
        let page = self.wal_page.unwrap_or(PAGE);
        let crosses = start.0 / page != (end - 1) / page;
        end.checked_add(if crosses { PAGE_HEADER } else { 0 }).map(Lsn)
    }

    /// Whether the last postmaster on the directory ended cleanly (pg_control.h: DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY).
    pub fn shut_down_cleanly(&self) -> bool {
        matches!(self.state.as_deref(), Some("shut down" | "shut down in recovery"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_ends_behind_its_last_checkpoint_which_may_go_over_the_end_of_a_page() {
        let ends = |start: &str| {
            let data = ControlData {
                checkpoint: Some(start.into()),
                ..ControlData::default()
            };
            data.ends_at().map(|lsn| lsn.to_string())
        };
        assert_eq!(ends("0/3000028").as_deref(), Some("0/30000A0"));
        assert_eq!(ends("0/3001F88").as_deref(), Some("0/3002000"));
        assert_eq!(ends("0/3001FA0").as_deref(), Some("0/3002030"));
        assert_eq!(ends("x"), None);
        let greenplum = ControlData {
            checkpoint: Some("0/3001FA0".into()),
            wal_page: Some(32768),
            ..ControlData::default()
        };
        assert_eq!(greenplum.ends_at(), "0/3002018".parse().ok(), "its pages are longer");
        assert_eq!(ControlData::default().ends_at(), None);
        for damaged in ["FFFFFFFF/FFFFFF88", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(ends(damaged), None, "no log is so long");
        }
    }

    #[test]
    fn reads_the_lines() {
        let text = "pg_control version number:            1300\nDatabase system identifier:           7410000000000000001\nDatabase cluster state:               shut down in recovery\nLatest checkpoint location:           0/3000028\nLatest checkpoint's TimeLineID:       3\nLatest checkpoint's PrevTimeLineID:   2\nWAL block size:                       8192\n";
        assert_eq!(ControlData::parse(text).wal_page, Some(8192));
        let data = ControlData::parse(text);
        assert_eq!(data.system_id.as_deref(), Some("7410000000000000001"));
        assert_eq!(data.timeline, Some(3));
        assert_eq!(data.checkpoint.as_deref(), Some("0/3000028"));
        assert!(data.shut_down_cleanly());
        assert!(!ControlData::parse("Database cluster state: in production").shut_down_cleanly());
        assert_eq!(ControlData::parse("garbage"), ControlData::default());
    }
}
