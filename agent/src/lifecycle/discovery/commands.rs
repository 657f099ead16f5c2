//! What the running discovery is asked, and what it tells beside the peers.

use std::collections::BTreeSet;
use tokio::sync::{mpsc, oneshot};

/// Rechecks that may wait; more are dropped, as they would ask the same.
pub(super) const COMMANDS: usize = 256;

pub(super) enum Command {
    Recheck(String),
    InHba(BTreeSet<String>, oneshot::Sender<()>),
}

/// Where to say that an address of a peer may be an old one.
#[derive(Clone)]
pub struct RecheckHandle {
    pub(super) commands: mpsc::Sender<Command>,
}

impl RecheckHandle {
    /// Has this pod's addresses and name looked up again: call it when nobody answers there, or another pod does, or when
    /// it should have come in and did not. However often it is called, lookups of one pod are [`gp_agent_core::discovery::intervals::LookupIntervals::recheck`] apart.
    pub fn about(&self, pod: &str) {
        // A full queue means that questions are under way already; without a discovery nobody asks.
        let _ = self.commands.try_send(Command::Recheck(pod.to_string()));
    }
}

/// What is still to be waited for; a channel of its own, as looking through all peers at every change is slow for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) missing: usize,
    pub(super) unchecked: usize,
}
