//! init's log lines, in the shape of the agent's, without its library.
//!
//! init has one thread and never waits for whoever reads the log: a line that standard error does not take stays in a bounded
//! queue, which init empties whenever it can ([`flush`]).

use crate::sys::log;
use crate::sys::log::Source;
use crate::sys::log::queue::{Next, Queue};
use crate::sys::log::sink::{Batch, PIPE_BUF, Sink};
pub(crate) use gp_agent_core::log::record::LogLevel;
use gp_agent_core::process::timeouts;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of lines that wait at most: some hundred.
const MOST_BYTES: usize = 64 * 1024;

/// init's last words do not wait longer for whoever collects the log.
const FINISH_WITHIN: Duration = timeouts::INIT_LOG_FINISHES;

/// What init's one thread writes through.
pub(crate) struct InitLog {
    queue: Queue,
    front: Option<Batch>,
    sink: Option<Sink>,
}

static LOG: Mutex<InitLog> = Mutex::new(InitLog {
    queue: Queue::new(MOST_BYTES),
    front: None,
    sink: None,
});

/// The log, for as long as nothing is logged: init has one thread.
pub(crate) fn log() -> MutexGuard<'static, InitLog> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InitLog {
    /// Where it goes.
    pub(crate) fn sink(&mut self) -> &mut Sink {
        self.sink.get_or_insert_with(Sink::stderr)
    }

    /// Writes what waits, as far as standard error takes it; whether all of it is written.
    pub(crate) fn flush(&mut self) -> bool {
        loop {
            let sink = self.sink.get_or_insert_with(Sink::stderr);
            if let Some(front) = &mut self.front {
                if !front.write(sink) {
                    return false;
                }
                self.front = None;
            }
            let lines = match self.queue.next() {
                Some(Next::Record(lines)) => lines,
                Some(Next::Dropped(records)) => {
                    let message = format!("{records} log records dropped: nobody read standard error");
                    log::line(Source::Init, LogLevel::Warn, &message)
                }
                None => return self.sink().flush(),
            };
            self.front = Some(Batch::new(lines));
        }
    }
}

/// Logs one line.
pub(crate) fn line(level: LogLevel, message: &str) {
    raw(log::line(Source::Init, level, shortened(message)));
}

/// Writes lines as they are, or keeps them until standard error takes them.
pub(crate) fn raw(lines: String) {
    let mut log = log();
    log.queue.push(lines);
    log.flush();
}

/// Writes what waits; whether all of it is written.
pub(crate) fn flush() -> bool {
    log().flush()
}

/// Waits for the last words to be taken, but not long.
pub(crate) fn finish() {
    let begun = Instant::now();
    while !flush() && begun.elapsed() < FINISH_WITHIN {
        std::thread::sleep(FINISH_WITHIN / 100);
    }
}

/// A line that is not longer than PIPE_BUF is written whole; half of that leaves room for all else.
fn shortened(message: &str) -> &str {
    let end = (0..=PIPE_BUF / 2).rfind(|at| message.is_char_boundary(*at));
    message.get(..end.unwrap_or(0)).unwrap_or(message)
}

macro_rules! info { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::LogLevel::Info, &format!($($word)*)) } }
macro_rules! warning { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::LogLevel::Warn, &format!($($word)*)) } }
macro_rules! error { ($($word:tt)*) => { $crate::init::log::line($crate::init::log::LogLevel::Error, &format!($($word)*)) } }

pub(crate) use error;
pub(crate) use info;
pub(crate) use warning;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_shortened_at_a_character() {
        let long = "\u{e4}\"".repeat(PIPE_BUF);
        let short = shortened(&long);
        assert!(long.starts_with(short) && short.len() > 1000);
        assert!(short.len() <= PIPE_BUF / 2);
        assert_eq!(shortened("all"), "all");
    }
}
