//! Dates in findings, file names and log lines: in UTC, without a time zone database.

use jiff::Timestamp;

/// The moment `seconds` after 1970-01-01T00:00:00Z, shown as `2026-11-24T06:13:09Z`; what lies beyond jiff's last second
/// (in 9999, so that a year always has four digits) is taken as that.
pub fn from_unix(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds.min(Timestamp::MAX.as_second())).unwrap_or(Timestamp::MAX)
}

/// `20261124T061309Z`: fit for a file name, sorts by time. Parts of a second are left out.
pub fn compact(moment: Timestamp) -> String {
    let mut text = format!("{moment:.0}");
    text.retain(|c| c != '-' && c != ':');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_501_989, "2026-11-24T06:33:09Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-30T22:00:00Z"),
        ] {
            assert_eq!(from_unix(seconds).to_string(), text);
        }
        assert_eq!(compact(from_unix(951_782_400)), "20000229T000000Z");
    }

    proptest! {
        #[test]
        fn names_sort_by_time(a in 0..=253_402_207_200u64, b: u64) {
            let (x, y) = (from_unix(a), from_unix(b));
            prop_assert_eq!(x.cmp(&y), compact(x).cmp(&compact(y)));
            prop_assert_eq!((compact(x).len(), compact(y).len()), (16, 16));
        }
    }
}
