//! One owner per volume.

use crate::sys::process::clock;
use gp_agent_core::log::utc;
use gp_agent_core::storage::lock_holder;
use rustix::fs::{FlockOperation, flock, fstat};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The agent's own directory on a volume.
pub(crate) const STATE_DIR: &str = ".gp-agent";

/// The longest holder line that is read back, in bytes.
const LONGEST: usize = 512;

/// The right to touch a volume: flock(2) on `<volume>/.gp-agent/lock`, for as long as this value lives, or, once shared
/// with init, as long as init does.
///
/// The descriptor is close-on-exec, so no postmaster or sshd keeps the lock alive. The file itself is never deleted, for
/// a lock on a deleted file keeps nobody out.
#[derive(Debug)]
pub struct VolumeLock {
    file: File,
    path: PathBuf,
    shared: bool,
}

/// Why the volume is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another agent has it.
    #[error(
        "{} is locked by another agent: {holder}; two agents must never share a volume: stop that one, or give this pod \
         a volume of its own", path.display()
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What the holder wrote of itself: `pod ..., pid ..., host ..., since ...`.
        holder: String,
    },
    /// The agent's directory or the lock file cannot be made or opened.
    #[error(
        "cannot {tried} {}: {source}; the volume must be writable for the user this container runs as \
         (in Kubernetes: securityContext.fsGroup) and have free space", path.display()
    )]
    Unusable {
        /// What was tried.
        tried: &'static str,
        /// On what.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The file system has no locks.
    #[error(
        "cannot flock {}: {source}; the file system of this volume must support locks \
         (NFS: mount without `nolock`, with a lock manager)", path.display()
    )]
    Unlockable {
        /// The lock file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

impl LockError {
    fn unusable(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LockError {
        move |source| LockError::Unusable {
            tried,
            path: path.to_path_buf(),
            source,
        }
    }
}

impl VolumeLock {
    /// Takes the lock of `volume` for the pod named `holder`, without waiting. An agent may have inherited the lock: when
    /// one of the `kept` descriptors is the lock file of this volume, the lock is taken through it, and it stays with
    /// whoever kept it.
    ///
    /// # Errors
    /// [`LockError::Held`] says who has it; the others, why it could not be tried.
    pub fn acquire(volume: &Path, holder: &str, kept: &[OwnedFd]) -> Result<VolumeLock, LockError> {
        let directory = volume.join(STATE_DIR);
        make_private(&directory)?;
        let path = directory.join("lock");
        let file = open(&path).map_err(LockError::unusable("open", &path))?;
        let kept = find_same(&file, kept).map_err(LockError::unusable("examine", &path))?;
        let shared = kept.is_some();
        let file = kept.unwrap_or(file);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let holder = read_holder(&file);
                return Err(LockError::Held { path, holder });
            }
            Err(e) => {
                let source = e.into();
                return Err(LockError::Unlockable { path, source });
            }
        }
        // The lock is what counts; its holder's name is for people, and a full volume may not take it.
        if let Err(error) = write_holder(&file, &describe(holder)) {
            tracing::warn!(path = %path.display(), "cannot write who holds the lock: {error}");
        }
        Ok(VolumeLock { file, path, shared })
    }

    /// Gives somebody else a duplicate of the lock, once; from then on this value's end no longer unlocks.
    ///
    /// # Errors
    /// Those of `hand_over`.
    pub fn share(&mut self, hand_over: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>) -> io::Result<()> {
        if !self.shared {
            hand_over(self.file.as_fd())?;
            self.shared = true;
        }
        Ok(())
    }

    /// The lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Unlocks by word and not only by closing: a child between its fork and its exec still has the descriptor. The word
/// would unlock what is shared for everybody.
impl Drop for VolumeLock {
    fn drop(&mut self) {
        if !self.shared {
            // Nothing is left to do where this fails: closing unlocks as well.
            let _ = flock(&self.file, FlockOperation::Unlock);
        }
    }
}

/// Not truncated: until the lock is ours, the contents are somebody else's. On a volume that is read-only, as the kernel makes
/// it after an error, a lock that is there can be taken all the same.
fn open(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    match opened {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(path),
        opened => opened,
    }
}

/// The open file among `kept` that is the same file as `file`.
fn find_same(file: &File, kept: &[OwnedFd]) -> io::Result<Option<File>> {
    let wanted = fstat(file)?;
    let same = |kept: &&OwnedFd| fstat(kept).is_ok_and(|s| (s.st_dev, s.st_ino) == (wanted.st_dev, wanted.st_ino));
    let found = kept.iter().find(same).map(OwnedFd::try_clone);
    Ok(found.transpose()?.map(File::from))
}

fn make_private(directory: &Path) -> Result<(), LockError> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            return Err(LockError::unusable("create", directory)(e));
        }
        _ => {}
    }
    let meta = std::fs::symlink_metadata(directory).map_err(LockError::unusable("examine", directory))?;
    if !meta.is_dir() {
        let wrong = io::Error::other("it is not a directory");
        return Err(LockError::unusable("use", directory)(wrong));
    }
    // Kubernetes' fsGroup opens everything on a volume to the group at each mount.
    if meta.permissions().mode() & 0o7777 != 0o700 {
        std::fs::set_permissions(directory, Permissions::from_mode(0o700))
            .map_err(LockError::unusable("set mode 0700 on", directory))?;
    }
    Ok(())
}

fn describe(pod: &str) -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    let pid = std::process::id();
    let since = utc::from_unix(clock::wall());
    lock_holder::line(pod, pid, &host, &since.to_string())
}

/// Written over the old line first and cut to length after, so that a refused agent never reads an empty file.
fn write_holder(file: &File, line: &str) -> io::Result<()> {
    file.write_all_at(line.as_bytes(), 0)?;
    file.set_len(line.len() as u64)
}

fn read_holder(file: &File) -> String {
    let mut text = [0; LONGEST];
    // What cannot be read is told as unknown: the lock itself is the answer that counts. Read at 0: the position of a
    // shared open file is shared too.
    let n = file.read_at(&mut text, 0).unwrap_or(0);
    let said = lock_holder::said(text.get(..n).unwrap_or_default());
    said.unwrap_or_else(|| "it has not said who it is".to_string())
}

/// The pod whose agent was the last to hold the lock of `volume`, as far as it has said.
pub(crate) fn pod_of(volume: &Path) -> Option<String> {
    let file = File::open(volume.join(STATE_DIR).join("lock")).ok()?;
    lock_holder::pod(&read_holder(&file)).map(String::from)
}

#[cfg(test)]
mod tests;
