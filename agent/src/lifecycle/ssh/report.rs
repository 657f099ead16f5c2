//! What SSH tells the rest of the agent, and the log.

use crate::domain::finding::{Finding, Severity};
use crate::domain::status::SshStatus;
use tokio::sync::watch;

/// What there is to say about SSH on this pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshReport {
    /// For the status document.
    pub status: SshStatus,
    /// What an administrator should know, in a fixed order.
    pub findings: Vec<Finding>,
}

/// Publishes a report that differs from the last one, and logs the findings that came and went.
pub(super) fn publish(status: &watch::Sender<SshReport>, report: SshReport) {
    status.send_if_modified(|last| {
        if *last == report {
            return false;
        }
        for finding in report
            .findings
            .iter()
            .filter(|f| !last.findings.contains(f))
        {
            match finding.severity {
                Severity::Error => tracing::error!("{finding}"),
                Severity::Warning => tracing::warn!("{finding}"),
                Severity::Info => tracing::info!("{finding}"),
            }
        }
        for finding in last
            .findings
            .iter()
            .filter(|f| !report.findings.contains(f))
        {
            tracing::info!(subject = %finding.subject, "no longer so: {}", finding.what);
        }
        *last = report;
        true
    });
}
