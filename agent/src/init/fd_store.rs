//! The locks of volumes, kept from one agent to the next: a postmaster outlives its agent, so its lock has to as well.

use super::log::{info, warning};
use crate::sys::process::fd_passing::send;
use gp_agent_core::process::init_line::Word;
use std::os::fd::{AsFd, OwnedFd};

/// An agent entrusts one lock for each volume, and only one that it was not given; more is a mistake of the agent.
const MOST: usize = 8;

/// What agents have entrusted; locked until init ends.
#[derive(Debug, Default)]
pub(crate) struct Locks(Vec<OwnedFd>);

impl Locks {
    /// Keeps these too.
    pub(crate) fn keep(&mut self, locks: Vec<OwnedFd>) {
        for lock in locks {
            if self.0.len() == MOST {
                warning!("init keeps {MOST} locks already and keeps no more");
                return;
            }
            self.0.push(lock);
            info!("init keeps the lock of the volume until it ends");
        }
    }

    /// Puts them on the line of an agent that has not started yet.
    pub(crate) fn hand_down(&self, line: &OwnedFd) {
        for lock in &self.0 {
            if let Err(why) = send(line, Word::FdStore.to_string().as_bytes(), Some(lock.as_fd())) {
                warning!("cannot hand the lock of the volume to the next agent: {why}");
            }
        }
    }
}
