//! The processes of a container, as this machine sees them.

use crate::chaos::fault::Process;
use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::PathBuf;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Running {
    pid: i32,
    title: String,
}

/// Sends a signal to those processes of the container whose first process is `init`; how many there were.
///
/// # Errors
/// When there is none.
pub(super) fn signal(init: u32, process: Process, signal: Signal) -> Result<()> {
    let init = i32::try_from(init)?;
    let pids = choose(process, init, &all(init)?);
    ensure!(!pids.is_empty(), "there is no {process}");
    for pid in pids.into_iter().filter_map(Pid::from_raw) {
        // One that has just ended needs no signal.
        let _ = kill_process(pid, signal);
    }
    Ok(())
}

/// All that share the PID namespace of this process.
fn all(init: i32) -> Result<Vec<Running>> {
    let namespace = |pid: i32| fs::read_link(PathBuf::from(format!("/proc/{pid}/ns/pid")));
    let own = namespace(init)?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if !namespace(pid).is_ok_and(|theirs| theirs == own) {
            continue;
        }
        let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let title = String::from_utf8_lossy(&title).replace('\0', " ").trim().to_string();
        found.push(Running { pid, title });
    }
    Ok(found)
}

/// Which of them are meant. Titles of a server's processes: `init_ps_display`, `set_ps_display` (`ps_status.c`).
fn choose(process: Process, init: i32, all: &[Running]) -> Vec<i32> {
    let child = |running: &Running, word: &str| running.title.starts_with("postgres: ") && running.title.contains(word);
    let is_postmaster = |title: &str| {
        let program = title.split(' ').next().unwrap_or_default();
        program.ends_with("/postgres") || program == "postgres"
    };
    let matches = |running: &&Running| match process {
        Process::Init => running.pid == init,
        Process::Agent => running.title.contains("gp-agent run"),
        Process::Postmaster => is_postmaster(&running.title),
        Process::Server => is_postmaster(&running.title) || child(running, ""),
        // A client over TCP has its address and port in the title, and an agent's session says [local].
        Process::Backend => child(running, "(") && !child(running, "walsender"),
        Process::Walsender => child(running, "walsender"),
        Process::Walreceiver => child(running, "walreceiver"),
        Process::Checkpointer => child(running, "checkpointer"),
        Process::Walwriter => child(running, "walwriter"),
        Process::All => true,
    };
    let mut pids: Vec<i32> = all.iter().filter(matches).map(|running| running.pid).collect();
    pids.sort_unstable();
    let one = matches!(process, Process::Backend | Process::Walsender);
    pids.truncate(if one { 1 } else { pids.len() });
    pids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_is_told_from_the_others() {
        let titles = [
            (1, "gp-agent init"),
            (7, "/usr/local/bin/gp-agent run"),
            (20, "/usr/lib/postgresql/15/bin/postgres -D /greenplum/gpseg-1"),
            (21, "postgres: checkpointer "),
            (22, "postgres: walwriter "),
            (23, "postgres: walsender gpadmin 172.18.0.3(40100) streaming 0/3000060"),
            (24, "postgres: gpadmin postgres [local] idle"),
            (
                25,
                "postgres: gpadmin postgres 127.0.0.1(51000) INSERT waiting for 0/3000060",
            ),
            (26, "postgres: walreceiver streaming 0/3000060"),
            (30, "sshd: /usr/sbin/sshd -D"),
        ];
        let all: Vec<Running> = titles
            .iter()
            .map(|(pid, title)| Running {
                pid: *pid,
                title: title.to_string(),
            })
            .collect();
        let chosen = |process| choose(process, 1, &all);
        assert_eq!(chosen(Process::Init), [1]);
        assert_eq!(chosen(Process::Agent), [7]);
        assert_eq!(chosen(Process::Postmaster), [20]);
        assert_eq!(chosen(Process::Checkpointer), [21]);
        assert_eq!(chosen(Process::Walwriter), [22]);
        assert_eq!(chosen(Process::Walsender), [23]);
        assert_eq!(chosen(Process::Backend), [25]);
        assert_eq!(chosen(Process::Walreceiver), [26]);
        assert_eq!(chosen(Process::Server), [20, 21, 22, 23, 24, 25, 26]);
        assert_eq!(chosen(Process::All).len(), 10);
    }
}
