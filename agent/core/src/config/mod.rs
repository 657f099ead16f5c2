//! The configuration, `cluster.yaml`: the same file in every pod.

mod collections;
mod diagnostic;
mod diff;
mod draft;
mod env;
mod kubernetes;
mod postgres_parameters;
#[cfg(test)]
mod properties;
mod reader;
mod reference;
mod schema;
mod suggest;
#[cfg(test)]
mod tests;
mod value_rules;
mod yaml;

pub use diagnostic::{ConfigFinding, SourceLocation};
pub use diff::{Change, diff};
pub use kubernetes::{KubernetesConfig, UseApi};
pub use reference::{reference, variables_reference};
pub use yaml::MAX_BYTES;

use diagnostic::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use yaml::Position;

/// Which database the pods run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Greenplum 6, 7, Cloudberry and their forks.
    Greenplum,
    /// Plain PostgreSQL: every segment is an independent server with a streaming mirror.
    Postgres,
}

impl EngineKind {
    /// Whether one catalog, made by gpinitsystem and watched by FTS, rules all servers.
    pub fn has_catalog(self) -> bool {
        self == EngineKind::Greenplum
    }
}

impl EngineKind {
    const WORDS: &[(&str, EngineKind)] = &[("greenplum", EngineKind::Greenplum), ("postgres", EngineKind::Postgres)];
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

impl Require {
    const WORDS: &[(&str, Require)] = &[
        ("durable", Require::Durable),
        ("direct-io", Require::DirectIo),
        ("any", Require::Any),
    ];
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
    const WORDS: &[(&str, Auth)] = &[("trust", Auth::Trust), ("scram-sha-256", Auth::ScramSha256)];

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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// What only Greenplum has.
    pub greenplum: GreenplumConfig,
    /// What the agent may do through the Kubernetes API.
    pub kubernetes: KubernetesConfig,
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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Probes, status and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpConfig {
    /// TCP port; default 8008.
    pub port: u16,
}

/// What only Greenplum has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GreenplumConfig {
    /// Where Greenplum is installed (GPHOME); absent: taken from the environment or the usual places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<PathBuf>,
    /// The locale that the cluster is created with; has to exist on every host; default `en_US.utf8`.
    pub locale: String,
    /// How often the creation of the cluster may be begun, 1 to 10; default 3.
    pub attempts: u32,
    /// The database that is made for gpadmin; default `gpadmin`.
    pub database: String,
    /// A directory whose `*.sql` files are run once, in the order of their names; default `/etc/greenplum-sql`.
    pub sql: PathBuf,
}

/// The end of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownConfig {
    /// Seconds between SIGTERM and the container runtime's SIGKILL (terminationGracePeriodSeconds); default 30.
    pub grace_seconds: u32,
}

/// Reads a configuration: the text of the file called `file`, overridden by `env`.
///
/// # Errors
/// Everything that is wrong, in the order of the file; the environment's findings last. Only a
/// text that is no YAML hides what stands in it.
pub fn load(text: &str, file: &str, env: impl Iterator<Item = (String, String)>) -> Result<Config, Vec<ConfigFinding>> {
    let (values, mut findings) = env::read(env);
    let mut documents = match yaml::parse(text) {
        Ok(documents) => documents.into_iter(),
        Err(e) => {
            findings.insert(0, whole_file(file, e.at, e.message, "mend the YAML there"));
            return Err(findings);
        }
    };
    let mut reader = reader::Reader::new(file, documents.next(), values);
    for document in documents {
        let what = "a second YAML document begins here";
        let remedy = "keep one document in the file, without `---` between its keys";
        findings.push(whole_file(file, document.at, what.to_string(), remedy));
    }
    let draft = draft::Draft::read(&mut reader);
    draft.check(&mut reader);
    findings.append(&mut reader.findings);
    findings.sort();
    match draft.finish() {
        Some(config) if findings.is_empty() => Ok(config),
        _ => Err(findings),
    }
}

fn whole_file(file: &str, at: Position, message: String, remedy: &str) -> ConfigFinding {
    let Fault { message, remedy } = Fault::new(message, remedy);
    ConfigFinding {
        place: SourceLocation::file(file, at),
        key: String::new(),
        message,
        remedy,
    }
}
