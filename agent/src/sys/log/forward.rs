//! Passes on what servers write into the pipe, as records on the container's standard error.
//!
//! A record is taken out of the pipe only after it has been written, so a forwarder that is killed loses nothing; at worst
//! its last few records are written once more by the next one.

use super::pipe::{LogPipe, Peeker};
use super::writer;
use super::writer::{PIPE_BUF, Patience};
use gp_agent_core::log::postgres::take;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use std::io;
use std::os::fd::OwnedFd;
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a message is waited for that ends with a whole line and may go on: the server writes all of it at once.
const LINES_WITHIN: Duration = Duration::from_millis(50);

/// The same within a line.
const LINE_WITHIN: Duration = Duration::from_secs(1);

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A round looks at so many bytes, unless a message is longer.
const ROUND: usize = 64 * 1024;

/// The agent's last word does not wait longer for a standard error that nobody reads.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// The agent's thread that forwards. It is a thread, since servers must not wait for an agent that hangs.
#[derive(Debug)]
pub(crate) struct Forwarder {
    thread: JoinHandle<()>,
    end: OwnedFd,
}

impl Forwarder {
    /// Begins to forward.
    ///
    /// # Errors
    /// No pipe, descriptor or thread is left.
    pub(crate) fn start(pipe: &LogPipe) -> io::Result<Forwarder> {
        let mut passer = Passer::new(pipe.peeker()?);
        let end = eventfd(0, EventfdFlags::CLOEXEC)?;
        let ended = end.try_clone()?;
        let thread = thread::Builder::new()
            .name("log".into())
            .spawn(move || passer.follow(&ended))?;
        Ok(Forwarder { thread, end })
    }

    /// Passes on what is there now, and ends.
    pub(crate) fn finish(self) {
        if rustix::io::write(&self.end, &1_u64.to_ne_bytes()).is_err() {
            return;
        }
        let begun = Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < FINISH_WITHIN {
            thread::sleep(LOOK_AGAIN);
        }
    }
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// Everything.
    All,
    /// Everything that is whole; the rest may go on.
    Whole,
    /// Standard error takes no more at the moment.
    Stuck,
}

/// Looks, writes, takes out.
#[derive(Debug)]
pub(crate) struct Passer {
    peeker: Peeker,
    rest: Option<Rest>,
}

/// What was left because it may go on.
#[derive(Clone, Copy, Debug)]
struct Rest {
    bytes: usize,
    within_line: bool,
    since: Instant,
}

impl Rest {
    fn has_settled(&self, seen: usize) -> bool {
        let limit = if self.within_line { LINE_WITHIN } else { LINES_WITHIN };
        self.bytes == seen && self.since.elapsed() >= limit
    }
}

impl Passer {
    /// Passes on what that pipe holds.
    pub(crate) fn new(peeker: Peeker) -> Passer {
        Passer { peeker, rest: None }
    }

    /// Bytes that wait.
    pub(crate) fn unread(&self) -> usize {
        self.peeker.unread()
    }

    /// Bytes that may wait before servers have to.
    pub(crate) fn size(&self) -> usize {
        self.peeker.size()
    }

    fn follow(&mut self, end: &OwnedFd) {
        loop {
            let mut fds = [
                PollFd::from_borrowed_fd(self.peeker.fd(), PollFlags::IN),
                PollFd::new(end, PollFlags::IN),
            ];
            let polled = poll(&mut fds, None).map_err(io::Error::from);
            let ends = fds.iter().skip(1).any(|fd| !fd.revents().is_empty());
            let passed = polled.and_then(|_| self.pass_all());
            if ends {
                return;
            }
            if let Err(error) = passed {
                // Servers wait when nobody reads, so it is tried again whatever happens.
                tracing::error!("cannot pass on the servers' log: {error}");
                thread::sleep(LINE_WITHIN);
            }
        }
    }

    fn pass_all(&mut self) -> io::Result<()> {
        while self.pass(Patience::Wait)? != Passed::All {
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Passes on what is whole. A message that may go on counts as whole once nothing has come for a while, so this is to be
    /// called again soon when something is left.
    ///
    /// # Errors
    /// Those of the pipe. What cannot be written is dropped: nobody is left to read it.
    pub(crate) fn pass(&mut self, patience: Patience) -> io::Result<Passed> {
        let mut most = ROUND;
        let mut limit = None;
        loop {
            let seen = self.peeker.peek(most)?.to_vec();
            let more = self.unread() > seen.len();
            let settled = !more && self.rest.is_some_and(|rest| rest.has_settled(seen.len()));
            // A message that is longer than what can be seen at once is as whole as it will get.
            let whole = settled || limit == Some(seen.len());
            match self.pass_seen(&seen, whole, patience)? {
                None => return Ok(Passed::Stuck),
                Some(0) if more => {
                    limit = (most >= self.peeker.size()).then_some(seen.len());
                    most = self.peeker.size();
                }
                Some(_) if more => (most, limit) = (ROUND, None),
                Some(done) => return Ok(self.leave(seen.get(done..).unwrap_or_default())),
            }
        }
    }

    /// Gives the bytes that are done; `None` when standard error took no more.
    fn pass_seen(&mut self, seen: &[u8], whole: bool, patience: Patience) -> io::Result<Option<usize>> {
        let mut done = 0;
        loop {
            let (lines, bytes) = batch(seen.get(done..).unwrap_or_default(), whole);
            if bytes == 0 {
                return Ok(Some(done));
            }
            if !writer::write(&lines, patience) {
                return Ok(None);
            }
            self.peeker.consume(bytes)?;
            done += bytes;
        }
    }

    fn leave(&mut self, left: &[u8]) -> Passed {
        let Some(last) = left.last() else {
            self.rest = None;
            return Passed::All;
        };
        if self.rest.is_none_or(|rest| rest.bytes != left.len()) {
            self.rest = Some(Rest {
                bytes: left.len(),
                within_line: *last != b'\n',
                since: Instant::now(),
            });
        }
        Passed::Whole
    }
}

/// As many records as are written at once, at least one, and the bytes that they take.
fn batch(seen: &[u8], whole: bool) -> (String, usize) {
    let (who, now) = (super::identity(), super::now());
    let (mut lines, mut bytes) = (String::new(), 0);
    while let Some(taken) = take(seen.get(bytes..).unwrap_or_default(), now, whole) {
        let line = taken.record.map_or(String::new(), |r| r.lines(&who));
        if bytes > 0 && lines.len() + line.len() > PIPE_BUF {
            break;
        }
        lines.push_str(&line);
        bytes += taken.bytes;
    }
    (lines, bytes)
}
