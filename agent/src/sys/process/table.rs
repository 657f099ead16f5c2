//! The kernel's table of processes, as /proc shows it.

use gp_agent_core::process::stat;
use gp_agent_core::process::stat::{Stat, arguments};
use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
use rustix::process::Signal;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What /proc says of a process. Fields that only its owner may read are empty for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its PID.
    pub pid: i32,
    /// Its parent's PID; 0 when the parent is outside this PID namespace.
    pub ppid: i32,
    /// The command's name, cut to 15 bytes by the kernel.
    pub comm: String,
    /// Its argument vector; empty for zombies and kernel threads.
    pub args: Vec<String>,
    /// Its working directory (a postmaster's is its data directory), when it may be read.
    pub cwd: Option<PathBuf>,
    /// `R`, `S`, `D`, `Z`, ...: see proc_pid_stat(5).
    pub state: char,
    /// Start time in clock ticks since boot: tells apart two processes that had the same PID.
    pub start_ticks: u64,
}

/// What a file is, however it is called: its device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// Of what is at that path; symbolic links are followed.
    ///
    /// # Errors
    /// Those of stat(2).
    pub(crate) fn of(path: &Path) -> io::Result<FileId> {
        Ok(FileId::from(&fs::metadata(path)?))
    }
}

impl From<&fs::Metadata> for FileId {
    fn from(meta: &fs::Metadata) -> FileId {
        FileId(meta.dev(), meta.ino())
    }
}

/// Whether `dir` is that process's working directory, in whatever mount namespace. False when that may not be seen.
///
/// The kernel answers from what it has: a foreign process's directory may be on a file system that hangs (statx(2),
/// AT_STATX_DONT_SYNC).
pub(crate) fn works_in(pid: i32, dir: FileId) -> bool {
    let flags = AtFlags::STATX_DONT_SYNC;
    statx(CWD, format!("/proc/{pid}/cwd"), flags, StatxFlags::INO)
        .is_ok_and(|cwd| FileId(makedev(cwd.stx_dev_major, cwd.stx_dev_minor), cwd.stx_ino) == dir)
}

/// Whether a process means this pod's file when it names `path`. Another pod's that shares the PID namespace has another
/// file by the same name. True where it may not be seen.
pub(crate) fn sees_the_same(pid: i32, path: &Path) -> bool {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let Some((here, there)) = path.ancestors().find_map(|path| {
        let inside = path.strip_prefix("/").unwrap_or(path);
        Some((FileId::of(path).ok()?, FileId::of(&root.join(inside))))
    }) else {
        return true;
    };
    match there {
        Ok(there) => here == there,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// Every process of this PID namespace, in ascending order of PID; those that end meanwhile are left out.
///
/// # Errors
/// Those of reading the directory /proc.
pub fn processes() -> io::Result<Vec<ProcessInfo>> {
    each(process)
}

/// What `look` says of every process, in ascending order of PID.
pub(super) fn each(look: impl Fn(i32) -> Option<ProcessInfo>) -> io::Result<Vec<ProcessInfo>> {
    let mut found: Vec<ProcessInfo> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(look)
        .collect();
    found.sort_by_key(|p| p.pid);
    Ok(found)
}

/// The process of that PID, or nothing when there is none.
pub(crate) fn process(pid: i32) -> Option<ProcessInfo> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let stat = fs::read(directory.join("stat")).ok()?;
    let stat = Stat::parse(&stat)?;
    let args = fs::read(directory.join("cmdline")).map(|cmdline| arguments(&cmdline));
    Some(ProcessInfo {
        pid: stat.pid,
        ppid: stat.ppid,
        comm: stat.comm,
        args: args.unwrap_or_default(),
        cwd: fs::read_link(directory.join("cwd")).ok(),
        state: stat.state,
        start_ticks: stat.start_ticks,
    })
}

/// Whether a process has a handler for a signal: SigCgt of /proc/PID/status (proc(5)). False when it is gone.
pub(crate) fn catches(pid: i32, signal: Signal) -> bool {
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    stat::catches(&status, signal.as_raw().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};

    #[test]
    fn this_test_is_in_the_list() {
        let me = std::process::id().cast_signed();
        let all = processes().unwrap();
        let mine = all.iter().find(|p| p.pid == me).unwrap();
        assert_eq!(mine.ppid, rustix::process::getppid().unwrap().as_raw_nonzero().get());
        assert_eq!(mine.cwd, std::env::current_dir().ok());
        assert_eq!(mine.args, std::env::args().collect::<Vec<_>>());
        assert!(mine.start_ticks > 0);
    }

    #[test]
    fn a_handler_is_seen_once_it_is_there() {
        let mut child = Command::new("sh")
            .args(["-c", "trap : HUP; echo ready; read end"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let pid = child.id().cast_signed();
        assert!(catches(pid, Signal::HUP));
        assert!(!catches(pid, Signal::USR1));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!catches(pid, Signal::HUP));
    }
}
