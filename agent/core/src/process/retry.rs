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

    proptest! {
        #[test]
        fn jitter_stays_near(ms in 1u32..1_000_000, chance in 0.0f64..=1.0) {
            let pause = jittered(Duration::from_millis(ms.into()), chance).as_secs_f64() * 1000.0 / f64::from(ms);
            prop_assert!((0.79..=1.21).contains(&pause));
        }
    }
}
