//! How runs ended: what gpexpand has left says, and the catalog, whatever the tool said.

use super::facts::{Found, Schema, SetupStage};
use super::machine::{Expansion, Work};
use super::task::Task;
use crate::cluster::content::ContentId;
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::segments::attempts::AttemptOutcome;

impl Expansion {
    /// Contents whose mirrors a run has just copied, or not; empty while no run was judged.
    pub(in crate::recovery) fn settle(&mut self, evidence: &Evidence, now: u64) -> Vec<ContentId> {
        let circumstances = &evidence.circumstances;
        let Some(found) = evidence
            .expanding
            .found
            .as_ref()
            .filter(|_| circumstances.not_in_charge.is_none())
        else {
            return Vec::new();
        };
        let nothing_new = evidence.expanding.new.is_empty();
        if self.inherited && circumstances.at_work.is_none() {
            self.inherited = false;
            let last = self.memory.runs.last().map(|run| run.task);
            // How many tables were spread before is not known.
            let helped = last.is_some_and(|task| helped(task, found, nothing_new, u64::MAX));
            let outcome = if helped {
                AttemptOutcome::Recovered
            } else {
                AttemptOutcome::BrokenOff
            };
            self.memory.end(outcome, now);
        }
        let Some(Work {
            run,
            began,
            done,
            cut,
            ended: Some((_, failure)),
        }) = &self.work
        else {
            return Vec::new();
        };
        let took = now.saturating_sub(*began);
        self.took = Some((*began, took));
        self.counts.seconds += took;
        match helped(run.task, found, nothing_new, *done) {
            true => {
                self.counts.succeeded += 1;
                self.memory.end(AttemptOutcome::Recovered, now);
            }
            false => {
                if *cut {
                    self.memory.end(AttemptOutcome::BrokenOff, now);
                    self.work = None;
                    return Vec::new();
                }
                self.counts.failed += 1;
                let silent = || "gpexpand has ended, and nothing has changed".into();
                let why = failure.clone().unwrap_or_else(silent);
                self.memory.end(AttemptOutcome::Failed(why), now);
            }
        }
        let copies = matches!(run.task, Task::SetUp | Task::FinishSetUp);
        self.work = None;
        match copies {
            true => self.memory.contents.clone(),
            false => Vec::new(),
        }
    }
}

/// Whether a run has done what it is for; `done`: tables that were spread before.
fn helped(task: Task, found: &Found, nothing_new: bool, done: u64) -> bool {
    let stage = found.file.as_ref().map(|file| file.stage);
    let status = found.schema.as_ref().and_then(|schema| schema.status.as_deref());
    match task {
        Task::SetUp | Task::FinishSetUp => nothing_new && stage.is_none() && status.is_some(),
        Task::RollBack => stage.is_none(),
        Task::FinishCatalog => stage == Some(SetupStage::AfterCatalog),
        Task::Redistribute => {
            let more = |schema: &Schema| schema.done > done;
            status == Some("EXPANSION COMPLETE") || found.schema.as_ref().is_some_and(more)
        }
        Task::CleanUp => found.schema.is_none(),
    }
}
