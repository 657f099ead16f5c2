//! The pipe that servers log into. init makes it and holds both ends as long as the container lives, so a server that
//! outlives its agent never gets SIGPIPE, and what it writes stays until somebody has passed it on.
//!
//! While nobody reads, the pipe takes 1 MiB (where the kernel allows); then the servers' next log lines wait.

use crate::sys::process::fd_passing;
use rustix::io::{Errno, ioctl_fionread};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, tee};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Environment variable with the numbers of the two ends that the agent inherits: read, write.
pub(crate) const FDS_VARIABLE: &str = "GP_AGENT_LOG_FDS";

/// `fs.pipe-max-size`, the most that an unprivileged process may ask for, unless somebody changed it.
const SIZE: usize = 1024 * 1024;

/// Both ends.
#[derive(Debug)]
pub(crate) struct LogPipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl LogPipe {
    /// A new pipe, as large as may be.
    ///
    /// # Errors
    /// Those of pipe(2).
    pub(crate) fn create() -> io::Result<LogPipe> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        enlarge(write.as_fd());
        Ok(LogPipe { read, write })
    }

    /// The pipe that init handed down; taken out of the way of the agent's own children, so it answers once only.
    pub(crate) fn from_env() -> Option<LogPipe> {
        let value = std::env::var(FDS_VARIABLE).ok()?;
        let (read, write) = value.split_once(',')?;
        let take = |number: &str| fd_passing::take(number.parse().ok()?);
        Some(LogPipe {
            read: take(read)?,
            write: take(write)?,
        })
    }

    /// What [`FDS_VARIABLE`] has to be for a child that inherits both ends.
    pub(crate) fn numbers(&self) -> String {
        format!("{},{}", self.read.as_raw_fd(), self.write.as_raw_fd())
    }

    /// Both ends, for whoever hands them down.
    pub(crate) fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.read.as_fd(), self.write.as_fd()]
    }

    /// Another descriptor of the end that servers write to.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn writer(&self) -> io::Result<OwnedFd> {
        self.write.try_clone()
    }

    /// Whether something waits to be passed on.
    pub(crate) fn holds_something(&self) -> bool {
        ioctl_fionread(&self.read).is_ok_and(|bytes| bytes > 0)
    }

    /// Looks into the pipe.
    ///
    /// # Errors
    /// Those of pipe(2) and dup(2).
    pub(crate) fn peeker(&self) -> io::Result<Peeker> {
        let (from, into) = pipe_with(PipeFlags::CLOEXEC)?;
        enlarge(into.as_fd());
        Ok(Peeker {
            size: fcntl_getpipe_size(&into)?,
            pipe: self.read.try_clone()?,
            from,
            into,
            bytes: Vec::new(),
        })
    }
}

/// Best effort: a user's pipes together have a limit too (fs.pipe-user-pages-soft).
fn enlarge(end: BorrowedFd<'_>) {
    let _ = fcntl_setpipe_size(end, SIZE);
}

/// Sees what is in the pipe before it takes anything out: a reader that is killed between the two has lost nothing.
#[derive(Debug)]
pub(crate) struct Peeker {
    pipe: OwnedFd,
    /// tee(2) copies into this second pipe.
    into: OwnedFd,
    from: OwnedFd,
    size: usize,
    bytes: Vec<u8>,
}

impl Peeker {
    /// What is in the pipe, from its beginning, at most so many bytes; empty when nothing is. Never blocks.
    ///
    /// # Errors
    /// Those of tee(2) and read(2).
    pub(crate) fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        self.bytes.clear();
        let most = most.min(self.size);
        let copied = match tee(&self.pipe, &self.into, most, SpliceFlags::NONBLOCK) {
            Ok(copied) => copied,
            Err(Errno::AGAIN) => 0,
            Err(error) => return Err(error.into()),
        };
        self.bytes.resize(copied, 0);
        read_exactly(self.from.as_fd(), &mut self.bytes)?;
        Ok(&self.bytes)
    }

    /// Takes out the first `count` bytes of what [`Peeker::peek`] gave.
    ///
    /// # Errors
    /// Those of read(2), and when somebody else took them out: nobody waits here.
    pub(crate) fn consume(&mut self, count: usize) -> io::Result<()> {
        if self.unread() < count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut taken = vec![0; count];
        read_exactly(self.pipe.as_fd(), &mut taken)
    }

    /// The most that a peek can see.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Bytes in the pipe.
    pub(crate) fn unread(&self) -> usize {
        let unread = ioctl_fionread(&self.pipe).unwrap_or(0);
        usize::try_from(unread).unwrap_or(usize::MAX)
    }

    /// Readable when something is in it.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

fn read_exactly(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::read(fd, rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => done += n,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(pipe: &LogPipe, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written = rustix::io::write(&pipe.write, rest).unwrap();
            rest = &rest[written..];
        }
    }

    #[test]
    fn what_was_seen_stays_until_it_is_taken() {
        let pipe = LogPipe::create().unwrap();
        let mut peeker = pipe.peeker().unwrap();
        assert_eq!(peeker.peek(SIZE).unwrap(), b"");
        write(&pipe, "one\ntwo\n");
        assert_eq!(peeker.peek(SIZE).unwrap(), b"one\ntwo\n");
        write(&pipe, "three\n");
        let mut other = pipe.peeker().unwrap();
        assert_eq!(other.peek(SIZE).unwrap(), b"one\ntwo\nthree\n", "as after a kill");
        peeker.consume(4).unwrap();
        assert_eq!(other.peek(SIZE).unwrap(), b"two\nthree\n");
        assert_eq!(peeker.unread(), 10);
        other.consume(10).unwrap();
        assert!(peeker.consume(4).is_err(), "it does not wait for what another one took");
    }

    #[test]
    fn it_takes_a_mebibyte_while_nobody_reads() {
        let pipe = LogPipe::create().unwrap();
        let size = fcntl_getpipe_size(&pipe.write).unwrap();
        let line = "x".repeat(1000);
        for _ in 0..size / 1024 {
            write(&pipe, &line);
        }
        let mut peeker = pipe.peeker().unwrap();
        assert_eq!(peeker.peek(SIZE).unwrap().len(), peeker.unread());
    }

    #[test]
    fn without_numbers_there_is_no_pipe() {
        assert!(LogPipe::from_env().is_none());
    }
}
