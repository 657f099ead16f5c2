//! The agent's end of the line to init: "I am alive", "this is the grace period".
//!
//! init hands down one end of a socket pair (AF_UNIX, SOCK_SEQPACKET, so messages keep their bounds) and its number in
//! [`FD_VARIABLE`]. The messages are words: `beat`, and `grace <seconds>`.

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketType,
    recvmsg, send, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Environment variable with the number of the inherited descriptor.
pub const FD_VARIABLE: &str = "GP_AGENT_INIT_FD";

/// Environment variable that says how many times init had to start the agent again.
pub const RESTARTS_VARIABLE: &str = "GP_AGENT_RESTARTS";

/// The agent's end of the line to init. Nothing here ever blocks or fails: without init nobody listens.
#[derive(Debug)]
pub struct Heartbeat {
    socket: OwnedFd,
}

impl Heartbeat {
    /// The line that init handed down, or nothing when the agent does not run below init.
    ///
    /// Takes the inherited descriptor out of the way of the agent's own children; so it answers once only.
    pub fn from_env() -> Option<Heartbeat> {
        let number = std::env::var(FD_VARIABLE).ok()?.parse().ok()?;
        Heartbeat::from_number(number)
    }

    fn from_number(number: RawFd) -> Option<Heartbeat> {
        // 0, 1 and 2 belong to the standard streams, whatever the variable says.
        let socket = own(number).filter(|_| number > 2)?;
        let right = sockopt::socket_domain(&socket).ok()? == AddressFamily::UNIX
            && sockopt::socket_type(&socket).ok()? == SocketType::SEQPACKET;
        if !right {
            return None;
        }
        // The inherited one lacks close-on-exec: postmasters would keep it.
        nix::unistd::close(number).ok()?;
        Some(Heartbeat { socket })
    }

    /// Tells init that the agent's loop turns. The first beat starts init's watchdog.
    pub fn beat(&self) {
        self.say("beat");
    }

    /// Tells init the grace period that the configuration asks for.
    pub fn grace(&self, grace: Duration) {
        self.say(&format!("grace {}", grace.as_secs_f64()));
    }

    fn say(&self, message: &str) {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        // When init is gone or does not read, there is nothing the agent could do better than go on.
        let _ = send(&self.socket, message.as_bytes(), flags);
    }
}

/// Times that init had to start the agent again, 0 when there is no init.
pub fn restarts_from_env() -> u64 {
    std::env::var(RESTARTS_VARIABLE)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(0)
}

/// An owned duplicate of the descriptor of that number, with close-on-exec; nothing when there is none.
///
/// Rust cannot own a bare number without `unsafe`. Sent through a socket to ourselves it comes back owned (unix(7),
/// SCM_RIGHTS); pidfd_getfd would do as well, but container engines forbid it.
fn own(number: RawFd) -> Option<OwnedFd> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let (here, there) = UnixStream::pair().ok()?;
    let rights = [number];
    sendmsg::<()>(
        here.as_raw_fd(),
        &[IoSlice::new(b"f")],
        &[ControlMessage::ScmRights(&rights)],
        MsgFlags::empty(),
        None,
    )
    .ok()?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let into = &mut [IoSliceMut::new(&mut byte)];
    recvmsg(&there, into, &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::net::{SocketFlags, recv, socketpair};
    use std::os::fd::IntoRawFd;

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
        let heartbeat = Heartbeat::from_number(number).unwrap();
        assert!(
            fcntl_getfd(&heartbeat.socket)
                .unwrap()
                .contains(FdFlags::CLOEXEC)
        );
        heartbeat.beat();
        heartbeat.grace(Duration::from_millis(2500));
        assert_eq!(read(&init), "beat");
        assert_eq!(read(&init), "grace 2.5");
        drop(heartbeat);
        assert_eq!(read(&init), "", "no other copy of the end is left open");
    }

    #[test]
    fn nobody_listening_is_no_error_and_a_full_line_does_not_block() {
        let (init, agent) = pair(SocketType::SEQPACKET);
        let heartbeat = Heartbeat { socket: agent };
        for _ in 0..100_000 {
            heartbeat.beat();
        }
        drop(init);
        heartbeat.beat();
    }

    #[test]
    fn a_number_that_is_not_inits_is_left_alone() {
        assert!(Heartbeat::from_number(-1).is_none());
        assert!(Heartbeat::from_number(0).is_none());
        assert!(Heartbeat::from_number(1 << 20).is_none());
        let (stream, _other) = pair(SocketType::STREAM);
        assert!(Heartbeat::from_number(stream.as_raw_fd()).is_none());
        assert!(fcntl_getfd(&stream).is_ok(), "still open");
    }
}
