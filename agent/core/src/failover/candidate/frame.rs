//! For the model checker: two machines that differ in when they are, and in how much was written before, are the same.

use super::event::Ticket;
use crate::failover::record::{Record, Seen, Version};
use std::collections::BTreeSet;
use std::time::Duration;

/// How far back anything is looked at. What is older is that old.
const WINDOW: Duration = Duration::from_secs(40);
/// A serial that is later than another one by more than this is later.
const GAP: u64 = 2;

/// What makes two worlds the same. All that only ever grows is taken relative to the rest: times to now, serials and versions to
/// each other, tickets to those that are open.
pub(in crate::failover) trait Frame {
    fn time(&mut self, moment: &mut Duration);
    fn serial(&mut self, serial: &mut u64);
    fn version(&mut self, version: &mut Version);

    /// A moment that means nothing any more once it has come.
    fn due(&mut self, moment: &mut Duration) {
        self.time(moment);
        *moment = (*moment).max(WINDOW);
    }

    fn times<'a>(&mut self, moments: impl IntoIterator<Item = &'a mut Duration>) {
        moments.into_iter().for_each(|moment| self.time(moment));
    }

    fn record(&mut self, record: &mut Record) {
        self.serial(&mut record.serial);
    }

    fn seen(&mut self, seen: &mut Seen) {
        if let Seen::Record(record) = seen {
            self.record(record);
        }
    }
}

/// Finds out which serials and versions there are.
#[derive(Default)]
pub(in crate::failover) struct Found {
    serials: BTreeSet<u64>,
    versions: BTreeSet<u64>,
}

impl Found {
    /// The frame for who lives at `now`.
    pub(in crate::failover) fn at(&self, now: Duration) -> Relative<'_> {
        Relative { now, found: self }
    }
}

impl Frame for Found {
    fn time(&mut self, _: &mut Duration) {}

    fn due(&mut self, _: &mut Duration) {}

    fn serial(&mut self, serial: &mut u64) {
        self.serials.insert(*serial);
    }

    fn version(&mut self, version: &mut Version) {
        self.versions.insert(number(version));
    }
}

/// Replaces each by what it is beside the others.
pub(in crate::failover) struct Relative<'a> {
    now: Duration,
    found: &'a Found,
}

impl Frame for Relative<'_> {
    fn time(&mut self, moment: &mut Duration) {
        *moment = (*moment + WINDOW).saturating_sub(self.now);
    }

    fn serial(&mut self, serial: &mut u64) {
        let mut last: Option<u64> = None;
        let mut rank = 0;
        for here in self.found.serials.range(..=*serial) {
            rank += last.map_or(1, |last| (here - last).min(GAP));
            last = Some(*here);
        }
        *serial = rank;
    }

    fn version(&mut self, version: &mut Version) {
        let rank = self.found.versions.range(..=number(version)).count();
        version.0 = rank.to_string();
    }
}

fn number(version: &Version) -> u64 {
    version.0.parse().expect("the versions of the simulation are numbers")
}

/// What the agent of a pod waits for.
#[derive(Clone, Copy)]
pub(in crate::failover) struct Open {
    /// The answer of the authority.
    pub(in crate::failover) asked: Option<Ticket>,
    /// The other one's word.
    pub(in crate::failover) promise: Option<Ticket>,
}

impl Open {
    /// One that nobody waits for is as good as any other such.
    pub(in crate::failover) fn ticket(&self, ticket: &mut Ticket) {
        ticket.0 = match Some(*ticket) {
            known if known == self.asked => 1,
            known if known == self.promise => 2,
            _ => 0,
        };
    }
}
