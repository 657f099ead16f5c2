//! Pauses between tries of something that failed.

use std::time::Duration;

/// The pause after `failures` failures in a row: `first`, doubled with each further one, and never over `longest`. None
/// after no failure.
pub fn doubling(first: Duration, failures: u32, longest: Duration) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => first.saturating_mul(1 << (n - 1).min(31)).min(longest),
    }
}

/// When something that may fail is tried again: ever more seldom, as [`doubling`], until it succeeds. Times count from any
/// fixed moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    first: Duration,
    longest: Duration,
    failures: u32,
    due: Duration,
}

impl Retry {
    /// Nothing has failed yet.
    pub const fn new(first: Duration, longest: Duration) -> Retry {
        Retry {
            first,
            longest,
            failures: 0,
            due: Duration::ZERO,
        }
    }

    /// Whether the next try is due at `now`.
    pub fn is_due(&self, now: Duration) -> bool {
        now >= self.due
    }

    /// A try at `now` failed.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.due = now.saturating_add(doubling(self.first, self.failures, self.longest));
    }

    /// It succeeded, or is another thing to try: the next try is due at once.
    pub fn reset(&mut self) {
        *self = Retry::new(self.first, self.longest);
    }
}

/// `pause` made up to a fifth shorter or longer, so that many pods do not ask at the same moment; `chance` is from 0 to 1.
pub fn jittered(pause: Duration, chance: f64) -> Duration {
    pause.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let pauses: Vec<u128> = (0..7).map(|n| doubling(ms(200), n, ms(3000)).as_millis()).collect();
        assert_eq!(pauses, [0, 200, 400, 800, 1600, 3000, 3000]);
        assert_eq!(doubling(Duration::MAX, u32::MAX, Duration::MAX), Duration::MAX);
    }

    #[test]
    fn a_try_that_failed_is_due_ever_later() {
        let second = Duration::from_secs;
        let mut retry = Retry::new(second(2), second(10));
        assert!(retry.is_due(Duration::ZERO));
        let mut now = second(0);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            retry.failed(now);
            let failed_at = now;
            while !retry.is_due(now) {
                now += second(1);
            }
            pauses.push(now.saturating_sub(failed_at).as_secs());
        }
        assert_eq!(pauses, [2, 4, 8, 10, 10]);
        retry.failed(now);
        retry.reset();
        assert!(retry.is_due(now));
    }

    proptest! {
        #[test]
        fn jitter_stays_near(ms in 1u32..1_000_000, chance in 0.0f64..=1.0) {
            let pause = jittered(Duration::from_millis(ms.into()), chance).as_secs_f64() * 1000.0 / f64::from(ms);
            prop_assert!((0.79..=1.21).contains(&pause));
        }
    }
}
