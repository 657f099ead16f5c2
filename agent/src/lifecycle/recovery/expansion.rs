//! Runs of gpexpand, and what has to be made good before one.

use super::expansion_facts::input;
use super::runs::{Work, alone, failure};
use super::spread;
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::creation::remote;
use crate::lifecycle::greenplum::tool;
use crate::lifecycle::greenplum::tool::Call;
use crate::lifecycle::pod::{Pod, password};
use crate::sys::greenplum::expansion_files;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::expansion::task::{Run, Task};
use std::time::Duration;

/// A checkpoint of a busy server.
const CHECKPOINT_WITHIN: Duration = timeouts::CHECKPOINT_FOR_EXPANSION;
/// One large table is spread in silence.
const SPREADS_WITHIN: Duration = timeouts::EXPANSION_SPREADS;
const COPIES_WITHIN: Duration = timeouts::EXPANSION_COPY_SPEAKS;

/// One run.
pub(super) fn run<'a>(pod: &'a Pod, greenplum: &'a Greenplum, run: Run) -> Work<'a> {
    Box::pin(async move { failure(carry_out(pod, greenplum, &run).await) })
}

async fn carry_out(pod: &Pod, greenplum: &Greenplum, run: &Run) -> Result<()> {
    alone(pod, "gpexpand").await?;
    forget_pid(pod).await?;
    match run.task {
        Task::FinishCatalog => return finish_catalog(pod).await,
        Task::RollBack if remove_empty(pod).await? => return Ok(()),
        Task::RollBack => {
            write_input(pod, run).await?;
            stop_new(pod, greenplum, run).await?;
        }
        Task::SetUp => write_input(pod, run).await?,
        Task::Redistribute => spread::reconcile(pod).await?,
        Task::FinishSetUp | Task::CleanUp => {}
    }
    let (file, dir) = (input(pod), pod.state_dir());
    let Some(arguments) = run.task.arguments(&file.to_string_lossy(), &dir.to_string_lossy()) else {
        return Ok(());
    };
    let password = password::of(pod).await;
    let call = Call {
        name: "gpexpand",
        arguments: &arguments,
        password: password.as_deref(),
        // It packs what the new segments begin as in the directory that it is called in.
        dir: &dir,
        answers: run.task.answers(),
        silent_for: match run.task {
            Task::Redistribute => SPREADS_WITHIN,
            _ => COPIES_WITHIN,
        },
    };
    alone(pod, "gpexpand").await?;
    tool::call(pod, greenplum, call).await
}

/// What a run has left in this pod whose expansion goes on elsewhere, or begins anew.
pub(super) async fn clear(pod: &Pod) {
    let (dir, state) = (pod.dir().to_path_buf(), pod.state_dir());
    match pod
        .volume
        .run(move || expansion_files::remove_packed(&dir, &state))
        .await
    {
        Ok(removed) => removed
            .iter()
            .for_each(|path| tracing::warn!("removed {}, which a lost gpexpand had packed", path.display())),
        Err(error) => tracing::warn!("cannot remove what a lost gpexpand had packed: {error}"),
    }
}

async fn forget_pid(pod: &Pod) -> Result<()> {
    let dir = pod.dir().to_path_buf();
    let removed = pod.volume.run(move || expansion_files::remove_stale_pid(&dir)).await;
    if removed.context("cannot remove gpexpand.pid of a run that is over")? {
        tracing::warn!("removed gpexpand.pid of a run that is over, in {}", pod.dir().display());
    }
    Ok(())
}

async fn remove_empty(pod: &Pod) -> Result<bool> {
    let dir = pod.dir().to_path_buf();
    let removed = pod.volume.run(move || expansion_files::remove_empty(&dir)).await;
    removed.context("cannot remove gpexpand.status")
}

/// The same in whichever pod acts: gpexpand -r reads it again.
async fn write_input(pod: &Pod, run: &Run) -> Result<()> {
    let (path, text) = (input(pod), run.file());
    let written = pod
        .volume
        .run(move || write_atomically(&path, text.as_bytes(), 0o600))
        .await;
    written.with_context(|| format!("cannot write {}", input(pod).display()))?;
    Ok(())
}

/// gpexpand -r removes the directories of new servers, and leaves those running that the run had started.
async fn stop_new(pod: &Pod, greenplum: &Greenplum, run: &Run) -> Result<()> {
    for member in &run.new {
        remote::stop_server(pod, greenplum, member).await?;
    }
    Ok(())
}

/// What gpexpand would have done next: sessions that began before learn of the new segments, and its file says so.
async fn finish_catalog(pod: &Pod) -> Result<()> {
    let mut session = pod.session(CHECKPOINT_WITHIN);
    session.ask("checkpoint").await.context("cannot make a checkpoint")?;
    let bumped = session.ask("select gp_expand_bump_version()").await;
    bumped.context("cannot tell sessions of the new segments")?;
    let dir = pod.dir().to_path_buf();
    let noted = pod.volume.run(move || expansion_files::note_catalog(&dir)).await;
    noted.context("cannot write gpexpand.status")
}
