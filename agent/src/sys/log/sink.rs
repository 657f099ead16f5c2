//! The container's standard error, written to without ever waiting for whoever reads it.
//!
//! O_NONBLOCK belongs to the open file description, which everybody shares who inherited it (open(2)): set there, it would
//! hit the servers too. So a pipe or terminal is opened once more, which gives a description of our own.
//!
//! No record is torn by a kill: a pipe takes at most PIPE_BUF bytes whole or not at all (pipe(7)), and a larger record is only
//! begun when the pipe is empty and takes it at once, so that no signal gets in between.

use gp_agent_core::process::timeouts;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};
use rustix::io::{Errno, ReadWriteFlags, ioctl_fionread, pwritev2};
use rustix::net::{SendFlags, send};
use rustix::pipe::fcntl_getpipe_size;
use std::collections::VecDeque;
use std::io::{IoSlice, Stderr, stderr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A pipe that poll(2) calls writable takes so many bytes at once.
pub(crate) const PIPE_BUF: usize = 4096;

/// The longest wait for an empty pipe.
const EMPTY_WITHIN: Duration = timeouts::LOG_PIPE_EMPTY;

/// Of pwritev2(2): write at the file's own position, as write(2) does.
const AT_ITS_POSITION: u64 = u64::MAX;

#[derive(Debug)]
enum Target {
    /// Opened for this process alone, with O_NONBLOCK.
    Own(OwnedFd),
    /// Each send(2) can say that it does not wait.
    Socket(Stderr),
    /// A pipe or terminal that cannot be opened again, because it belongs to another user.
    Shared(Stderr),
    /// A file, which has no reader to wait for.
    File(Stderr),
}

impl Target {
    fn stderr() -> Target {
        let stderr = stderr();
        let kind = fstat(&stderr).map(|stat| FileType::from_raw_mode(stat.st_mode));
        match kind {
            Ok(FileType::Socket) => Target::Socket(stderr),
            Ok(FileType::Fifo | FileType::CharacterDevice) => match open_again() {
                Ok(fd) => Target::Own(fd),
                Err(_) => Target::Shared(stderr),
            },
            _ => Target::File(stderr),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Target::Own(fd) => fd.as_fd(),
            Target::Socket(stderr) | Target::Shared(stderr) | Target::File(stderr) => stderr.as_fd(),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Target::Own(fd) => rustix::io::write(fd, bytes),
            Target::Socket(stderr) => send(stderr, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Target::Shared(stderr) => write_shared(stderr, bytes),
            Target::File(stderr) => rustix::io::write(stderr, bytes),
        }
    }
}

fn open_again() -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(CWD, "/proc/self/fd/2", flags, Mode::empty())
}

/// Kernels older than 6.4 know no RWF_NOWAIT for pipes. There the write waits when somebody else was quicker since poll(2).
fn write_shared(stderr: &Stderr, bytes: &[u8]) -> Result<usize, Errno> {
    match pwritev2(stderr, &[IoSlice::new(bytes)], AT_ITS_POSITION, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::SPIPE) => rustix::io::write(stderr, bytes),
        written => written,
    }
}

/// Standard error, and what of a record did not fit yet.
#[derive(Debug)]
pub(crate) struct Sink {
    target: Target,
    rest: VecDeque<u8>,
    taken: u64,
    wants_empty_since: Option<Instant>,
}

impl Sink {
    /// This process's standard error, as it is now.
    pub(crate) fn stderr() -> Sink {
        Sink::new(Target::stderr())
    }

    /// Something else that a test reads.
    #[cfg(test)]
    pub(super) fn to(writer: OwnedFd) -> Sink {
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        Sink::new(Target::Own(writer))
    }

    fn new(target: Target) -> Sink {
        Sink {
            target,
            rest: VecDeque::new(),
            taken: 0,
            wants_empty_since: None,
        }
    }

    /// Writable when more may be offered. For a record that needs an empty pipe that says nothing.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.target.fd()
    }

    /// Bytes that were taken since the beginning: while somebody reads, they grow.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the last offer was refused only because the pipe was not empty.
    pub(crate) fn wants_empty(&self) -> bool {
        self.wants_empty_since.is_some()
    }

    /// Takes whole lines, or nothing when that would have to wait. What nobody can read any more counts as taken.
    pub(crate) fn offer(&mut self, text: &str) -> bool {
        if text.is_empty() {
            return true;
        }
        if !self.flush() || !self.has_room(text.len()) {
            return false;
        }
        self.wants_empty_since = None;
        match self.write(text.as_bytes()) {
            Some(written) => {
                self.rest.extend(text.as_bytes().get(written..).unwrap_or_default());
                true
            }
            None => false,
        }
    }

    /// Writes what the last offer left; whether nothing is left any more.
    pub(crate) fn flush(&mut self) -> bool {
        while !self.rest.is_empty() {
            let bytes = self.rest.make_contiguous().to_vec();
            match self.write(&bytes) {
                Some(written) => drop(self.rest.drain(..written)),
                None => return false,
            }
        }
        true
    }

    /// `None` when nothing can be written now.
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        let written = match self.target.write(bytes) {
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => return None,
            Ok(written) => written,
            // Nobody is left who could be told that nobody reads.
            Err(_) => bytes.len(),
        };
        self.taken += written as u64;
        Some(written)
    }

    fn has_room(&mut self, length: usize) -> bool {
        if !is_writable(self.target.fd()) {
            return false;
        }
        if length <= PIPE_BUF || takes_at_once(self.target.fd(), length) {
            return true;
        }
        let since = self.wants_empty_since.get_or_insert_with(Instant::now);
        since.elapsed() >= EMPTY_WITHIN
    }
}

fn is_writable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    !matches!(poll(&mut fds, Some(&Timespec::default())), Ok(0) | Err(Errno::INTR))
}

/// Of something writable: whether so many bytes go in without waiting.
fn takes_at_once(fd: BorrowedFd<'_>, length: usize) -> bool {
    let is_pipe = fcntl_getpipe_size(fd).is_ok_and(|size| size >= length);
    !is_pipe || ioctl_fionread(fd).is_ok_and(|unread| unread == 0)
}

/// Lines that belong together, in pieces that are written whole.
#[derive(Debug)]
pub(crate) struct Batch {
    pieces: VecDeque<String>,
}

impl Batch {
    /// A few short lines in one piece, or long ones each for itself.
    pub(crate) fn new(lines: String) -> Batch {
        let pieces = if lines.len() <= PIPE_BUF {
            VecDeque::from([lines])
        } else {
            lines.split_inclusive('\n').map(str::to_string).collect()
        };
        Batch { pieces }
    }

    /// Goes on where it was left; whether all of it is written now.
    pub(crate) fn write(&mut self, sink: &mut Sink) -> bool {
        while let Some(piece) = self.pieces.front() {
            if !sink.offer(piece) {
                return false;
            }
            self.pieces.pop_front();
        }
        sink.flush()
    }
}

/// After so long without a byte taken, a reader counts as stopped: it is no longer waited for.
const STOPPED_AFTER: Duration = timeouts::LOG_READER_STOPPED;

/// Tells a reader that has stopped from one that is slow.
#[derive(Debug, Default)]
pub(crate) struct ReaderWatch {
    seen: Option<(u64, Instant)>,
}

impl ReaderWatch {
    /// `refuses`: the sink took not all of what it was offered just now. Whether the reader has stopped.
    pub(crate) fn has_stopped(&mut self, sink: &Sink, refuses: bool, now: Instant) -> bool {
        if !refuses {
            self.seen = None;
            return false;
        }
        match self.seen {
            Some((taken, since)) if taken == sink.taken() => now.saturating_duration_since(since) >= STOPPED_AFTER,
            _ => {
                self.seen = Some((sink.taken(), now));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::io::{PipeReader, pipe};

    /// A sink whose other end the test reads, or does not.
    fn sink() -> (Sink, PipeReader) {
        let (reader, writer) = pipe().unwrap();
        (Sink::to(writer.into()), reader)
    }

    fn fill(sink: &mut Sink) -> usize {
        let line = format!("{}\n", "x".repeat(PIPE_BUF - 1));
        std::iter::from_fn(|| sink.offer(&line).then_some(PIPE_BUF)).sum()
    }

    fn read(reader: &mut PipeReader, bytes: usize) -> String {
        let mut text = vec![0; bytes];
        reader.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_full_pipe_takes_nothing_and_one_that_is_read_takes_whole_lines() {
        let (mut sink, mut reader) = sink();
        let full = fill(&mut sink);
        assert!(full > 0 && !sink.offer("more\n"));
        read(&mut reader, full);
        assert!(sink.offer("more\n"));
        assert_eq!(read(&mut reader, 5), "more\n");
    }

    #[test]
    fn a_long_record_is_begun_only_when_the_pipe_is_empty() {
        let (mut sink, mut reader) = sink();
        let long = format!("{}\n", "y".repeat(3 * PIPE_BUF));
        assert!(sink.offer("short\n"));
        assert!(!sink.offer(&long) && sink.wants_empty());
        read(&mut reader, 6);
        assert!(sink.offer(&long) && !sink.wants_empty());
        assert_eq!(read(&mut reader, long.len()), long);
    }

    #[test]
    fn what_is_longer_than_the_pipe_goes_on_where_it_was_left() {
        let (mut sink, mut reader) = sink();
        let size = fcntl_getpipe_size(sink.fd()).unwrap();
        let mut batch = Batch::new(format!("{}\nend\n", "z".repeat(size + 100)));
        assert!(!batch.write(&mut sink));
        assert!(!sink.offer("between\n"), "it would tear the record");
        let mut text = read(&mut reader, size);
        assert!(batch.write(&mut sink));
        assert!(sink.offer("after\n"));
        text.push_str(&read(&mut reader, 101 + 4 + 6));
        assert!(text.ends_with("z\nend\nafter\n"), "{}", &text[size..]);
    }

    #[test]
    fn without_a_reader_everything_counts_as_taken() {
        let (mut sink, reader) = sink();
        drop(reader);
        assert!((0..1000).all(|_| sink.offer("nobody\n")));
    }

    #[test]
    fn a_reader_has_stopped_that_takes_nothing_for_long() {
        let (mut sink, mut reader) = sink();
        let mut watch = ReaderWatch::default();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let full = fill(&mut sink);
        assert!(!watch.has_stopped(&sink, true, at(0)));
        assert!(!watch.has_stopped(&sink, true, at(4)));
        assert!(watch.has_stopped(&sink, true, at(5)));
        read(&mut reader, full);
        fill(&mut sink);
        assert!(!watch.has_stopped(&sink, true, at(9)), "it took something: slow");
        assert!(watch.has_stopped(&sink, true, at(14)));
        assert!(!watch.has_stopped(&sink, false, at(15)));
        assert!(!watch.has_stopped(&sink, true, at(16)));
    }
}
