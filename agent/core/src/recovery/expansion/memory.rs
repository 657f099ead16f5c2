//! What was begun: whose the schema gpexpand is, which contents came with it, and what failed. Times are those of
//! [`crate::recovery::segments::attempts`].

use super::task::Task;
use crate::cluster::content::ContentId;
use crate::recovery::segments::attempts::AttemptOutcome;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
/// Waited after so many runs in a row that did not help.
const BACKOFF: [u64; 5] = [0, MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE];
/// So many of a day at most, by itself.
const MOST: usize = 6;
/// So many runs that helped are remembered: the last to be shown.
const KEPT: usize = 20;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: u64,
    /// What was done.
    pub task: Task,
    /// How it ended; [`AttemptOutcome::Recovered`] where it helped.
    #[serde(flatten)]
    pub outcome: AttemptOutcome,
}

/// The memory of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpansionMemory {
    /// When it was begun that is not over yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<u64>,
    /// The contents that it adds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<ContentId>,
    /// Somebody has asked for the tables to be spread.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
    /// The runs, in the order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Attempt>,
    /// When this was written last, so that the newer of two is known.
    pub changed: u64,
}

impl ExpansionMemory {
    /// As it was remembered: a clock that was set back since makes nothing later than now.
    #[must_use]
    pub fn recalled(mut self, now: u64) -> ExpansionMemory {
        for run in &mut self.runs {
            run.at = run.at.min(now);
        }
        self
    }

    /// For another coordinator's agent.
    pub(super) fn told(&self) -> Option<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(object)) if *self != ExpansionMemory::default() => Some(object),
            _ => None,
        }
    }

    /// What the coordinator in charge tells; what is not understood, or older, is left out.
    pub(super) fn learn(&mut self, told: &Map<String, Value>) {
        let told = serde_json::from_value::<ExpansionMemory>(Value::Object(told.clone()));
        if let Some(told) = told.ok().filter(|told| told.changed >= self.changed) {
            *self = told;
        }
    }

    /// Later than whatever was told before, also by a pod whose clock is ahead.
    fn touch(&mut self, now: u64) {
        self.changed = now.max(self.changed + 1);
    }

    pub(super) fn begin(&mut self, task: Task, contents: &[ContentId], now: u64) {
        self.touch(now);
        if task == Task::SetUp {
            self.began = Some(now);
            self.contents = contents.to_vec();
        }
        // Where the memory was lost, what gpexpand has left here is the agent's all the same.
        self.began.get_or_insert(now);
        self.runs.retain(|run| run.at + DAY > now);
        let surplus = self.runs.len().saturating_sub(KEPT);
        self.runs.drain(..surplus);
        let outcome = AttemptOutcome::UnderWay;
        self.runs.push(Attempt { at: now, task, outcome });
    }

    /// The run that is under way has ended.
    pub(super) fn end(&mut self, outcome: AttemptOutcome, now: u64) {
        if let Some(last) = self
            .runs
            .last_mut()
            .filter(|last| last.outcome == AttemptOutcome::UnderWay)
        {
            last.outcome = outcome;
            self.touch(now);
        }
    }

    /// It was not begun after all.
    pub(super) fn take_back(&mut self) {
        self.runs.pop_if(|run| run.outcome == AttemptOutcome::UnderWay);
    }

    /// Nothing of it is left to do.
    pub(super) fn close(&mut self, now: u64) {
        if self.began.take().is_some() {
            self.contents.clear();
            self.released = false;
            self.touch(now);
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.runs
            .last()
            .is_some_and(|last| last.outcome == AttemptOutcome::UnderWay)
    }

    pub(super) fn last_ended(&self) -> Option<&Attempt> {
        self.runs.iter().rfind(|run| run.outcome != AttemptOutcome::UnderWay)
    }

    /// How many of the last day did not help, in a row; to undo one that was broken off is no help to the next.
    pub(super) fn failures(&self, now: u64) -> usize {
        self.in_vain(now).count()
    }

    fn in_vain(&self, now: u64) -> impl Iterator<Item = &Attempt> {
        let helped = |run: &&Attempt| run.outcome == AttemptOutcome::Recovered && run.task != Task::RollBack;
        let recent = self.runs.iter().rev().take_while(move |run| !helped(run));
        let vain = |run: &&Attempt| matches!(run.outcome, AttemptOutcome::Failed(_) | AttemptOutcome::BrokenOff);
        recent.filter(vain).filter(move |run| run.at + DAY > now)
    }

    /// Whether it has failed too often to go on by itself.
    pub(super) fn is_exhausted(&self, now: u64) -> bool {
        self.failures(now) >= MOST
    }

    /// From when on the next may begin.
    pub(super) fn not_before(&self, now: u64) -> u64 {
        let Some(vain) = self.runs.iter().rfind(|run| run.outcome != AttemptOutcome::Recovered) else {
            return 0;
        };
        // A pod that was lost is no reason to think that the next run fails as well.
        let failed = self
            .in_vain(now)
            .filter(|run| matches!(run.outcome, AttemptOutcome::Failed(_)));
        let waits = BACKOFF[failed.count().min(BACKOFF.len() - 1)];
        vain.at + waits.max(BACKOFF[1])
    }
}
