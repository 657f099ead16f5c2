//! Server processes whose postmaster is gone. Most end when they notice; while one lives, its shared memory keeps another
//! postmaster from starting. A postmaster itself ends its processes the same way after a crash (postmaster.c).

use super::pidfile::is_backend;
use crate::sys::process::{Process, process};
use rustix::process::Signal;
use std::time::Duration;
use tokio::time::timeout;

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
            by_themselves: Duration::from_millis(500),
            after_quit: Duration::from_secs(5),
        }
    }
}

/// Returns when they have ended, or have been killed.
pub(crate) async fn end(pids: &[i32], patience: Patience) {
    let adopt = |pid: &i32| {
        let adopted = Process::adopt(*pid).ok()?;
        // Only now does the PID stand for one process. A postmaster is nobody's leftover.
        process(*pid).filter(is_backend).map(|_| adopted)
    };
    let left: Vec<Process> = pids.iter().filter_map(adopt).collect();
    let steps = [
        (patience.by_themselves, Signal::QUIT),
        (patience.after_quit, Signal::KILL),
    ];
    for (within, signal) in steps {
        if timeout(within, all_ended(&left)).await.is_ok() {
            return;
        }
        for process in &left {
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
        let script = format!("trap {trap}; echo up; while :; do sleep 0.01; done");
        let mut child = Command::new(&program)
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
}
