//! The whole cluster as one agent sees it: what `/status` and `/cluster` serve.

use super::catalog::Segment;
use super::content::ContentId;
use super::document::{Document, DocumentFormat};
use super::peer_error::{PeerError, PeerFailure};
use super::probes;
use super::probes::Verdict;
use super::status::PodStatus;
use super::topology::{Member, Role};
use crate::finding::Finding;
use serde::{Deserialize, Serialize};

/// What one agent answers: its pod's status, and its own verdicts on it. The verdicts travel along because they compare
/// times of the pod's own clock, which another pod's clock need not agree with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The format that the pod's agent speaks.
    #[serde(default = "DocumentFormat::unsaid")]
    pub format: DocumentFormat,
    /// The status.
    #[serde(flatten)]
    pub status: PodStatus,
    /// Unix seconds at which this was said.
    pub now: u64,
    /// Whether the pod can take part.
    pub startup: Verdict,
    /// Whether its role does its work.
    pub ready: Verdict,
    /// Whether its agent's loop turns.
    pub live: Verdict,
}

impl Report {
    /// The status with the verdicts of this second.
    pub fn new(status: PodStatus, now: u64) -> Report {
        Report {
            format: DocumentFormat::CURRENT,
            startup: probes::startup(&status),
            ready: probes::ready(&status, now),
            live: probes::live(&status, now),
            status,
            now,
        }
    }
}

impl Document for Report {
    const NAME: &'static str = "a status";
}

/// What the catalog says of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Its row.
    #[serde(flatten)]
    pub row: Segment,
    /// Whether the coordinator's server says so now; otherwise it is what it last said.
    pub live: bool,
}

/// One pod of the topology and what its agent says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodReport {
    /// The format of this entry.
    #[serde(default = "DocumentFormat::unsaid")]
    pub format: DocumentFormat,
    /// Short host name.
    pub pod: String,
    /// The role it was made for.
    pub role: Option<Role>,
    /// Its content id.
    pub content: ContentId,
    /// Its agent's answer.
    pub status: Option<Report>,
    /// Why there is none, in words.
    pub error: Option<String>,
    /// The same as one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<PeerFailure>,
    /// What the catalog says of it, where there is one (Greenplum) and it lists the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Listing>,
    /// Where catalog and agents say different things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<Finding>,
}

impl PodReport {
    /// The pod that was asked, about itself.
    pub fn own(report: Report) -> PodReport {
        PodReport {
            pod: report.status.pod.clone(),
            role: report.status.preferred_role,
            content: report.status.content,
            status: Some(report),
            ..PodReport::default()
        }
    }

    /// A pod that was asked, or could not be.
    pub fn of(member: &Member, answer: Result<Report, PeerError>) -> PodReport {
        let (status, error) = match answer {
            Ok(report) => (Some(report), None),
            Err(error) => (None, Some(error)),
        };
        PodReport {
            pod: member.pod.clone(),
            role: Some(member.role),
            content: member.content,
            status,
            failure: error.as_ref().map(PeerError::failure),
            error: error.map(|error| error.to_string()),
            ..PodReport::default()
        }
    }

    /// What its agent found, and where catalog and agents contradict each other about it.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let own = self.status.iter().flat_map(|r| &r.status.findings);
        own.chain(&self.contradictions)
    }

    /// Why its answer, which there is, cannot be read: it may be of a newer version. Nothing is known of such a pod, but it is
    /// not silent.
    pub fn not_understood(&self) -> Option<&str> {
        match self.failure {
            Some(PeerFailure::NotUnderstood) => Some(self.error.as_deref().unwrap_or("it is not understood")),
            _ => None,
        }
    }

    /// Whether its agent answers and says that it is ready.
    pub fn ready(&self) -> bool {
        self.status.as_ref().is_some_and(|r| r.ready.ok)
    }
}

/// Whether every pod is ready.
pub fn all_ready(entries: &[PodReport]) -> bool {
    entries.iter().all(PodReport::ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::status::Phase;
    use crate::fixtures::status;

    #[test]
    fn a_report_reads_back_and_is_still_a_status() {
        let report = Report::new(status(Phase::Running, Some(Role::Mirror)), 100);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        let alone: PodStatus = serde_json::from_str(&json).unwrap();
        assert_eq!(alone, report.status);
    }

    #[test]
    fn readiness_is_the_pods_own_word() {
        let mut entry = PodReport::own(Report::new(status(Phase::Running, Some(Role::Primary)), 100));
        assert!(all_ready(std::slice::from_ref(&entry)));
        entry.status = None;
        assert!(!all_ready(&[entry]));
    }
}
