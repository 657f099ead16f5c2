//! Reading cluster.yaml, and following it: the ConfigMap may change under a running pod.

use crate::lifecycle::status_board::StatusBoard;
use crate::sys::config::config_file;
use crate::sys::config::config_file::ConfigFileError;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::config::{Config, diff};
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads the file until it is right; what is wrong stays on the board meanwhile.
pub(crate) async fn wait_for_valid(path: &Path, board: &StatusBoard) -> Config {
    loop {
        match config_file::read(path) {
            Ok(config) => {
                board.findings(FindingSource::Config, Vec::new());
                return config;
            }
            Err(error) => {
                board.findings(FindingSource::Config, error.findings());
                board.phase(Phase::Refused, first_line(&error));
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Follows the file: publishes each valid new state; an invalid one is reported and the last valid one stays in use.
pub(crate) async fn follow(path: &Path, board: &StatusBoard, current: watch::Sender<Arc<Config>>, now: &Notify) {
    // The file may have changed since it was first read, so the first look always counts.
    let mut seen = None;
    loop {
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = now.notified() => {}
        }
        let read = std::fs::read(path).ok();
        if read == seen {
            continue;
        }
        seen = read;
        match config_file::read(path) {
            Ok(new) => publish(path, board, &current, &new),
            Err(error) => board.findings(FindingSource::Config, error.findings()),
        }
    }
}

fn publish(path: &Path, board: &StatusBoard, current: &watch::Sender<Arc<Config>>, new: &Config) {
    let change = diff(&current.borrow(), new);
    if change.is_empty() {
        board.findings(FindingSource::Config, Vec::new());
        return;
    }
    let findings = change
        .needs_restart
        .iter()
        .map(|key| {
            Finding::warning(
                Area::Config,
                format!("{}: {key}", path.display()),
                "changed, but a running pod cannot follow it",
                "restart the pods one by one to apply it, or put the old value back",
            )
        })
        .collect();
    board.findings(FindingSource::Config, findings);
    tracing::info!("configuration changed");
    let mut next = Config::clone(&current.borrow());
    next.follow(new);
    current.send_replace(Arc::new(next));
}

fn first_line(error: &ConfigFileError) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_string();
    match lines.count() {
        0 => first,
        more => format!("{first} (and {more} more findings)"),
    }
}
