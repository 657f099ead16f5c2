//! Keeps the logs of Greenplum's tools on the volume, and few of them.

use super::creation;
use crate::lifecycle::pod::Pod;
use crate::sys::greenplum::admin_logs::{lead, prune};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(3600);

/// Before any tool runs; the folder where logs lie.
pub(super) async fn begin(pod: &Pod) -> PathBuf {
    let link = creation::folders(&pod.account.home).1;
    let folder = pod.state_dir().join("gpAdminLogs");
    let led = pod.volume.run({
        let link = link.clone();
        move || lead(&link, &folder)
    });
    led.await.unwrap_or_else(|error| {
        tracing::warn!("the logs of Greenplum's tools cannot be kept on the volume: {error}");
        link
    })
}

/// Runs as long as the pod.
pub(super) async fn keep(pod: &Pod, folder: PathBuf) {
    loop {
        let logs = folder.clone();
        match pod.volume.run(move || prune(&logs)).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(path = %folder.display(), "removed {gone} old logs of Greenplum's tools"),
            Err(error) => tracing::debug!("cannot look at the logs of Greenplum's tools: {error}"),
        }
        sleep(EVERY).await;
    }
}
