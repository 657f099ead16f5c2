//! What a candidate keeps in mind between two events, beside what it was told last.

use super::event::Ticket;
use crate::failover::lsn::Lsn;
use crate::failover::record::{ReleaseWhy, Seen, Version};
use std::time::Duration;

/// Before something that had no effect is done again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// What the authority held when it was read or written last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) seen: Seen,
    pub(super) version: Version,
    /// Since when this candidate has seen it so.
    pub(super) since: Duration,
    /// It was so when this candidate's agent started: whether its holder lives was never seen.
    pub(super) first: bool,
}

/// A hand-over that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HandOver {
    pub(super) why: ReleaseWhy,
    pub(super) stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// The server stops.
    Stopping,
    /// It has stopped; the record has to say so.
    Stopped { lsn: Lsn, timeline: u32 },
    /// It is killed, and may not be gone for long: what waits for its volume goes when that answers. The record is not renewed.
    Killed,
    /// It is gone, and none was started since; the record has to say so.
    Dead,
}

/// A takeover that an administrator has asked for, and what the authority held then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Forced {
    pub(super) seen: Option<Seen>,
}

/// What the two have promised each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Promise {
    /// Until when this candidate has promised not to touch the record.
    pub(super) given: Option<Duration>,
    /// Until when the other one's promise lets this one write.
    pub(super) of_other: Option<Duration>,
    /// The question that is open, when it was asked, and the lease that it named in seconds.
    pub(super) asked: Option<(Ticket, Duration, u32)>,
    pub(super) ask_at: Duration,
}

#[cfg(test)]
type Asked = Option<(Ticket, Duration, u32)>;

impl Promise {
    #[cfg(test)]
    pub(super) fn parts(&mut self) -> (&mut Option<Duration>, &mut Option<Duration>, &mut Asked, &mut Duration) {
        (&mut self.given, &mut self.of_other, &mut self.asked, &mut self.ask_at)
    }

    pub(super) fn new(now: Duration) -> Promise {
        Promise {
            given: None,
            of_other: None,
            asked: None,
            ask_at: now,
        }
    }

    pub(super) fn forget_other(&mut self) {
        self.of_other = None;
        self.asked = None;
    }
}
