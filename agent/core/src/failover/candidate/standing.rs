//! What a candidate is, by the record that it knows; and when a record is not to be gone by (R10).

use super::state::Known;
use super::{Candidate, Doubt, Remembered, Standing};
use crate::cluster::directory::DirectoryKind;
use crate::failover::record::{Record, Seen, Version};
use std::time::Duration;

impl Candidate {
    pub(super) fn standing(&self) -> Standing {
        let Some(known) = &self.known else {
            return Standing::Unknown;
        };
        match (&known.seen, self.doubt()) {
            (Seen::Record(record), None) => match &record.holder {
                Some(holder) if *holder == self.me.own => Standing::Holder,
                Some(_) => Standing::Other,
                None => Standing::Free,
            },
            _ => Standing::Doubtful,
        }
    }

    /// The record, if it is to be gone by.
    pub(super) fn record(&self) -> Option<&Record> {
        match (&self.known.as_ref()?.seen, self.doubt()) {
            (Seen::Record(record), None) => Some(record),
            _ => None,
        }
    }

    /// Why what was read is not to be gone by, (R10).
    pub(super) fn doubt(&self) -> Option<Doubt> {
        let memory = self.me.remembered.as_ref();
        match &self.known.as_ref()?.seen {
            Seen::Absent => Some(match memory {
                None => self.rival().unwrap_or(Doubt::NoRecord),
                Some(m) => Doubt::Missing(m.holder.clone(), m.epoch),
            }),
            Seen::Garbled(why) => Some(Doubt::Garbled(why.clone())),
            Seen::Record(record) => self.flaw(record),
        }
    }

    /// The other one may be the coordinator as well as this one: neither writes the first record.
    pub(super) fn rival(&self) -> Option<Doubt> {
        let own = self.directory().filter(|d| d.kind == DirectoryKind::Primary)?;
        let peer = self.peer.as_ref()?;
        let rivals = peer.directory == Some(DirectoryKind::Primary) && peer.timeline >= own.timeline;
        rivals.then(|| Doubt::NoRecordBeside(peer.pod.pod.clone(), own.timeline, peer.timeline))
    }

    fn flaw(&self, record: &Record) -> Option<Doubt> {
        if record.cluster != self.me.cluster {
            return Some(Doubt::OtherCluster(record.cluster.clone()));
        }
        let own = self.directory().and_then(|d| d.system_id.as_ref());
        if own.is_some_and(|own| *own != record.system_id) {
            return Some(Doubt::OtherSystem(record.system_id.clone()));
        }
        if rule!(self, TrustsOlderRecord, false) {
            return None;
        }
        if let Some(peer) = self.peer.as_ref().filter(|peer| peer.epoch > record.epoch) {
            return Some(Doubt::PeerKnowsLater(record.epoch, peer.epoch));
        }
        let memory = self.me.remembered.as_ref()?;
        let older = (record.epoch, record.serial) < (memory.epoch, memory.serial);
        if rule!(self, TrustsOlderRecord, !older) {
            return None;
        }
        Some(Doubt::Older(
            (record.epoch, record.serial),
            (memory.epoch, memory.serial),
        ))
    }

    /// Takes up what the authority holds. Whether it differs goes by what it says: something else than a record may have given
    /// the same one another version.
    pub(super) fn know(&mut self, seen: Seen, version: Version, now: Duration) {
        if let Seen::Record(record) = &seen {
            self.requests.serial = self.requests.serial.max(record.serial);
        }
        match &mut self.known {
            Some(known) if known.seen == seen => known.version = version,
            known => {
                *known = Some(Known {
                    seen,
                    version,
                    since: now,
                    first: known.is_none(),
                });
            }
        }
    }

    /// Keeps in mind what is known now, if it is newer than what was. Returns what has to be kept on the volume, if the
    /// volume's memory would say something else of it than that it is older.
    pub(super) fn remember(&mut self) -> Option<Remembered> {
        let record = self.record()?;
        let holder = record.holder.as_ref().or(record.released.as_ref().map(|r| &r.by))?;
        let before = |what: fn(&Remembered) -> u64| self.me.remembered.as_ref().map_or(0, what);
        let now = Remembered {
            epoch: record.epoch,
            serial: record.serial,
            holder: holder.clone(),
            in_sync: record.in_sync.clone(),
            released: record.released.clone(),
            mode: record.mode,
            system_id: record.system_id.clone(),
            held: self.held.as_ref().map_or_else(|| before(|m| m.held), |held| held.epoch),
            claimed: before(|m| m.claimed),
        };
        let same = self.me.remembered.as_ref().is_some_and(|before| {
            let serial = now.serial;
            Remembered {
                serial,
                ..before.clone()
            } == now
        });
        self.me.remembered = Some(now.clone());
        (!same).then_some(now)
    }

    /// Keeps in mind that the role is asked for in that epoch, before it is: the answer may be lost, and this pod with it.
    pub(super) fn remember_claim(&mut self, epoch: u64) -> Option<Remembered> {
        let memory = self
            .me
            .remembered
            .as_mut()
            .filter(|memory| memory.held.max(memory.claimed) < epoch)?;
        memory.claimed = epoch;
        Some(memory.clone())
    }

    /// Whether the volume of this pod is the one on which that epoch was held.
    pub(super) fn held_here(&self, epoch: u64) -> bool {
        let memory = self.me.remembered.as_ref();
        rule!(
            self,
            ResumesWithoutMemory,
            memory.is_some_and(|m| m.held == epoch || m.claimed == epoch)
        )
    }
}
