//! How often DNS is asked.
//!
//! While peers are missing they are asked again soon. Afterwards a pod of an idle cluster should stay below ten requests
//! a minute, however many peers there are: with 1,000 pods that is what a cluster's DNS service has to carry anyway.

use crate::process::retry::doubling;
use std::time::Duration;

/// The settings; [`LookupIntervals::default`] is meant for clusters, tests make it quicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupIntervals {
    /// Lookups under way at once.
    pub at_once: usize,
    /// Pause after the first failed lookup of a peer; doubles with each one.
    pub first_retry: Duration,
    /// Longest pause between two lookups of a peer that is missing or cannot be looked up.
    pub longest_retry: Duration,
    /// Pause between two lookups of the pods that matter to this one, and what each of them adds to it.
    pub near: (Duration, Duration),
    /// The same for all other pods.
    pub far: (Duration, Duration),
    /// Pause between two checks of the names, and what each name adds to it.
    pub names: (Duration, Duration),
    /// Longest pause between two checks of the names.
    pub names_longest: Duration,
    /// Pause between two checks of a name that is being won back.
    pub names_recovering: Duration,
    /// Shortest time from one lookup of a peer to one that is made because somebody doubts its answer.
    pub recheck: Duration,
    /// Shortest time between two lines of progress.
    pub progress: Duration,
}

impl Default for LookupIntervals {
    fn default() -> Self {
        let s = Duration::from_secs;
        LookupIntervals {
            at_once: 64,
            first_retry: Duration::from_millis(200),
            longest_retry: s(5),
            near: (s(30), s(15)),
            far: (s(60), s(30)),
            names: (s(60), s(20)),
            names_longest: s(600),
            names_recovering: s(15),
            recheck: s(5),
            progress: s(3),
        }
    }
}

/// How far apart the lookups of one peer have to be when `count` peers are looked up: 5 ms for each.
fn crowd(count: usize) -> Duration {
    Duration::from_millis(5).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

fn scaled((least, each): (Duration, Duration), count: usize) -> Duration {
    least.max(each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)))
}

impl LookupIntervals {
    /// Pause after the `failures`-th failed lookup in a row, while `troubled` peers cannot be looked up: at most 200 lookups a
    /// second, so that pods of a large cluster that start together do not drown its DNS service.
    pub fn retry(&self, failures: u32, troubled: usize) -> Duration {
        let longest = self.longest_retry.max(crowd(troubled));
        doubling(self.first_retry, failures.max(1), longest)
    }

    /// Shortest time from one lookup of a peer to the next one that is made because it did not answer, or another pod did,
    /// where `peers` may all be doubted at once: at most 200 lookups a second, as above.
    pub fn recheck(&self, peers: usize) -> Duration {
        self.recheck.max(crowd(peers))
    }

    /// Pause between two lookups of one of `count` near pods, when each costs one request.
    pub fn near(&self, count: usize) -> Duration {
        scaled(self.near, count)
    }

    /// Pause between two lookups of one of `count` other pods.
    pub fn far(&self, count: usize) -> Duration {
        scaled(self.far, count)
    }

    /// Pause between two checks of `count` names.
    pub fn names(&self, count: usize) -> Duration {
        scaled(self.names, count).min(self.names_longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn retries_double_up_to_five_seconds() {
        let pace = LookupIntervals::default();
        let pauses: Vec<u128> = (1..8).map(|n| pace.retry(n, 3).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(pace.retry(40, 10_000), Duration::from_secs(50));
    }

    #[test]
    fn doubts_about_everybody_are_bounded_too() {
        let pace = LookupIntervals::default();
        assert_eq!(pace.recheck(5), Duration::from_secs(5));
        assert_eq!(pace.recheck(10_000), Duration::from_secs(50));
    }

    proptest! {
        /// One family of addresses, nobody missing: below ten requests a minute on a segment, whatever the cluster's size.
        #[test]
        fn idle_clusters_are_quiet(peers in 1usize..20_000, near in 1usize..4) {
            let pace = LookupIntervals::default();
            let near = near.min(peers);
            let far = peers - near;
            let rate = |count: usize, pause: Duration| count as f64 * 60.0 / pause.as_secs_f64();
            // Forward lookups, two requests, come with every tenth check.
            let names = rate(near, pace.names(near)) * 1.2;
            let sum = rate(near, pace.near(near)) + rate(far, pace.far(far)) + names;
            prop_assert!(sum < 10.0, "{} requests a minute", sum);
        }
    }
}
