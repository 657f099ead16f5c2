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

    /// Whether the peer waits here, as opposed to being asked for at the moment.
    pub(super) fn waits(&self, peer: usize) -> bool {
        self.due.get(peer).is_some_and(Option::is_some)
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
        assert!(schedule.waits(0) && !schedule.waits(1));
        schedule.set(1, later);
        assert_eq!(
            (schedule.pop(later), schedule.pop(later)),
            (Some(0), Some(1))
        );
        assert_eq!(schedule.next(), None);
    }
}
