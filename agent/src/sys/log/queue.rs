//! Records that wait to be written: bounded, so that a log that nobody reads costs no memory.

use std::collections::VecDeque;

/// What is to be written next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// So many records were dropped here.
    Dropped(u64),
    /// A record, one line or several.
    Record(String),
}

/// Records in the order of their writing. When there is no room, the oldest are dropped: whoever reads again wants to know
/// how things are.
#[derive(Debug)]
pub(crate) struct Queue {
    records: VecDeque<String>,
    bytes: usize,
    limit: usize,
    /// Dropped and not told yet.
    untold: u64,
    dropped: u64,
}

impl Queue {
    /// Holds at most so many bytes.
    pub(crate) const fn new(limit: usize) -> Queue {
        Queue {
            records: VecDeque::new(),
            bytes: 0,
            limit,
            untold: 0,
            dropped: 0,
        }
    }

    /// Takes a record in, the last one even when it is longer than the limit.
    pub(crate) fn push(&mut self, record: String) {
        self.bytes += record.len();
        self.records.push_back(record);
        while self.bytes > self.limit && self.records.len() > 1 {
            if let Some(oldest) = self.records.pop_front() {
                self.bytes -= oldest.len();
                self.untold += 1;
                self.dropped += 1;
            }
        }
    }

    /// Takes the next one out.
    pub(crate) fn next(&mut self) -> Option<Next> {
        if self.untold > 0 {
            return Some(Next::Dropped(std::mem::take(&mut self.untold)));
        }
        let record = self.records.pop_front()?;
        self.bytes -= record.len();
        if self.records.is_empty() {
            // A flood is over; its memory need not stay.
            self.records.shrink_to(16);
        }
        Some(Next::Record(record))
    }

    /// Records dropped since the beginning.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.untold == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Next {
        Next::Record(text.into())
    }

    #[test]
    fn records_come_out_in_order() {
        let mut queue = Queue::new(10);
        assert!(queue.is_empty());
        queue.push("one\n".into());
        queue.push("two\n".into());
        assert_eq!(
            (queue.next(), queue.next(), queue.next()),
            (Some(record("one\n")), Some(record("two\n")), None)
        );
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn the_oldest_are_dropped_and_the_gap_is_told_once_where_it_is() {
        let mut queue = Queue::new(10);
        for text in ["one\n", "two\n", "three\n", "four\n"] {
            queue.push(text.into());
        }
        assert_eq!(queue.next(), Some(Next::Dropped(3)));
        assert_eq!(queue.next(), Some(record("four\n")));
        assert_eq!((queue.next(), queue.dropped()), (None, 3));
    }

    #[test]
    fn a_record_that_is_longer_than_the_queue_is_kept_alone() {
        let mut queue = Queue::new(10);
        queue.push("one\n".into());
        queue.push("a long record\n".into());
        assert_eq!(queue.next(), Some(Next::Dropped(1)));
        assert_eq!(queue.next(), Some(record("a long record\n")));
        queue.push("two\n".into());
        assert_eq!(queue.next(), Some(record("two\n")));
    }
}
