//! A finding: what is wrong, where, and what to do about it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The part of the system a finding is about; also the argument of `gp-agent check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// cluster.yaml and its environment overrides.
    Config,
    /// The volume.
    Storage,
    /// Names and addresses of peers.
    Dns,
    /// pg_hba.conf.
    Hba,
    /// Keys, sshd, known_hosts.
    Ssh,
    /// The database server and its data directory.
    Postgres,
    /// The container's memory and CPUs.
    Limits,
    /// The Kubernetes API, as this pod may use it.
    Kubernetes,
    /// High availability: whether the standby can take over, and mirrors are there.
    Ha,
    /// What only a later version has a word for, in a peer's document.
    #[serde(other)]
    Other,
}

impl Area {
    /// Those that this version finds something about.
    pub const ALL: [Area; 9] = [
        Area::Config,
        Area::Storage,
        Area::Dns,
        Area::Hba,
        Area::Ssh,
        Area::Postgres,
        Area::Limits,
        Area::Kubernetes,
        Area::Ha,
    ];
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::Config => "config",
            Area::Storage => "storage",
            Area::Dns => "dns",
            Area::Hba => "hba",
            Area::Ssh => "ssh",
            Area::Postgres => "postgres",
            Area::Limits => "limits",
            Area::Kubernetes => "kubernetes",
            Area::Ha => "ha",
            Area::Other => "other",
        })
    }
}

/// Who finds: what one source found is replaced as a whole when it has looked again. `/status` lists findings of the same
/// severity in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingSource {
    /// Owner and modes of the data directory.
    Access,
    /// Whoever watches whether write-ahead log is archived.
    Archiving,
    /// Whoever asks the server, about its connections.
    Connections,
    /// What is done once after the creation of the cluster.
    PostCreate,
    /// Whoever reads cluster.yaml.
    Config,
    /// What the creation of the cluster left undone.
    Creation,
    /// Whoever watches a server that ends again and again.
    Crash,
    /// Discovery.
    Dns,
    /// Whoever writes Kubernetes Events.
    Events,
    /// Failover of the coordinator.
    Failover,
    /// The verification of pg_hba.conf.
    HbaVerification,
    /// Whoever writes the marked block of pg_hba.conf.
    HbaBlock,
    /// Whether the server has read pg_hba.conf.
    HbaReload,
    /// Whoever watches for volumes that hang.
    HungVolume,
    /// Whoever finds out which pod this is.
    Identity,
    /// What lies on the volumes that no server uses.
    Leftovers,
    /// Whether a replica is left behind.
    LeftBehind,
    /// The container's limits.
    Limits,
    /// Whoever looks for databases without a directory.
    LostDatabases,
    /// Whoever looks who else sets what the agent sets.
    Overrides,
    /// Whoever watches for processes that the kernel kills for want of memory.
    Memory,
    /// What the pod on the other end of replication says.
    Partner,
    /// The Secret with the password.
    Password,
    /// What gpinitsystem needs on every host.
    Preflight,
    /// Whoever looks for the engine's programs.
    Programs,
    /// Whether a replica replays what it receives.
    Replay,
    /// Whoever keeps the label of the active role.
    RoleLabel,
    /// The running server, asked about its files.
    Server,
    /// The server program, asked about its settings.
    Settings,
    /// Whoever writes the settings files.
    SettingsFiles,
    /// Whoever brings segments back.
    Recovery,
    /// The room on the volumes, while the pod lives.
    Room,
    /// Replication slots that keep write-ahead log.
    Slots,
    /// Keys and sshd.
    Ssh,
    /// Whom a standby follows.
    Standby,
    /// The decision whether the data directory may be started.
    Start,
    /// The volumes.
    Storage,
    /// The server's certificate.
    Tls,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Info,
    /// Works now, but for a reason that can end.
    Warning,
    /// This pod cannot do its work until it is mended.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that an administrator should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What part of the system it is about.
    pub area: Area,
    /// The file, key, host or directory concerned.
    pub subject: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// A finding in a document. Agents of 0.1.0 read no document with an area that they have no word for: one that came later
/// stands beside the nearest that they know.
#[derive(Serialize, Deserialize)]
struct Written {
    severity: Severity,
    area: Area,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subarea: Option<Area>,
    subject: String,
    what: String,
    remedy: String,
}

impl From<Finding> for Written {
    fn from(finding: Finding) -> Written {
        let (area, subarea) = match finding.area {
            Area::Ha => (Area::Postgres, Some(Area::Ha)),
            area => (area, None),
        };
        let Finding {
            severity,
            subject,
            what,
            remedy,
            ..
        } = finding;
        Written {
            severity,
            area,
            subarea,
            subject,
            what,
            remedy,
        }
    }
}

impl From<Written> for Finding {
    fn from(written: Written) -> Finding {
        let area = match written.subarea {
            None | Some(Area::Other) => written.area,
            Some(subarea) => subarea,
        };
        Finding {
            severity: written.severity,
            area,
            subject: written.subject,
            what: written.what,
            remedy: written.remedy,
        }
    }
}

impl Finding {
    /// A finding of the given severity.
    pub(crate) fn new(
        severity: Severity,
        area: Area,
        subject: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Finding {
            severity,
            area,
            subject: subject.into(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// A finding that nobody has to do anything about.
    pub fn info(area: Area, subject: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Info, area, subject, what, remedy)
    }

    /// A finding that keeps this pod from its work.
    pub fn error(area: Area, subject: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Error, area, subject, what, remedy)
    }

    /// A finding that leaves this pod working.
    pub fn warning(area: Area, subject: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, area, subject, what, remedy)
    }
}

/// `error storage /greenplum: the volume is a tmpfs; mount a disk there`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}: {}; {}",
            self.severity, self.area, self.subject, self.what, self.remedy
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_that_came_later_stands_beside_one_that_every_version_knows() {
        let written = serde_json::to_string(&Finding::warning(Area::Ha, "s", "w", "r")).unwrap();
        assert_eq!(
            written,
            r#"{"severity":"warning","area":"postgres","subarea":"ha","subject":"s","what":"w","remedy":"r"}"#
        );
        let area = |text: &str| serde_json::from_str::<Finding>(text).unwrap().area;
        assert_eq!(area(&written), Area::Ha);
        assert_eq!(area(&written.replace(r#""ha""#, r#""weather""#)), Area::Postgres);
        assert_eq!(area(&written.replace(r#""subarea":"ha","#, "")), Area::Postgres);
    }
}
