//! The process list for whoever is in a hurry: without arguments and working directories, which are most of the work.

use super::ProcessInfo;
use super::table::each;
use gp_agent_core::process::stat::Stat;
use std::fs;
use std::io;

/// Every process of this PID namespace, in ascending order of PID; those that end meanwhile are left out.
///
/// # Errors
/// Those of reading the directory /proc.
pub(crate) fn processes() -> io::Result<Vec<ProcessInfo>> {
    each(process)
}

/// The process of that PID, or nothing when there is none.
pub(crate) fn process(pid: i32) -> Option<ProcessInfo> {
    let stat = Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)?;
    Some(ProcessInfo {
        pid: stat.pid,
        ppid: stat.ppid,
        comm: stat.comm,
        args: Vec::new(),
        cwd: None,
        state: stat.state,
        start_ticks: stat.start_ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_the_same_in_brief() {
        let me = std::process::id().cast_signed();
        let whole = super::super::process(me).unwrap();
        let brief = processes().unwrap().into_iter().find(|p| p.pid == me).unwrap();
        assert_eq!((brief.ppid, brief.start_ticks), (whole.ppid, whole.start_ticks));
        assert_eq!(brief.comm, whole.comm);
        assert_eq!(process(i32::MAX), None);
    }
}
