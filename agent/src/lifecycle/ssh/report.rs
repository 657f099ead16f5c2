//! What SSH tells the rest of the agent.

use gp_agent_core::cluster::status::SshStatus;
use gp_agent_core::finding::Finding;
use tokio::sync::watch;

/// What there is to say about SSH on this pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshReport {
    /// For the status document.
    pub status: SshStatus,
    /// What an administrator should know, in a fixed order.
    pub findings: Vec<Finding>,
}

/// Publishes a report that differs from the last one. Whoever shows the findings logs them too.
pub(super) fn publish(status: &watch::Sender<SshReport>, report: SshReport) {
    status.send_if_modified(|last| {
        let differs = *last != report;
        *last = report;
        differs
    });
}
