//! What a candidate shows of itself, from what it knows.

use super::state::{HandOver, Stage};
use super::turn::Turn;
use super::{Candidate, DirectoryKind, Doing, Doubt, Lack, Server, Standing, View};
use crate::failover::record::{Mode, Record, Seen};

impl Candidate {
    /// What it shows of itself.
    pub fn view(&self) -> View {
        let (known, record) = (self.known.as_ref(), self.record().or(self.held.as_ref()));
        let (no_failover, no_failover_since) = match &self.no_failover {
            Some((why, since)) => (Some(why.clone()), *since),
            None => (None, self.in_sync_since),
        };
        View {
            standing: self.standing(),
            doing: self.doing(),
            holder: record.and_then(|r| r.holder.clone()),
            epoch: record.map_or(0, |r| r.epoch),
            in_sync: record.and_then(|r| r.in_sync.clone()),
            no_failover,
            no_failover_since,
            deadline: self.deadline().filter(|_| self.writes()),
            by_promise: self.promise.of_other > self.lease && self.deadline().is_some(),
            promised_until: self.promise.given,
            authority_silent: self.requests.silent.clone(),
            absent_since: known
                .filter(|known| known.seen == Seen::Absent)
                .map(|known| known.since),
            doubt: self.doubt(),
            unclaimed: self.is_unclaimed(),
            mode: record.map_or(Mode::Auto, |r| r.mode),
            switchover: record.and_then(|r| r.switchover.clone()),
            permit: self.may_start(),
            drained: self.is_drained(),
        }
    }

    fn is_unclaimed(&self) -> bool {
        let absent = self.known.as_ref().is_some_and(|known| known.seen == Seen::Absent);
        let rivals = matches!(self.doubt(), Some(Doubt::NoRecordBeside(..)));
        absent && !rivals && self.me.remembered.is_none() && self.peer.as_ref().is_none_or(|peer| peer.epoch == 0)
    }

    fn doing(&self) -> Doing {
        let own = &self.me.own;
        let writes_own = self.requests.open().any(|r| r.is_held_by(own));
        let standing = self.standing();
        if self.killed_at.is_some() && self.writes() {
            return Doing::Fencing;
        }
        match self.handing {
            Some(HandOver {
                stage: Stage::Stopping, ..
            }) => return Doing::Stopping,
            Some(_) if self.held.is_some() => return Doing::Releasing,
            Some(_) if standing == Standing::Free => return Doing::HandingOver,
            _ => {}
        }
        let kind = self.directory().map(|d| d.kind);
        match standing {
            Standing::Holder if self.held.is_none() => Doing::Acquiring,
            Standing::Holder if kind == Some(DirectoryKind::Standby) => Doing::Promoting,
            Standing::Holder if self.commits_wait == Some(true) && self.maybe_in_sync().next().is_none() => {
                Doing::Confirming
            }
            Standing::Other | Standing::Free | Standing::Doubtful if writes_own => Doing::Acquiring,
            Standing::Other if kind == Some(DirectoryKind::Primary) && self.other_holds() => Doing::Rejoining,
            _ => Doing::Nothing,
        }
    }

    fn other_holds(&self) -> bool {
        let holder = self.record().and_then(|r| r.holder.as_ref());
        holder.is_some_and(|holder| holder.pod != self.me.own.pod)
    }

    /// Keeps in mind since when nobody would take over, and why.
    pub(super) fn note_no_failover(&mut self, turn: &Turn) {
        let why = self.reason_against(turn);
        self.no_failover = match (why, self.no_failover.take()) {
            (None, _) => None,
            (Some(why), Some((_, since))) => Some((why, since)),
            (Some(why), None) => Some((why, turn.now)),
        };
    }

    fn reason_against(&self, turn: &Turn) -> Option<Lack> {
        let record = match self.standing() {
            Standing::Unknown => return Some(Lack::NotRead),
            Standing::Doubtful => return self.doubt().map(Lack::Doubtful),
            _ => self.record()?,
        };
        match &record.holder {
            Some(holder) if *holder == self.me.own => self.reason_of_holder(record, turn),
            Some(holder) if holder.pod == self.me.own.pod => Some(Lack::EarlierPod),
            Some(_) => self.lacks(record),
            None => record
                .released
                .as_ref()
                .and_then(|released| self.lacks_released(record, released)),
        }
    }

    fn reason_of_holder(&self, record: &Record, turn: &Turn) -> Option<Lack> {
        if let Some(lack) = Lack::of_mode(record.mode) {
            return Some(lack);
        }
        let mut look = Turn::new(turn.now);
        match self.wanted_in_sync(record, &mut look) {
            _ if record.in_sync.is_some() => None,
            Err(why) => Some(why),
            Ok(_) if matches!(self.server(), Some(Server::Writable { .. })) => Some(Lack::Confirming),
            Ok(_) => Some(Lack::NotInSync),
        }
    }
}
