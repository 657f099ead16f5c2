//! The pipe that servers log into: init holds it open, and passes on what would make servers wait while no agent does.

use super::log;
use super::log::{error, warning};
use crate::sys::log::forward::{Passed, Passer};
use crate::sys::log::pipe::{FDS_VARIABLE, LogPipe};
use crate::sys::log::sink::ReaderWatch;
use gp_agent_core::process::timeouts;
use rustix::io::{FdFlags, fcntl_setfd};
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

/// How often init looks while no agent runs.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// At the end of the container init waits so long for whoever collects the log.
const FINISH_WITHIN: Duration = timeouts::INIT_LOG_FINISHES;

/// The pipe, and what passes its content on.
#[derive(Debug)]
pub(crate) struct ServerLog {
    pipe: LogPipe,
    passer: Passer,
    reader: ReaderWatch,
    complained: bool,
}

impl ServerLog {
    /// A new pipe. Without one servers write to the container's standard error.
    pub(crate) fn create() -> Option<ServerLog> {
        let made = || -> io::Result<ServerLog> {
            let pipe = LogPipe::create()?;
            for end in pipe.ends() {
                // Only agents are started by init.
                fcntl_setfd(end, FdFlags::empty())?;
            }
            Ok(ServerLog {
                passer: Passer::new(pipe.peeker()?),
                pipe,
                reader: ReaderWatch::default(),
                complained: false,
            })
        };
        made()
            .inspect_err(|why| {
                error!("cannot make a pipe for the servers' log, which goes to standard error by itself: {why}");
            })
            .ok()
    }

    /// Lets the agent inherit the pipe.
    pub(crate) fn hand_down(&self, command: &mut Command) {
        command.env(FDS_VARIABLE, self.pipe.numbers());
    }

    /// An agent runs, and passes on what comes from now on.
    pub(crate) fn leave_to_agent(&mut self) {
        self.passer.forget();
    }

    /// While no agent runs: passes on what would soon make servers wait, or all of it when no agent will come (`ends`). The
    /// rest is the next agent's.
    pub(crate) fn mind(&mut self, ends: bool) {
        if ends || self.passer.is_over_half_full() {
            self.pass();
        }
    }

    fn pass(&mut self) -> Passed {
        let (passed, stopped) = {
            let mut log = log::log();
            let passed = if log.flush() {
                self.passer.pass(log.sink())
            } else {
                Ok(Passed::Stuck)
            };
            let stuck = matches!(passed, Ok(Passed::Stuck));
            (passed, self.reader.has_stopped(log.sink(), stuck, Instant::now()))
        };
        if stopped {
            // Servers would wait for a reader that has stopped. An error shows again when it is passed on.
            let dropped = self.passer.relieve().unwrap_or(0);
            if dropped > 0 {
                warning!("{dropped} log records of the servers dropped: nobody read standard error");
            }
        }
        passed.unwrap_or_else(|why| {
            if !self.complained {
                error!("cannot pass on the servers' log: {why}");
                self.complained = true;
            }
            Passed::Stuck
        })
    }

    /// Passes on all that is left, when no server is.
    pub(crate) fn finish(&mut self) {
        self.passer.nobody_writes_any_more();
        let begun = Instant::now();
        while self.pass() != Passed::All && begun.elapsed() < FINISH_WITHIN {
            std::thread::sleep(LOOK_AGAIN / 10);
        }
    }
}
