//! The order in which a cluster goes down: the coordinator first, so that its FTS does not take segments that are stopped
//! on purpose for failed ones.

use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use futures_util::future::join_all;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::status::{Phase, PodStatus};
use gp_agent_core::process::shutdown_schedule::ShutdownSchedule;
use gp_agent_core::process::timeouts;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The signals of one deletion reach the pods one after another.
const SIGNALS_ARRIVE_WITHIN: Duration = timeouts::SHUTDOWN_SIGNALS_ARRIVE;
const ANSWER_WITHIN: Duration = timeouts::SHUTDOWN_PEER_ANSWERS;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// For a segment that ends: returns when the coordinator's server is stopped or gone, or is not stopping at all (then this
/// pod ends alone, and its mirror may take over), and at the latest after a fraction of the grace period.
pub(crate) async fn coordinator_first(pod: &Pod) {
    if pod.me.content.is_coordinator() {
        return;
    }
    let grace = Duration::from_secs(pod.config.borrow().shutdown.grace_seconds.into());
    let latest = ShutdownSchedule::new(grace).wait_for_others();
    let begin = Instant::now();
    while begin.elapsed() < latest {
        match coordinator(pod).await {
            Some(status) if status.phase == Phase::Draining => {
                if status.postmaster.pid.is_none() {
                    return;
                }
                let reason = "waiting for the coordinator to stop first";
                pod.board.phase(Phase::Draining, reason);
            }
            Some(_) if begin.elapsed() < SIGNALS_ARRIVE_WITHIN => {}
            _ => return,
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The status of the pod whose server is the coordinator, or of one that could be.
async fn coordinator(pod: &Pod) -> Option<PodStatus> {
    let heads = pod.topology.members.iter().filter(|m| m.content.is_coordinator());
    let asked = heads.map(|head| client::status_within(pod, head, ANSWER_WITHIN));
    let mut answers = join_all(asked).await;
    answers.sort_by_key(|a| a.as_ref().map(|s| s.directory.kind() != Some(DirectoryKind::Primary)));
    answers.into_iter().flatten().next()
}
