//! What the holder does: it renews, says who is in sync, promotes its server where that is still a standby's.

use super::turn::Turn;
use super::{Action, Candidate, DirectoryKind, Server};
use crate::failover::record::{FORMAT, Holder, InSync, Mode, Record, Seen};
use std::time::Duration;

/// A promotion takes as long as it takes; whether it has failed is told.
const NO_TIME: Duration = Duration::from_secs(3600);

impl Candidate {
    pub(super) fn hold(&mut self, turn: &mut Turn) {
        self.begin_hand_over(turn);
        self.step_aside(turn);
        if !self.release(turn) {
            self.renew(turn);
        }
        self.keep_commits_waiting(turn);
        self.end_lost_stream(turn);
        self.promote(turn);
    }

    /// Writes the record: when something in it has to change, when it is time, and once after the start of the agent, since
    /// only an own write proves that the role is still held.
    fn renew(&mut self, turn: &mut Turn) {
        let Some(base) = self.held.clone().or_else(|| self.record().cloned()) else {
            return;
        };
        let wanted = self.wanted_in_sync(&base, turn);
        let why = wanted.as_ref().err().cloned();
        self.lost = base.in_sync.clone().zip(why.clone());
        let record = self.renewed(&base, wanted.ok());
        let due = turn.reached(self.renew_at) || self.held.is_none();
        let differs = Record {
            serial: base.serial,
            lease_seconds: base.lease_seconds,
            ..record.clone()
        } != base;
        if (due || differs) && !self.requests.look_first && self.may_ask(turn) {
            if record.in_sync.is_none() && base.in_sync.is_some() {
                self.withdrawn_for = why;
            }
            self.send(record, turn);
        }
    }

    fn renewed(&self, base: &Record, in_sync: Option<InSync>) -> Record {
        let timeline = match (self.server(), self.directory()) {
            (Some(Server::Writable { .. }), Some(directory)) => directory.timeline,
            _ => base.timeline,
        };
        Record {
            serial: self.requests.serial + 1,
            timeline,
            in_sync,
            mode: self.mode.unwrap_or(base.mode),
            switchover: self.switchover.clone(),
            lease_seconds: self.timing.lease_seconds(),
            ..base.clone()
        }
    }

    /// A holder whose server is still a standby's was promoted by the record, and not yet in deed. One on another timeline than the
    /// record's was none then: it was put there since, by a restore or by hand, and may lack what was acknowledged. Nor is it promoted
    /// beside another server that writes.
    fn promote(&mut self, turn: &mut Turn) {
        let timeline = self.held.as_ref().map(|held| held.timeline);
        let standby = self
            .directory()
            .is_some_and(|d| d.kind == DirectoryKind::Standby && Some(d.timeline) == timeline)
            && matches!(self.server(), Some(Server::Standby { .. }))
            && !self
                .peer
                .as_ref()
                .is_some_and(|peer| peer.writable && !self.peer_silent);
        if standby && self.held.is_some() && self.draining.is_none() && turn.reached(self.promote_at) {
            self.promote_at = turn.now + NO_TIME;
            turn.push(Action::Promote);
        }
    }

    /// The record by which this candidate takes the role over from whoever has it.
    pub(super) fn taken(&self, base: &Record) -> Record {
        Record {
            serial: self.requests.serial + 1,
            holder: Some(self.me.own.clone()),
            epoch: base.epoch + 1,
            in_sync: None,
            released: None,
            switchover: None,
            lease_seconds: self.timing.lease_seconds(),
            ..base.clone()
        }
    }

    /// A record without one to go by: the first, one that is written anew, one that is taken by force.
    pub(super) fn anew(&self) -> Option<Record> {
        let memory = self.me.remembered.as_ref();
        let directory = self.directory()?;
        let seen = match &self.known.as_ref()?.seen {
            Seen::Record(record) => record.epoch,
            _ => 0,
        };
        let epoch = memory.map_or(0, |m| m.epoch).max(seen);
        let epoch = self.peer.as_ref().map_or(epoch, |peer| peer.epoch.max(epoch));
        Some(Record {
            format: FORMAT,
            serial: memory.map_or(0, |m| m.serial).max(self.requests.serial) + 1,
            cluster: self.me.cluster.clone(),
            system_id: directory.system_id.clone()?,
            timeline: directory.timeline,
            holder: Some(self.me.own.clone()),
            epoch: epoch + 1,
            in_sync: None,
            released: None,
            mode: memory.map_or(Mode::Auto, |m| m.mode),
            switchover: None,
            lease_seconds: self.timing.lease_seconds(),
        })
    }

    /// What to say when something is asked that only the holder can do.
    pub(super) fn not_mine(&self, what: &str) -> String {
        let holder: Option<&Holder> = self.record().and_then(|r| r.holder.as_ref());
        match holder {
            Some(holder) if *holder != self.me.own => {
                format!(
                    "the coordinator is {}, and only there {what} can be changed",
                    holder.pod
                )
            }
            Some(_) => "the coordinator's role is being taken; try again in a moment".into(),
            None => "nobody holds the coordinator's role".into(),
        }
    }

    /// What is to be done about a record that is not to be gone by.
    pub(super) fn doubt_or_create(&mut self, turn: &mut Turn) {
        if self.force_if_asked(turn) {
            return;
        }
        let allowed = match &self.me.remembered {
            None => self.may_create(turn),
            Some(_) => self.may_restore(),
        };
        if allowed
            && !self.requests.look_first
            && self.may_ask(turn)
            && let Some(record) = self.anew()
        {
            self.restoring = self.me.remembered.is_some();
            self.send(record, turn);
        }
    }

    /// The first record of all is written by whoever has the coordinator's directory, if nobody knows of another.
    fn may_create(&self, turn: &mut Turn) -> bool {
        let absent = self.known.as_ref().is_some_and(|known| known.seen == Seen::Absent);
        let starts = self.start_wanted || matches!(self.server(), Some(Server::Writable { .. }));
        let Some(own) = self.directory().filter(|d| d.kind == DirectoryKind::Primary) else {
            return false;
        };
        if !absent || !starts || self.draining.is_some() || self.peer_unclear.is_some() {
            return false;
        }
        match &self.peer {
            Some(peer) if peer.epoch > 0 || peer.writable => false,
            Some(peer) if peer.directory == Some(DirectoryKind::Primary) => self.rival().is_none(),
            // A newer copy that is damaged or gone: what was written there is missing here.
            Some(peer) if peer.lacks_its_directory() && peer.timeline > own.timeline => false,
            Some(peer) if peer.directory.is_some_and(|kind| kind != DirectoryKind::Unreadable) => true,
            // What it has is not known: as long as its volume is not looked at, it may as well be silent.
            known => (self.peer_silent || known.is_some()) && turn.reached(self.started + self.timing.lease()),
        }
    }

    /// What was there is written anew by the last holder alone: one that still holds by its own last write, or one whose other
    /// candidate says that it knows of nobody later.
    fn may_restore(&self) -> bool {
        if let Some(held) = &self.held {
            // A later epoch that the other one knows of: this one's role is over, and the next read says so.
            return self.peer.as_ref().is_none_or(|peer| peer.epoch <= held.epoch);
        }
        let Some(memory) = self
            .me
            .remembered
            .as_ref()
            .filter(|m| m.holder.pod == self.me.own.pod && m.held == m.epoch)
        else {
            return false;
        };
        let own = self.directory().filter(|d| d.kind == DirectoryKind::Primary);
        let later = |peer: &super::PeerFacts| {
            peer.epoch > memory.epoch || peer.writable || own.is_none_or(|own| peer.timeline > own.timeline)
        };
        let starts = self.start_wanted || matches!(self.server(), Some(Server::Writable { .. }));
        let answered = self
            .peer
            .as_ref()
            .filter(|_| !self.peer_silent && self.peer_unclear.is_none());
        starts && self.draining.is_none() && own.is_some() && answered.is_some_and(|peer| !later(peer))
    }
}
