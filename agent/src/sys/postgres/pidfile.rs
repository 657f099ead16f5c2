//! postmaster.pid, and which processes really run on a data directory.

use crate::sys::process;
use crate::sys::process::ProcessInfo;
use gp_agent_core::postgres::pidfile::Pidfile;
use std::io;
use std::path::Path;

/// Who runs on a data directory now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nobody; a stale lock file, if there was one, may be removed.
    Nobody,
    /// A postmaster, by PID.
    Postmaster(i32),
    /// A single-user server, such as initdb runs, by PID.
    Standalone(i32),
    /// Server processes whose postmaster is gone; they end by themselves as soon as they notice.
    Leftovers(Vec<i32>),
}

/// Looks through the processes of this pod. Server processes change their working directory to the data directory
/// (postmaster.c), which also holds when PIDs repeat in a fresh PID namespace, as postmaster.pid alone does not.
pub(crate) fn occupant(dir: &Path) -> io::Result<Occupant> {
    let real = std::fs::canonicalize(dir)?;
    let on_dir: Vec<ProcessInfo> = process::processes()?
        .into_iter()
        .filter(|p| p.state != 'Z' && p.cwd.as_deref() == Some(&real) && is_server(p))
        .collect();
    let listed = read_pid(dir)?;
    let is_postmaster = |p: &&ProcessInfo| !on_dir.iter().any(|other| other.pid == p.ppid);
    if let Some(p) = on_dir.iter().filter(is_postmaster).find(|p| Some(p.pid) == listed) {
        return Ok(Occupant::Postmaster(p.pid));
    }
    if on_dir.is_empty() {
        return Ok(Occupant::Nobody);
    }
    // Such a server writes its PID as a negative number (miscinit.c, CreateLockFile).
    if let Some(p) = on_dir.iter().find(|p| Some(-p.pid) == listed) {
        return Ok(Occupant::Standalone(p.pid));
    }
    Ok(Occupant::Leftovers(on_dir.iter().map(|p| p.pid).collect()))
}

/// Whether this is a postmaster or one of its processes, by the program's name.
pub(crate) fn is_server(p: &ProcessInfo) -> bool {
    matches!(p.comm.as_str(), "postgres" | "postmaster")
}

/// The PID on the first line of postmaster.pid (negative for a standalone backend).
pub(crate) fn read_pid(dir: &Path) -> io::Result<Option<i32>> {
    match std::fs::read(dir.join("postmaster.pid")) {
        Ok(file) => Ok(Pidfile::parse(&file).pid),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Whether the postmaster has begun to stop; false before PostgreSQL 10.
pub(crate) fn is_stopping(dir: &Path) -> bool {
    std::fs::read(dir.join("postmaster.pid")).is_ok_and(|file| Pidfile::parse(&file).stopping)
}

/// Removes the lock file after [`occupant`] proved that nobody runs there. PostgreSQL itself would take any live process
/// of the same user with that PID for a running server (miscinit.c).
pub(crate) fn remove_stale(dir: &Path) -> io::Result<bool> {
    match std::fs::remove_file(dir.join("postmaster.pid")) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
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
    std::fs::remove_file(&lock)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_user_server_is_no_leftover() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("postgres");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut server = std::process::Command::new(&program)
            .arg("1000")
            .current_dir(&data)
            .spawn()
            .unwrap();
        let pid = server.id().cast_signed();
        let listed = |text: String| {
            std::fs::write(data.join("postmaster.pid"), text).unwrap();
            occupant(&data).unwrap()
        };
        assert_eq!(listed(format!("{pid}\n")), Occupant::Postmaster(pid));
        assert_eq!(listed(format!("-{pid}\n")), Occupant::Standalone(pid));
        assert_eq!(listed("1\n".into()), Occupant::Leftovers(vec![pid]));
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(occupant(&data).unwrap(), Occupant::Nobody);
    }

    #[test]
    fn only_the_lock_of_a_server_that_is_gone_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join(".s.PGSQL.5432.lock");
        assert!(!remove_stale_socket_lock(dir.path(), 5432).unwrap());
        // This test's process lives, and is no server: the PID was given to somebody else since.
        for pid in [i32::MAX, std::process::id().cast_signed()] {
            std::fs::write(&lock, format!("{pid}\n/data\n")).unwrap();
            assert!(remove_stale_socket_lock(dir.path(), 5432).unwrap());
            assert!(!lock.exists());
        }
    }
}
