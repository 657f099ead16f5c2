//! What this volume remembers of the record: `.gp-agent/failover`.

use crate::lifecycle::pod::Pod;
use crate::sys::failover::kept_record;
use crate::sys::storage::document;
use gp_agent_core::failover::candidate::Remembered;
use std::io;
use std::path::PathBuf;

fn file(pod: &Pod) -> PathBuf {
    kept_record::file(&pod.state_dir())
}

/// What it remembers; `None` if it never saw a record.
///
/// # Errors
/// It cannot be read or understood: then nobody knows whether a record is missing.
pub(crate) async fn recall(pod: &Pod) -> io::Result<Option<Remembered>> {
    let file = file(pod);
    pod.volume.run(move || document::read(&file)).await
}

/// Writes it down.
///
/// # Errors
/// The volume does not take it.
pub(crate) async fn keep(pod: &Pod, remembered: &Remembered) -> io::Result<()> {
    let (file, remembered) = (file(pod), remembered.clone());
    pod.volume.run(move || document::keep(&file, &remembered)).await
}
