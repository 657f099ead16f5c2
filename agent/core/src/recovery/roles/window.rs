//! The time that is set aside for changing roles back.

use crate::config::Times;

/// Times at which it begins, and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it begins.
    pub times: Times,
    /// Its length in minutes.
    pub minutes: u32,
}

impl Window {
    /// Whether something may begin at `now`, in Unix seconds: in the first half, so that it is over before the time is.
    pub(super) fn may_begin(&self, now: u64) -> bool {
        self.times.last_within(now, u64::from(self.minutes) * 60 / 2).is_some()
    }

    /// The first second, from `from` on, at which something may be announced that begins `ahead` seconds later.
    pub(super) fn next(&self, from: u64, ahead: u64) -> Option<u64> {
        match self.may_begin(from) && self.may_begin(from + ahead) {
            true => Some(from),
            false => self.times.next_after(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Schedule;

    #[test]
    fn it_is_open_in_its_first_half() {
        let window = Window {
            times: Schedule::known("0 2 * * *").times(),
            minutes: 20,
        };
        let begins = 2 * 3600;
        assert!(!window.may_begin(begins - 1) && window.may_begin(begins));
        assert!(window.may_begin(begins + 599) && !window.may_begin(begins + 600));
        assert_eq!(window.next(begins - 5, 60), Some(begins));
        assert_eq!(window.next(begins + 5, 60), Some(begins + 5));
        assert_eq!(
            window.next(begins + 550, 60),
            Some(begins + 24 * 3600),
            "the notice would be too late"
        );
    }
}
