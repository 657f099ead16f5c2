//! The expansion beside segments and roles: these go first, and what it copies is remembered as theirs.

use super::model::{Policy, Step};
use super::steps::Recovery;
use crate::cluster::content::ContentId;
use crate::recovery::expansion::machine::{Expansion, Moment};
use crate::recovery::expansion::memory::ExpansionMemory;
use crate::recovery::expansion::task::{Run, Task};
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::refusal::RecoveryRefusal;
use crate::recovery::segments::attempts::AttemptOutcome;
use crate::recovery::segments::method::Method;
use serde_json::{Map, Value};

impl Recovery {
    /// With what was begun before ([`ExpansionMemory::recalled`]).
    #[must_use]
    pub fn with_expansion(mut self, memory: ExpansionMemory) -> Recovery {
        self.expansion = Expansion::new(memory);
        self
    }

    /// To be written down like [`Recovery::attempts`].
    pub fn expansion(&self) -> &ExpansionMemory {
        self.expansion.memory()
    }

    /// What the coordinator in charge says of its expansion.
    pub fn learn_expansion(&mut self, told: &Map<String, Value>) {
        self.expansion.learn(told);
    }

    /// Whether an expansion that the agent began is not over: then gpexpand's schema is its own.
    pub fn expands(&self) -> bool {
        self.expansion.is_open() || self.expansion.under_way().is_some()
    }

    /// Whether the next look has to have what all agents say, for the expansion.
    pub fn wants_everybody(&self) -> bool {
        self.expansion.wants_everybody()
    }

    /// Takes in that somebody wants the expansion to go on; `evidence` is fresh and has the answers of all agents.
    ///
    /// # Errors
    /// Why it cannot be done now.
    pub fn ask_expand(&mut self, policy: Policy, evidence: &Evidence, now: u64) -> Result<String, RecoveryRefusal> {
        self.may_be_asked(policy, evidence, now)?;
        let moment = self.moment_of_expansion(now);
        self.expansion.ask(evidence, moment)
    }

    pub(in crate::recovery) fn expand(&mut self, evidence: &Evidence, now: u64) -> Step {
        let moment = self.moment_of_expansion(now);
        let Some(run) = self.expansion.next(evidence, moment) else {
            return Step::Rest;
        };
        if run.task == Task::SetUp && !self.has_probed(now) {
            return self.probe(now);
        }
        let run = self.expansion.begin(run, now);
        if copies(&run) {
            for content in self.expansion.memory().contents.clone() {
                self.attempts.begin(content, Method::Full, now);
            }
        }
        Step::Expand(run)
    }

    fn moment_of_expansion(&self, now: u64) -> Moment {
        Moment {
            auto: self.policy.redistribute,
            now,
            rows_since: self.rows.1,
        }
    }

    pub(in crate::recovery) fn give_up(&mut self, now: u64) -> Option<Step> {
        if let Some(why) = self.forget_wish(now) {
            return Some(Step::GiveUp(why));
        }
        self.expansion.forget_wish(now).map(Step::GiveUpExpanding)
    }

    pub(in crate::recovery) fn expansion_ended(&mut self, failure: Option<String>, now: u64) {
        self.expansion.ended(failure, now);
    }

    pub(in crate::recovery) fn expansion_not_begun(&mut self) {
        let contents = self.expansion.memory().contents.clone();
        if self.expansion.not_begun() {
            for content in contents {
                self.attempts.take_back(content);
            }
        }
    }

    /// gpexpand copies the new mirrors itself, by gprecoverseg; one that it has left down is a segment that is down.
    pub(in crate::recovery) fn settle_expansion(&mut self, evidence: &Evidence, now: u64) {
        let is_down = |content: ContentId| evidence.down.iter().any(|pair| pair.row.content == content);
        for content in self.expansion.settle(evidence, now) {
            let outcome = match is_down(content) {
                true => AttemptOutcome::BrokenOff,
                false => AttemptOutcome::Recovered,
            };
            self.attempts.end(content, outcome);
        }
    }
}

fn copies(run: &Run) -> bool {
    matches!(run.task, Task::SetUp | Task::FinishSetUp)
}
