//! Reading and writing the record.

use super::requests::Sent;
use super::turn::Turn;
use super::{Acquired, Action, Candidate, Notice, Outcome, RequestError, Standing, Ticket};
use crate::failover::record::{Record, ReleaseWhy, Seen, Version};
use crate::failover::timing::Timing;
use std::time::Duration;

/// So many conflicts in a row are nobody's race: what refuses each write for another reason is asked no more than once a second.
const CONFLICTS: u8 = 3;

impl Candidate {
    /// Somebody else may have written. A holder learns that by its next renewal.
    pub(super) fn changed(&mut self, turn: &Turn) {
        if self.standing() != Standing::Holder {
            self.requests.look_at = turn.now;
        }
    }

    /// What has got no answer in twice its time gets none.
    pub(super) fn give_up_late_requests(&mut self, turn: &mut Turn) {
        let Some(since) = self.requests.waiting_since() else {
            return;
        };
        if turn.reached(since + self.timing.request() * 2) {
            self.requests.give_up();
            self.request_failed(RequestError::NoAnswer, since, turn.now);
            self.requests.look_first = true;
        }
    }

    pub(super) fn read_ended(&mut self, ticket: Ticket, found: Result<(Seen, Version), RequestError>, turn: &mut Turn) {
        let Some(at) = self.requests.end_read(ticket) else {
            return;
        };
        self.requests.look_first = false;
        match found {
            Ok((seen, version)) => {
                self.requests.silent = None;
                self.saw(seen, version, turn);
            }
            Err(why) => self.request_failed(why, at, turn.now),
        }
    }

    pub(super) fn write_ended(&mut self, ticket: Ticket, outcome: Outcome, turn: &mut Turn) {
        let Some(sent) = self.requests.end_write(ticket) else {
            return;
        };
        match outcome {
            Outcome::Done(version) => {
                self.requests.silent = None;
                self.requests.conflicts = 0;
                self.requests.settle_all();
                self.in_force(&sent, version, turn);
            }
            Outcome::Conflict => {
                self.requests.silent = None;
                self.requests.look_first = true;
                self.requests.conflicts = (self.requests.conflicts + 1).min(CONFLICTS);
                if self.requests.conflicts == CONFLICTS {
                    self.requests.not_before = turn.now + super::state::AGAIN;
                }
            }
            Outcome::NotDone(why) => self.request_failed(why, sent.at, turn.now),
            Outcome::Unknown(why) => {
                self.request_failed(why, sent.at, turn.now);
                self.requests.look_first = true;
                if !rule!(self, ForgetsLostWrites, false) {
                    self.requests.unsettle(sent);
                }
            }
        }
    }

    /// A request that was decided on `at` is in vain: the next one waits a little.
    fn request_failed(&mut self, why: RequestError, at: Duration, now: Duration) {
        self.requests.failed(why, now);
        self.requests.not_before = at + self.timing.renewal() / 2;
        self.requests.look_at = self.requests.not_before;
    }

    fn saw(&mut self, seen: Seen, version: Version, turn: &mut Turn) {
        let record = match &seen {
            Seen::Record(record) => Some(record),
            _ => None,
        };
        if let Some(sent) = self.requests.settle(record, &version) {
            self.in_force(&sent, version, turn);
            return;
        }
        let before = self.known.as_ref().map(|known| known.seen.clone());
        self.know(seen, version, turn.now);
        self.news(before, turn);
        let held = self.held.as_ref();
        let lost = self
            .record()
            .is_some_and(|record| held.is_some_and(|held| held.holder != record.holder));
        if lost {
            self.let_go();
        }
    }

    /// A write of this candidate's own is in force.
    fn in_force(&mut self, sent: &Sent, version: Version, turn: &mut Turn) {
        let before = self.known.as_ref().map(|known| known.seen.clone());
        let record = &sent.record;
        self.know(Seen::Record(record.clone()), version, turn.now);
        if record.is_held_by(&self.me.own) {
            if self.held.as_ref().is_none_or(|held| held.epoch != record.epoch) {
                self.handing = None;
            }
            let counted_from = if rule!(self, CountsFromAnswer, false) {
                turn.now
            } else {
                sent.at
            };
            let until = counted_from + Self::deadline_of(record);
            self.lease = record.successor().is_some().then_some(until);
            if self.lease.is_none() {
                self.promise.forget_other();
            }
            self.held = Some(record.clone());
            self.mode = self.mode.filter(|mode| *mode != record.mode);
            self.renew_at = sent.at + self.timing.renewal();
        } else {
            self.let_go();
        }
        if std::mem::take(&mut self.restoring) {
            turn.tell(Notice::Restored);
        }
        self.news(before, turn);
        self.forced = None;
    }

    /// How long a holder may write by this record, from the moment before it was sent.
    fn deadline_of(record: &Record) -> Duration {
        Timing::new(record.lease_seconds).deadline()
    }

    fn let_go(&mut self) {
        self.held = None;
        self.lease = None;
        self.promise.forget_other();
        self.mode = None;
        self.switchover = None;
    }

    /// Tells what has changed with the record, and keeps it on the volume.
    fn news(&mut self, before: Option<Seen>, turn: &mut Turn) {
        let now = self.known.as_ref().map(|known| &known.seen);
        if before.as_ref() == now {
            return;
        }
        if let Some(doubt) = self.doubt().filter(|_| self.me.remembered.is_some()) {
            turn.tell(Notice::Doubtful(doubt));
            return;
        }
        let before = match before {
            Some(Seen::Record(record)) => Some(record),
            _ => None,
        };
        let Some(record) = self.record().cloned() else {
            return;
        };
        if before.as_ref().is_some_and(|b| b.mode != record.mode) {
            turn.tell(Notice::Mode(record.mode));
        }
        self.tell_holder(before.as_ref(), &record, turn);
        if record.is_held_by(&self.me.own) {
            let was = before.as_ref().filter(|b| b.is_held_by(&self.me.own));
            self.sync_changed(was.and_then(|b| b.in_sync.as_ref()), record.in_sync.as_ref(), turn);
        }
        if let Some(memory) = self.remember() {
            turn.push(Action::Remember(memory));
        }
    }

    fn tell_holder(&self, before: Option<&Record>, record: &Record, turn: &mut Turn) {
        if before.is_some_and(|b| b.epoch == record.epoch && b.holder == record.holder) {
            return;
        }
        match (&record.holder, &record.released) {
            (Some(holder), _) if *holder == self.me.own => self.tell_acquired(before, record, turn),
            (Some(holder), _) => turn.tell(Notice::HolderIs {
                holder: holder.clone(),
                epoch: record.epoch,
            }),
            (None, Some(released)) if released.by == self.me.own => turn.tell(Notice::Released(released.why)),
            (None, _) => {}
        }
    }

    fn tell_acquired(&self, before: Option<&Record>, record: &Record, turn: &mut Turn) {
        let Some(before) = before else {
            if record.serial == 1 {
                turn.tell(Notice::Created);
            }
            return;
        };
        let released = before.released.as_ref();
        let from = before.holder.clone().or(released.map(|r| r.by.clone()));
        let again = from.as_ref().is_some_and(|from| from.pod == self.me.own.pod);
        let how = match &self.forced {
            Some(_) => Acquired::Forced,
            None if again => Acquired::Again,
            None if released.is_some_and(|r| r.why != ReleaseWhy::Crashed) => Acquired::HandOver,
            None => Acquired::Failover,
        };
        if let Some(lost) = from.clone().filter(|_| !again) {
            turn.push(Action::StripOtherLabel(lost));
        }
        let epoch = record.epoch;
        turn.tell(Notice::Acquired { from, how, epoch });
    }

    /// Whether a request can be sent now.
    pub(super) fn may_ask(&self, turn: &mut Turn) -> bool {
        self.requests.waiting_since().is_none() && turn.reached(self.requests.not_before)
    }

    /// Writes `record` over what is known. When somebody can be promoted by it and could not before, the deadline that then
    /// counts is armed first (R5); and it counts from now (R3).
    pub(super) fn send(&mut self, record: Record, turn: &mut Turn) {
        let Some(known) = &self.known else {
            return;
        };
        let (version, absent) = (known.version.clone(), known.seen == Seen::Absent);
        let record = self.requests.numbered(record, &version);
        if record.is_held_by(&self.me.own) && record.successor().is_some() {
            let until = turn.now + Self::deadline_of(&record);
            self.lease = if self.exposed() {
                self.lease.map(|lease| lease.min(until))
            } else {
                Some(until)
            };
            self.arm(turn);
        }
        if record.is_held_by(&self.me.own)
            && let Some(memory) = self.remember_claim(record.epoch)
        {
            turn.push(Action::Remember(memory));
        }
        let ticket = self.requests.write(record.clone(), version.clone(), turn.now);
        let over = (!absent).then_some(version);
        turn.push(Action::Write { ticket, record, over });
    }

    /// Reads when it is time: at once when there is a reason, and every R.
    pub(super) fn look(&mut self, turn: &mut Turn) {
        let due =
            self.requests.look_first || self.standing() != Standing::Holder && turn.reached(self.requests.look_at);
        if due && self.may_ask(turn) {
            self.requests.look_at = turn.now + self.timing.renewal();
            let ticket = self.requests.read(turn.now);
            turn.push(Action::Read(ticket));
        }
    }
}
