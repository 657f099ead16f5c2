//! How long to wait before something that ended is started again.

use super::retry::doubling;
use std::time::Duration;

/// A run at least this long counts as healthy: what ended after it did not end in a row with earlier ends.
pub const HEALTHY: Duration = Duration::from_secs(60);

/// The longest wait between two starts.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// And the first.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Ends in a row from which on one speaks of a crash loop.
pub(crate) const LOOP: u32 = 3;

/// Counts ends in a row. The first restart comes at once, the next after 1 s, 2 s, 4 s, ... up to [`LONGEST_PAUSE`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    crashes: u32,
}

impl Backoff {
    /// No end so far.
    pub fn new() -> Backoff {
        Backoff::default()
    }

    /// It ended after having run for `ran_for`: the time to wait until it may be started again.
    pub fn after_end(&mut self, ran_for: Duration) -> Duration {
        if ran_for >= HEALTHY {
            self.crashes = 0;
        }
        self.crashes = self.crashes.saturating_add(1);
        doubling(FIRST_PAUSE, self.crashes - 1, LONGEST_PAUSE)
    }

    /// Ends in a row, the last one included. It stays until the next end, also while a run is healthy.
    pub fn crashes(&self) -> u32 {
        self.crashes
    }

    /// Whether it ends again and again: [`LOOP`] or more times in a row.
    pub fn is_loop(&self) -> bool {
        self.crashes >= LOOP
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn at_once_then_doubling_up_to_half_a_minute() {
        let mut backoff = Backoff::new();
        let waits: Vec<u64> = (0..9)
            .map(|_| backoff.after_end(Duration::from_secs(1)).as_secs())
            .collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn the_third_end_in_a_row_is_a_loop() {
        let mut backoff = Backoff::new();
        let loops: Vec<bool> = (0..4)
            .map(|_| {
                backoff.after_end(Duration::ZERO);
                backoff.is_loop()
            })
            .collect();
        assert_eq!(loops, [false, false, true, true]);
        assert!(!Backoff::new().is_loop());
    }

    #[test]
    fn a_healthy_run_is_forgiven() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            backoff.after_end(Duration::ZERO);
        }
        assert_eq!(backoff.after_end(HEALTHY), Duration::ZERO);
        assert_eq!(backoff.crashes(), 1);
        assert_eq!(backoff.after_end(Duration::ZERO), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn never_shorter_than_before_in_a_row_and_never_over_the_longest(
            runs in proptest::collection::vec(0u64..120, 0..200)
        ) {
            let mut backoff = Backoff::new();
            let mut last = Duration::ZERO;
            for run in runs.into_iter().map(Duration::from_secs) {
                let wait = backoff.after_end(run);
                prop_assert!(wait <= LONGEST_PAUSE);
                if run >= HEALTHY {
                    prop_assert_eq!(wait, Duration::ZERO);
                } else {
                    prop_assert!(wait >= last);
                }
                prop_assert_eq!(backoff.is_loop(), backoff.crashes() >= LOOP);
                last = wait;
            }
        }
    }

    #[test]
    fn it_never_overflows() {
        let mut backoff = Backoff { crashes: u32::MAX };
        assert_eq!(backoff.after_end(Duration::ZERO), LONGEST_PAUSE);
    }
}
