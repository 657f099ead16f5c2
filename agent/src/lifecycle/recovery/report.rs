//! Puts the state of recovery on the board, and what follows from it for an administrator.

use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::recovery_findings;
use gp_agent_core::cluster::recovery_status::RecoveryStatus;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::finding::FindingSource;

/// Nothing where another pod decides.
pub(super) fn tell(pod: &Pod, status: Option<RecoveryStatus>) {
    if pod.board.read(|s| s.recovery == status) {
        return;
    }
    let findings = status.as_ref().map(recovery_findings::find).unwrap_or_default();
    pod.board.findings(FindingSource::Recovery, findings);
    pod.board.on(Event::Recovery(status.map(Box::new)));
}
