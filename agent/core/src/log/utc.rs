//! Dates in file names and log lines, in UTC, without a time zone database.

use std::fmt;

/// A second of the proleptic Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utc {
    /// Year; 1970 to 9999.
    pub year: u32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
}

/// 9999-12-31T23:59:59Z, so that a year always has four digits.
const LAST: u64 = 253_402_300_799;

impl Utc {
    /// The moment `seconds` after 1970-01-01T00:00:00Z; later than the year 9999 is taken as its last second.
    pub fn from_unix(seconds: u64) -> Utc {
        let seconds = seconds.min(LAST);
        let of_day = (seconds % 86_400) as u32;
        let (year, month, day) = civil(seconds / 86_400);
        Utc {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// `20261124T061309Z`: fit for a file name, sorts by time.
    pub fn compact(self) -> String {
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

/// `2026-11-24T06:13:09Z`
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's `civil_from_days`, for days not before it).
fn civil(days: u64) -> (u32, u32, u32) {
    // Years begin in March here, so that the leap day is the last day of a year.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_leap(year: u32) -> bool {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    }

    fn days_in(year: u32, month: u32) -> u32 {
        match month {
            2 => 28 + u32::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The way back, by counting.
    fn to_unix(t: Utc) -> u64 {
        let years: u64 = (1970..t.year).map(|y| 365 + u64::from(is_leap(y))).sum();
        let months: u32 = (1..t.month).map(|m| days_in(t.year, m)).sum();
        let days = years + u64::from(months) + u64::from(t.day) - 1;
        days * 86_400 + u64::from(t.hour * 3600 + t.minute * 60 + t.second)
    }

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_501_989, "2026-11-24T06:33:09Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Utc::from_unix(seconds).to_string(), text);
        }
        assert_eq!(Utc::from_unix(951_782_400).compact(), "20000229T000000Z");
    }

    proptest! {
        #[test]
        fn every_second_has_one_valid_date(seconds in 0..=LAST) {
            let t = Utc::from_unix(seconds);
            prop_assert!((1..=12).contains(&t.month));
            prop_assert!((1..=days_in(t.year, t.month)).contains(&t.day));
            prop_assert!(t.hour < 24 && t.minute < 60 && t.second < 60);
            prop_assert_eq!(to_unix(t), seconds);
        }

        #[test]
        fn names_sort_by_time(a in 0..=LAST, b in 0..=LAST) {
            let (x, y) = (Utc::from_unix(a).compact(), Utc::from_unix(b).compact());
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!(x.len(), 16);
        }
    }
}
