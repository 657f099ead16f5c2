//! The agent as init sees it: one child, its beats, and the restarts.

use super::fd_store::Locks;
use super::log::warning;
use super::options::{LONGEST_GRACE, SHORTEST_GRACE};
use super::server_log::ServerLog;
use crate::sys::process::fd_passing::receive;
use crate::sys::process::init_channel::{FD_VARIABLE, FENCE_VARIABLE, RESTARTS_VARIABLE};
use gp_agent_core::process::init_line::{ROOM, Word};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// More words than this are left for the next turn, so that a babbling agent cannot keep init from its work.
const WORDS_PER_TURN: usize = 64;

/// By more than this init was not woken on time, and the agent had no time either.
const LATE: Duration = Duration::from_secs(1);

/// A running agent.
#[derive(Debug)]
pub(crate) struct Agent {
    pid: Pid,
    started: Instant,
    line: Option<OwnedFd>,
    last_beat: Option<Instant>,
    misspoke: bool,
}

/// What an agent has said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The last grace period that it named.
    pub grace: Option<Duration>,
    /// The locks that it entrusted.
    pub locks: Vec<OwnedFd>,
    /// The last moment for the fence that it named, of CLOCK_BOOTTIME; zero for none.
    pub fence: Option<Duration>,
}

/// What the watchdog thinks of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// It never beat, or its last beat is recent enough.
    Fine,
    /// The beats ceased that long ago.
    Hung(Duration),
    /// init itself did not run (a paused container): the agent gets another period.
    Forgiven(Duration),
}

impl Agent {
    /// Starts the agent in a process group of its own, so that a terminal's Ctrl-C reaches it once, through init.
    ///
    /// # Errors
    /// Those of socketpair, fork and exec.
    pub(crate) fn start(
        program: &[OsString],
        restarts: u64,
        fences: bool,
        locks: &Locks,
        log: Option<&ServerLog>,
    ) -> io::Result<Agent> {
        // Not blocking on both ends: the agent must not wait for init either.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (line, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        // init has one thread, so nothing else can be started while this end is inheritable.
        fcntl_setfd(&theirs, FdFlags::empty())?;
        locks.hand_down(&line);
        let mut command = command(program);
        if let Some(log) = log {
            log.hand_down(&mut command);
        }
        let child = command
            .env(FD_VARIABLE, theirs.as_raw_fd().to_string())
            .env(RESTARTS_VARIABLE, restarts.to_string())
            .env(FENCE_VARIABLE, if fences { "1" } else { "0" })
            .process_group(0)
            .spawn()?;
        Ok(Agent {
            pid: Pid::from_child(&child),
            started: Instant::now(),
            line: Some(line),
            last_beat: None,
            misspoke: false,
        })
    }

    /// Its PID.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// How long it has run.
    pub(crate) fn ran_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Sends it a signal. It is our child and not yet reaped, so the PID cannot mean anybody else.
    ///
    /// # Errors
    /// EPERM when it changed to another user.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.pid, signal)?)
    }

    /// Readable when it has said something.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.line.as_ref().map(AsFd::as_fd)
    }

    /// Hears what it said.
    pub(crate) fn listen(&mut self, now: Instant) -> Heard {
        let mut heard = Heard::default();
        for _ in 0..WORDS_PER_TURN {
            let Some(line) = &self.line else { break };
            let mut buffer = [0; ROOM];
            match receive(line, &mut buffer) {
                // An empty packet is the end: the agent closed its side, or is gone.
                Ok((0, _)) => self.line = None,
                Ok((n, lock)) => {
                    let said = buffer.get(..n).unwrap_or(&buffer);
                    self.hear(said, lock, now, &mut heard);
                }
                Err(why) if why.kind() == io::ErrorKind::Interrupted => (),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.line = None,
            }
        }
        heard
    }

    fn hear(&mut self, said: &[u8], lock: Option<OwnedFd>, now: Instant, heard: &mut Heard) {
        match (Word::parse(said), lock) {
            (Some(Word::Watchdog), _) => self.last_beat = Some(now),
            (Some(Word::FdStore), Some(lock)) => heard.locks.push(lock),
            (Some(Word::Grace(grace)), _) if grace <= LONGEST_GRACE => heard.grace = Some(grace.max(SHORTEST_GRACE)),
            (Some(Word::Fence(until)), _) => heard.fence = Some(until.unwrap_or_default()),
            _ if self.misspoke => (),
            _ => {
                self.misspoke = true;
                let word = str::from_utf8(said).unwrap_or("(not UTF-8)");
                warning!(
                    "the agent said something that init does not know pid={} word={word:?}",
                    self.pid
                );
            }
        }
    }

    /// When the beats will have been missing for too long.
    pub(crate) fn hangs_at(&self, watchdog: Option<Duration>) -> Option<Instant> {
        self.last_beat?.checked_add(watchdog?)
    }

    /// Whether the beats have been missing for too long.
    pub(crate) fn pulse(&mut self, watchdog: Option<Duration>, now: Instant) -> Pulse {
        let (Some(hangs_at), Some(last)) = (self.hangs_at(watchdog), self.last_beat) else {
            return Pulse::Fine;
        };
        let silent = now.saturating_duration_since(last);
        match now.checked_duration_since(hangs_at) {
            None => Pulse::Fine,
            // poll(2) wakes init on time; when it did not, the agent had no time either.
            Some(late) if late > LATE => {
                self.last_beat = Some(now);
                Pulse::Forgiven(silent)
            }
            Some(_) => {
                // Killed once; its end is reaped like any other.
                self.last_beat = None;
                self.line = None;
                Pulse::Hung(silent)
            }
        }
    }
}

/// The agent's command line; an empty one means this very binary, by the name that ps(1) should show.
fn command(program: &[OsString]) -> Command {
    match program.split_first() {
        Some((name, args)) => {
            let mut command = Command::new(name);
            command.args(args);
            command
        }
        None => {
            let link = PathBuf::from("/proc/self/exe");
            // A replaced binary reads as `... (deleted)`; the link itself still executes the old one.
            let path = std::fs::read_link(&link).ok().filter(|path| path.exists());
            let mut command = Command::new(path.unwrap_or(link));
            command.arg0("gp-agent").arg("run");
            command
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> (Agent, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (line, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let agent = Agent {
            pid: Pid::INIT,
            started: Instant::now(),
            line: Some(line),
            last_beat: None,
            misspoke: false,
        };
        (agent, theirs)
    }

    fn say(line: &OwnedFd, word: &[u8]) {
        rustix::net::send(line, word, rustix::net::SendFlags::NOSIGNAL).unwrap();
    }

    const PERIOD: Option<Duration> = Some(Duration::from_secs(30));

    #[test]
    fn without_a_first_beat_nobody_is_hung() {
        let (mut agent, line) = agent();
        let now = Instant::now();
        say(&line, b"X_GRACE_USEC=90000000");
        assert_eq!(agent.listen(now).grace, Some(Duration::from_secs(90)));
        assert_eq!(agent.hangs_at(PERIOD), None);
        assert_eq!(agent.pulse(PERIOD, now + Duration::from_secs(3600)), Pulse::Fine);
    }

    #[test]
    fn missing_beats_are_a_hang_once_unless_init_slept_too() {
        let (mut agent, line) = agent();
        let now = Instant::now();
        let at = |seconds: f64| now + Duration::from_secs_f64(seconds);
        say(&line, b"WATCHDOG=1");
        assert_eq!(agent.listen(now).grace, None);
        assert_eq!(agent.pulse(PERIOD, at(29.0)), Pulse::Fine);
        assert_eq!(
            agent.pulse(PERIOD, at(100.0)),
            Pulse::Forgiven(Duration::from_secs(100))
        );
        assert_eq!(agent.pulse(None, at(130.5)), Pulse::Fine);
        assert_eq!(
            agent.pulse(PERIOD, at(130.5)),
            Pulse::Hung(Duration::from_millis(30_500))
        );
        assert_eq!(agent.pulse(PERIOD, at(130.6)), Pulse::Fine);
    }

    #[test]
    fn the_last_moment_for_the_fence_counts() {
        let (mut agent, line) = agent();
        for word in [
            "X_FENCE_USEC=0",
            "X_FENCE_USEC=soon",
            "X_FENCE_USEC=-1",
            "X_FENCE_USEC=1500000",
        ] {
            say(&line, word.as_bytes());
        }
        let heard = agent.listen(Instant::now());
        assert_eq!(heard.fence, Some(Duration::from_millis(1500)));
        assert_eq!(agent.listen(Instant::now()).fence, None);
        say(&line, b"X_FENCE_USEC=0");
        assert_eq!(agent.listen(Instant::now()).fence, Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_passed_over_and_a_closed_line_is_given_up() {
        let (mut agent, line) = agent();
        let now = Instant::now();
        for word in [
            &b"X_GRACE_USEC=soon"[..],
            b"X_GRACE_USEC=99999999999999",
            b"\xff\xfe",
            &[b'x'; 200],
            b"FDSTORE=1",
            b"X_GRACE_USEC=100000",
        ] {
            say(&line, word);
        }
        // Not dropped: a test beside this one that forks meanwhile holds a copy for a moment.
        rustix::net::shutdown(&line, rustix::net::Shutdown::Both).unwrap();
        let heard = agent.listen(now);
        assert_eq!(heard.grace, Some(SHORTEST_GRACE));
        assert!(heard.locks.is_empty());
        assert!(agent.fd().is_none());
        assert_eq!(agent.listen(now).grace, None);
    }
}
