//! What happens to a candidate.

use super::facts::{LocalFacts, PeerAnswer};
use crate::failover::lsn::Lsn;
use crate::failover::record::{Holder, Mode, Seen, Version};

/// Names one request, so that an answer that comes late is told from the one that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What happens to a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The moment of [`Candidate::due`](super::Candidate::due) has come.
    Due,
    /// The authority may have changed (a watch says so): look again. Proves nothing.
    Changed,
    /// The end of a read.
    Read {
        /// Of which.
        ticket: Ticket,
        /// What it found, and which state that is; or why it failed.
        found: Result<(Seen, Version), RequestError>,
    },
    /// The end of a write.
    Wrote {
        /// Of which.
        ticket: Ticket,
        /// How it ended.
        outcome: Outcome,
    },
    /// The other candidate asks for a promise: not to touch the record for `seconds` from now.
    PromiseAsked {
        /// Names the question; the answer has it.
        ticket: Ticket,
        /// The epoch in which the asking holder holds.
        epoch: u64,
        /// How long.
        seconds: u32,
        /// Who asks.
        by: Holder,
    },
    /// The other candidate has answered this one's question.
    PromiseAnswered {
        /// Of which.
        ticket: Ticket,
        /// Who answers: which of the pods of its name.
        by: Holder,
        /// What.
        reply: Reply,
    },
    /// This pod's directory and server as they are now.
    Local(LocalFacts),
    /// The other candidate's agent has answered, or has not.
    Peer(PeerAnswer),
    /// It is proven that no process of that holder's server is left, and was so after the record had that version (R8).
    ProofOfDeath {
        /// Whose.
        holder: Holder,
        /// What the record was before it was looked for.
        version: Version,
    },
    /// init could not be told a deadline; in words. What stood behind that action in its batch is not carried out: a request
    /// among it ends as one that was not sent.
    FenceFailed(String),
    /// The supervisor would start a server that takes writes, and may not yet
    /// ([`Candidate::may_start`](super::Candidate::may_start)). Told again with every look that finds it so.
    StartWanted,
    /// The pod's postmaster is gone, and every process of it.
    Ended(Ended),
    /// The promotion that was asked for has failed; in words. Success shows in the local facts.
    PromoteFailed(String),
    /// An administrator asks for something.
    Command(Command),
    /// The pod ends. No way back.
    Draining {
        /// Whether the other candidate should go on at once.
        hand_over: bool,
    },
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is in force, and has left this version.
    Done(Version),
    /// It is not in force and never will be: the authority had changed.
    Conflict,
    /// It is not in force and never will be: it was not sent, or was refused.
    NotDone(RequestError),
    /// It may be in force, or come into force later.
    Unknown(RequestError),
}

/// Why a request to the authority brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RequestError {
    /// It was left out, since the deadline that had to stand before it could not be set.
    #[error("not sent: init cannot be told the deadline")]
    NotSent,
    /// The candidate has waited for its end long enough.
    #[error("the request has got no answer")]
    NoAnswer,
    /// The authority did not do it; its words.
    #[error("{0}")]
    Authority(String),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// Stopped in order: it has written its shutdown checkpoint.
    InOrder {
        /// Where its log ends: the end of that checkpoint.
        lsn: Lsn,
        /// On which timeline.
        timeline: u32,
    },
    /// In any other way.
    Crashed,
}

/// The answer to a question for a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// It is promised.
    Yes,
    /// It is not; the newest epoch that the asked one knows of.
    No {
        /// That epoch.
        epoch: u64,
    },
}

/// What an administrator can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Hand the role over.
    Switchover {
        /// Only once the server is idle.
        when_idle: bool,
        /// Who asks, in words.
        by: String,
    },
    /// No client's transaction is open; the answer to [`Action::AskIdle`](super::Action::AskIdle).
    Idle,
    /// Give up a hand-over that has not begun.
    CancelSwitchover,
    /// Take the role, whatever was acknowledged and is not here.
    AcceptDataLoss {
        /// Who asks, in words.
        by: String,
    },
    /// Whether takeovers happen by themselves from now on.
    Takeovers(Mode),
}
