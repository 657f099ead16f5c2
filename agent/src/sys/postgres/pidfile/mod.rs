//! postmaster.pid, and which processes really run on a data directory.

#[cfg(test)]
mod tests;

use crate::sys::process;
use crate::sys::process::{FileId, ProcessInfo};
use crate::sys::storage::fs::while_trying;
use gp_agent_core::postgres::pidfile::Pidfile;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{File, OpenOptions};
use std::io;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

const FILE: &str = "postmaster.pid";

/// A lock file that is being removed.
const TAKEN: &str = "postmaster.pid.gp-agent-stale";

/// Who runs on a data directory now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nobody; a stale lock file, if there was one, may be removed.
    Nobody,
    /// A postmaster, by PID.
    Postmaster(i32),
    /// A single-user server, such as initdb runs, by PID.
    Standalone(i32),
    /// A server that the lock file does not name, by PID: it has not written it yet, or somebody removed the file.
    Unlisted(i32),
    /// Server processes whose postmaster is gone; they end by themselves as soon as they notice.
    Leftovers(Vec<i32>),
}

/// Looks through the processes of this pod. Server processes change their working directory to the data directory
/// (postmaster.c), which also holds when PIDs repeat in a fresh PID namespace, as postmaster.pid alone does not. The
/// directory is told by device and inode: where pods share a PID namespace, all of them call theirs by the same name.
pub(crate) fn occupant(dir: &Path) -> io::Result<Occupant> {
    let on_dir = servers_on(dir)?;
    let listed = read_pid(dir)?;
    let is_root = |p: &&ProcessInfo| !on_dir.iter().any(|other| other.pid == p.ppid);
    if let Some(p) = on_dir.iter().filter(is_root).find(|p| Some(p.pid) == listed) {
        return Ok(Occupant::Postmaster(p.pid));
    }
    // Such a server writes its PID as a negative number (miscinit.c, CreateLockFile).
    if let Some(p) = on_dir.iter().find(|p| Some(-p.pid) == listed) {
        return Ok(Occupant::Standalone(p.pid));
    }
    if let Some(p) = on_dir.iter().filter(is_root).find(|p| !is_backend(p)) {
        return Ok(Occupant::Unlisted(p.pid));
    }
    Ok(match on_dir.is_empty() {
        true => Occupant::Nobody,
        false => Occupant::Leftovers(on_dir.iter().map(|p| p.pid).collect()),
    })
}

fn servers_on(dir: &Path) -> io::Result<Vec<ProcessInfo>> {
    let dir = FileId::of(dir)?;
    let on_dir = |p: &ProcessInfo| p.state != 'Z' && is_server(p) && process::works_in(p.pid, dir);
    Ok(process::processes()?.into_iter().filter(on_dir).collect())
}

/// Whether this is a postmaster or one of its processes, by the program's name.
pub(crate) fn is_server(p: &ProcessInfo) -> bool {
    matches!(p.comm.as_str(), "postgres" | "postmaster")
}

/// Whether this is a postmaster's child. It sets its title first of all (`postgres: checkpointer`; init_ps_display), while
/// a postmaster keeps its command line.
pub(crate) fn is_backend(p: &ProcessInfo) -> bool {
    is_server(p) && p.args.first().is_some_and(|title| title.starts_with("postgres: "))
}

/// What postmaster.pid says; nothing when there is none.
pub(crate) fn read(dir: &Path) -> io::Result<Pidfile> {
    let file = Snapshot::read(&dir.join(FILE))?;
    Ok(file.map(|file| Pidfile::parse(&file.contents)).unwrap_or_default())
}

/// The PID on the first line of postmaster.pid (negative for a standalone backend).
pub(crate) fn read_pid(dir: &Path) -> io::Result<Option<i32>> {
    Ok(read(dir)?.pid)
}

/// Whether the postmaster has begun to stop; false before PostgreSQL 10.
pub(crate) fn is_stopping(dir: &Path) -> bool {
    read(dir).is_ok_and(|file| file.stopping)
}

/// A lock file as it was at one moment. An inode's number alone is given away again at once.
#[derive(PartialEq, Eq)]
struct Snapshot {
    id: FileId,
    changed: (i64, i64),
    contents: Vec<u8>,
}

impl Snapshot {
    fn read(path: &Path) -> io::Result<Option<Snapshot>> {
        // What is no file at all must not be waited for.
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        match opened {
            Ok(file) => Self::of(file).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn of(mut file: File) -> io::Result<Snapshot> {
        let meta = file.metadata()?;
        let mut contents = Vec::new();
        file.read_to_end(&mut contents)?;
        Ok(Snapshot {
            id: FileId::from(&meta),
            changed: (meta.mtime(), meta.mtime_nsec()),
            contents,
        })
    }

    fn pid(&self) -> Option<i32> {
        Pidfile::parse(&self.contents).pid
    }

    /// Whether a server that finds it goes on: it takes a PID that nobody has for stale, and any live process of the same
    /// user for a running server; an empty file for one that is being written (miscinit.c, CreateLockFile).
    fn is_overcome(&self) -> bool {
        self.pid()
            .is_some_and(|pid| process::process(pid.saturating_abs()).is_none())
    }
}

/// Removes a lock file that would keep a server from starting although no server of this pod runs on the directory: the
/// server alone cannot tell. A file that it can tell is left to it, since it looks and replaces in one step.
///
/// # Errors
/// A server began meanwhile; it keeps its lock file. Or the volume's.
pub(crate) fn remove_stale(dir: &Path) -> io::Result<bool> {
    remove_stale_while(dir, || {})
}

/// `meanwhile` happens after the look and before the removal.
fn remove_stale_while(dir: &Path, meanwhile: impl FnOnce()) -> io::Result<bool> {
    let path = dir.join(FILE);
    let Some(stale) = Snapshot::read(&path)?.filter(|file| !file.is_overcome()) else {
        return Ok(false);
    };
    // A server that is here after this look finds a lock file and judges it, or brings its own.
    if let Some(server) = servers_on(dir)?.first() {
        return Err(began(server.pid));
    }
    meanwhile();
    let taken = dir.join(TAKEN);
    match std::fs::rename(&path, &taken) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(while_trying("remove the stale lock file", &path))?,
    }
    let found = Snapshot::read(&taken)?;
    if found.as_ref().is_some_and(|found| *found != stale) {
        // Never over the file of somebody who is quicker still.
        let _ = renameat_with(CWD, &taken, CWD, &path, RenameFlags::NOREPLACE);
        return Err(began(found.and_then(|found| found.pid()).unwrap_or_default()));
    }
    std::fs::remove_file(&taken).map_err(while_trying("remove", &taken))?;
    Ok(true)
}

fn began(pid: i32) -> io::Error {
    io::Error::other(format!(
        "a server (process {pid}) began on the directory in this moment"
    ))
}

/// Removes the lock file of the server socket on `port` in `folder` when the process it names is gone or no server. PostgreSQL
/// would take any live process of the same user with that PID for one (miscinit.c), Greenplum's tools take the file alone.
pub(crate) fn remove_stale_socket_lock(folder: &Path, port: u16) -> io::Result<bool> {
    let lock = folder.join(format!(".s.PGSQL.{port}.lock"));
    let text = match std::fs::read(&lock) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    if Pidfile::parse(&text)
        .pid
        .and_then(process::process)
        .is_some_and(|p| is_server(&p))
    {
        return Ok(false);
    }
    std::fs::remove_file(&lock).map_err(while_trying("remove the stale lock file", &lock))?;
    Ok(true)
}
