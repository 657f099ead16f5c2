//! One request to this pod's own agent, blocking, without a runtime: `gp-agent probe` is called every few seconds for
//! years, so it has to cost next to nothing.

use gp_agent_core::cluster::own_agent::{AnswerError, parse, request};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::io;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes of the largest answer that is read: `/cluster` of a thousand pods has a few million.
const MAX_ANSWER: usize = 64 << 20;

/// Why this pod's agent gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody takes the connection.
    #[error("the agent does not answer on {0}: {1}; does gp-agent run?")]
    NotUp(PathBuf, &'static str),
    /// The socket belongs to somebody else.
    #[error("may not open {0}: permission denied; call it as the user that gp-agent runs as")]
    Denied(PathBuf),
    /// Not within the time.
    #[error("the agent does not answer on {0}: nothing within {1:?}; its log may say what holds it up")]
    TimedOut(PathBuf, Duration),
    /// Something else than an answer.
    #[error("the agent's answer on {0} cannot be read: {1}")]
    Broken(PathBuf, String),
    /// An answer that is none.
    #[error("the agent's answer on {0} cannot be read: {1}")]
    NoAnswer(PathBuf, AnswerError),
}

/// Status code and body of one request. All of it within `limit`.
///
/// # Errors
/// No agent listens on `socket`, or it does not answer in time.
pub(crate) fn ask_own_agent(
    socket: &Path,
    method: &str,
    path: &str,
    body: &str,
    limit: Duration,
) -> Result<(u16, String), AskError> {
    let answer = exchange(socket, method, path, body, limit).map_err(|error| {
        let socket = socket.to_path_buf();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => AskError::NotUp(socket, "connection refused"),
            io::ErrorKind::NotFound => AskError::NotUp(socket, "no such socket"),
            io::ErrorKind::PermissionDenied => AskError::Denied(socket),
            // A blocking socket whose time is over says EAGAIN.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => AskError::TimedOut(socket, limit),
            _ => AskError::Broken(socket, error.to_string()),
        }
    })?;
    parse(&answer).map_err(|error| AskError::NoAnswer(socket.to_path_buf(), error))
}

fn exchange(socket: &Path, method: &str, path: &str, body: &str, limit: Duration) -> io::Result<Vec<u8>> {
    let end = Instant::now() + limit;
    let mut stream = connect(socket, end)?;
    match stream.write_all(request(method, path, body).as_bytes()) {
        // Whoever closes before it has read everything may have said why.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    read_until(&mut stream, end)
}

/// The send time-out has to stand before connect(2), which waits while the listener's queue is full (unix(7)). A signal
/// ends that wait whatever its handler says (signal(7)); nothing is queued then, so it is begun again with the time left.
fn connect(path: &Path, end: Instant) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC;
    let address = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    loop {
        let left = time_left(end)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(left))?;
        match rustix::net::connect(&socket, &address) {
            Err(Errno::INTR) => {}
            connected => return connected.map(|()| UnixStream::from(socket)).map_err(io::Error::from),
        }
    }
}

fn time_left(end: Instant) -> io::Result<Duration> {
    match end.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn read_until(stream: &mut UnixStream, end: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        stream.set_read_timeout(Some(time_left(end)?))?;
        match stream.read(&mut part) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&part[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > MAX_ANSWER {
            return Err(io::Error::other("more than 64 MiB"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;
    use std::sync::{Arc, mpsc};
    use std::thread;

    fn ask(socket: &Path, limit: Duration) -> String {
        match ask_own_agent(socket, "GET", "/livez", "", limit) {
            Ok((code, body)) => format!("{code} {body}"),
            Err(error) => error.to_string().replace(&socket.display().to_string(), "SOCKET"),
        }
    }

    #[test]
    fn an_agent_that_is_not_there_is_told_from_one_that_hangs() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let none = "the agent does not answer on SOCKET: no such socket; does gp-agent run?";
        assert_eq!(ask(&socket, Duration::from_secs(5)), none);
        let listener = UnixListener::bind(&socket).unwrap();
        let said = ask(&socket, Duration::from_millis(50));
        assert!(said.contains("nothing within 50ms"), "{said}");
        drop(listener);
        // Nobody has ever listened on this one: a listener that is closed may live on in a child that another test starts.
        let socket = dir.path().join("left");
        let _left = bound(&socket);
        let refused = "the agent does not answer on SOCKET: connection refused; does gp-agent run?";
        assert_eq!(ask(&socket, Duration::from_secs(5)), refused);
    }

    fn bound(path: &Path) -> OwnedFd {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        socket
    }

    /// A listener that takes no connection any more.
    fn full_queue(path: &Path) -> (OwnedFd, UnixStream) {
        let socket = bound(path);
        rustix::net::listen(&socket, 0).unwrap();
        (socket, UnixStream::connect(path).unwrap())
    }

    #[test]
    fn a_full_queue_does_not_hold_the_caller_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let _full = full_queue(&path);
        let said = ask(&path, Duration::from_millis(50));
        assert!(said.contains("nothing within 50ms"), "{said}");
    }

    #[test]
    fn signals_neither_end_nor_lengthen_the_wait_for_a_full_queue() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let _full = full_queue(&path);
        signal_hook::flag::register(signal_hook::consts::SIGUSR1, Arc::default()).unwrap();
        let (started, asks) = mpsc::channel();
        let asking = thread::spawn(move || {
            started.send(nix::sys::pthread::pthread_self()).unwrap();
            ask(&path, Duration::from_millis(50))
        });
        let thread = asks.recv().unwrap();
        while !asking.is_finished() {
            nix::sys::pthread::pthread_kill(thread, nix::sys::signal::Signal::SIGUSR1).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        let said = asking.join().unwrap();
        assert!(said.contains("nothing within 50ms"), "{said}");
    }
}
