//! A process that is started or adopted, awaited and signalled by pidfd.
//!
//! A pidfd names one process for good, so a signal can never reach a stranger that got the same PID later.

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A running process, child or adopted, held by pidfd. Dropping it neither kills nor reaps it.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    adopted: bool,
    pidfd: OwnedFd,
    ended: OnceLock<Ended>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this exit code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// It is gone; only its parent learns how (it was adopted, so that is somebody else).
    Unknown,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(code) => write!(f, "exited with code {code}"),
            Ended::Signaled(signal) => write!(f, "killed by {}", signal_name(*signal)),
            Ended::Unknown => f.write_str("ended (not our child, so nobody told us how)"),
        }
    }
}

/// `SIGKILL` for 9, and so on; `signal 34` for one without a name.
pub(crate) fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(named) => named.as_str().to_string(),
        Err(_) => format!("signal {signal}"),
    }
}

impl Process {
    /// Starts `cmd` in a process group of its own, so that a signal for the agent's group passes it by.
    ///
    /// # Errors
    /// Whatever fork, exec or pidfd_open (Linux 5.4 or later) answers.
    pub(crate) fn spawn(cmd: &mut Command) -> io::Result<Process> {
        // Until we wait for it, the child's PID cannot be given to another process: no race with pidfd_open.
        let child = cmd.process_group(0).spawn()?;
        let mut process = Process::adopt(child.id().cast_signed())?;
        process.adopted = false;
        Ok(process)
    }

    /// Takes hold of a process that somebody else started.
    ///
    /// The caller checks with [`super::process`] *after* this that the PID is still the process it meant.
    ///
    /// # Errors
    /// ESRCH (as [`io::Error`]) when there is no such process; EINVAL for a PID below 1 or one of a thread.
    pub(crate) fn adopt(pid: i32) -> io::Result<Process> {
        // Pid::from_raw panics on a negative number (in debug builds), so they are turned away first.
        let known = Pid::from_raw(pid.max(0)).ok_or(Errno::INVAL)?;
        Ok(Process {
            pid,
            adopted: true,
            pidfd: pidfd_open(known, PidfdFlags::NONBLOCK)?,
            ended: OnceLock::new(),
        })
    }

    /// Waits for the end. Cancel-safe: a dropped future loses nothing, and the answer can be asked for again.
    ///
    /// # Errors
    /// Those of epoll and waitid. Panics outside a tokio runtime with I/O, as all of tokio's sockets do.
    pub(crate) async fn ended(&self) -> io::Result<Ended> {
        if let Some(ended) = self.ended.get() {
            return Ok(*ended);
        }
        let watched = watch(self.pidfd.as_fd())?;
        loop {
            let mut guard = watched.readable().await?;
            match self.look()? {
                // Of two who wait, only one reaps and learns how it ended; the other takes it from there.
                Some(ended) => return Ok(*self.ended.get_or_init(|| ended)),
                None => guard.clear_ready(),
            }
        }
    }

    /// Reaps the process when it has ended and is our child.
    fn look(&self) -> io::Result<Option<Ended>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
            Ok(status) => Ok(status.as_ref().map(end_of)),
            // Not our child (or reaped behind our back): a readable pidfd alone says that it is gone.
            Err(Errno::CHILD) => Ok(Some(Ended::Unknown)),
            // A pidfd that was opened with NONBLOCK answers so while the child runs.
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal to this very process.
    ///
    /// # Errors
    /// ESRCH when it has ended; EPERM when it belongs to another user.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(self.pidfd.as_fd(), signal)?)
    }

    /// Its PID, in this PID namespace.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether somebody else started it.
    pub(crate) fn adopted(&self) -> bool {
        self.adopted
    }
}

/// Registers a pidfd with the runtime's epoll, where it becomes readable when the process ends.
#[expect(
    deprecated,
    reason = "its replacement is unsafe (forbidden here) because a type's descriptor might change; BorrowedFd's never does"
)]
fn watch(pidfd: BorrowedFd<'_>) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    AsyncFd::with_interest(pidfd, Interest::READABLE)
}

fn end_of(status: &WaitIdStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signaled(signal),
        (None, None) => Ended::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::process;
    use super::*;
    use std::io::Read;
    use std::process::Stdio;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn sh(script: &str) -> Command {
        let mut cmd = Command::new("sh");
        cmd.args(["-c", script]);
        cmd
    }

    #[test]
    fn a_childs_exit_code_is_learnt_and_stays_known() {
        let child = Process::spawn(&mut sh("exit 3")).unwrap();
        assert!(!child.adopted());
        assert_eq!(block_on(child.ended()).unwrap(), Ended::Exited(3));
        assert_eq!(block_on(child.ended()).unwrap(), Ended::Exited(3));
        assert_eq!(process(child.pid()), None, "reaped");
    }

    #[test]
    fn a_signal_reaches_the_process_and_names_its_end() {
        let child = Process::spawn(Command::new("sleep").arg("1000")).unwrap();
        child.signal(Signal::QUIT).unwrap();
        let ended = block_on(child.ended()).unwrap();
        assert_eq!(ended, Ended::Signaled(libc::SIGQUIT));
        assert_eq!(ended.to_string(), "killed by SIGQUIT");
        assert_eq!(
            child.signal(Signal::TERM).unwrap_err().raw_os_error(),
            Some(libc::ESRCH)
        );
    }

    #[test]
    fn a_child_leads_its_own_process_group() {
        let child = Process::spawn(Command::new("sleep").arg("1000")).unwrap();
        let group = rustix::process::getpgid(Pid::from_raw(child.pid())).unwrap();
        assert_eq!(group.as_raw_nonzero().get(), child.pid());
        child.signal(Signal::KILL).unwrap();
    }

    #[test]
    fn a_cancelled_wait_loses_nothing() {
        let child = Process::spawn(sh("read line; exit 7").stdin(Stdio::null())).unwrap();
        block_on(async {
            tokio::select! { biased; () = async {} => (), _ = child.ended() => () }
            assert_eq!(child.ended().await.unwrap(), Ended::Exited(7));
        });
    }

    #[test]
    fn the_end_of_an_adopted_process_is_seen_but_not_its_status() {
        let mut shell = sh("sleep 1000 & echo $!; exec >&-; wait")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        // The sleep holds the pipe open too: read the line, not to the end.
        let mut out = shell.stdout.take().unwrap();
        while !said.ends_with('\n') {
            let mut byte = [0];
            assert_eq!(out.read(&mut byte).unwrap(), 1);
            said.push(byte[0] as char);
        }
        let sleep = Process::adopt(said.trim().parse().unwrap()).unwrap();
        assert!(sleep.adopted());
        sleep.signal(Signal::KILL).unwrap();
        assert_eq!(block_on(sleep.ended()).unwrap(), Ended::Unknown);
        shell.wait().unwrap();
    }

    #[test]
    fn no_process_can_be_adopted_where_there_is_none() {
        for (pid, errno) in [(0, libc::EINVAL), (-1, libc::EINVAL), (i32::MAX, libc::ESRCH)] {
            let error = Process::adopt(pid).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(errno), "pid {pid}");
        }
        assert_eq!(process(i32::MAX), None);
    }
}
