//! The agent's end of the line to init: "I am alive", "this is the grace period", "keep this lock for me".
//!
//! init hands down one end of a socket pair (AF_UNIX, SOCK_SEQPACKET, so messages keep their bounds) and its number in
//! [`FD_VARIABLE`]. Each message is a [`Word`], and [`Word::FdStore`] has a descriptor with it. init answers none of them. The
//! only one in the other direction is [`Word::FdStore`]: init gives each new agent the locks that an earlier one left with it,
//! before it starts.

use super::fd_passing::{own, receive, send};
use gp_agent_core::process::init_line::{ROOM, Word};
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// Environment variable with the number of the inherited descriptor.
pub(crate) const FD_VARIABLE: &str = "GP_AGENT_INIT_FD";

/// Environment variable that says how many times init had to start the agent again.
pub(crate) const RESTARTS_VARIABLE: &str = "GP_AGENT_RESTARTS";

/// Environment variable that is 1 below an init that knows [`Word::Fence`] and has a timer for it. That of version 0.1.0 sets none.
pub(crate) const FENCE_VARIABLE: &str = "GP_AGENT_INIT_FENCE";

/// Why init will not kill the servers in time, should this agent not be able to.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// There is no init, or it has no fence.
    #[error(
        "the program that started this agent has no fence; run `gp-agent init` of the same version as the container's entrypoint"
    )]
    NoFence,
    /// It does not read, or is gone.
    #[error("cannot set init's deadline for the server: {0}")]
    Unheard(#[from] io::Error),
}

/// The agent's end of the line to init. Nothing here ever blocks: without init nobody listens.
#[derive(Debug)]
pub struct Heartbeat {
    socket: OwnedFd,
    kept: Vec<OwnedFd>,
    fences: bool,
}

impl Heartbeat {
    /// The line that init handed down, or nothing when the agent does not run below init.
    ///
    /// Takes the inherited descriptor out of the way of the agent's own children; so it answers once only.
    pub fn from_env() -> Option<Heartbeat> {
        let number = std::env::var(FD_VARIABLE).ok()?.parse().ok()?;
        let fences = std::env::var(FENCE_VARIABLE).is_ok_and(|value| value == "1");
        Heartbeat::from_number(number, fences)
    }

    fn from_number(number: RawFd, fences: bool) -> Option<Heartbeat> {
        // 0, 1 and 2 belong to the standard streams, whatever the variable says.
        let socket = own(number).filter(|_| number > 2)?;
        let right = sockopt::socket_domain(&socket).ok()? == AddressFamily::UNIX
            && sockopt::socket_type(&socket).ok()? == SocketType::SEQPACKET;
        if !right {
            return None;
        }
        // The inherited one lacks close-on-exec: postmasters would keep it.
        nix::unistd::close(number).ok()?;
        let kept = std::iter::from_fn(|| kept_lock(&socket)).collect();
        Some(Heartbeat { socket, kept, fences })
    }

    /// The locks that earlier agents entrusted to this init. They are the same open files, so what they lock is locked
    /// for this agent too (flock(2)).
    pub fn kept_locks(&self) -> &[OwnedFd] {
        &self.kept
    }

    /// Gives init a duplicate of a lock, which then lasts until init ends, whatever becomes of this agent.
    ///
    /// # Errors
    /// EAGAIN when init does not read, ECONNRESET or EPIPE when it is gone.
    pub fn entrust_lock(&self, lock: BorrowedFd<'_>) -> io::Result<()> {
        self.send(Word::FdStore, Some(lock))
    }

    /// Tells init that the agent's loop turns. The first beat starts init's watchdog.
    pub fn beat(&self) {
        self.say(Word::Watchdog);
    }

    /// Tells init the grace period that the configuration asks for.
    pub fn grace(&self, grace: Duration) {
        self.say(Word::Grace(grace));
    }

    /// Whether it has a fence.
    pub fn can_fence(&self) -> bool {
        self.fences
    }

    /// Tells init to kill every database process at `until`, a moment of CLOCK_BOOTTIME, whatever becomes of this agent. The
    /// last word counts. One that comes when the moment is over stops nothing: it holds for what is started once all are gone.
    ///
    /// # Errors
    /// init will not do that: then no server may be started whose end others rely on.
    pub fn arm_fence(&self, until: Duration) -> Result<(), FenceError> {
        self.fence(Some(until))
    }

    /// Tells init that no moment is set, and opens what has been closed by the last one: servers may be started again.
    ///
    /// # Errors
    /// init has not heard it.
    pub fn disarm_fence(&self) -> Result<(), FenceError> {
        self.fence(None)
    }

    fn fence(&self, until: Option<Duration>) -> Result<(), FenceError> {
        if !self.fences {
            return Err(FenceError::NoFence);
        }
        Ok(self.send(Word::Fence(until), None)?)
    }

    fn say(&self, word: Word) {
        // When init is gone or does not read, there is nothing the agent could do better than go on.
        let _ = self.send(word, None);
    }

    fn send(&self, word: Word, lock: Option<BorrowedFd<'_>>) -> io::Result<()> {
        send(&self.socket, word.to_string().as_bytes(), lock)
    }
}

/// The next lock that init sent before it started this agent.
fn kept_lock(socket: &OwnedFd) -> Option<OwnedFd> {
    let mut said = [0; ROOM];
    let (n, lock) = receive(socket, &mut said).ok()?;
    lock.filter(|_| Word::parse(said.get(..n).unwrap_or_default()) == Some(Word::FdStore))
}

/// Times that init had to start the agent again, 0 when there is no init.
pub fn restarts_from_env() -> u64 {
    std::env::var(RESTARTS_VARIABLE)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::{RecvFlags, SocketFlags, recv, socketpair};
    use std::os::fd::{AsFd, AsRawFd, IntoRawFd};

    fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, kind, SocketFlags::empty(), None).unwrap()
    }

    fn read(socket: &OwnedFd) -> String {
        let mut buffer = [0; 64];
        let (_, n) = recv(socket, &mut buffer, RecvFlags::empty()).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    #[test]
    fn words_arrive_one_by_one_and_the_inherited_end_is_taken() {
        let (init, agent) = pair(SocketType::SEQPACKET);
        let number = agent.into_raw_fd();
        let heartbeat = Heartbeat::from_number(number, true).unwrap();
        assert!(fcntl_getfd(&heartbeat.socket).unwrap().contains(FdFlags::CLOEXEC));
        heartbeat.beat();
        heartbeat.grace(Duration::from_millis(2500));
        assert_eq!(read(&init), "WATCHDOG=1");
        assert_eq!(read(&init), "X_GRACE_USEC=2500000");
        heartbeat.arm_fence(Duration::from_micros(7_000_001)).unwrap();
        heartbeat.arm_fence(Duration::ZERO).unwrap();
        heartbeat.disarm_fence().unwrap();
        let said = [(); 3].map(|()| read(&init));
        assert_eq!(said, ["X_FENCE_USEC=7000001", "X_FENCE_USEC=1", "X_FENCE_USEC=0"]);
        drop(heartbeat);
        assert_eq!(read(&init), "", "no other copy of the end is left open");
    }

    #[test]
    fn locks_go_to_init_and_come_back_to_the_next_agent() {
        let file = || tempfile::tempfile().unwrap();
        let (init, agent) = pair(SocketType::SEQPACKET);
        let (first, second) = (file(), file());
        for lock in [&first, &second] {
            send(&init, b"FDSTORE=1", Some(lock.as_fd())).unwrap();
        }
        let heartbeat = Heartbeat::from_number(agent.into_raw_fd(), false).unwrap();
        let inode = |fd: BorrowedFd<'_>| rustix::fs::fstat(fd).unwrap().st_ino;
        let kept: Vec<_> = heartbeat.kept_locks().iter().map(|l| inode(l.as_fd())).collect();
        assert_eq!(kept, [inode(first.as_fd()), inode(second.as_fd())]);
        heartbeat.entrust_lock(second.as_fd()).unwrap();
        let mut word = [0; 64];
        let (n, lock) = receive(&init, &mut word).unwrap();
        assert_eq!(&word[..n], b"FDSTORE=1");
        assert_eq!(inode(lock.unwrap().as_fd()), inode(second.as_fd()));
    }

    #[test]
    fn nobody_listening_is_no_error_and_a_full_line_does_not_block() {
        let (init, agent) = pair(SocketType::SEQPACKET);
        let heartbeat = Heartbeat {
            socket: agent,
            kept: Vec::new(),
            fences: true,
        };
        for _ in 0..100_000 {
            heartbeat.beat();
        }
        let unheard = heartbeat.arm_fence(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(unheard, FenceError::Unheard(_)), "{unheard}");
        drop(init);
        heartbeat.beat();
        assert!(heartbeat.disarm_fence().is_err());
    }

    #[test]
    fn an_init_without_a_fence_is_told_nothing() {
        let (init, agent) = pair(SocketType::SEQPACKET);
        let heartbeat = Heartbeat::from_number(agent.into_raw_fd(), false).unwrap();
        let refused = heartbeat.arm_fence(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(refused, FenceError::NoFence), "{refused}");
        assert!(heartbeat.disarm_fence().is_err());
        heartbeat.beat();
        assert_eq!(read(&init), "WATCHDOG=1");
    }

    #[test]
    fn a_number_that_is_not_inits_is_left_alone() {
        assert!(Heartbeat::from_number(-1, true).is_none());
        assert!(Heartbeat::from_number(0, true).is_none());
        assert!(Heartbeat::from_number(1 << 20, true).is_none());
        let (stream, _other) = pair(SocketType::STREAM);
        assert!(Heartbeat::from_number(stream.as_raw_fd(), true).is_none());
        assert!(fcntl_getfd(&stream).is_ok(), "still open");
    }
}
