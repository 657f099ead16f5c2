//! Which peer is asked for next.

use std::collections::BTreeSet;
use tokio::time::Instant;

/// At most one due time for each peer, which is known by its index.
#[derive(Default)]
pub(super) struct Schedule {
    order: BTreeSet<(Instant, usize)>,
    due: Vec<Option<Instant>>,
}

impl Schedule {
    /// `count` peers, all due at `now`.
    pub(super) fn new(count: usize, now: Instant) -> Schedule {
        Schedule {
            order: (0..count).map(|i| (now, i)).collect(),
            due: vec![Some(now); count],
        }
    }

    /// Sets the time at which a peer is due, in place of any other.
    pub(super) fn set(&mut self, peer: usize, at: Instant) {
        let Some(slot) = self.due.get_mut(peer) else {
            return;
        };
        if let Some(old) = slot.replace(at) {
            self.order.remove(&(old, peer));
        }
        self.order.insert((at, peer));
    }

    /// Makes a peer due at `at` if it would be later; one that is being asked for at the moment is left alone.
    pub(super) fn sooner(&mut self, peer: usize, at: Instant) {
        let waits_longer = |due: &Option<Instant>| due.is_some_and(|due| due > at);
        if self.due.get(peer).is_some_and(waits_longer) {
            self.set(peer, at);
        }
    }

    /// When the next peer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out the next peer, if it is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<usize> {
        let (at, peer) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        if let Some(slot) = self.due.get_mut(peer) {
            *slot = None;
        }
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_peer_is_due_once() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut schedule = Schedule::new(2, now);
        schedule.set(0, later);
        assert_eq!(schedule.next(), Some(now));
        assert_eq!((schedule.pop(now), schedule.pop(now)), (Some(1), None));
        schedule.sooner(1, now);
        assert_eq!(schedule.pop(later), Some(0), "1 is being asked for");
        assert_eq!(schedule.next(), None);
        schedule.set(0, later);
        schedule.set(1, later);
        assert_eq!((schedule.pop(later), schedule.pop(later)), (Some(0), Some(1)));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn sooner_is_never_later() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut schedule = Schedule::new(1, at(5));
        for (wanted, due) in [(9, 5), (3, 3), (4, 3)] {
            schedule.sooner(0, at(wanted));
            assert_eq!(schedule.next(), Some(at(due)));
        }
        schedule.sooner(7, now);
        assert_eq!((schedule.pop(at(9)), schedule.pop(at(9))), (Some(0), None));
    }
}
