//! The agent ends so that init starts it again, with pods that cluster.yaml did not have before. Its server goes on, and the next
//! agent adopts it, as after a crash: so no task has to follow a topology that changes under it.

use crate::lifecycle::status_board::StatusBoard;
use crate::sys::process::init_channel::FD_VARIABLE;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::state::Facts;
use gp_agent_core::process::timeouts;
use std::time::Duration;
use tokio::time::sleep;

/// The agent's exit code: 0 would end the pod.
const CODE: i32 = 3;
/// The log is written by another thread.
const LAST_WORDS: Duration = timeouts::LAST_WORDS;

/// Whether somebody starts it again, and nothing is under way that its end would break off.
pub(super) fn may(board: &StatusBoard) -> bool {
    let working = |s: &Facts| {
        let recovery = s.recovery.as_ref();
        recovery.is_some_and(|r| r.activity.is_some() || r.roles.activity.is_some() || r.expansion.activity.is_some())
    };
    let again = std::env::var_os(FD_VARIABLE).is_some();
    // A pod that waits to become a part of the cluster has nothing that could be broken off.
    let waits = |s: &Facts| s.phase == Phase::Bootstrapping && s.directory.kind == Some(DirectoryKind::Absent);
    let idle = |s: &Facts| s.phase == Phase::Running || waits(s);
    again && board.read(|s| idle(s) && s.cluster.is_created() && s.tool.is_none() && !working(s))
}

/// Ends the agent.
#[expect(clippy::exit, reason = "a return would drain the pod and stop its server")]
pub(super) async fn now() {
    tracing::warn!("cluster.yaml has new pods: the agent begins anew with them, and its server goes on");
    sleep(LAST_WORDS).await;
    std::process::exit(CODE);
}
