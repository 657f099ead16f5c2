//! Where timelines branched off: `<timeline>.history` (timeline.c).

use crate::failover::lsn::Lsn;

/// Where `timeline` was left by the timelines that came after it, as the history file of a later one says; `None` when that is
/// no descendant of it.
pub fn left_at(history: &str, timeline: u32) -> Option<Lsn> {
    history.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let parent: u32 = words.next()?.parse().ok()?;
        let at = words.next()?.parse().ok()?;
        (parent == timeline).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str =
        "1\t0/3000148\tno recovery target specified\n\n# comment\n3\tA/4000000\tno recovery target specified\n";

    #[test]
    fn where_a_timeline_was_left() {
        assert_eq!(left_at(HISTORY, 1), Some(Lsn(0x300_0148)));
        assert_eq!(left_at(HISTORY, 3), Some(Lsn(0xa_0400_0000)));
        assert_eq!(left_at(HISTORY, 2), None);
        assert_eq!(left_at("garbage", 1), None);
    }
}
