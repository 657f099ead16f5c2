//! When roles were changed back before, so that a cluster that changes them again and again is not changed back each time. Times
//! are those of [`crate::recovery::segments::attempts`].

use crate::recovery::segments::attempts::AttemptOutcome;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const HOUR: u64 = 3600;
/// What is older is forgotten.
const DAY: u64 = 24 * HOUR;
/// Between two attempts that nobody asked for.
const RESTS_SECONDS: u64 = 6 * HOUR;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebalanceAttempt {
    /// When it began.
    pub at: u64,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: AttemptOutcome,
}

/// The attempts of the last day, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RebalanceAttempts(Vec<RebalanceAttempt>);

impl RebalanceAttempts {
    /// As they were remembered: a clock that was set back since makes none later than now.
    #[must_use]
    pub fn recalled(mut self, now: u64) -> RebalanceAttempts {
        for attempt in &mut self.0 {
            attempt.at = attempt.at.min(now);
        }
        self
    }

    /// For another coordinator's agent.
    pub(super) fn told(&self) -> Vec<Map<String, Value>> {
        let objects = self.0.iter().filter_map(|attempt| match serde_json::to_value(attempt) {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        });
        objects.collect()
    }

    /// What the coordinator in charge tells, beside what is known already. What is not understood is left out.
    pub(super) fn learn(&mut self, told: &[Map<String, Value>]) {
        // What was begun and taken back is told no more.
        let begun = |at: u64| told.iter().any(|other| other.get("at") == Some(&Value::from(at)));
        self.0
            .retain(|known| known.outcome != AttemptOutcome::UnderWay || begun(known.at));
        for object in told {
            let Ok(attempt) = serde_json::from_value::<RebalanceAttempt>(Value::Object(object.clone())) else {
                continue;
            };
            match self.0.iter_mut().find(|known| known.at == attempt.at) {
                Some(known) => *known = attempt,
                None => self.0.push(attempt),
            }
            self.0.sort_by_key(|attempt| attempt.at);
        }
    }

    pub(super) fn begin(&mut self, now: u64) {
        self.0.retain(|attempt| attempt.at + DAY > now);
        self.0.push(RebalanceAttempt {
            at: now,
            outcome: AttemptOutcome::UnderWay,
        });
    }

    #[cfg(test)]
    pub(in crate::recovery) fn begun_at(now: u64) -> RebalanceAttempts {
        let mut attempts = RebalanceAttempts::default();
        attempts.begin(now);
        attempts
    }

    /// The attempt that is under way has ended.
    pub(super) fn end(&mut self, outcome: AttemptOutcome) {
        if let Some(last) = self
            .0
            .last_mut()
            .filter(|last| last.outcome == AttemptOutcome::UnderWay)
        {
            last.outcome = outcome;
        }
    }

    /// It was not begun after all.
    pub(super) fn take_back(&mut self) {
        self.0.pop_if(|attempt| attempt.outcome == AttemptOutcome::UnderWay);
    }

    /// When each began.
    pub(in crate::recovery) fn begun(&self) -> impl Iterator<Item = u64> + Clone {
        self.0.iter().map(|attempt| attempt.at)
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.0
            .last()
            .is_some_and(|last| last.outcome == AttemptOutcome::UnderWay)
    }

    /// The last that has ended.
    pub(super) fn last_ended(&self) -> Option<&RebalanceAttempt> {
        self.0
            .iter()
            .rfind(|attempt| attempt.outcome != AttemptOutcome::UnderWay)
    }

    /// How many of the last day did not help.
    pub(in crate::recovery) fn failures(&self, now: u64) -> usize {
        let in_vain =
            |outcome: &AttemptOutcome| matches!(outcome, AttemptOutcome::Failed(_) | AttemptOutcome::BrokenOff);
        let recent = self.0.iter().filter(|attempt| attempt.at + DAY > now);
        recent.filter(|attempt| in_vain(&attempt.outcome)).count()
    }

    /// From when on the next may begin that nobody asks for.
    pub(super) fn not_before(&self) -> u64 {
        self.0.last().map_or(0, |last| last.at + RESTS_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_readable_and_is_taken_over() {
        let mut old = RebalanceAttempts::default();
        old.begin(7);
        old.end(AttemptOutcome::Failed("no".into()));
        old.begin(30_000);
        let kept = serde_json::to_string(&old).unwrap();
        assert_eq!(
            kept,
            r#"[{"at":7,"outcome":"failed","why":"no"},{"at":30000,"outcome":"underWay"}]"#
        );
        assert_eq!(serde_json::from_str::<RebalanceAttempts>(&kept).unwrap(), old);
        let mut new = RebalanceAttempts::default();
        new.learn(&old.told());
        assert_eq!(new, old);
        old.end(AttemptOutcome::BrokenOff);
        let mut told = old.told();
        told[0].insert("outcome".into(), "magic".into());
        new.learn(&told);
        assert_eq!(new, old, "a word of another version is left out");
        assert_eq!((new.failures(30_000), new.failures(7 + DAY)), (2, 1));
        assert_eq!(new.recalled(100).not_before(), 100 + RESTS_SECONDS);
    }

    #[test]
    fn what_was_not_begun_is_no_attempt() {
        let mut attempts = RebalanceAttempts::default();
        attempts.begin(7);
        assert!(attempts.is_under_way());
        attempts.take_back();
        assert_eq!(attempts, RebalanceAttempts::default());
    }
}
