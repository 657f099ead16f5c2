//! `gp-agent hold` outlives the agent: its reason is kept in a file on the volume.

use crate::lifecycle::pod::Pod;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::cluster::state::Event;
use std::path::PathBuf;

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("hold")
}

/// Why the postmaster is out of supervision, when it is.
pub(crate) fn read(pod: &Pod) -> Option<String> {
    let reason = std::fs::read_to_string(file(pod)).ok();
    pod.board.on(Event::Hold(reason.clone()));
    reason
}

/// Takes it out of supervision.
pub(crate) fn hold(pod: &Pod, reason: &str) {
    if let Err(error) = write_atomically(&file(pod), reason.as_bytes(), 0o600) {
        tracing::error!("cannot record the hold in {}: {error}", file(pod).display());
    }
    pod.board.on(Event::Hold(Some(reason.to_string())));
    tracing::info!("held: {reason}");
}

/// Gives it back.
pub(crate) fn resume(pod: &Pod) {
    match std::fs::remove_file(file(pod)) {
        Ok(()) => tracing::info!("resumed"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::error!("cannot remove {}: {error}", file(pod).display()),
    }
    pod.board.on(Event::Hold(None));
}
