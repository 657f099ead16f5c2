//! The documents as version 0.1.0 reads them, word for word. Never changed: it is what runs out there.
#![allow(missing_docs, reason = "a frozen copy; the meaning stands at today's types")]

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Preparing,
    Discovering,
    Bootstrapping,
    Starting,
    Running,
    Refused,
    Stopped,
    Held,
    Crashed,
    CrashLoop,
    Hung,
    Draining,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Coordinator,
    Standby,
    Primary,
    Mirror,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Area {
    Config,
    Storage,
    Dns,
    Hba,
    Ssh,
    Postgres,
    Limits,
    Kubernetes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Info,
    Warning,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) area: Area,
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectoryStatus {
    pub(crate) kind: String,
    pub(crate) version: Option<String>,
    pub(crate) system_id: Option<String>,
    pub(crate) timeline: Option<u32>,
    pub(crate) state: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PostmasterStatus {
    pub(crate) pid: Option<i32>,
    pub(crate) adopted: bool,
    #[serde(default)]
    pub(crate) stopping: bool,
    pub(crate) restarts: u64,
    pub(crate) last_end: Option<String>,
    pub(crate) answer: String,
    pub(crate) answered_at: u64,
    pub(crate) answer_seconds: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicationStatus {
    pub(crate) peer: String,
    pub(crate) state: String,
    pub(crate) sync_state: String,
    pub(crate) lag_bytes: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StorageStatus {
    pub(crate) path: String,
    pub(crate) purpose: String,
    pub(crate) file_system: String,
    pub(crate) direct_io: bool,
    pub(crate) durable: bool,
    pub(crate) fsync_p50_seconds: f64,
    pub(crate) fsync_p99_seconds: f64,
    pub(crate) free_bytes: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SshStatus {
    pub(crate) ports: Vec<u16>,
    pub(crate) key: String,
    pub(crate) pid: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeersStatus {
    pub(crate) found: usize,
    pub(crate) total: usize,
    pub(crate) waiting: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodStatus {
    pub(crate) pod: String,
    pub(crate) fqdn: String,
    pub(crate) cluster: String,
    pub(crate) preferred_role: Option<Role>,
    pub(crate) active_role: Option<Role>,
    pub(crate) content: i32,
    pub(crate) port: u16,
    pub(crate) phase: Phase,
    pub(crate) phase_since: u64,
    pub(crate) reason: String,
    pub(crate) held: Option<String>,
    pub(crate) directory: DirectoryStatus,
    pub(crate) postmaster: PostmasterStatus,
    pub(crate) replication: Vec<ReplicationStatus>,
    #[serde(default)]
    pub(crate) seen_coordinator: u32,
    pub(crate) pending_restart: Vec<String>,
    pub(crate) peers: PeersStatus,
    pub(crate) storage: Vec<StorageStatus>,
    pub(crate) ssh: SshStatus,
    pub(crate) findings: Vec<Finding>,
    pub(crate) grace_seconds: u32,
    pub(crate) version: String,
    pub(crate) agent_restarts: u64,
    pub(crate) agent_started: u64,
    pub(crate) loop_turned_at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) ok: bool,
    pub(crate) why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) status: PodStatus,
    pub(crate) now: u64,
    pub(crate) startup: Verdict,
    pub(crate) ready: Verdict,
    pub(crate) live: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CatalogRole {
    #[serde(rename = "p")]
    Primary,
    #[serde(rename = "m")]
    Mirror,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Segment {
    pub(crate) dbid: i32,
    pub(crate) content: i32,
    pub(crate) role: CatalogRole,
    pub(crate) preferred_role: CatalogRole,
    pub(crate) in_sync: bool,
    pub(crate) up: bool,
    pub(crate) port: u16,
    pub(crate) hostname: String,
    pub(crate) address: String,
    pub(crate) datadir: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    #[serde(flatten)]
    pub(crate) row: Segment,
    pub(crate) live: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) pod: String,
    pub(crate) role: Option<Role>,
    pub(crate) content: i32,
    pub(crate) status: Option<Report>,
    pub(crate) error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) catalog: Option<Listing>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) contradictions: Vec<Finding>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Catalog {
    pub(crate) segments: Vec<Segment>,
    pub(crate) coordinator: String,
    pub(crate) timeline: u32,
    pub(crate) read_at: u64,
    pub(crate) live: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub(crate) enum CatalogAnswer {
    Unknown { why: String },
    NotCreated { what: String },
    Known(Catalog),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) cluster: String,
    pub(crate) fqdn: String,
    #[serde(flatten)]
    pub(crate) answer: CatalogAnswer,
}
