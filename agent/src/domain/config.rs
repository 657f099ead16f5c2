//! The configuration, `cluster.yaml`: the same file in every pod.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which database the pods run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Greenplum 6, 7, Cloudberry and their forks.
    Greenplum,
    /// Plain PostgreSQL: every segment is an independent server with a streaming mirror.
    Postgres,
}

/// How durable the volume has to be before a database may live on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// A disk: O_DIRECT works and the file system is one that survives a reboot.
    Durable,
    /// O_DIRECT works; whether it reaches a disk is not asked.
    DirectIo,
    /// Anything that can be written to.
    Any,
}

/// How hosts prove who they are to PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// The address is enough (Greenplum's own tools write this).
    Trust,
    /// A password, from a Secret.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
}

impl Auth {
    /// The word that pg_hba.conf uses.
    pub fn method(self) -> &'static str {
        match self {
            Auth::Trust => "trust",
            Auth::ScramSha256 => "scram-sha-256",
        }
    }
}

/// A whole, valid configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The cluster's name; also recorded on every volume.
    pub cluster: String,
    /// Which database.
    pub engine: EngineKind,
    /// The domain of all pods; when absent, taken from this pod's own FQDN.
    pub domain: Option<String>,
    /// Coordinator and standby.
    pub coordinator: CoordinatorConfig,
    /// Primaries and mirrors.
    pub segments: SegmentsConfig,
    /// The volume.
    pub storage: StorageConfig,
    /// Who may connect.
    pub hba: HbaConfig,
    /// postgresql.conf parameters for every postmaster.
    pub parameters: BTreeMap<String, String>,
    /// SSH between the pods.
    pub ssh: SshConfig,
    /// Probes, status and metrics.
    pub http: HttpConfig,
    /// The end of a pod.
    pub shutdown: ShutdownConfig,
}

/// Coordinator pods: `<pods>-0`, and `<pods>-1` as the standby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CoordinatorConfig {
    /// The StatefulSet's name.
    pub pods: String,
    /// Whether there is a standby.
    pub standby: bool,
    /// TCP port; default 5432.
    pub port: u16,
}

/// Segment pods: `<primaries>-<content>` and `<mirrors>-<content>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentsConfig {
    /// How many contents; at least 1.
    pub count: u32,
    /// The primaries' StatefulSet.
    pub primaries: String,
    /// The mirrors' StatefulSet; absent means no mirrors.
    pub mirrors: Option<String>,
    /// The primaries' TCP port; default 40000.
    pub primary_port: u16,
    /// The mirrors' TCP port; default 50000.
    pub mirror_port: u16,
}

/// The volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageConfig {
    /// Where it is mounted; default `/greenplum`.
    pub path: PathBuf,
    /// A second volume for the write-ahead log, when it is not on the first.
    pub wal: Option<PathBuf>,
    /// What the volume has to prove; default durable.
    pub require: Require,
    /// Free space below which the pod refuses to create a database, in MiB; default 512.
    pub min_free_mib: u64,
}

/// Who may connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HbaConfig {
    /// How the pods prove themselves to each other; default trust.
    pub auth: Auth,
    /// pg_hba.conf lines for everybody else.
    pub extra: Vec<String>,
    /// The file with gpadmin's password, for scram-sha-256; default `/etc/greenplum-password/password`.
    pub password_file: PathBuf,
}

/// SSH between the pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SshConfig {
    /// Where the Secret is mounted; default `/etc/ssh-key`.
    pub secret: PathBuf,
    /// sshd's port; absent: 22 where the container may bind it, else 2222.
    pub port: Option<u16>,
}

/// Probes, status and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpConfig {
    /// TCP port; default 8008.
    pub port: u16,
}

/// The end of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownConfig {
    /// Seconds between SIGTERM and the container runtime's SIGKILL (terminationGracePeriodSeconds); default 30.
    pub grace_seconds: u32,
}
