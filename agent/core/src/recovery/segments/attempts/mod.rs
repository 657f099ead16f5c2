//! What was tried, so that a fault that stays is not answered with one copy after the other: the memory of attempts, how long is
//! waited after them, and which method comes next.
//!
//! Times are seconds since 1970 by the wall clock of the moment at which the agent started, counted on by a clock that nobody
//! sets. CLOCK_BOOTTIME alone does not outlive the node.

use super::method::Method;
use crate::cluster::content::ContentId;
use crate::cluster::recovery_status::RememberedAttempt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// What is older is forgotten.
const DAY: u64 = 24 * HOUR;
/// Waited after so many attempts in a row that did not help.
const BACKOFF: [u64; 5] = [0, MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE];
/// So many attempts at most within so long.
const LIMITS: [(usize, u64); 2] = [(3, HOUR), (6, DAY)];
/// So many attempts of one kind before the next kind.
const INCREMENTAL: usize = 2;
const DIFFERENTIAL: usize = 1;

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "why", rename_all = "camelCase")]
pub enum AttemptOutcome {
    /// It has not, as far as is known.
    UnderWay,
    /// FTS has the segment up.
    Recovered,
    /// The segment is still down; why, in the tool's words.
    Failed(String),
    /// The tool, the agent or the coordinator was lost in the middle.
    BrokenOff,
}

/// One attempt on one content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: u64,
    /// How.
    pub method: Method,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: AttemptOutcome,
    /// The tool failed at something else than this segment: the next try waits, and is no rougher.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
}

/// The attempts of the last day, by content, each list in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempts(BTreeMap<ContentId, Vec<Attempt>>);

/// What comes next for a content, by what was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::recovery) enum Next {
    /// This way.
    Method(Method),
    /// Only a new copy is left; the words of the last failure.
    OnlyFull(String),
}

impl Attempts {
    /// As they were remembered: a clock that was set back since makes none later than now.
    #[must_use]
    pub fn recalled(mut self, now: u64) -> Attempts {
        for attempt in self.0.values_mut().flatten() {
            attempt.at = attempt.at.min(now);
        }
        self
    }

    /// For another coordinator's agent.
    pub(in crate::recovery) fn told(&self) -> Vec<RememberedAttempt> {
        let each = self
            .0
            .iter()
            .flat_map(|(content, list)| list.iter().map(|attempt| (*content, attempt)));
        let told = each.filter_map(|(content, attempt)| match serde_json::to_value(attempt) {
            Ok(Value::Object(attempt)) => Some(RememberedAttempt { content, attempt }),
            _ => None,
        });
        told.collect()
    }

    /// What the coordinator in charge tells, beside what is known already. What is not understood is left out.
    pub(in crate::recovery) fn learn(&mut self, told: &[RememberedAttempt]) {
        // What was begun and taken back is told no more.
        for (content, list) in &mut self.0 {
            let of_it = |other: &&RememberedAttempt| other.content == *content;
            let begun = |at: u64| {
                told.iter()
                    .filter(of_it)
                    .any(|other| other.attempt.get("at") == Some(&Value::from(at)))
            };
            list.retain(|known| known.outcome != AttemptOutcome::UnderWay || begun(known.at));
        }
        for RememberedAttempt { content, attempt } in told {
            let Ok(attempt) = serde_json::from_value::<Attempt>(Value::Object(attempt.clone())) else {
                continue;
            };
            let list = self.0.entry(*content).or_default();
            match list.iter_mut().find(|known| known.at == attempt.at) {
                Some(known) => *known = attempt,
                None => list.push(attempt),
            }
            list.sort_by_key(|attempt| attempt.at);
        }
    }

    pub(in crate::recovery) fn begin(&mut self, content: ContentId, method: Method, now: u64) {
        let list = self.0.entry(content).or_default();
        list.retain(|attempt| attempt.at + DAY > now);
        list.push(Attempt {
            at: now,
            method,
            outcome: AttemptOutcome::UnderWay,
            elsewhere: false,
        });
    }

    /// The attempt that is under way has ended.
    pub(in crate::recovery) fn end(&mut self, content: ContentId, outcome: AttemptOutcome) {
        if let Some(last) = self.0.get_mut(&content).and_then(|list| list.last_mut())
            && last.outcome == AttemptOutcome::UnderWay
        {
            last.outcome = outcome;
        }
    }

    /// The attempt that is under way has failed, at something else than this segment.
    pub(in crate::recovery) fn fail_elsewhere(&mut self, content: ContentId, why: String) {
        if self.under_way().any(|(open, _)| open == content)
            && let Some(last) = self.0.get_mut(&content).and_then(|list| list.last_mut())
        {
            last.outcome = AttemptOutcome::Failed(why);
            last.elsewhere = true;
        }
    }

    /// Whether the next try has to be a run of its own: what the last one failed at may have been another segment.
    pub(in crate::recovery) fn goes_alone(&self, content: ContentId, now: u64) -> bool {
        self.in_vain(content, now)
            .last()
            .is_some_and(|attempt| attempt.elsewhere)
    }

    /// It was not begun after all.
    pub(in crate::recovery) fn take_back(&mut self, content: ContentId) {
        if let Some(list) = self.0.get_mut(&content) {
            list.pop_if(|attempt| attempt.outcome == AttemptOutcome::UnderWay);
        }
        self.0.retain(|_, list| !list.is_empty());
    }

    /// Contents whose last attempt has not ended, and how it goes.
    pub(in crate::recovery) fn under_way(&self) -> impl Iterator<Item = (ContentId, &Attempt)> {
        let last = self
            .0
            .iter()
            .filter_map(|(content, list)| Some((*content, list.last()?)));
        last.filter(|(_, attempt)| attempt.outcome == AttemptOutcome::UnderWay)
    }

    fn of(&self, content: ContentId) -> &[Attempt] {
        self.0.get(&content).map_or(&[], Vec::as_slice)
    }

    /// Those of the last day since the last that helped.
    pub(super) fn in_vain(&self, content: ContentId, now: u64) -> &[Attempt] {
        let all = self.of(content);
        let over = |attempt: &Attempt| attempt.outcome == AttemptOutcome::Recovered || attempt.at + DAY <= now;
        let last = all.iter().rposition(over);
        all.get(last.map_or(0, |at| at + 1)..).unwrap_or_default()
    }

    /// FTS has the segment up, by whatever helped: what was tried in vain is over.
    pub(in crate::recovery) fn is_up(&mut self, content: ContentId) {
        if let Some(last) = self.0.get_mut(&content).and_then(|list| list.last_mut()) {
            last.outcome = AttemptOutcome::Recovered;
        }
    }

    /// How many of the last day did not help in a row.
    pub(in crate::recovery) fn failures(&self, content: ContentId, now: u64) -> usize {
        let ended = |attempt: &&Attempt| attempt.outcome != AttemptOutcome::UnderWay;
        self.in_vain(content, now).iter().filter(ended).count()
    }

    /// From when on the next may begin.
    pub(in crate::recovery) fn not_before(&self, content: ContentId, now: u64) -> u64 {
        let all: Vec<u64> = self.of(content).iter().map(|attempt| attempt.at).collect();
        let waits = BACKOFF[self.failures(content, now).min(BACKOFF.len() - 1)];
        let rested = all.last().map_or(0, |last| last + waits);
        let limited = LIMITS.iter().map(|&(most, within)| {
            let first = all.len().checked_sub(most).and_then(|i| all.get(i));
            first.map_or(0, |first| first + within)
        });
        limited.fold(rested, u64::max)
    }

    /// The gentlest way that has not failed too often.
    pub(in crate::recovery) fn next(&self, content: ContentId, differential: bool, now: u64) -> Next {
        let mut failed = BTreeMap::<Method, usize>::new();
        let mut why = String::new();
        for attempt in self.in_vain(content, now) {
            if let AttemptOutcome::Failed(words) = &attempt.outcome
                && !attempt.elsewhere
            {
                *failed.entry(attempt.method).or_default() += 1;
                why.clone_from(words);
            }
        }
        let times = |method: Method| failed.get(&method).copied().unwrap_or(0);
        if times(Method::Incremental) < INCREMENTAL {
            return Next::Method(Method::Incremental);
        }
        if differential && times(Method::Differential) < DIFFERENTIAL {
            return Next::Method(Method::Differential);
        }
        Next::OnlyFull(why)
    }

    /// Whether a new copy was begun here and has not come to its end: then what lies there is that copy's.
    pub(in crate::recovery) fn copy_unfinished(&self, content: ContentId, now: u64) -> bool {
        let last = self.in_vain(content, now).last();
        last.is_some_and(|attempt| attempt.method == Method::Full)
    }
}

#[cfg(test)]
mod tests;
