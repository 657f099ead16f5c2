//! Logs of commits, and the stream between the two servers.

/// What a server has committed, by timeline: how many commits on each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Log(Vec<(u32, u8)>);

impl Log {
    pub(crate) fn new() -> Log {
        Log(vec![(1, 0)])
    }

    pub(crate) fn timeline(&self) -> u32 {
        self.0.last().map_or(0, |(timeline, _)| *timeline)
    }

    pub(crate) fn commit(&mut self) {
        if let Some((_, count)) = self.0.last_mut() {
            *count += 1;
        }
    }

    pub(crate) fn promote(&mut self) {
        let next = self.timeline() + 1;
        self.0.push((next, 0));
    }

    /// Whether everything in `other` is here.
    pub(crate) fn has(&self, other: &Log) -> bool {
        let Some(((timeline, count), before)) = other.0.split_last() else {
            return true;
        };
        let same = self.0.len() > before.len() && self.0[..before.len()] == *before;
        same && self.0[before.len()].0 == *timeline && {
            let here = self.0[before.len()].1;
            here >= *count
        } || same && *count == 0
    }

    /// The position of its end: grows with every commit and every timeline.
    pub(crate) fn end(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count) + 100).sum()
    }
}

/// The standby's connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stream {
    pub(crate) id: u8,
    /// Who sends.
    pub(crate) primary: usize,
    /// Whether the coordinator has it still.
    pub(crate) at_primary: bool,
    /// Since when it has not.
    pub(crate) left: Option<u64>,
    /// The standby's own server has ended it, and its agent does not go by it any more.
    pub(crate) forgotten: bool,
    /// When the standby saw its end, in its own time.
    pub(crate) ended: Option<u64>,
    /// When it saw the end of the session beside it.
    pub(crate) session_ended: Option<u64>,
    /// Since when it does not flow, in the coordinator's time.
    pub(crate) stalled_since: Option<u64>,
    /// For which time that commits were told to wait it is proven that they do.
    pub(crate) proven: Option<u64>,
}

impl Stream {
    /// A new one of that primary.
    pub(crate) fn new(id: u8, primary: usize) -> Stream {
        Stream {
            id,
            primary,
            at_primary: true,
            left: None,
            forgotten: false,
            ended: None,
            session_ended: None,
            stalled_since: None,
            proven: None,
        }
    }

    /// The coordinator has it no more.
    pub(crate) fn leave(&mut self, now: u64) {
        self.at_primary = false;
        self.left.get_or_insert(now);
    }
}
