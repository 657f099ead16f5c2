//! What an agent knows of its own pod: the document that `/status` serves.

use super::content::ContentId;
use super::directory::DirectoryKind;
pub use super::directory::DirectoryWord;
use super::failover_status::FailoverStatus;
pub use super::last_answer::LastAnswer;
pub use super::phase::Phase;
use super::recovery_status::RecoveryStatus;
pub use super::replication::ReplicationStatus;
use super::seen_coordinators::SeenCoordinators;
use super::topology::Role;
use crate::finding::Finding;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What the data directory on the volume says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryStatus {
    /// What it is.
    pub kind: DirectoryWord,
    /// PG_VERSION, such as `15`.
    pub version: Option<String>,
    /// "Database system identifier" of pg_controldata; where the directory is gone, of the one that the volume remembers.
    pub system_id: Option<String>,
    /// "Latest checkpoint's TimeLineID" of pg_controldata; where the directory is not whole, at least the one that the volume
    /// remembers.
    pub timeline: Option<u32>,
    /// "Database cluster state" of pg_controldata.
    pub state: Option<String>,
    /// What the volume holds of a database, or remembers of one, where the directory is not whole. 0.1.0 does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remains: Option<String>,
}

impl DirectoryStatus {
    /// Its kind; `None` while its pod has not looked, and for a word of another version.
    pub fn kind(&self) -> Option<DirectoryKind> {
        match self.kind {
            DirectoryWord::Known(kind) => Some(kind),
            DirectoryWord::NotLooked | DirectoryWord::Other(_) => None,
        }
    }
}

/// The postmaster, as the agent's own process table and connection show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostmasterStatus {
    /// Its PID while it runs.
    pub pid: Option<i32>,
    /// Whether it was started by somebody else, or by an earlier agent.
    pub adopted: bool,
    /// Whether it is in a smart shutdown: it ends when its sessions have ended.
    #[serde(default)]
    pub stopping: bool,
    /// Starts after the first one, since this agent started.
    pub restarts: u64,
    /// How the last one ended, in words.
    pub last_end: Option<String>,
    /// What it last answered.
    pub answer: LastAnswer,
    /// Whether that answer was a server's that works and had no connection for the agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_out: bool,
    /// Unix seconds of that answer.
    pub answered_at: u64,
    /// Seconds the last question took.
    pub answer_seconds: f64,
    /// Up to where a replica that refuses SQL has replayed, by its own words (Greenplum), in bytes from the beginning of the
    /// write-ahead log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<u64>,
}

/// A tablespace of the running server that has a directory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tablespace {
    /// Its name in the database.
    pub name: String,
    /// Its directory: the same path in every pod of the content.
    pub location: String,
}

/// What the volume proved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageStatus {
    /// Mount path.
    pub path: String,
    /// `data` or `wal`.
    pub purpose: String,
    /// File system kind, such as `ext4`.
    pub file_system: String,
    /// Whether a block written with O_DIRECT was read back.
    pub direct_io: bool,
    /// Whether it passes as durable.
    pub durable: bool,
    /// Median latency of write + fdatasync, seconds.
    pub fsync_p50_seconds: f64,
    /// 99th percentile of it, seconds.
    pub fsync_p99_seconds: f64,
    /// Free bytes for this user.
    pub free_bytes: u64,
    /// All of it, bytes.
    #[serde(default)]
    pub total_bytes: u64,
    /// Files that can still be created, where the file system counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_inodes: Option<u64>,
    /// Whether it is mounted read-only by now.
    #[serde(default)]
    pub read_only: bool,
}

/// A volume whose file system does not answer: what touches it waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HungVolume {
    /// Mount path.
    pub path: String,
    /// Unix seconds of the first question that has no answer.
    pub since: u64,
}

/// SSH as this pod offers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SshStatus {
    /// Ports sshd listens on; empty while it does not run.
    pub ports: Vec<u16>,
    /// SHA256 fingerprint of the user key in use.
    pub key: String,
    /// sshd's PID.
    pub pid: Option<i32>,
}

/// The certificate that the server shows to its clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsStatus {
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// Unix seconds of its end.
    pub not_after: u64,
}

/// Which peers have been found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeersStatus {
    /// Peers whose names resolve.
    pub found: usize,
    /// Peers that the topology names.
    pub total: usize,
    /// `segment-b-1: NXDOMAIN since 12 s`, ...
    pub waiting: Vec<String>,
}

/// Everything one agent says of its pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct PodStatus {
    /// Short host name.
    pub pod: String,
    /// Name below the headless service.
    pub fqdn: String,
    /// The cluster's name.
    pub cluster: String,
    /// The role the pod was made for; `None` until the configuration has been read.
    pub preferred_role: Option<Role>,
    /// The role it does at this moment, or none.
    pub active_role: Option<Role>,
    /// Greenplum's content id.
    pub content: ContentId,
    /// The postmaster's port.
    pub port: u16,
    /// Where in its life the pod is.
    pub phase: Phase,
    /// On the wire alone: the phase is [`Phase::Rejoining`], for which 0.1.0 has no word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[doc(hidden)]
    pub rejoining: bool,
    /// Unix seconds of the last change of phase.
    pub phase_since: u64,
    /// One line: why this phase, what is waited for.
    pub reason: String,
    /// Why `gp-agent hold` was called, while it holds.
    pub held: Option<String>,
    /// The data directory.
    pub directory: DirectoryStatus,
    /// The postmaster.
    pub postmaster: PostmasterStatus,
    /// Replication, both directions.
    pub replication: Vec<ReplicationStatus>,
    /// Why a replica does not replay what it receives; left out while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_paused: Option<String>,
    /// Tablespaces with directories of their own, which a copy of this server needs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tablespaces: Vec<Tablespace>,
    /// The newest timeline of a coordinator that this pod has seen; 0 before the cluster was created, and without a catalog.
    #[serde(default)]
    pub seen_coordinator: u32,
    /// The same by the system identifier of the coordinator's database. Agents of 0.1.0 know the number alone.
    #[serde(default, skip_serializing_if = "SeenCoordinators::is_empty")]
    pub seen_coordinators: SeenCoordinators,
    /// Parameters that wait for a restart of the postmaster.
    pub pending_restart: Vec<String>,
    /// Peers.
    pub peers: PeersStatus,
    /// Volumes.
    pub storage: Vec<StorageStatus>,
    /// Volumes that do not answer at this moment.
    #[serde(default)]
    pub hung_volumes: Vec<HungVolume>,
    /// Processes of this container that the kernel killed for want of memory, since the container started.
    #[serde(default)]
    pub oom_kills: u64,
    /// SSH.
    pub ssh: SshStatus,
    /// The certificate in use; none without TLS, and from agents of 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsStatus>,
    /// Failover; none before the agent knows its place, in pods of segments, without a standby, and from agents of 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverStatus>,
    /// Segments that are down, in the acting coordinator's pod of Greenplum; none elsewhere, and from agents of 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryStatus>,
    /// A tool of Greenplum that is at work in this pod: on its data directory, or on the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Pages whose checksum was wrong, by database, as this pod's primary has counted them at most; left out where it counts none, or
    /// has not been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged_pages: Option<BTreeMap<String, u64>>,
    /// What an administrator should know.
    pub findings: Vec<Finding>,
    /// Seconds that the configuration gives this pod to end; 0 until it has been read.
    pub grace_seconds: u32,
    /// Version of gp-agent.
    pub version: String,
    /// Times that init had to start the agent again.
    pub agent_restarts: u64,
    /// Unix seconds at which this agent started.
    pub agent_started: u64,
    /// Unix seconds at which the agent's loop last turned.
    pub loop_turned_at: u64,
}

impl Serialize for PodStatus {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        if self.phase != Phase::Rejoining {
            return PodStatus::serialize(self, into);
        }
        let told = PodStatus {
            phase: self.phase.on_the_wire(),
            rejoining: true,
            ..self.clone()
        };
        PodStatus::serialize(&told, into)
    }
}

impl<'de> Deserialize<'de> for PodStatus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut status = PodStatus::deserialize(from)?;
        if std::mem::take(&mut status.rejoining) && status.phase == Phase::Rejoining.on_the_wire() {
            status.phase = Phase::Rejoining;
        }
        Ok(status)
    }
}

impl PodStatus {
    /// The coordinators that it has heard of; of an agent that tells a number alone, one without a name.
    pub fn heard_of(&self) -> SeenCoordinators {
        SeenCoordinators::one(None, self.seen_coordinator).and(&self.seen_coordinators)
    }

    /// The status of a pod of which only its host name is known.
    pub fn unknown(pod: &str) -> PodStatus {
        PodStatus {
            pod: pod.to_string(),
            fqdn: String::new(),
            cluster: String::new(),
            preferred_role: None,
            active_role: None,
            content: ContentId::COORDINATOR,
            port: 0,
            phase: Phase::Preparing,
            rejoining: false,
            phase_since: 0,
            reason: "the agent starts".to_string(),
            held: None,
            directory: DirectoryStatus::default(),
            postmaster: PostmasterStatus::default(),
            replication: Vec::new(),
            replay_paused: None,
            tablespaces: Vec::new(),
            seen_coordinator: 0,
            seen_coordinators: SeenCoordinators::default(),
            pending_restart: Vec::new(),
            peers: PeersStatus::default(),
            storage: Vec::new(),
            hung_volumes: Vec::new(),
            oom_kills: 0,
            ssh: SshStatus::default(),
            tls: None,
            failover: None,
            recovery: None,
            tool: None,
            damaged_pages: None,
            findings: Vec::new(),
            grace_seconds: 0,
            version: env!("CARGO_PKG_VERSION").to_string(),
            agent_restarts: 0,
            agent_started: 0,
            loop_turned_at: 0,
        }
    }
}
