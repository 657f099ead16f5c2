//! Passes on what servers write into the pipe to the container's standard error: as records, or in text as it is.
//!
//! A record is taken out of the pipe only after it has been written, so a forwarder that is killed loses nothing; at worst
//! its last few records are written once more by the next one. While nobody reads standard error, servers wait for it once
//! the pipe is full, and that must not last: what [`Passer::relieve`] takes out is lost, and counted.

use super::last_words;
use super::line;
use super::pipe::Peeker;
use super::sink::{Batch, PIPE_BUF, Sink};
use gp_agent_core::log::postgres::take;
use gp_agent_core::log::record::LogFormat;
use gp_agent_core::process::timeouts;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How long a message is waited for that ends with a whole line and may go on: the server writes all of it at once.
const LINES_WITHIN: Duration = timeouts::MESSAGE_GOES_ON;

/// The same within a line.
const LINE_WITHIN: Duration = timeouts::LINE_ENDS;

/// A round looks at so many bytes, unless a message is longer.
const ROUND: usize = 64 * 1024;

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
    front: Option<Front>,
    nobody_writes: bool,
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

/// What is being written, and the bytes of the pipe that it stands for.
#[derive(Debug)]
struct Front {
    batch: Batch,
    bytes: usize,
}

impl Passer {
    /// Passes on what that pipe holds.
    pub(crate) fn new(peeker: Peeker) -> Passer {
        Passer {
            peeker,
            rest: None,
            front: None,
            nobody_writes: false,
        }
    }

    /// Nobody is left who writes: what there is, is whole, and need not be waited for.
    pub(crate) fn nobody_writes_any_more(&mut self) {
        self.nobody_writes = true;
    }

    /// Forgets what was seen: somebody else takes records out from now on. What is begun comes once more.
    pub(crate) fn forget(&mut self) {
        self.rest = None;
        self.front = None;
    }

    /// Readable when something waits.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.peeker.fd()
    }

    /// Whether so much waits that servers may soon have to.
    pub(crate) fn is_over_half_full(&self) -> bool {
        self.peeker.unread() > self.peeker.size() / 2
    }

    /// Passes on what is whole. A message that may go on counts as whole once nothing has come for a while, so this is to be
    /// called again soon when something is left.
    ///
    /// # Errors
    /// Those of the pipe. What cannot be written is dropped: nobody is left to read it.
    pub(crate) fn pass(&mut self, sink: &mut Sink) -> io::Result<Passed> {
        if self.finish_front(sink)?.is_none() {
            return Ok(Passed::Stuck);
        }
        let mut most = ROUND;
        let mut limit = None;
        loop {
            let seen = self.peeker.peek(most)?.to_vec();
            let more = self.peeker.unread() > seen.len();
            let settled = self.nobody_writes || self.rest.is_some_and(|rest| rest.has_settled(seen.len()));
            // A message that is longer than what can be seen at once is as whole as it will get.
            let whole = (settled && !more) || limit == Some(seen.len());
            match self.pass_seen(&seen, whole, sink)? {
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
    fn pass_seen(&mut self, seen: &[u8], whole: bool, sink: &mut Sink) -> io::Result<Option<usize>> {
        let mut done = 0;
        loop {
            let (lines, bytes) = batch(seen.get(done..).unwrap_or_default(), whole);
            if bytes == 0 {
                return Ok(Some(done));
            }
            let batch = Batch::new(lines);
            self.front = Some(Front { batch, bytes });
            match self.finish_front(sink)? {
                Some(bytes) => done += bytes,
                None => return Ok(None),
            }
        }
    }

    /// Gives the bytes that were taken out; `None` when not all of it could be written.
    fn finish_front(&mut self, sink: &mut Sink) -> io::Result<Option<usize>> {
        let Some(front) = &mut self.front else {
            return Ok(Some(0));
        };
        if !front.batch.write(sink) {
            return Ok(None);
        }
        let bytes = front.bytes;
        self.front = None;
        self.peeker.consume(bytes)?;
        Ok(Some(bytes))
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

    /// Takes records out unwritten, the oldest first, until the pipe is half empty. Gives their number.
    ///
    /// # Errors
    /// Those of the pipe.
    pub(crate) fn relieve(&mut self) -> io::Result<u64> {
        let mut dropped = 0;
        if !self.is_over_half_full() {
            return Ok(dropped);
        }
        // Begun or not: what it stands for is taken out below.
        self.forget();
        while self.is_over_half_full() {
            let seen = self.peeker.peek(ROUND)?.to_vec();
            let (mut records, mut bytes) = count(&seen, false);
            if bytes == 0 {
                (records, bytes) = count(&seen, true);
            }
            if bytes == 0 {
                break;
            }
            self.peeker.consume(bytes)?;
            dropped += records;
        }
        Ok(dropped)
    }
}

/// As many records as are written at once, at least one, and the bytes that they take.
fn batch(seen: &[u8], whole: bool) -> (String, usize) {
    let (who, now) = (line::identity(), line::now());
    let (mut lines, mut bytes) = (String::new(), 0);
    while let Some(taken) = take(seen.get(bytes..).unwrap_or_default(), now, whole) {
        let raw = seen.get(bytes..bytes + taken.bytes).unwrap_or_default();
        taken.record.iter().for_each(last_words::note);
        let line = match (line::format(), taken.record) {
            (LogFormat::Text, _) => as_text(raw),
            (LogFormat::Json, record) => record.map_or(String::new(), |r| r.lines(&who)),
        };
        if bytes > 0 && lines.len() + line.len() > PIPE_BUF {
            break;
        }
        lines.push_str(&line);
        bytes += taken.bytes;
    }
    (lines, bytes)
}

/// A line that was cut off is ended, so that the next one is not taken for more of it.
fn as_text(raw: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(raw).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Records, and the bytes that they take.
fn count(seen: &[u8], whole: bool) -> (u64, usize) {
    let (mut records, mut bytes) = (0, 0);
    while let Some(taken) = take(seen.get(bytes..).unwrap_or_default(), line::now(), whole) {
        records += u64::from(taken.record.is_some());
        bytes += taken.bytes;
    }
    (records, bytes)
}

#[cfg(test)]
mod tests {
    use super::super::pipe::LogPipe;
    use super::*;
    use std::io::pipe;

    const CUT_OFF: &[u8] = b"1.000 [7] 00000 u@d FATAL:  the end\nhalf a line";

    #[test]
    fn what_may_go_on_is_whole_once_nobody_writes_any_more() {
        let servers = LogPipe::create().unwrap();
        rustix::io::write(servers.ends()[1], CUT_OFF).unwrap();
        let (_reader, writer) = pipe().unwrap();
        let mut sink = Sink::to(writer.into());
        let mut passer = Passer::new(servers.peeker().unwrap());
        assert_eq!(passer.pass(&mut sink).unwrap(), Passed::Whole);
        passer.nobody_writes_any_more();
        assert_eq!(passer.pass(&mut sink).unwrap(), Passed::All);
        assert!(!servers.holds_something());
    }
}
