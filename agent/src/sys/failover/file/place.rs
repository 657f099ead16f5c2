//! The directory itself.

use crate::sys::failover::authority::AuthorityError;
use crate::sys::storage::fs::while_trying;
use gp_agent_core::storage::filesystems;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode, fstat, fstatfs, openat, statat};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Both containers run as the same user; others may look.
const MODE: RawMode = 0o644;

/// A directory that is opened anew each time: what is mounted there may change.
#[derive(Clone, Debug)]
pub(super) struct RecordDirectory(PathBuf);

impl fmt::Display for RecordDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "directory {}", self.0.display())
    }
}

impl RecordDirectory {
    pub(super) fn new(path: &Path) -> RecordDirectory {
        RecordDirectory(path.to_path_buf())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The directory, if it is one that the processes of this machine share, and nobody else does. A file that is missing
    /// there is missing; without the directory nothing can be told.
    pub(super) fn open(&self) -> Result<OwnedFd, AuthorityError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = openat(CWD, &self.0, flags, Mode::empty());
        let directory = opened.map_err(|e| self.error("open", &self.0, e))?;
        let file_system = fstatfs(&directory).map_err(|e| self.error("examine", &self.0, e))?;
        // The kernel's magic numbers have 32 bits; the field's type differs between architectures.
        #[allow(
            clippy::unnecessary_cast,
            clippy::cast_sign_loss,
            reason = "its type is signed on some architectures"
        )]
        let magic = file_system.f_type as u64;
        match filesystems::unfit_for_one_machine(magic) {
            None => Ok(directory),
            Some(why) => Err(AuthorityError::Unusable(format!(
                "{self} is no place for the record of the coordinator: its file system, {}, {why}; mount a volume of this \
                 machine there, in both coordinator containers and nowhere else",
                filesystems::name(magic)
            ))),
        }
    }

    /// A file in it, made when it is missing, and never through a symbolic link.
    pub(super) fn open_lock(&self, directory: &OwnedFd, name: &str) -> Result<OwnedFd, AuthorityError> {
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(directory, name, flags, Mode::from_raw_mode(MODE));
        opened.map_err(|e| self.error("open", &self.join(name), e))
    }

    /// A new file in it that is written to.
    pub(super) fn create(&self, directory: &OwnedFd, name: &str) -> Result<OwnedFd, AuthorityError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(directory, name, flags, Mode::from_raw_mode(MODE));
        opened.map_err(|e| self.error("create", &self.join(name), e))
    }

    /// Whether the open file still has that name: a lock on one that was removed keeps nobody out.
    pub(super) fn is_still(&self, directory: &OwnedFd, name: &str, file: impl AsFd) -> Result<bool, AuthorityError> {
        let here = fstat(file).map_err(|e| self.error("examine", &self.join(name), e))?;
        match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => Ok((here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(self.error("examine", &self.join(name), e)),
        }
    }

    /// What happened, in words.
    pub(super) fn error(&self, tried: &'static str, path: &Path, error: impl Into<io::Error>) -> AuthorityError {
        let error = while_trying(tried, path)(error.into());
        let words = error.to_string();
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded => AuthorityError::Unusable(words),
            _ => AuthorityError::Unavailable(words),
        }
    }
}
