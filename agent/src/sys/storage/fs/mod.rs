//! Files that must never be seen half written, and directories that must never be lost.

#[cfg(test)]
mod tests;
pub(crate) mod volume_lock;

pub use volume_lock::VolumeLock;

use crate::sys::process::clock;
use gp_agent_core::log::utc;
use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// What was tried on a file, and what happened; travels inside an [`io::Error`] of the same kind.
#[derive(Debug, thiserror::Error)]
#[error("cannot {tried} {}: {source}{}", path.display(), remedy(source))]
struct FileError {
    tried: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// What to do about the errors that have one usual cause.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space or enlarge the volume",
        io::ErrorKind::ReadOnlyFilesystem => {
            "; mount it read-write (a container with a read-only root needs a volume there)"
        }
        io::ErrorKind::PermissionDenied => {
            "; it must belong to the user this container runs as (in Kubernetes: securityContext.fsGroup)"
        }
        io::ErrorKind::NotFound => "; its directory must exist",
        _ => "",
    }
}

/// For `map_err`: says what was tried on which path.
pub(crate) fn while_trying(tried: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |source| {
        let path = path.to_path_buf();
        io::Error::new(source.kind(), FileError { tried, path, source })
    }
}

/// Replaces the file at `path` so that a reader, or a crash at any moment, finds the old or the new one, whole.
///
/// `mode` are the permission bits it gets, whatever the umask. Where the file existed, its owner and group are kept as far
/// as we may set them. A symbolic link is followed, and stays. Nothing is written when contents and mode are already right:
/// the answer is whether something was.
///
/// # Errors
/// Name the path; the old file is then untouched and the temporary one removed.
pub fn write_atomically(path: &Path, contents: &[u8], mode: u32) -> io::Result<bool> {
    let path = &resolve_link(path)?;
    let old = match File::open(path) {
        Ok(file) => Some(file),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        // Ours by the directory, although not readable: it is replaced all the same.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => None,
        Err(e) => return Err(while_trying("open", path)(e)),
    };
    let kept = match old {
        Some(file) => {
            let meta = file.metadata().map_err(while_trying("examine", path))?;
            if is_same(file, &meta, contents, mode).map_err(while_trying("read", path))? {
                return Ok(false);
            }
            Some(meta)
        }
        None => None,
    };
    replace(path, contents, mode, kept.as_ref())?;
    Ok(true)
}

/// What a symbolic link at `path` finally points to, or `path` itself.
fn resolve_link(path: &Path) -> io::Result<PathBuf> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            std::fs::canonicalize(path).map_err(while_trying("follow the symbolic link", path))
        }
        _ => Ok(path.to_path_buf()),
    }
}

fn is_same(mut file: File, meta: &Metadata, contents: &[u8], mode: u32) -> io::Result<bool> {
    if !meta.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if meta.mode() & 0o7777 != mode || meta.len() != contents.len() as u64 {
        return Ok(false);
    }
    let mut present = Vec::with_capacity(contents.len());
    io::Read::read_to_end(&mut file, &mut present)?;
    Ok(present == contents)
}

fn replace(path: &Path, contents: &[u8], mode: u32, old: Option<&Metadata>) -> io::Result<()> {
    let directory = parent(path);
    let name = path
        .file_name()
        .ok_or_else(|| while_trying("write", path)(io::ErrorKind::InvalidFilename.into()))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".gp-agent-");
    // Dropped before it is persisted, it removes itself.
    let mut temp = tempfile::Builder::new()
        .prefix(&prefix)
        .tempfile_in(directory)
        .map_err(while_trying("create a temporary file beside", path))?;
    temp.write_all(contents)
        .and_then(|()| old.map_or(Ok(()), |old| keep_owner(temp.as_file(), old)))
        .and_then(|()| temp.as_file().set_permissions(Permissions::from_mode(mode)))
        .and_then(|()| temp.as_file().sync_all())
        .map_err(while_trying("write a temporary file beside", path))?;
    temp.persist(path).map_err(|e| while_trying("replace", path)(e.error))?;
    sync_directory(directory)
}

/// Gives `file` the owner and group of `old`; without the right to do that, those of this process remain.
fn keep_owner(file: &File, old: &Metadata) -> io::Result<()> {
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    match fchown(file, Some(old.uid()), Some(old.gid())) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Makes names that were made or removed in it durable.
///
/// # Errors
/// Those of open(2) and fsync(2).
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(while_trying("fsync the directory", directory))
}

/// Renames a file or directory so that a crash of the machine does not take the new name back.
///
/// # Errors
/// Name both paths; where only the new name could not be made durable, the rename is done.
pub(crate) fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    let names = format!("cannot rename {} to {}", from.display(), to.display());
    std::fs::rename(from, to).map_err(|error| io::Error::new(error.kind(), format!("{names}: {error}")))?;
    sync_directory(parent(to))
}

/// Removes a file; whether it was there.
///
/// # Errors
/// It is there and cannot be removed.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves a file or directory out of the way, to `<name>.aside-20261124T061309Z` beside it (with `-2`, `-3`, ... where that
/// name is taken), and answers where it is now. Nothing is ever overwritten or deleted.
///
/// # Errors
/// Name the path; it is then where it was.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    set_aside_at(path, utc::from_unix(clock::wall()))
}

fn set_aside_at(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    for n in 1..=u32::MAX {
        let target = aside_name(path, now, n)?;
        match set_aside_as(path, &target) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done.map(|()| target),
        }
    }
    Err(while_trying("set aside", path)(io::ErrorKind::AlreadyExists.into()))
}

fn aside_name(path: &Path, now: Timestamp, n: u32) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| while_trying("set aside", path)(io::ErrorKind::InvalidFilename.into()))?;
    let mut aside = name.to_os_string();
    aside.push(format!(".aside-{}", utc::compact(now)));
    if n > 1 {
        aside.push(format!("-{n}"));
    }
    Ok(path.with_file_name(aside))
}

/// The name that [`set_aside`] would give now, for whoever has to write it down first.
///
/// # Errors
/// It has no name to begin with, or it cannot be told whether a name is taken.
pub(crate) fn next_aside(path: &Path) -> io::Result<PathBuf> {
    let now = utc::from_unix(clock::wall());
    for n in 1..=u32::MAX {
        let target = aside_name(path, now, n)?;
        match std::fs::symlink_metadata(&target) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(target),
            Err(e) => return Err(while_trying("examine", &target)(e)),
        }
    }
    Err(while_trying("set aside", path)(io::ErrorKind::AlreadyExists.into()))
}

/// The same as [`set_aside`], with a name that was chosen before.
///
/// # Errors
/// Name the path; it is then where it was. [`io::ErrorKind::AlreadyExists`] where the name is taken.
pub(crate) fn set_aside_as(path: &Path, target: &Path) -> io::Result<()> {
    match rename_noreplace(path, target) {
        Ok(()) => sync_directory(parent(path)),
        Err(e) => Err(while_trying("set aside", path)(e)),
    }
}

fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system (NFS, older ZFS) does not know the flag. One agent owns the volume, so nobody takes the name
        // between the question and the rename.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match std::fs::symlink_metadata(to) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => std::fs::rename(from, to),
            Err(e) => Err(e),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        },
        other => other.map_err(io::Error::from),
    }
}
