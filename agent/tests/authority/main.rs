//! The authority of one machine, on real file systems and between real processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod child;
mod file_systems;
#[path = "../support/freeze.rs"]
mod freeze;
#[path = "../init/harness.rs"]
#[allow(dead_code, reason = "the tests of init use all of it")]
mod harness;
mod life;
#[path = "../storage/mounts.rs"]
#[allow(dead_code, reason = "the tests of storage use all of it")]
mod mounts;
#[path = "../support/programs.rs"]
mod programs;
mod race;
#[path = "../support/skipped.rs"]
mod skipped;

use gp_agent::internals::failover::{Authority, AuthorityError, FileAuthority, WriteError};
use gp_agent_core::failover::record::{Holder, Record, Seen, Version};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// As long as a request may take with a lease of ten seconds.
const WITHIN: Duration = Duration::from_millis(1500);

/// No test needs this long; it only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(120);

fn record(serial: u64) -> Record {
    let text = json!({
        "format": 1, "serial": serial, "cluster": "warehouse", "systemId": "7312345678901234567", "timeline": 1,
        "holder": holder("uid-0"), "epoch": 1, "inSync": null, "released": null, "mode": "auto", "switchover": null,
        "leaseSeconds": 10,
    });
    match Record::parse(&text.to_string()) {
        Seen::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

fn holder(uid: &str) -> Holder {
    Holder {
        pod: "coordinator-0".into(),
        uid: uid.into(),
    }
}

fn open(directory: &Path, uid: &str) -> FileAuthority {
    FileAuthority::open(directory, "warehouse", uid, None).unwrap()
}

/// Reads a record that is there.
async fn read(authority: &FileAuthority) -> (Record, Version) {
    match authority.read(PATIENCE).await.unwrap() {
        (Seen::Record(record), version) => (record, version),
        (other, _) => panic!("{other:?}"),
    }
}

fn unusable(error: &AuthorityError, part: &str) {
    let words = error.to_string();
    assert!(
        matches!(error, AuthorityError::Unusable(_)) && words.contains(part),
        "{words}"
    );
}

fn not_written(result: Result<Version, WriteError>) -> AuthorityError {
    match result.unwrap_err() {
        WriteError::Failed(error) => error,
        other => panic!("{other}"),
    }
}
