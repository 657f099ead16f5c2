//! The thread that writes the agent's log, and passes on the servers': the only one that may meet a standard error that
//! nobody reads. Everybody else leaves records in a queue and goes on.

use super::forward::{Passed, Passer};
use super::line::{Source, line};
use super::queue::{Next, Queue};
use super::sink::{Batch, ReaderWatch, Sink};
use gp_agent_core::log::record::LogLevel;
use gp_agent_core::process::timeouts;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The thread's name.
pub(super) const THREAD: &str = "log";

/// Bytes of the agent's own records that wait at most: some thousand.
const MOST_BYTES: usize = 256 * 1024;

/// How often a message that may go on is looked at, and a pipe that has to be empty.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How often a pipe is looked at from which servers may have to be relieved.
const FULL_LOOK_AGAIN: Duration = Duration::from_millis(100);

/// After an error of the pipe.
const FAILED_LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The agent's last word does not wait longer for a standard error that nobody reads.
const FINISH_WITHIN: Duration = timeouts::LOG_FINISHES;

/// Records that nobody read, since this agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// The agent's own.
    pub agent: u64,
    /// The servers'.
    pub servers: u64,
}

/// The way into the log for everybody in this process. Never waits.
#[derive(Debug)]
pub(crate) struct LogQueue {
    state: Mutex<State>,
    changed: Condvar,
    wake: OwnedFd,
    dropped_of_servers: AtomicU64,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// The thread holds a record that is not written yet.
    writing: bool,
    ending: bool,
    ended: bool,
}

impl LogQueue {
    fn new() -> io::Result<LogQueue> {
        Ok(LogQueue {
            state: Mutex::new(State {
                queue: Queue::new(MOST_BYTES),
                writing: false,
                ending: false,
                ended: false,
            }),
            changed: Condvar::new(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            dropped_of_servers: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // Full of rings it wakes the thread all the same.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Adds a record, its line break included.
    pub(crate) fn push(&self, record: String) {
        self.lock().queue.push(record);
        self.ring();
    }

    /// How many were dropped.
    pub(crate) fn dropped(&self) -> Dropped {
        Dropped {
            agent: self.lock().queue.dropped(),
            servers: self.dropped_of_servers.load(Ordering::Relaxed),
        }
    }

    /// Waits until everything is written, but not long.
    pub(crate) fn flush(&self) {
        self.wait_until(|state| state.ended || (state.queue.is_empty() && !state.writing));
    }

    fn wait_until(&self, done: impl Fn(&State) -> bool) {
        let waits = |state: &mut State| !done(state);
        // Poisoned or too late, there is nothing better to do than to go on.
        let _ = self.changed.wait_timeout_while(self.lock(), FINISH_WITHIN, waits);
    }

    /// The next record; none shows those who wait that all is written.
    fn next(&self) -> Option<Next> {
        let mut state = self.lock();
        let next = state.queue.next();
        state.writing = next.is_some();
        if next.is_none() {
            self.changed.notify_all();
        }
        next
    }
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct LogWriter {
    queue: Arc<LogQueue>,
}

impl LogWriter {
    /// Begins to write what comes into the queue, and what servers write into the pipe.
    ///
    /// # Errors
    /// No descriptor or thread is left.
    pub(crate) fn start(passer: Option<Passer>) -> io::Result<LogWriter> {
        let queue = Arc::new(LogQueue::new()?);
        let mut work = Work {
            queue: queue.clone(),
            sink: Sink::stderr(),
            front: None,
            passer,
            reader: ReaderWatch::default(),
            lost: 0,
        };
        thread::Builder::new().name(THREAD.into()).spawn(move || work.run())?;
        Ok(LogWriter { queue })
    }

    /// The way in.
    pub(crate) fn queue(&self) -> &Arc<LogQueue> {
        &self.queue
    }

    /// Writes and passes on what is there now, and ends.
    pub(crate) fn finish(self) {
        self.queue.lock().ending = true;
        self.queue.ring();
        self.queue.wait_until(|state| state.ended);
    }
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// All is written.
    Done,
    /// Something may go on.
    Begun,
    /// Standard error takes no more.
    Full,
    /// The pipe failed.
    Failed,
}

/// What the thread owns.
struct Work {
    queue: Arc<LogQueue>,
    sink: Sink,
    front: Option<Batch>,
    passer: Option<Passer>,
    reader: ReaderWatch,
    /// Records of servers that were dropped and not told yet.
    lost: u64,
}

impl Work {
    fn run(&mut self) {
        loop {
            let turn = self.turn();
            if turn == Turn::Done && self.queue.lock().ending {
                break;
            }
            if self.reader.has_stopped(&self.sink, turn == Turn::Full, Instant::now()) {
                self.relieve();
            }
            self.wait(turn);
        }
        self.queue.lock().ended = true;
        self.queue.changed.notify_all();
    }

    fn turn(&mut self) -> Turn {
        if !self.write_own() {
            return Turn::Full;
        }
        let Some(passer) = &mut self.passer else {
            return Turn::Done;
        };
        match passer.pass(&mut self.sink) {
            Ok(Passed::All) => Turn::Done,
            Ok(Passed::Whole) => Turn::Begun,
            Ok(Passed::Stuck) => Turn::Full,
            Err(error) => {
                // Servers wait when nobody reads, so it is tried again whatever happens.
                tracing::error!("cannot pass on the servers' log: {error}");
                Turn::Failed
            }
        }
    }

    /// The agent's own records; whether all are written.
    fn write_own(&mut self) -> bool {
        loop {
            if let Some(front) = &mut self.front {
                if !front.write(&mut self.sink) {
                    return false;
                }
                self.front = None;
            }
            let lines = if self.lost > 0 {
                lost(std::mem::take(&mut self.lost), "of the servers ")
            } else {
                match self.queue.next() {
                    Some(Next::Record(lines)) => lines,
                    Some(Next::Dropped(records)) => lost(records, ""),
                    None => return true,
                }
            };
            self.front = Some(Batch::new(lines));
        }
    }

    fn relieve(&mut self) {
        let Some(passer) = &mut self.passer else { return };
        // An error shows again when it is passed on.
        let dropped = passer.relieve().unwrap_or(0);
        self.lost += dropped;
        self.queue.dropped_of_servers.fetch_add(dropped, Ordering::Relaxed);
    }

    fn wait(&self, turn: Turn) {
        let mut fds = vec![PollFd::new(&self.queue.wake, PollFlags::IN)];
        let limit = match turn {
            Turn::Done => {
                if let Some(passer) = &self.passer {
                    fds.push(PollFd::from_borrowed_fd(passer.fd(), PollFlags::IN));
                }
                None
            }
            Turn::Begun => Some(LOOK_AGAIN),
            Turn::Full if self.sink.wants_empty() => Some(LOOK_AGAIN),
            Turn::Full => {
                fds.push(PollFd::from_borrowed_fd(self.sink.fd(), PollFlags::OUT));
                Some(FULL_LOOK_AGAIN)
            }
            Turn::Failed => Some(FAILED_LOOK_AGAIN),
        };
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        if poll(&mut fds, limit.as_ref()).is_err() {
            // Out of memory, or interrupted: never burn the processor.
            thread::sleep(LOOK_AGAIN);
        }
        let _ = rustix::io::read(&self.queue.wake, &mut [0; 8]);
    }
}

/// What stands in the log where records are missing.
fn lost(records: u64, whose: &str) -> String {
    let message = format!("{records} log records {whose}dropped: nobody read standard error");
    line(Source::Agent, LogLevel::Warn, &message)
}
