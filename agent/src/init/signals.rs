//! Signals, turned into something that poll(2) sees.
//!
//! Handlers, not blocked signals with a signalfd: a blocked signal stays blocked in every child that forgets about it,
//! while handlers fall back to the default at exec.

use rustix::io::Errno;
use rustix::process::Signal;
use std::io;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signals that are handed on to the agent.
pub(crate) const FORWARDED: [Signal; 6] = [
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
];

/// Whether that signal asks for the end.
pub(crate) fn asks_for_the_end(signal: Signal) -> bool {
    matches!(signal, Signal::INT | Signal::QUIT | Signal::TERM)
}

/// The wake-up pipe and what woke it.
#[derive(Debug)]
pub(crate) struct Signals {
    pipe: UnixStream,
    raised: Vec<(Signal, Arc<AtomicBool>)>,
}

impl Signals {
    /// Installs the handlers of SIGCHLD and [`FORWARDED`].
    ///
    /// # Errors
    /// Those of socketpair(2) and sigaction(2).
    pub(crate) fn install() -> io::Result<Signals> {
        let (pipe, wake) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        let mut raised = Vec::with_capacity(FORWARDED.len());
        for signal in FORWARDED {
            let flag = Arc::new(AtomicBool::new(false));
            // Actions run in the order of registration: the flag is up before poll wakes.
            signal_hook::flag::register(signal.as_raw(), flag.clone())?;
            signal_hook::low_level::pipe::register(signal.as_raw(), wake.try_clone()?)?;
            raised.push((signal, flag));
        }
        signal_hook::low_level::pipe::register(Signal::CHILD.as_raw(), wake)?;
        Ok(Signals { pipe, raised })
    }

    /// Readable when a signal has come.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Empties the pipe and gives the forwarded signals that have come since the last time.
    ///
    /// # Errors
    /// Those of reading the pipe.
    pub(crate) fn take(&mut self) -> io::Result<Vec<Signal>> {
        let mut bytes = [0; 512];
        loop {
            match self.pipe.read(&mut bytes) {
                Ok(n) if n == bytes.len() => (),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.raw_os_error() == Some(Errno::INTR.raw_os_error()) => (),
                Err(error) => return Err(error),
            }
        }
        Ok(self
            .raised
            .iter()
            .filter(|(_, flag)| flag.swap(false, Ordering::SeqCst))
            .map(|(signal, _)| *signal)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_signals_come_out_once() {
        let mut signals = Signals::install().unwrap();
        for signal in [Signal::USR2, Signal::HUP, Signal::HUP] {
            signal_hook::low_level::raise(signal.as_raw()).unwrap();
        }
        assert_eq!(signals.take().unwrap(), [Signal::HUP, Signal::USR2]);
        assert_eq!(signals.take().unwrap(), []);
    }

    #[test]
    fn three_signals_ask_for_the_end() {
        let ending: Vec<_> = FORWARDED.into_iter().filter(|s| asks_for_the_end(*s)).collect();
        assert_eq!(ending, [Signal::INT, Signal::QUIT, Signal::TERM]);
    }
}
