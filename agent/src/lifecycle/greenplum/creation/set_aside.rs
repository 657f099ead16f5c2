//! Clearing one host of what an unfinished creation, or the making of a mirror, left there: servers are stopped, the directory gets
//! a dated name. Nothing is deleted, and nothing is touched that belongs to a cluster that was created.

use crate::sys::postgres::database_record;
use crate::sys::postgres::database_record::Keepers;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::postgres::running_tools::at_work;
use crate::sys::process::Process;
use crate::sys::storage::fs::set_aside;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::seen_coordinators::SeenCoordinators;
use gp_agent_core::postgres::data_directory::missing_parts;
use gp_agent_core::process::timeouts;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ENDS_WITHIN: Duration = timeouts::SERVER_ENDS;

/// What becomes of a directory that is whole in a cluster that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It stays: nobody else has what is in it, as far as is known.
    Kept,
    /// One of a standby gives way: its primary has all that is in it, and who asks has seen that no catalog lists it.
    IfStandby,
}

/// Clears `dir`, and the socket's lock file of a server on `port` that is gone. Returns where its contents are now; `None` when there was nothing.
/// `heard_of` is what this pod remembers of coordinators: of clusters, then, that were created.
///
/// # Errors
/// The directory belongs to a created cluster, or something that runs on it cannot be stopped.
pub(crate) async fn clear(
    dir: &Path,
    state_dir: &Path,
    port: u16,
    heard_of: &SeenCoordinators,
    whole: Whole,
) -> Result<Option<PathBuf>> {
    pidfile::remove_stale_socket_lock(Path::new("/tmp"), port)?;
    let exists = dir.try_exists()?;
    // What is no whole directory was never started: a copy that was broken off.
    let gives_way = whole == Whole::IfStandby && is_standby(dir);
    if exists && !heard_of.is_empty() && is_whole(dir) && !gives_way {
        bail!(
            "{} belongs to a cluster that was created; it is left as it is",
            dir.display()
        );
    }
    if heard_of.is_empty() {
        database_record::forget(&Keepers {
            state_dir: state_dir.to_path_buf(),
            wal: None,
        })?;
    }
    if !exists {
        return Ok(None);
    }
    end_tools(dir).await?;
    stop_server(dir).await?;
    pidfile::remove_stale_socket_lock(Path::new("/tmp"), port)?;
    let empty = dir.is_dir() && std::fs::read_dir(dir)?.next().is_none();
    if empty {
        std::fs::remove_dir(dir)?;
        return Ok(None);
    }
    let aside = set_aside(dir).with_context(|| format!("cannot set {} aside", dir.display()))?;
    tracing::warn!(path = %dir.display(), "left by an unfinished creation; set aside as {}", aside.display());
    Ok(Some(aside))
}

fn is_standby(dir: &Path) -> bool {
    ["standby.signal", "recovery.conf"]
        .iter()
        .any(|marker| dir.join(marker).exists())
}

fn is_whole(dir: &Path) -> bool {
    missing_parts(|part| dir.join(part).exists()).is_empty()
}

/// What gpinitsystem started here over ssh may outlive it.
async fn end_tools(dir: &Path) -> Result<()> {
    while let Some(tool) = at_work(dir)? {
        tracing::warn!(pid = tool.pid, "ending {} of an unfinished creation", tool.comm);
        if let Ok(process) = Process::adopt(tool.pid) {
            process.signal(Signal::KILL)?;
            ended(&process).await?;
        }
    }
    Ok(())
}

async fn stop_server(dir: &Path) -> Result<()> {
    let pids = match pidfile::occupant(dir)? {
        Occupant::Nobody => return Ok(()),
        Occupant::Postmaster(pid) | Occupant::Standalone(pid) | Occupant::Unlisted(pid) => vec![pid],
        Occupant::Leftovers(pids) => pids,
    };
    for pid in pids {
        let Ok(process) = Process::adopt(pid) else {
            continue;
        };
        process.signal(Signal::QUIT)?;
        ended(&process).await?;
    }
    Ok(())
}

async fn ended(process: &Process) -> Result<()> {
    let pid = process.pid();
    tokio::time::timeout(ENDS_WITHIN, process.ended())
        .await
        .with_context(|| format!("process {pid} does not end"))??;
    Ok(())
}
