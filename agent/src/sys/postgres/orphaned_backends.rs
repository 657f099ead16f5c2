//! Server processes whose postmaster is gone. Most end when they notice; while one lives, its shared memory keeps another
//! postmaster from starting. A postmaster itself ends its processes the same way after a crash (postmaster.c).
//!
//! Those of a coordinator are not waited for. One that computes notices late, and may commit meanwhile; on a Greenplum
//! coordinator commits wait for the standby only as long as a walsender lives (SyncRepWaitForLSN, syncrep.c), which is one of
//! those that end first. What is acknowledged then is lost with a takeover.

use super::pidfile;
use super::pidfile::{Occupant, is_backend};
use crate::sys::process::{Process, process};
use gp_agent_core::process::timeouts;
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// So long those of a coordinator are looked for when its postmaster has ended; on a volume that hangs, what comes next hangs
/// too.
const FOUND_WITHIN: Duration = timeouts::BACKENDS_FOUND;

/// A killed process may wait for its disk.
const KILLED_WITHIN: Duration = timeouts::BACKENDS_KILLED;

/// How long such processes are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until they are asked to quit (SIGQUIT). FTS fails a primary over that is not back after some seconds.
    pub by_themselves: Duration,
    /// From then until they are killed; a postmaster waits for 5 s.
    pub after_quit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            by_themselves: timeouts::BACKENDS_END,
            after_quit: timeouts::BACKENDS_QUIT,
        }
    }
}

/// Kills those that are left on the directory of a coordinator whose postmaster has just ended.
pub(crate) async fn kill_on(dir: PathBuf) {
    // Beside the queue of the volume: others may wait for that long.
    let look = tokio::task::spawn_blocking(move || pidfile::occupant(&dir));
    if let Ok(Ok(Ok(Occupant::Leftovers(pids)))) = timeout(FOUND_WITHIN, look).await {
        kill(&pids).await;
    }
}

/// Kills them without a word, and returns when they have ended.
pub(crate) async fn kill(pids: &[i32]) {
    let left = adopt(pids);
    send(&left, Signal::KILL);
    let _ = timeout(KILLED_WITHIN, all_ended(&left)).await;
}

fn adopt(pids: &[i32]) -> Vec<Process> {
    let adopt = |pid: &i32| {
        let adopted = Process::adopt(*pid).ok()?;
        // Only now does the PID stand for one process. A postmaster is nobody's leftover.
        process(*pid).filter(is_backend).map(|_| adopted)
    };
    pids.iter().filter_map(adopt).collect()
}

fn send(processes: &[Process], signal: Signal) {
    for process in processes {
        // One that has ended meanwhile has no process to signal.
        if process.signal(signal).is_ok() {
            tracing::warn!(
                pid = process.pid(),
                ?signal,
                "ending a server process without a postmaster"
            );
        }
    }
}

/// Returns when they have ended, or have been killed.
pub(crate) async fn end(pids: &[i32], patience: Patience) {
    let left = adopt(pids);
    let steps = [
        (patience.by_themselves, Signal::QUIT),
        (patience.after_quit, Signal::KILL),
    ];
    for (within, signal) in steps {
        if timeout(within, all_ended(&left)).await.is_ok() {
            return;
        }
        send(&left, signal);
    }
}

async fn all_ended(processes: &[Process]) {
    for process in processes {
        let _ = process.ended().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// Killed with the test, whatever becomes of that.
    struct Server(Child);

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A process by the name of a server, under this title, that has set this trap. (bash ignores SIGQUIT by itself.)
    fn server(folder: &std::path::Path, title: &str, trap: &str) -> Server {
        let program = folder.join("postgres");
        if !program.exists() {
            // A copy could not be executed while a fork of another test has it open for writing.
            std::os::unix::fs::symlink("/bin/bash", &program).unwrap();
        }
        server_in(&program, std::path::Path::new("/"), title, trap)
    }

    /// The same, at work in a directory.
    fn server_in(program: &std::path::Path, at: &std::path::Path, title: &str, trap: &str) -> Server {
        let script = format!("trap {trap}; echo up; while :; do sleep 0.01; done");
        let mut child = Command::new(program)
            .current_dir(at)
            .arg0(title)
            .args(["-c", &script])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        Server(child)
    }

    #[tokio::test]
    async fn they_are_asked_and_then_killed() {
        use std::os::unix::process::ExitStatusExt;
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("quit");
        let quits = server(
            dir.path(),
            "postgres: walwriter ",
            &format!("'echo > {}; exit' QUIT", mark.display()),
        );
        let mut stays = server(dir.path(), "postgres: checkpointer ", "'' QUIT");
        let mut postmaster = server(dir.path(), "/usr/bin/postgres", "'exit' QUIT");
        let mut stranger = Server(Command::new("sleep").arg("1000").spawn().unwrap());
        let pids = [&quits, &stays, &postmaster, &stranger].map(|s| s.0.id().cast_signed());
        let patience = Patience {
            by_themselves: Duration::from_millis(10),
            after_quit: Duration::from_secs(2),
        };
        end(&pids, patience).await;
        let killed = stays.0.wait().unwrap().signal();
        assert_eq!(killed, Some(Signal::KILL.as_raw()));
        assert!(mark.exists(), "was not asked to quit");
        assert!(process(quits.0.id().cast_signed()).is_none());
        assert_eq!(stranger.0.try_wait().unwrap(), None, "no server");
        assert_eq!(postmaster.0.try_wait().unwrap(), None, "starts just now");
        drop((quits, stays, postmaster, stranger));
        end(&pids, patience).await;
    }

    #[tokio::test]
    async fn those_of_a_coordinator_are_killed_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("asked");
        let trap = format!("'echo > {}' QUIT TERM INT", mark.display());
        let orphans = [(); 3].map(|()| server(dir.path(), "postgres: gpadmin postgres [local] COMMIT ", &trap));
        let mut postmaster = server(dir.path(), "/usr/bin/postgres", "'exit' QUIT");
        let pid = |server: &Server| server.0.id().cast_signed();
        let pids: Vec<i32> = orphans.iter().chain([&postmaster]).map(pid).collect();
        kill(&pids).await;
        for orphan in &orphans {
            assert!(process(pid(orphan)).is_none(), "they are awaited");
        }
        assert!(!mark.exists(), "was asked");
        assert_eq!(postmaster.0.try_wait().unwrap(), None, "starts just now");
    }

    #[tokio::test]
    async fn only_what_is_left_on_that_directory_is_killed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let in_dir = |at: &tempfile::TempDir, title: &str| {
            let program = dir.path().join("postgres");
            server_in(&program, at.path(), title, "'' QUIT")
        };
        std::os::unix::fs::symlink("/bin/bash", dir.path().join("postgres")).unwrap();
        let left = in_dir(&dir, "postgres: walwriter ");
        let mut elsewhere = in_dir(&other, "postgres: walwriter ");
        kill_on(dir.path().to_path_buf()).await;
        assert!(process(left.0.id().cast_signed()).is_none());
        assert_eq!(elsewhere.0.try_wait().unwrap(), None);
        // A new postmaster is there already: what runs is its business.
        let mut postmaster = in_dir(&other, "/usr/bin/postgres");
        kill_on(other.path().to_path_buf()).await;
        assert_eq!(postmaster.0.try_wait().unwrap(), None);
        assert_eq!(elsewhere.0.try_wait().unwrap(), None);
        kill_on(dir.path().join("gone")).await;
    }
}
