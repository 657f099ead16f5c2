//! What a candidate wants done.

use super::event::{Reply, Ticket};
use super::facts::Remembered;
use super::lack::{Doubt, Lack};
use crate::failover::record::{Holder, InSync, Mode, Record, ReleaseWhy, Version};
use std::time::Duration;

/// What a candidate wants done. Those of one batch are begun in order; none is waited for but [`Action::ArmFence`], whose failure
/// ends the batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read the authority: as it is now, never from a cache. Ends in [`Event::Read`](super::Event::Read), within
    /// [`Timing::request`](crate::failover::timing::Timing::request).
    Read(Ticket),
    /// Replace what the authority holds. Ends in [`Event::Wrote`](super::Event::Wrote), within the same time.
    Write {
        /// Names it.
        ticket: Ticket,
        /// The new record.
        record: Record,
        /// What it replaces, and nothing else; `None`: there is none yet.
        over: Option<Version>,
    },
    /// Keep this on the volume. A failure is a finding, and ends nothing.
    Remember(Remembered),
    /// Answer the other candidate's question.
    AnswerPromise(Ticket, Reply),
    /// Ask the other candidate's agent for a promise; see [`Event::PromiseAsked`](super::Event::PromiseAsked).
    AskPromise {
        /// Names it.
        ticket: Ticket,
        /// The epoch in which this candidate holds.
        epoch: u64,
        /// How long.
        seconds: u32,
    },
    /// Tell init to kill every process of the server at that time, unless it is told another one before. Tells
    /// [`Event::FenceFailed`](super::Event::FenceFailed) if that cannot be done; the rest of the batch is left out then.
    ArmFence(Duration),
    /// Tell init that there is no deadline.
    DisarmFence,
    /// Kill every process of the server now, with SIGKILL; in words why. Ends in [`Event::Ended`](super::Event::Ended).
    KillNow(Kill),
    /// The role label of that pod has to go, if it is still that one by its UID: it is not the coordinator any more.
    StripOtherLabel(Holder),
    /// Promote the standby's server.
    Promote,
    /// Refuse new connections and stop the server in order. Ends in [`Event::Ended`](super::Event::Ended).
    StopFast,
    /// Let commits wait for the standby, or not. Where they are to wait, prove that they do
    /// ([`Stream::proven`](super::Stream::proven)), with this number, which is another one each time.
    CommitsWait(Option<u64>),
    /// End the standby's replication connection.
    EndWalsender(String),
    /// Find out whether a client's transaction is open; see [`Command::Idle`](super::Command::Idle). Asked again each second.
    AskIdle,
    /// Look whether that holder's server is dead for certain (R8); see [`Event::ProofOfDeath`](super::Event::ProofOfDeath).
    ProveDeath {
        /// Whose.
        holder: Holder,
        /// What the record is now; the proof has to be newer.
        version: Version,
    },
    /// Somebody may want to know.
    Tell(Notice),
}

/// Why a server is killed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kill {
    /// The time is over within which this candidate may write (R4).
    Deadline,
    /// Another one holds the role.
    NotHolder(Option<Holder>),
    /// It answers nothing any more.
    Hangs,
}

/// What has happened, for the log, Events and status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// The first record of the cluster was written by this candidate.
    Created,
    /// This candidate holds the role now.
    Acquired {
        /// From whom.
        from: Option<Holder>,
        /// How that came.
        how: Acquired,
        /// The new epoch.
        epoch: u64,
    },
    /// Another one holds the role now.
    HolderIs {
        /// Who.
        holder: Holder,
        /// Its epoch.
        epoch: u64,
    },
    /// The standby is in sync.
    InSync(InSync),
    /// It is not any more; why.
    NotInSync(Lack),
    /// This candidate has given the role away.
    Released(ReleaseWhy),
    /// What an administrator asked for is not done; in words why.
    Refused(String),
    /// The role is left to the one that is in sync, since the server here serves nobody; in words why.
    StepsAside(&'static str),
    /// A hand-over was given up; in words why.
    HandOverFailed(String),
    /// Whether takeovers happen by themselves has changed in the record.
    Mode(Mode),
    /// The record is not to be gone by (R10).
    Doubtful(Doubt),
    /// The record was written anew, which was doubtful.
    Restored,
    /// The role is going to be taken by force, once no holder was seen for a lease; who asked.
    ForceBegins(String),
    /// The server could not be promoted; in words. It is tried again.
    PromotionFailed(String),
}

/// How a candidate came to hold the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acquired {
    /// The holder was lost.
    Failover,
    /// It handed the role over.
    HandOver,
    /// An administrator accepted the loss of data.
    Forced,
    /// It held it before, as this pod or as an earlier one of its name.
    Again,
}
