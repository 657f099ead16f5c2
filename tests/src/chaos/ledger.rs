//! What servers acknowledged, and whether it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a writer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrote {
    /// A row.
    Row,
    /// Rows on every content, in one transaction.
    Many,
    /// A table.
    Table,
}

/// An acknowledged transaction. Times are since the program's start, on a clock that never jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// No two have the same.
    pub id: u64,
    /// A row or a table.
    pub wrote: Wrote,
    /// Which coordinator the writer was connected to, by its ordinal.
    pub address: usize,
    /// The timeline of the write-ahead log that the server wrote it into: each promotion begins another.
    pub timeline: u32,
    /// When the statement was sent.
    pub sent: Duration,
    /// When the acknowledgement was there.
    pub acked: Duration,
}

/// Those that are not among what was found.
pub fn lost(acknowledged: &[Acknowledged], found: &BTreeSet<(Wrote, u64)>) -> Vec<Acknowledged> {
    let missing = |ack: &&Acknowledged| !found.contains(&(ack.wrote, ack.id));
    acknowledged.iter().filter(missing).copied().collect()
}

/// Two coordinators that wrote at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// A statement was sent to the coordinator of the older timeline, and acknowledged there, after one of a newer timeline had
    /// acknowledged.
    OlderStillWrites {
        /// What was acknowledged too late.
        older: Acknowledged,
        /// What had been acknowledged before.
        newer: Acknowledged,
    },
    /// Two coordinators wrote the same timeline.
    SameTimeline(Acknowledged, Acknowledged),
}

/// Finds coordinators that wrote at the same time.
///
/// A transaction commits between the time at which it was sent and the time at which it was acknowledged. So an
/// acknowledgement that only *arrived* after one of a newer timeline proves nothing; one whose statement was *sent* after
/// that does.
pub fn overlaps(acknowledged: &[Acknowledged]) -> Vec<Overlap> {
    let mut found = Vec::new();
    let mut owners: BTreeMap<u32, Acknowledged> = BTreeMap::new();
    for ack in acknowledged {
        let first = owners.entry(ack.timeline).or_insert(*ack);
        if first.address != ack.address {
            found.push(Overlap::SameTimeline(*first, *ack));
        }
    }
    let newer = first_of_newer(acknowledged);
    for ack in acknowledged {
        match newer.get(&ack.timeline) {
            Some(newer) if ack.sent > newer.acked => found.push(Overlap::OlderStillWrites {
                older: *ack,
                newer: *newer,
            }),
            _ => {}
        }
    }
    found
}

/// How long after the first acknowledgement of a newer timeline one of an older timeline still arrived whose statement had been
/// sent before.
pub fn latest_after_takeover(acknowledged: &[Acknowledged]) -> Duration {
    let newer = first_of_newer(acknowledged);
    let late = |ack: &Acknowledged| newer.get(&ack.timeline).map(|n| ack.acked.saturating_sub(n.acked));
    acknowledged.iter().filter_map(late).max().unwrap_or_default()
}

/// By timeline: the earliest acknowledgement of any newer one.
fn first_of_newer(acknowledged: &[Acknowledged]) -> BTreeMap<u32, Acknowledged> {
    let mut first: BTreeMap<u32, Acknowledged> = BTreeMap::new();
    for ack in acknowledged {
        let earliest = first.entry(ack.timeline).or_insert(*ack);
        if ack.acked < earliest.acked {
            *earliest = *ack;
        }
    }
    let mut newer = BTreeMap::new();
    let mut earliest: Option<Acknowledged> = None;
    for (timeline, ack) in first.into_iter().rev() {
        if let Some(earliest) = earliest {
            newer.insert(timeline, earliest);
        }
        earliest = earliest.filter(|e| e.acked < ack.acked).or(Some(ack));
    }
    newer
}

/// The longest time without an acknowledgement, of any address, that touches `from..to`.
///
/// A gap that is still open at `to` counts as far as it goes.
pub fn longest_gap(acknowledged: &[Acknowledged], from: Duration, to: Duration) -> Duration {
    let mut times: Vec<Duration> = acknowledged.iter().map(|ack| ack.acked).collect();
    times.sort_unstable();
    let before = times.iter().rev().find(|time| **time <= from).copied();
    let within = times.iter().copied().filter(|time| *time > from && *time < to);
    let mut last = before.unwrap_or(from);
    let mut longest = Duration::ZERO;
    for time in within.chain([to]) {
        longest = longest.max(time.saturating_sub(last));
        last = time;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sent and acknowledged at these milliseconds.
    fn ack(id: u64, address: usize, timeline: u32, sent: u64, acked: u64) -> Acknowledged {
        Acknowledged {
            id,
            wrote: Wrote::Row,
            address,
            timeline,
            sent: Duration::from_millis(sent),
            acked: Duration::from_millis(acked),
        }
    }

    #[test]
    fn a_missing_row_is_found() {
        let acks = [ack(1, 0, 1, 0, 1), ack(2, 0, 1, 1, 2)];
        let found = BTreeSet::from([(Wrote::Row, 2), (Wrote::Row, 3), (Wrote::Table, 1)]);
        assert_eq!(lost(&acks, &found), [acks[0]]);
        assert_eq!(lost(&acks[1..], &found), []);
    }

    #[test]
    fn an_old_coordinator_that_still_writes_is_found() {
        let (newer, older) = (ack(2, 1, 2, 10, 12), ack(3, 0, 1, 13, 14));
        let acks = [ack(1, 0, 1, 1, 2), newer, older];
        assert_eq!(overlaps(&acks), [Overlap::OlderStillWrites { older, newer }]);
    }

    #[test]
    fn one_that_comes_back_is_found_two_timelines_later() {
        let (newer, older) = (ack(2, 0, 3, 5, 6), ack(3, 0, 1, 13, 14));
        let acks = [newer, older, ack(4, 1, 2, 8, 9)];
        let found = overlaps(&acks);
        assert!(found.contains(&Overlap::OlderStillWrites { older, newer }), "{found:?}");
        assert_eq!(found.len(), 2, "timeline 2 wrote after 3 as well: {found:?}");
    }

    #[test]
    fn two_coordinators_of_one_timeline_are_found() {
        let (one, two) = (ack(1, 0, 2, 1, 2), ack(2, 1, 2, 5, 6));
        assert_eq!(overlaps(&[one, two]), [Overlap::SameTimeline(one, two)]);
    }

    #[test]
    fn a_late_acknowledgement_is_no_overlap_but_is_measured() {
        let acks = [ack(1, 0, 1, 1, 30), ack(2, 1, 2, 10, 12)];
        assert_eq!(overlaps(&acks), []);
        assert_eq!(latest_after_takeover(&acks), Duration::from_millis(18));
    }

    #[test]
    fn to_and_fro_is_no_overlap() {
        let acks = [
            ack(1, 0, 1, 1, 2),
            ack(2, 1, 2, 3, 4),
            ack(3, 0, 3, 5, 6),
            ack(4, 0, 3, 6, 7),
        ];
        assert_eq!(overlaps(&acks), []);
        assert_eq!(latest_after_takeover(&acks), Duration::ZERO);
    }

    #[test]
    fn the_gap_goes_from_client_to_client() {
        let acks = [ack(1, 0, 1, 0, 100), ack(2, 0, 1, 100, 200), ack(3, 1, 2, 800, 900)];
        let gap = |from, to| longest_gap(&acks, Duration::from_millis(from), Duration::from_millis(to)).as_millis();
        assert_eq!(gap(250, 1000), 700, "it began before the fault");
        assert_eq!(gap(250, 700), 500, "still open");
        assert_eq!(gap(0, 150), 100);
        assert_eq!(gap(950, 960), 60);
    }
}
