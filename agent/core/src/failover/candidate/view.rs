//! What a candidate shows of itself.

use super::event::RequestError;
use super::lack::{Doubt, Lack};
use crate::failover::record::{Holder, InSync, Mode, Switchover};
use std::time::Duration;

/// Whether a server that takes writes may be started.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Permit {
    /// It may.
    Yes,
    /// Not now; in words why.
    No(String),
}

/// What this candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It has not seen the record yet.
    Unknown,
    /// It holds the role.
    Holder,
    /// Another one does.
    Other,
    /// Nobody does.
    Free,
    /// The record cannot be gone by (R10), or there is none yet.
    Doubtful,
}

/// What it is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// Nothing in particular.
    Nothing,
    /// It holds, and waits for the standby to be in sync.
    Confirming,
    /// It takes the record.
    Acquiring,
    /// It promotes its server.
    Promoting,
    /// It stops its server to hand the role over.
    Stopping,
    /// It writes that the role is free.
    Releasing,
    /// It waits for the other one to take the role.
    HandingOver,
    /// It kills its server.
    Fencing,
    /// Its directory is that of an earlier coordinator, and has to become a standby's.
    Rejoining,
}

/// What a candidate shows of itself at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What it is.
    pub standing: Standing,
    /// What it is busy with.
    pub doing: Doing,
    /// Who holds the role, by the record that was read last.
    pub holder: Option<Holder>,
    /// The epoch; 0 if no record was seen.
    pub epoch: u64,
    /// Who is in sync.
    pub in_sync: Option<InSync>,
    /// Why nobody would take over now if the holder were lost; `None`: somebody would.
    pub no_failover: Option<Lack>,
    /// Since when that is so.
    pub no_failover_since: Duration,
    /// Until when this candidate may write; `None`: without a deadline, or it does not write.
    pub deadline: Option<Duration>,
    /// It writes by the other candidate's promise: the authority does not answer.
    pub by_promise: bool,
    /// Until when it has promised not to touch the record.
    pub promised_until: Option<Duration>,
    /// Why the authority does not answer, and since when.
    pub authority_silent: Option<(RequestError, Duration)>,
    /// Since when there is no record where it is looked for.
    pub absent_since: Option<Duration>,
    /// Why the record cannot be gone by (R10).
    pub doubt: Option<Doubt>,
    /// There is no record, and nobody knows of an earlier one: the cluster may be created.
    pub unclaimed: bool,
    /// Whether takeovers happen by themselves.
    pub mode: Mode,
    /// A hand-over that was asked for.
    pub switchover: Option<Switchover>,
    /// Whether a server that takes writes may be started.
    pub permit: Permit,
    /// The pod ends, and there is nothing left to be done about the role.
    pub drained: bool,
}
