//! What in the status is worth an Event.

use super::failover::FailoverWatcher;
use super::notice::{Kind, Notice};
use super::recovery::RecoveryWatcher;
use crate::cluster::status::{Phase, PodStatus};
use crate::cluster::topology::Role;
use crate::finding::{Area, Finding, Severity};
use std::collections::BTreeMap;

/// A finding is told once it has lasted so long: while a cluster comes up, many last for a moment.
const LASTS_SECONDS: u64 = 10;

/// Sees what is new from one status to the next.
#[derive(Clone, Debug, Default)]
pub struct Watcher {
    phase: Option<Phase>,
    role: Option<Role>,
    /// What matters now, since when, and whether it has been told.
    found: BTreeMap<Finding, (u64, bool)>,
    /// A data directory has been in the making, and no server has run since.
    made: bool,
    failover: FailoverWatcher,
    recovery: RecoveryWatcher,
}

impl Watcher {
    /// What is to be told of `status`, after the one that was seen before. `now` is in Unix seconds.
    pub fn look(&mut self, status: &PodStatus, now: u64) -> Vec<Notice> {
        let mut notices = self.new_findings(status, now);
        notices.extend(self.new_phase(status));
        notices.extend(self.new_role(status));
        if let Some(failover) = &status.failover {
            notices.extend(self.failover.look(&status.pod, failover, now));
        }
        notices.extend(self.recovery.look(status.recovery.as_ref()));
        notices
    }

    fn new_findings(&mut self, status: &PodStatus, now: u64) -> Vec<Notice> {
        let mut old = std::mem::take(&mut self.found);
        let mut notices = Vec::new();
        for finding in status.findings.iter().filter(|f| matters(f)) {
            let (since, mut told) = old.remove(finding).unwrap_or((now, false));
            if !told && now.saturating_sub(since) >= LASTS_SECONDS {
                notices.push(of_finding(finding));
                told = true;
            }
            self.found.insert(finding.clone(), (since, told));
        }
        notices
    }

    fn new_phase(&mut self, status: &PodStatus) -> Option<Notice> {
        let old = self.phase.replace(status.phase);
        if old == Some(status.phase) {
            return None;
        }
        let warning = |reason, message: &str| Notice {
            kind: Kind::Warning,
            reason,
            message: message.to_string(),
            topic: String::new(),
        };
        match status.phase {
            Phase::CrashLoop => Some(warning("CrashLoop", &status.reason)),
            Phase::Hung => Some(warning("Hung", &status.reason)),
            Phase::Bootstrapping => {
                self.made = true;
                None
            }
            Phase::Running if std::mem::take(&mut self.made) => Some(Notice {
                kind: Kind::Normal,
                reason: "Bootstrapped",
                message: bootstrapped(status),
                topic: String::new(),
            }),
            _ => None,
        }
    }

    /// A role that a pod had not before this one, such as a mirror's that became primary.
    fn new_role(&mut self, status: &PodStatus) -> Option<Notice> {
        let role = status.active_role?;
        let old = self.role.replace(role);
        let old = old.filter(|old| *old != role)?;
        Some(Notice {
            kind: Kind::Normal,
            reason: "RoleChanged",
            message: format!("was active as {old}, is active as {role} now"),
            topic: String::new(),
        })
    }
}

fn bootstrapped(status: &PodStatus) -> String {
    let role = status.active_role.or(status.preferred_role);
    let role = role.map_or("server".to_string(), |role| role.to_string());
    format!(
        "the database of cluster {} is created, and the {role} runs here",
        status.cluster
    )
}

/// Errors, and every finding about pg_hba.conf. Trouble with the API itself cannot be told through it.
fn matters(finding: &Finding) -> bool {
    let grave = match finding.area {
        Area::Kubernetes => return false,
        Area::Hba => Severity::Warning,
        _ => Severity::Error,
    };
    finding.severity >= grave
}

fn of_finding(finding: &Finding) -> Notice {
    let reason = match finding.area {
        Area::Config => "ConfigRefused",
        Area::Storage => "StorageRefused",
        Area::Dns => "NameFinding",
        Area::Hba => "HbaFinding",
        Area::Ssh => "SshFinding",
        Area::Postgres => "DatabaseFinding",
        Area::Ha => "FailoverFinding",
        Area::Limits | Area::Kubernetes | Area::Other => "LimitsFinding",
    };
    Notice {
        kind: Kind::Warning,
        reason,
        message: format!("{}: {}; {}", finding.subject, finding.what, finding.remedy),
        topic: finding.subject.clone(),
    }
}
