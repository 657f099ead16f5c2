//! The folder of the data directory, and the folders that the tools write to.

use super::unseen::Unseen;
use gp_agent_core::greenplum::preflight::ParentDirectory;
use gp_agent_core::process::timeouts;
use rustix::fs::statvfs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A disk that takes longer hangs.
const LIMIT: Duration = timeouts::PREFLIGHT_LOOKS;

/// Names that are told; more would tell nothing new.
const NAMES: usize = 40;

/// Looks at the place of `dir`.
pub(super) async fn look(dir: &Path) -> ParentDirectory {
    let dir = dir.to_path_buf();
    blocking(move || look_now(&dir))
        .await
        .unwrap_or_else(|unseen| ParentDirectory {
            exists: false,
            others: Err(unseen.into()),
            not_writable: None,
            free_bytes: 0,
        })
}

/// The first of the folders that cannot be written to, and why.
pub(super) async fn not_writable(folders: [&PathBuf; 2]) -> Option<String> {
    let folders = folders.map(Clone::clone);
    let looked = blocking(move || {
        folders.iter().find_map(|folder| {
            let error = write_to(folder).err()?;
            Some(format!("{}: {error}", folder.display()))
        })
    });
    looked.await.unwrap_or_else(|unseen| Some(unseen.to_string()))
}

async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Result<T, Unseen> {
    match tokio::time::timeout(LIMIT, tokio::task::spawn_blocking(look)).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Unseen::Hangs(LIMIT)),
    }
}

fn look_now(dir: &Path) -> ParentDirectory {
    let parent = dir.parent().unwrap_or(dir);
    let others = names(parent).map_err(|error| Unseen::from(error).into());
    let free = statvfs(parent).map(|s| s.f_bavail.saturating_mul(s.f_frsize));
    ParentDirectory {
        exists: dir.symlink_metadata().is_ok(),
        not_writable: match others.is_ok() {
            true => write_to(parent).err().map(|e| e.to_string()),
            false => None,
        },
        others,
        free_bytes: free.unwrap_or(0),
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    names.truncate(NAMES);
    Ok(names)
}

/// Makes a file there and removes it.
fn write_to(folder: &Path) -> io::Result<()> {
    tempfile::Builder::new()
        .prefix(".gp-agent-preflight-")
        .tempfile_in(folder)
        .map(drop)
}
