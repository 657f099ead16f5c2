//! Tells the log who speaks: pod, role and content, as they are at the moment.

use crate::lifecycle::status_board::StatusBoard;
use crate::sys::log;
use gp_agent_core::cluster::state::Facts;
use gp_agent_core::log::record::Identity;
use std::sync::Arc;

/// Runs as long as the agent.
pub(crate) async fn follow(board: Arc<StatusBoard>) {
    let mut changes = board.changes();
    let mut known = None;
    loop {
        changes.mark_unchanged();
        let speaker = board.read(identity);
        if known.as_ref() != Some(&speaker) {
            log::introduce(speaker.clone());
            known = Some(speaker);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

fn identity(facts: &Facts) -> Identity {
    Identity {
        pod: facts.identity.pod().to_string(),
        role: facts.active_role,
        content: facts.identity.content(),
    }
}
