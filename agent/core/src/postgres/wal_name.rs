//! Names of files of write-ahead log (xlog_internal.h, XLogFileName).

use crate::failover::lsn::Lsn;
use std::fmt;

/// The name of a segment's file. Names are compared by their place alone: after a promotion those of the new timeline go on
/// counting, and the server that was promoted has the older ones of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalName {
    /// The timeline on which the segment was begun.
    pub timeline: u32,
    high: u32,
    low: u32,
}

impl WalName {
    /// Reads 24 hexadecimal digits; `None` of any other name, such as that of a history or of a segment that is not whole yet.
    pub fn parse(name: &str) -> Option<WalName> {
        let digits = name.len() == 24 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let hex = |range: std::ops::Range<usize>| name.get(range).and_then(|part| u32::from_str_radix(part, 16).ok());
        Some(WalName {
            timeline: hex(0..8)?,
            high: hex(8..16)?,
            low: hex(16..24)?,
        })
        .filter(|_| digits)
    }

    /// Where it is in the log, whatever its timeline.
    pub fn place(self) -> (u32, u32) {
        (self.high, self.low)
    }

    /// Whether it comes before the other one.
    pub(crate) fn is_before(self, other: WalName) -> bool {
        self.place() < other.place()
    }

    /// The one behind it on the same timeline, with segments of `size` bytes.
    #[must_use]
    pub fn next(self, size: u64) -> WalName {
        let low = u64::from(self.low) + 1;
        match low < per_high(size) {
            true => WalName {
                low: u32::try_from(low).unwrap_or(u32::MAX),
                ..self
            },
            false => WalName {
                high: self.high.saturating_add(1),
                low: 0,
                ..self
            },
        }
    }

    /// The position of its first byte.
    pub fn begin(self, size: u64) -> Lsn {
        Lsn((u64::from(self.high) << 32).saturating_add(u64::from(self.low).saturating_mul(size)))
    }
}

impl fmt::Display for WalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}{:08X}{:08X}", self.timeline, self.high, self.low)
    }
}

/// Segments of `size` bytes in 4 GiB (XLogSegmentsPerXLogId).
fn per_high(size: u64) -> u64 {
    (1 << 32) / size.max(1)
}

/// Whether that file holds write-ahead log of `timeline` at `from` or behind it, with segments of `size` bytes.
pub fn is_at_or_after(name: &str, timeline: u32, from: Lsn, size: u64) -> bool {
    // A segment that is not whole yet ends in `.partial`.
    let Some(name) = WalName::parse(name.strip_suffix(".partial").unwrap_or(name)).filter(|_| size > 0) else {
        return false;
    };
    let segment = u64::from(name.high) * per_high(size) + u64::from(name.low);
    name.timeline == timeline && segment >= from.0 / size
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_segment_of_the_place_and_all_behind_it() {
        let from = Lsn(0x1_0300_0148);
        let after = |name: &str| is_at_or_after(name, 2, from, 16 * MIB);
        for (name, wanted) in [
            ("000000020000000100000003", true),
            ("000000020000000100000002", false),
            ("0000000200000000000000FF", false),
            ("000000020000000200000000", true),
            ("000000020000000100000003.partial", true),
            ("000000010000000100000003", false),
            ("00000002.history", false),
            ("archive_status", false),
            ("00000002000000010000000x", false),
        ] {
            assert_eq!(after(name), wanted, "{name}");
        }
        assert!(is_at_or_after("00000002000000010000000C", 2, from, 4 * MIB));
        assert!(!is_at_or_after("00000002000000010000000B", 2, from, 4 * MIB));
    }

    #[test]
    fn a_name_is_24_digits() {
        for name in [
            "00000001000000000000000",
            "00000001000000000000000g",
            "00000001.history",
            "",
            "0000000100000000000000ff",
        ] {
            assert_eq!(WalName::parse(name), None, "{name}");
        }
        let last = WalName::parse("0000000100000000000000FF").unwrap();
        assert_eq!(last.next(16 * MIB).to_string(), "000000010000000100000000");
        assert_eq!(last.begin(16 * MIB), Lsn(0xFF00_0000));
        assert_eq!(last.next(4 * MIB).to_string(), "000000010000000000000100");
    }

    proptest! {
        #[test]
        fn names_follow_one_another_as_their_places_do(timeline: u32, high in 0..u32::MAX, low: u32, shift in 20u32..31) {
            let size = 1u64 << shift;
            let low = u32::try_from(u64::from(low) % per_high(size)).unwrap();
            let name = WalName { timeline, high, low };
            prop_assert_eq!(WalName::parse(&name.to_string()), Some(name));
            let next = name.next(size);
            prop_assert!(name.is_before(next) && !next.is_before(name));
            prop_assert_eq!(next.begin(size).0 - name.begin(size).0, size);
        }
    }
}
