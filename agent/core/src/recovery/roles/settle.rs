//! How runs ended: the catalog says, whatever the tool said.

use super::machine::{Roles, Work};
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::segments::attempts::AttemptOutcome;

/// After the tool's end FTS gets so long to find everybody in place.
const FOUND_SECONDS: u64 = 60;

impl Roles {
    /// The catalog says what a run has brought; also one that an earlier agent began.
    pub(in crate::recovery) fn settle(&mut self, evidence: &Evidence, now: u64) {
        let circumstances = &evidence.circumstances;
        if circumstances.not_in_charge.is_some() {
            return;
        }
        if let Some(until) = self.inherited.filter(|_| circumstances.at_work.is_none()) {
            let until = until.unwrap_or(now + FOUND_SECONDS);
            self.inherited = Some(Some(until));
            // A run begins when every segment is up: what is down has been stopped by it.
            match evidence.swapped.is_empty() && evidence.rows.iter().all(|row| row.up) {
                true => self.attempts.end(AttemptOutcome::Recovered),
                false if now >= until => self.attempts.end(AttemptOutcome::BrokenOff),
                false => {}
            }
            if !self.attempts.is_under_way() {
                self.inherited = None;
            }
        }
        let Some(Work {
            contents: of,
            began,
            ended: Some((ended, failure)),
        }) = &self.work
        else {
            return;
        };
        let left = evidence.swapped.iter().find(|swap| of.contains(&swap.content));
        let mut rows = evidence.rows.iter().filter(|row| of.contains(&row.content));
        let whole = left.is_none() && rows.all(|row| row.up && row.in_sync);
        if !whole && now < ended + FOUND_SECONDS {
            return;
        }
        self.took = Some((*began, now.saturating_sub(*began)));
        self.counts.seconds += now.saturating_sub(*began);
        // What the tool stopped and did not start again is no success; a mirror that only replays yet is.
        let failed = match (left, failure) {
            (None, Some(failure)) if !whole => Some(failure.clone()),
            (None, _) => None,
            (Some(swap), None) => Some(format!(
                "content {} is out of place after the tool has ended",
                swap.content
            )),
            (Some(_), Some(failure)) => Some(failure.clone()),
        };
        match failed {
            None => {
                self.counts.rebalanced += 1;
                self.attempts.end(AttemptOutcome::Recovered);
            }
            Some(why) => {
                self.counts.failed += 1;
                self.attempts.end(AttemptOutcome::Failed(why));
            }
        }
        self.work = None;
    }
}
