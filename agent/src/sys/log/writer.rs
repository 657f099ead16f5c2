//! Writing whole records to the container's standard error.
//!
//! No record is torn by a kill: a pipe takes at most PIPE_BUF bytes whole or not at all (pipe(7)), and a larger record is only
//! begun when the pipe is empty and takes it without waiting, so that no signal gets in between.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::pipe::fcntl_getpipe_size;
use std::io::{Stderr, Write, stderr};
use std::time::{Duration, Instant};

/// A pipe that poll(2) calls writable takes so many bytes at once.
pub(crate) const PIPE_BUF: usize = 4096;

/// How often a pipe that somebody empties slowly is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The longest wait for an empty pipe.
const EMPTY_WITHIN: Duration = Duration::from_secs(2);

/// Whether a writer waits for a standard error that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It does.
    Wait,
    /// It gives up.
    None,
}

/// Writes whole lines; `false` when that would have had to wait. What nobody can read any more counts as written.
pub(crate) fn write(lines: &str, patience: Patience) -> bool {
    if lines.len() <= PIPE_BUF {
        return write_one(lines, patience);
    }
    lines.split_inclusive('\n').all(|line| write_one(line, patience))
}

fn write_one(text: &str, patience: Patience) -> bool {
    let stderr = stderr();
    let begun = Instant::now();
    loop {
        if is_writable(&stderr, patience) {
            let late = begun.elapsed() >= EMPTY_WITHIN;
            if late || is_taken_at_once(&stderr, text.len()) {
                let _ = stderr.lock().write_all(text.as_bytes());
                return true;
            }
        }
        match patience {
            Patience::None => return false,
            Patience::Wait => std::thread::sleep(LOOK_AGAIN),
        }
    }
}

fn is_writable(stderr: &Stderr, patience: Patience) -> bool {
    let timeout = match patience {
        Patience::Wait => None,
        Patience::None => Some(Timespec::default()),
    };
    let mut fds = [PollFd::new(stderr, PollFlags::OUT)];
    !matches!(poll(&mut fds, timeout.as_ref()), Ok(0) | Err(Errno::INTR))
}

/// Of something writable: whether so many bytes go in without waiting.
fn is_taken_at_once(stderr: &Stderr, length: usize) -> bool {
    let is_pipe = fcntl_getpipe_size(stderr).is_ok_and(|size| size >= length);
    length <= PIPE_BUF || !is_pipe || ioctl_fionread(stderr).is_ok_and(|unread| unread == 0)
}
