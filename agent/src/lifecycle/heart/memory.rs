//! Watches for processes of this container that the kernel kills for want of memory.

use crate::lifecycle::status_board::{StatusBoard, now};
use crate::sys::resources::cgroup;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::resources::oom::OomWatch;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);

/// Runs as long as the heart.
pub(crate) async fn watch(board: Arc<StatusBoard>) {
    let mut watch = OomWatch::default();
    let mut told = None;
    loop {
        let memory = cgroup::memory();
        let kills = memory.oom_kills.unwrap_or(0);
        if board.read(|s| s.oom_kills != kills) {
            board.on(Event::OomKills(kills));
        }
        let pod = board.read(|s| s.identity.pod().to_string());
        let finding = watch.look(&memory, now(), &pod);
        if finding != told {
            board.findings(FindingSource::Memory, finding.iter().cloned().collect());
            told = finding;
        }
        tokio::time::sleep(EVERY).await;
    }
}
