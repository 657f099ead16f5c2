//! The engine's programs. A server that runs is looked after without them, by what an earlier agent of this container knew.

use crate::engine;
use crate::engine::Engine;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::engine_file;
use crate::lifecycle::status_board::StatusBoard;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use std::time::Duration;
use tokio::time::sleep;

const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Waits until the programs are there, or a server runs that does without; whether they are missed.
pub(super) async fn wait_for(config: &Config, me: &Member, board: &StatusBoard) -> (Engine, bool) {
    loop {
        let error = match engine::find(config).await {
            Ok(engine) => {
                if let Err(error) = engine.remember(&engine_file()) {
                    tracing::warn!("{error}");
                }
                return (engine, false);
            }
            Err(error) => error.to_string(),
        };
        let runs = matches!(pidfile::occupant(&me.data_dir), Ok(Occupant::Postmaster(_)));
        if let Some(engine) = Engine::recall(config.engine, &engine_file()).filter(|_| runs) {
            board.findings(FindingSource::Programs, vec![missing(&error)]);
            return (engine, true);
        }
        board.phase(Phase::Refused, error);
        sleep(LOOK_AGAIN).await;
    }
}

/// Looks for them again while they are `missed`.
pub(crate) async fn find_again(pod: &Pod, mut missed: bool) {
    while missed {
        sleep(LOOK_AGAIN).await;
        let config = pod.config.borrow().clone();
        let findings = match engine::find(&config).await {
            Ok(found) if found.major_version() == pod.engine.major_version() => Vec::new(),
            Ok(found) => vec![missing(&format!(
                "they are of version {}, and the server that runs of {}",
                found.major_version(),
                pod.engine.major_version()
            ))],
            Err(error) => vec![missing(&error.to_string())],
        };
        missed = !findings.is_empty();
        pod.board.findings(FindingSource::Programs, findings);
    }
    std::future::pending::<()>().await;
}

fn missing(why: &str) -> Finding {
    Finding::error(
        Area::Postgres,
        "programs",
        format!(
            "the engine's programs are not as they were: {why}; the server runs on, and could not be started again"
        ),
        "bring them back (mount them again, or replace the pod by one with the right image)",
    )
}
