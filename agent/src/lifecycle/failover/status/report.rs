//! Puts what is known of failover on the board: the status, and what follows from it for an administrator.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use gp_agent_core::cluster::failover_findings;
use gp_agent_core::cluster::failover_status::FailoverStatus;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::finding::FindingSource;

/// To be called whenever something has changed, and every few seconds: a finding appears once its cause has lasted. The first
/// status of an agent has in `last` what the volume remembers, so that it is not counted again.
pub(crate) fn tell(pod: &Pod, status: FailoverStatus) {
    let findings = failover_findings::find(&pod.me.pod, &status, now());
    pod.board.findings(FindingSource::Failover, findings);
    pod.board.on(Event::Failover(Box::new(status)));
}
