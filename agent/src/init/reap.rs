//! Everything that has ended below init.

use super::log::error;
use crate::sys::process::Ended;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

/// What one round of waiting brought.
pub(super) struct Reaped {
    pub agent: Option<Ended>,
    /// init has no child left, and thus no descendant.
    pub childless: bool,
}

/// Waits for everything that has ended, orphans included.
pub(super) fn reap(agent: Option<Pid>) -> Reaped {
    let mut reaped = Reaped {
        agent: None,
        childless: false,
    };
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if Some(pid) == agent => reaped.agent = end_of(status),
            Ok(Some(_)) | Err(Errno::INTR) => (),
            Ok(None) => break,
            Err(Errno::CHILD) => {
                reaped.childless = true;
                break;
            }
            Err(why) => {
                error!("cannot wait for children: {why}");
                break;
            }
        }
    }
    reaped
}

fn end_of(status: WaitStatus) -> Option<Ended> {
    let exited = status.exit_status().map(Ended::Exited);
    exited.or_else(|| status.terminating_signal().map(Ended::Signaled))
}
