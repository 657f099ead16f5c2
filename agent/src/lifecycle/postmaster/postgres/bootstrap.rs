//! Making the data directory, once. Everything is made under another name and renamed when whole, so a directory under
//! its own name is never half made. What a killed attempt left is removed when that is proven ([`super::attempt`]), and set
//! aside otherwise.

use super::tablespaces;
use crate::engine::{Clone, Create, Postgres};
use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings;
use crate::lifecycle::status_board::now;
use crate::sys::postgres::attempt;
use crate::sys::postgres::databases_nearby::being_made;
use crate::sys::process;
use crate::sys::process::Process;
use crate::sys::storage::fs::{rename_durably, set_aside};
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Auth;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// initdb, for a coordinator or a primary.
pub(crate) async fn create(pod: &Arc<Pod>, postgres: &Postgres) -> Result<()> {
    pod.board
        .phase(Phase::Bootstrapping, "creating an empty database (initdb)");
    let config = pod.config.borrow().clone();
    let making = clear_the_place(pod).await?;
    let wal = wal_dir(pod)?;
    begin(pod, &making, wal.iter().cloned().collect()).await?;
    let wanted = Create {
        dir: &making,
        wal,
        user: &pod.account.name,
        auth: config.hba.auth,
        password_file: (config.hba.auth == Auth::ScramSha256).then_some(config.hba.password_file.as_path()),
    };
    postgres.create(&wanted).await?;
    settle(pod, making).await
}

/// pg_basebackup from the partner, for a standby, a mirror, or an old primary whose volume was emptied.
pub(crate) async fn clone_partner(pod: &Arc<Pod>, postgres: &Postgres, partner: &Member) -> Result<()> {
    pod.board
        .phase(Phase::Bootstrapping, format!("copying {} (pg_basebackup)", partner.pod));
    let making = clear_the_place(pod).await?;
    let wal = wal_dir(pod)?;
    let status = client::status_of(pod, partner).await;
    let listed = status.map(|status| status.tablespaces).unwrap_or_default();
    let tablespaces = tablespaces::places(pod.dir(), &listed, now())?;
    let targets = tablespaces.iter().map(|(_, here)| here.clone());
    begin(pod, &making, wal.iter().cloned().chain(targets).collect()).await?;
    let wanted = Clone {
        dir: &making,
        wal,
        source: pod.source(partner),
        tablespaces,
    };
    postgres.clone_from(&wanted).await?;
    settle(pod, making).await
}

/// Writes down what the attempt may write into, after it was made.
async fn begin(pod: &Pod, making: &Path, beside: Vec<PathBuf>) -> Result<()> {
    let (state_dir, making) = (pod.state_dir(), making.to_path_buf());
    pod.volume
        .run(move || attempt::begin(&state_dir, &making, &beside))
        .await
}

/// Gives the directory its settings while nobody else can see it, then its name.
async fn settle(pod: &Arc<Pod>, making: PathBuf) -> Result<()> {
    let made = pod.clone();
    // In one piece: whoever gives up waiting leaves nothing half done.
    let settle = move || {
        settings::write_now(&made, &making)?;
        rename_durably(&making, made.dir())?;
        attempt::finish(&made.state_dir()).context("cannot forget the attempt")
    };
    pod.volume.run(settle).await?;
    tracing::info!(path = %pod.dir().display(), "the data directory is whole");
    Ok(())
}

/// Ends programs of an earlier attempt and moves what they left out of the way. Returns the name to work under.
///
/// # Errors
/// Something lies under the directory's own name: that is never touched, and the next look says what it is.
async fn clear_the_place(pod: &Pod) -> Result<PathBuf> {
    let dir = pod.dir();
    let making = being_made(dir);
    end_leftover_tools(&making).await?;
    discard(pod, &making).await?;
    let (dir, left) = (dir.to_path_buf(), making.clone());
    pod.volume.run(move || clear(&dir, &left)).await?;
    Ok(making)
}

fn clear(dir: &Path, making: &Path) -> Result<()> {
    if is_empty(dir)? {
        std::fs::remove_dir(dir)?;
    } else if std::fs::symlink_metadata(dir).is_ok() {
        bail!("{} appeared just now; nothing is made in its place", dir.display());
    }
    if is_empty(making)? {
        std::fs::remove_dir(making)?;
    } else if making.try_exists()? {
        let aside = set_aside(making).with_context(|| format!("cannot set {} aside", making.display()))?;
        tracing::warn!(path = %making.display(), "half made; set aside as {}", aside.display());
    }
    Ok(())
}

/// Beside the queue of the volume, since that may take long.
async fn discard(pod: &Pod, making: &Path) -> Result<()> {
    let (state_dir, path) = (pod.state_dir(), making.to_path_buf());
    let discarded = tokio::task::spawn_blocking(move || attempt::discard(&state_dir, &path)).await??;
    if discarded {
        tracing::info!(path = %making.display(), "removed what a broken attempt left; no server ever ran on it");
    }
    Ok(())
}

fn is_empty(path: &Path) -> std::io::Result<bool> {
    Ok(path.is_dir() && !path.is_symlink() && std::fs::read_dir(path)?.next().is_none())
}

/// An initdb or pg_basebackup that outlived its agent still writes there.
async fn end_leftover_tools(making: &Path) -> Result<()> {
    let name = making.display().to_string();
    let uses = |p: &process::ProcessInfo| {
        p.pid != std::process::id().cast_signed()
            && p.args.iter().any(|arg| arg == &name)
            && process::sees_the_same(p.pid, making)
    };
    for leftover in process::processes()?.iter().filter(|p| uses(p)) {
        tracing::warn!(pid = leftover.pid, "ending {} of an earlier attempt", leftover.comm);
        if let Ok(process) = Process::adopt(leftover.pid) {
            process.signal(Signal::KILL)?;
            process.ended().await?;
        }
    }
    Ok(())
}

/// A new place on the second volume; dated, since the link in the data directory holds its full name.
fn wal_dir(pod: &Pod) -> Result<Option<PathBuf>> {
    let Some(volume) = pod.config.borrow().storage.wal.clone() else {
        return Ok(None);
    };
    let name = pod
        .dir()
        .file_name()
        .context("the data directory has no name")?
        .to_string_lossy()
        .into_owned();
    Ok(Some(
        volume.join(format!("{name}-{}", crate::sys::process::clock::wall())),
    ))
}
