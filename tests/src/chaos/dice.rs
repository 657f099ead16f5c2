//! Random numbers that are the same on every machine and in every version: a round has to be playable again.

use std::time::Duration;

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// Those of one round, whatever came before it.
    pub(super) fn of(seed: u64, round: u64) -> Dice {
        let mut dice = Dice(seed);
        let start = dice.next();
        Dice(start ^ round.wrapping_mul(GOLDEN))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is not 0. Slightly more often small, which does not matter here.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of them, when there is one.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(from.len()).unwrap_or(u64::MAX).max(1));
        from.get(usize::try_from(at).unwrap_or_default())
    }

    /// So long, in milliseconds, and up to so long.
    pub(super) fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_its_own_numbers_and_always_the_same() {
        let first = |seed, round| Dice::of(seed, round).next();
        assert_eq!(first(7, 3), first(7, 3));
        assert_ne!(first(7, 3), first(7, 4));
        assert_ne!(first(7, 3), first(8, 3));
        // Written down: a failing round of last year has to be the same today.
        assert_eq!(Dice(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn everything_is_picked_in_the_end() {
        let mut dice = Dice::of(1, 1);
        let picked: std::collections::BTreeSet<i32> = (0..200).filter_map(|_| dice.pick(&[1, 2, 3]).copied()).collect();
        assert_eq!(picked.len(), 3);
        assert!(dice.pick::<i32>(&[]).is_none());
        let within = (0..200)
            .map(|_| dice.between(5, 7))
            .all(|d| (5..=7).contains(&d.as_millis()));
        assert!(within);
    }
}
