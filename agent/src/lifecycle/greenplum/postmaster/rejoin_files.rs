//! The files of an old coordinator that becomes the standby, and the mark by which a copy that was begun is gone on with. Nothing
//! that held a database is overwritten.

use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE;
use crate::sys::greenplum::tool_lock;
use crate::sys::storage::fs::{remove_if_there, write_atomically};
use anyhow::{Context, Result, bail};
use std::io;
use std::path::{Path, PathBuf};

/// The copy takes the place of a directory that was set aside.
fn mark(pod: &Pod) -> PathBuf {
    pod.state_dir().join("standby-copy")
}

/// A copy of the coordinator belongs in the place of the data directory, however often the agent ends meanwhile.
pub(super) async fn want_copy(pod: &Pod) -> Result<()> {
    let mark = mark(pod);
    let written = pod.volume.run(move || write_atomically(&mark, b"", 0o600)).await;
    written.map(drop).context("cannot write down that a copy is to be made")
}

/// Whether that is so.
pub(super) async fn wants_copy(pod: &Pod) -> bool {
    let mark = mark(pod);
    pod.volume.run(move || mark.exists()).await
}

/// It is there.
pub(super) async fn copy_is_made(pod: &Pod) -> Result<()> {
    let mark = mark(pod);
    let gone = pod.volume.run(move || remove_if_there(&mark)).await;
    gone.map(drop).context("cannot forget the copy that is made")
}

/// Removes what a copy that was broken off left under its own name, where nothing else is ever put. Returns that name.
pub(super) async fn clear_the_place(pod: &Pod) -> Result<PathBuf> {
    let dir = pod.dir();
    if pod.volume.has(dir).await {
        bail!("{} appeared just now; nothing is made in its place", dir.display());
    }
    let making = dir.with_extension("copying");
    let left = making.clone();
    let clear = move || match std::fs::remove_dir_all(&left) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    pod.volume
        .run(clear)
        .await
        .with_context(|| format!("cannot clear {}", making.display()))?;
    Ok(making)
}

/// What makes a standby of a directory. The mark of it is written last.
pub(super) async fn become_standby(pod: &Pod, greenplum: &Greenplum, dir: &Path, dbid: u32) -> Result<()> {
    let partner = pod.partner().context("there is no other coordinator")?;
    let passfile = pod.account.home.join(".pgpass");
    let file = dir.join("postgresql.auto.conf");
    let auto = match pod.volume.run(move || std::fs::read_to_string(file)).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.context("cannot read postgresql.auto.conf")?,
    };
    for (name, text) in greenplum.standby_files(&pod.source(partner), &passfile, dbid, &auto) {
        let file = dir.join(name);
        let write = move || write_atomically(&file, text.as_bytes(), SERVER_FILE_MODE);
        let written = pod.volume.run(write).await;
        written.with_context(|| format!("cannot write {}", dir.join(name).display()))?;
    }
    let files = dir.to_path_buf();
    if let Err(error) = pod.volume.run(move || tool_lock::remove_stale(&files)).await {
        // It is looked for again before each run.
        tracing::warn!("cannot remove the lock of gprecoverseg from {}: {error}", dir.display());
    }
    tracing::info!(path = %dir.display(), dbid, "the old coordinator's directory is a standby's now");
    Ok(())
}

/// Moves a directory out of the way; where it is now.
pub(super) async fn set_aside(pod: &Pod, dir: &Path) -> Result<PathBuf> {
    let aside = pod.volume.set_aside(dir).await;
    aside.with_context(|| format!("cannot set {} aside", dir.display()))
}
