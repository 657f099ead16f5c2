//! The container's limits, and the parameters that follow from them.
//!
//! Without a limit nothing follows: a database that shares a host is its administrator's to size. What the configuration
//! sets is left alone, and nothing derived here may differ between a server and its replica in a way that keeps the replica
//! from starting or replaying ([`NEVER_DERIVED`]): the two pods may have different limits.

mod cgroup;
pub mod greenplum;
pub mod oom;
pub mod places;
pub mod postgres;
#[cfg(test)]
mod tests;

pub use cgroup::{Hierarchy, Version, hierarchies, parse_bytes, parse_cpu_max, parse_quota};

use crate::finding::{Area, Finding};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bytes of a MiB.
pub const MIB: u64 = 1 << 20;

/// Parameters that a hot standby needs at least as large as its primary, or it refuses to start (before PostgreSQL 14) or
/// pauses its replay (hot-standby.sgml, "Administrator's Overview"; xlog.c, CheckRequiredParameterValues), with the reason
/// that `check` gives.
pub const NEVER_DERIVED: [&str; 5] = [
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
];

/// A cgroup's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How much.
    pub value: u64,
    /// The file that says so.
    pub file: PathBuf,
}

/// How much of something there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// On the host.
    pub host: u64,
    /// For this container, when that is less.
    pub limit: Option<Limit>,
}

impl Resource {
    /// The least of `limits`, when it is less than the `host` has (cgroup v1 writes "unlimited" as a huge number).
    pub fn new(host: u64, limits: impl IntoIterator<Item = Limit>) -> Resource {
        let least = limits.into_iter().min_by_key(|limit| limit.value);
        Resource {
            host,
            limit: least.filter(|limit| limit.value < host),
        }
    }
}

/// What this container may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub memory: Resource,
    /// Thousandths of a CPU.
    pub cpus: Resource,
}

/// A parameter that follows from the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// Its name.
    pub name: &'static str,
    /// Its value, as in postgresql.conf, without quotes.
    pub value: String,
    /// Where the value comes from; one line.
    pub why: String,
}

/// The memory limit as a finding when it is below `least` bytes, with which `name` will not do its work.
pub fn judge(limits: &Limits, name: &str, least: u64) -> Option<Finding> {
    let limit = limits.memory.limit.as_ref()?;
    (limit.value < least).then(|| {
        Finding::warning(
            Area::Limits,
            limit.file.display().to_string(),
            format!(
                "the memory limit is {} MiB; below {} MiB {name} is soon killed for memory",
                limit.value / MIB,
                least / MIB
            ),
            "raise resources.limits.memory of the container, or set fewer connections and less memory in `parameters`",
        )
    })
}

/// The value that the configuration gives a parameter; upper and lower case are the same in their names.
fn given<'a>(configured: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let found = configured.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Leaves out what the configuration sets.
fn unless_given(derived: impl Iterator<Item = Derived>, configured: &BTreeMap<String, String>) -> Vec<Derived> {
    derived
        .filter(|derived| given(configured, derived.name).is_none())
        .collect()
}

/// `the memory limit of 2048 MiB (/sys/fs/cgroup/memory.max)`
fn memory_limit(limit: &Limit) -> String {
    format!(
        "the memory limit of {} MiB ({})",
        limit.value / MIB,
        limit.file.display()
    )
}

/// `the CPU limit of 1.5 (/sys/fs/cgroup/cpu.max)`
fn cpu_limit(limit: &Limit) -> String {
    format!(
        "the CPU limit of {} ({})",
        limit.value as f64 / 1000.0,
        limit.file.display()
    )
}

/// Whole MiB, as postgresql.conf takes them.
fn megabytes(bytes: u64) -> String {
    format!("{}MB", bytes / MIB)
}
