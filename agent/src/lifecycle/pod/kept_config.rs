//! The configuration that is kept for an agent that starts while the file is wrong.

use super::paths::run_dir;
use crate::sys::config::{config_file, kept_config};
use gp_agent_core::config::Config;
use std::path::Path;

/// Keeps the text of a configuration that is in use. On a full or read-only volume it is not kept, and the pod works on.
pub(crate) async fn keep(config: &Config, text: String) {
    let folders = [run_dir(), config.storage.path.join(".gp-agent")];
    let kept = tokio::task::spawn_blocking(move || kept_config::keep(&text, &folders));
    if let Err(error) = kept.await {
        tracing::warn!("cannot keep the configuration: {error}");
    }
}

/// What was kept, for the file at `path`.
pub(crate) fn read(path: &Path) -> Option<Config> {
    kept_config::read(path, &run_dir())
}

/// What the file says, or else what was kept: before anybody knows who the pod is.
pub(crate) fn at_hand(path: &Path) -> Option<Config> {
    config_file::read(path).ok().or_else(|| read(path))
}
