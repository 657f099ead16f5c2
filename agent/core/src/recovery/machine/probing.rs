//! What FTS knows is fresh before a run begins, and after it has ended.

use super::model::Step;
use super::steps::Recovery;

/// What FTS found is so old at most when a run begins. A look that asks many agents takes seconds.
const PROBE_FRESH_SECONDS: u64 = 60;
/// Between two requests to FTS.
const PROBE_EVERY_SECONDS: u64 = 10;

impl Recovery {
    /// FTS has looked, or could not be asked.
    pub fn probed(&mut self, heard: bool, now: u64) {
        if heard {
            self.probed = Some(now);
        }
    }

    /// Whether FTS has looked since the rows changed, and not long ago.
    pub(in crate::recovery) fn has_probed(&self, now: u64) -> bool {
        let fresh = |at: u64| at >= self.rows.1 && now.saturating_sub(at) <= PROBE_FRESH_SECONDS;
        self.probed.is_some_and(fresh)
    }

    pub(in crate::recovery) fn probe(&mut self, now: u64) -> Step {
        let rested = self
            .asked_to_probe
            .is_none_or(|at| now.saturating_sub(at) >= PROBE_EVERY_SECONDS);
        if !rested {
            return Step::Rest;
        }
        self.asked_to_probe = Some(now);
        Step::Probe
    }
}
