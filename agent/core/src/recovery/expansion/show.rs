//! The state of it as a part of the status.

use super::machine::{Expansion, Work};
use crate::cluster::automation::Automation;
use crate::cluster::expansion_status::{
    ExpansionActivity, ExpansionCounts, ExpansionProgress, ExpansionStatus, ExpansionTask, LastExpansion,
};
use crate::recovery::obstacle::Obstacle;
use crate::recovery::segments::attempts::AttemptOutcome;

impl Expansion {
    /// What is shown of it; `hindrance`: why nothing is done anywhere.
    pub(in crate::recovery) fn status(&self, auto: bool, hindrance: Option<&Obstacle>, now: u64) -> ExpansionStatus {
        let open = self.work.is_none() && (self.next.is_some() || !self.new.is_empty() || self.waits.is_some());
        let waits = hindrance.or(self.waits.as_ref()).filter(|_| open);
        let not_before = self.memory.not_before(now);
        let counts = &self.counts;
        ExpansionStatus {
            redistribute: Automation::of(auto),
            new: self.new.iter().map(|member| member.pod.clone()).collect(),
            next: self.next.filter(|_| open).map(ExpansionTask::from),
            waits: waits.map(|obstacle| obstacle.why.clone()),
            remedy: waits.and_then(|obstacle| obstacle.remedy.clone()),
            not_before: Some(not_before).filter(|at| open && *at > now),
            activity: self.work.as_ref().map(activity),
            progress: self
                .schema
                .as_ref()
                .filter(|_| self.is_open())
                .map(|schema| ExpansionProgress {
                    tables: schema.done,
                    tables_left: schema.left,
                    bytes: schema.done_bytes,
                    bytes_left: schema.left_bytes,
                    table: schema.table.clone(),
                }),
            last: self.last(),
            memory: self.memory.told().unwrap_or_default(),
            counts: ExpansionCounts {
                succeeded: counts.succeeded,
                failed: counts.failed,
                seconds: counts.seconds,
            },
        }
    }

    fn last(&self) -> Option<LastExpansion> {
        let last = self.memory.last_ended()?;
        let why = (last.outcome != AttemptOutcome::Recovered).then(|| why(&last.outcome));
        Some(LastExpansion {
            at: last.at,
            task: last.task.into(),
            seconds: self.took.filter(|(at, _)| *at == last.at).map(|(_, seconds)| seconds),
            why,
        })
    }
}

/// Why a run did not help, in words.
pub(super) fn why(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Failed(why) => why.clone(),
        AttemptOutcome::BrokenOff => "it was broken off".into(),
        AttemptOutcome::Recovered | AttemptOutcome::UnderWay => String::new(),
    }
}

fn activity(work: &Work) -> ExpansionActivity {
    ExpansionActivity {
        task: work.run.task.into(),
        since: work.began,
        judging: work.ended.is_some(),
    }
}
