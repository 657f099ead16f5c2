//! The directory of a replica that is left behind makes room, once its server has stopped.

use super::{evidence, mark};
use crate::lifecycle::pod::Pod;
use anyhow::{Context, Result};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::config::Recover;
use gp_agent_core::postgres::left_behind::{CopyPlan, plan};

/// Whether the volume says that the directory is to make room, and cluster.yaml that the agent does so.
pub(crate) async fn wants_room(pod: &Pod) -> bool {
    let (state_dir, dir) = (pod.state_dir(), pod.dir().to_path_buf());
    let wanted = pod.volume.run(move || mark::wanted(&state_dir, &dir)).await;
    wanted.is_some() && pod.config.borrow().recovery.standby == Recover::Auto
}

/// Sets the directory aside, unless it is no longer proven that nothing else helps: then its server is started again. Whoever looks
/// next copies. `before` is done when that is settled.
///
/// # Errors
/// Why that cannot be done now.
pub(crate) async fn give_way(pod: &Pod, before: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    if !is_proven(pod).await {
        tracing::info!("it is not proven any more that the directory is left behind; its server is started again");
        let state_dir = pod.state_dir();
        let forgotten = pod.volume.run(move || mark::forget(&state_dir)).await;
        return forgotten.context("cannot forget that the directory is left behind");
    }
    before().await?;
    pod.board
        .phase(Phase::Rejoining, "left behind: the directory makes room for a copy");
    let (state_dir, dir) = (pod.state_dir(), pod.dir().to_path_buf());
    let wal = pod.config.borrow().storage.wal.clone();
    let aside = pod
        .volume
        .run(move || mark::set_aside(&state_dir, &dir, wal.as_deref()))
        .await
        .context("cannot set the old directory aside")?;
    tracing::warn!(
        "left behind; the old directory is {} until its copy streams",
        aside.display()
    );
    Ok(())
}

/// An agent may have ended meanwhile, and much can happen until the next one looks.
async fn is_proven(pod: &Pod) -> bool {
    let (state_dir, dir) = (pod.state_dir(), pod.dir().to_path_buf());
    let Some(needs) = pod.volume.run(move || mark::wanted(&state_dir, &dir)).await else {
        return false;
    };
    let behind = evidence::gather_again(pod, needs).await.behind();
    behind.is_some() && plan(&evidence::ground(pod).await) == CopyPlan::Copy
}
