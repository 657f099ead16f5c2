//! Runs of gprecoverseg and gpaddmirrors.

use super::tool_watch;
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::creation::remote;
use crate::lifecycle::greenplum::tool;
use crate::lifecycle::peers::discovered;
use crate::lifecycle::pod::{Pod, password};
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::greenplum::tool_output::{ToolFailure, ToolVerdict};
use gp_agent_core::recovery::roles::run::Rebalance;
use gp_agent_core::recovery::segments::method::{Method, Run};
use std::pin::Pin;

/// A run that goes on; it ends with the failure, if it failed.
pub(super) type Work<'a> = Pin<Box<dyn Future<Output = Option<ToolFailure>> + Send + 'a>>;

/// Brings segments back, or makes the first mirrors.
pub(super) fn recover<'a>(pod: &'a Pod, greenplum: &'a Greenplum, run: Run) -> Work<'a> {
    Box::pin(async move { failure(limited(pod, greenplum, &run).await) })
}

/// Changes roles back.
pub(super) fn rebalance<'a>(pod: &'a Pod, greenplum: &'a Greenplum, rebalance: Rebalance) -> Work<'a> {
    Box::pin(async move { failure(tool(pod, greenplum, "gprecoverseg", &rebalance.arguments()).await) })
}

pub(super) fn failure(done: Result<()>) -> Option<ToolFailure> {
    let failure = done.err()?;
    tracing::error!("{failure:#}");
    let words = |other: anyhow::Error| ToolFailure::from(format!("{other:#}"));
    Some(failure.downcast::<ToolFailure>().unwrap_or_else(words))
}

async fn limited(pod: &Pod, greenplum: &Greenplum, run: &Run) -> Result<()> {
    let adds = run.method == Method::Add;
    let file = match adds {
        true => pod.state_dir().join("add-mirrors"),
        false => pod.state_dir().join("recover-segments"),
    };
    let (path, text) = (file.clone(), run.file());
    let written = pod
        .volume
        .run(move || write_atomically(&path, text.as_bytes(), 0o600))
        .await;
    written.with_context(|| format!("cannot write {}", file.display()))?;
    let mut arguments = run.arguments(&file.to_string_lossy());
    if adds {
        make_room(pod, run).await?;
        // Host names in pg_hba.conf are of use only where lookups find them.
        arguments.extend(
            discovered::all_verified(pod)
                .await
                .then(|| "--hba-hostnames".to_string()),
        );
    }
    tool(pod, greenplum, run.tool(), &arguments).await
}

/// gpaddmirrors refuses what is not empty; what an earlier run left half made gets a dated name.
async fn make_room(pod: &Pod, run: &Run) -> Result<()> {
    for target in run.targets.iter().filter(|target| target.unfinished) {
        let member = pod
            .topology
            .member(&target.pod)
            .context("the pod is no longer in cluster.yaml")?;
        remote::clear_other(pod, member).await?;
    }
    Ok(())
}

async fn tool(pod: &Pod, greenplum: &Greenplum, name: &str, arguments: &[String]) -> Result<()> {
    let password = password::of(pod).await;
    alone(pod, name).await?;
    tool::run(pod, greenplum, name, arguments, password.as_deref()).await
}

/// The last look at who else is at work is seconds old.
///
/// # Errors
/// Somebody is: it is not begun.
pub(super) async fn alone(pod: &Pod, name: &str) -> Result<()> {
    let Some(other) = tool_watch::look(pod).await else {
        return Ok(());
    };
    let verdict = ToolVerdict {
        locked_out: true,
        ..ToolVerdict::default()
    };
    let why = format!("{name} was not begun: {other}");
    Err(ToolFailure { why, verdict }.into())
}
