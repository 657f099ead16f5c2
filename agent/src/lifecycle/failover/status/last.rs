//! The last change of the holder, which the volume remembers: `.gp-agent/failover-last`.

use crate::lifecycle::pod::Pod;
use crate::sys::storage::document;
use gp_agent_core::cluster::failover_status::LastFailover;
use std::path::PathBuf;
use std::sync::Arc;

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("failover-last")
}

/// It, if one is remembered. To be called once, before anything relies on this thread.
pub(super) fn recall(pod: &Pod) -> Option<LastFailover> {
    document::read(&file(pod)).ok()?
}

/// Remembers it. A failure is only told: nothing depends on it.
pub(super) fn keep(pod: &Arc<Pod>, change: &LastFailover) {
    let (pod, change) = (pod.clone(), change.clone());
    tokio::spawn(async move {
        let file = file(&pod);
        let kept = pod.volume.run(move || document::keep(&file, &change)).await;
        if let Err(error) = kept {
            tracing::warn!("cannot remember the last change of the coordinator: {error}");
        }
    });
}
