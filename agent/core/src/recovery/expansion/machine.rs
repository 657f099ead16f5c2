//! Decides from look to look which call of gpexpand begins: a part of [`Recovery`](crate::recovery::machine::steps::Recovery), which
//! lets it do nothing while segments are brought back or roles changed.

use super::facts::Schema;
use super::judgement::{Background, early, late};
use super::memory::ExpansionMemory;
use super::stage::{Stage, stage};
use super::task::{Run, Task};
use crate::cluster::topology::Member;
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::obstacle::Obstacle;
use crate::recovery::refusal::RecoveryRefusal;
use serde_json::{Map, Value};

/// What somebody asked for begins within so long, or not at all.
const STAYS_GOOD_SECONDS: u64 = 120;

/// What is at work, or was.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub run: Run,
    pub began: u64,
    /// Tables that were spread as it began.
    pub done: u64,
    /// The agent ended it, so that something else goes first.
    pub cut: bool,
    /// When it ended, and what it said of a failure.
    pub ended: Option<(u64, Option<String>)>,
}

/// What is known at one look, beside the evidence.
#[derive(Clone, Copy, Debug)]
pub(in crate::recovery) struct Moment {
    /// Tables are spread without being asked for.
    pub auto: bool,
    pub now: u64,
    pub rows_since: u64,
}

/// Since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub succeeded: u64,
    pub failed: u64,
    pub seconds: u64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(in crate::recovery) struct Expansion {
    pub(super) memory: ExpansionMemory,
    /// A run of an earlier agent had not ended.
    pub(super) inherited: bool,
    pub(super) wish: Option<u64>,
    pub(super) work: Option<Work>,
    pub(super) next: Option<Task>,
    pub(super) waits: Option<Obstacle>,
    pub(super) new: Vec<Member>,
    pub(super) schema: Option<Schema>,
    wants_everybody: bool,
    /// How long the last took, by when it began.
    pub(super) took: Option<(u64, u64)>,
    pub(super) counts: Counts,
}

impl Expansion {
    pub(in crate::recovery) fn new(memory: ExpansionMemory) -> Expansion {
        Expansion {
            inherited: memory.is_under_way(),
            memory,
            ..Expansion::default()
        }
    }

    pub(in crate::recovery) fn memory(&self) -> &ExpansionMemory {
        &self.memory
    }

    pub(in crate::recovery) fn learn(&mut self, told: &Map<String, Value>) {
        self.memory.learn(told);
        self.inherited = self.memory.is_under_way();
    }

    /// This pod has come to be in charge: another one's clock may go ahead of its own.
    pub(in crate::recovery) fn take_charge(&mut self, now: u64) {
        self.memory = std::mem::take(&mut self.memory).recalled(now);
    }

    /// Whether an expansion that the agent began is not over.
    pub(in crate::recovery) fn is_open(&self) -> bool {
        self.memory.began.is_some()
    }

    /// Whether the next look has to ask the agents of all pods.
    pub(in crate::recovery) fn wants_everybody(&self) -> bool {
        self.wants_everybody && self.work.is_none()
    }

    /// Whether a run goes on; whether it has ended.
    pub(in crate::recovery) fn under_way(&self) -> Option<bool> {
        self.work.as_ref().map(|work| work.ended.is_some())
    }

    /// Why roles stay as they are meanwhile.
    pub(in crate::recovery) fn keeps_roles(&self) -> Option<Obstacle> {
        self.is_open().then(|| Obstacle::wait("the cluster is being expanded"))
    }

    pub(in crate::recovery) fn note(&mut self, evidence: &Evidence) {
        let expanding = &evidence.expanding;
        self.new = expanding.new.iter().map(|new| new.member.clone()).collect();
        if let Some(found) = &expanding.found {
            self.schema.clone_from(&found.schema);
        }
    }

    /// The run that is to begin, where nothing else keeps the machine from working.
    pub(in crate::recovery) fn next(&mut self, evidence: &Evidence, moment: Moment) -> Option<Run> {
        self.wants_everybody = false;
        self.waits = None;
        let expanding = &evidence.expanding;
        let Some(found) = &expanding.found else {
            self.next = None;
            return None;
        };
        let contents = expanding.contents();
        let task = match stage(found, &contents, self.is_open()) {
            Stage::Over => {
                self.next = None;
                if !self.inherited {
                    self.memory.close(moment.now);
                }
                return None;
            }
            Stage::Stuck(obstacle) => {
                self.next = None;
                self.waits = Some(obstacle);
                return None;
            }
            Stage::Next(task) => task,
        };
        self.next = Some(task);
        let background = Background {
            evidence,
            found,
            memory: &self.memory,
            rows_since: moment.rows_since,
            now: moment.now,
        };
        let judged = self.may(task, moment).and_then(|()| early(task, &background));
        let judged = match judged {
            Ok(()) if expanding.pods.is_empty() && asks(task) => {
                // The next look brings them.
                self.wants_everybody = true;
                return None;
            }
            Ok(()) => {
                let judged = late(task, &background);
                self.wants_everybody = judged.is_err();
                judged
            }
            Err(obstacle) => Err(obstacle),
        };
        match judged {
            Err(obstacle) => {
                self.waits = Some(obstacle);
                None
            }
            Ok(()) => Some(self.run(task, evidence)),
        }
    }

    fn run(&self, task: Task, evidence: &Evidence) -> Run {
        let found = evidence.expanding.found.as_ref();
        Run {
            task,
            new: self.new.clone(),
            highest_dbid: found.map_or(0, |found| found.highest_dbid),
        }
    }

    /// Whether policy and memory let it begin.
    fn may(&self, task: Task, moment: Moment) -> Result<(), Obstacle> {
        if self.inherited {
            return Err(Obstacle::wait(
                "an earlier run was broken off; what became of it is looked at",
            ));
        }
        if self.wish.is_some() {
            return Ok(());
        }
        let by_hand = "gp-agent expand in the active coordinator's pod";
        if task == Task::Redistribute && !moment.auto && !self.memory.released {
            return Err(Obstacle::person("expansion.redistribute is manual", by_hand));
        }
        if self.memory.is_exhausted(moment.now) {
            let last = self.memory.last_ended();
            let why = last.map_or(String::new(), |last| format!(": {}", super::show::why(&last.outcome)));
            return Err(Obstacle::person(
                format!(
                    "it has failed {} times within a day{why}",
                    self.memory.failures(moment.now)
                ),
                format!("mend what the last run says, then {by_hand}"),
            ));
        }
        match self.memory.not_before(moment.now) > moment.now {
            true => Err(Obstacle::wait("the last run did not help, and the next one rests")),
            false => Ok(()),
        }
    }

    /// It begins, once this is written down.
    pub(in crate::recovery) fn begin(&mut self, run: Run, now: u64) -> Run {
        let contents: Vec<_> = run.new.iter().map(|member| member.content).collect();
        let mut contents = contents;
        contents.dedup();
        self.memory.begin(run.task, &contents, now);
        if self.wish.take().is_some() && run.task == Task::Redistribute {
            self.memory.released = true;
        }
        self.waits = None;
        self.wants_everybody = false;
        self.work = Some(Work {
            run: run.clone(),
            began: now,
            done: self.schema.as_ref().map_or(0, |schema| schema.done),
            cut: false,
            ended: None,
        });
        run
    }

    /// Whether tables are being spread: that is taken up again where it was, at any time.
    pub(in crate::recovery) fn is_spreading(&self) -> bool {
        let goes_on = self.work.as_ref().filter(|work| work.ended.is_none());
        goes_on.is_some_and(|work| work.run.task == Task::Redistribute)
    }

    /// The agent ends the run that goes on.
    pub(in crate::recovery) fn cut(&mut self) {
        if let Some(work) = &mut self.work {
            work.cut = true;
        }
    }

    /// The run has ended; with words where it says that it failed.
    pub(in crate::recovery) fn ended(&mut self, failure: Option<String>, now: u64) {
        if let Some(work) = self.work.as_mut().filter(|work| work.ended.is_none()) {
            work.ended = Some((now, failure));
        }
    }

    /// Nothing was run; whether something was to be.
    pub(in crate::recovery) fn not_begun(&mut self) -> bool {
        let begun = self.work.take().is_some();
        if begun {
            self.memory.take_back();
        }
        begun
    }

    /// What was asked for and did not begin in time is not done; why, in words.
    pub(in crate::recovery) fn forget_wish(&mut self, now: u64) -> Option<String> {
        self.wish.take_if(|at| now.saturating_sub(*at) > STAYS_GOOD_SECONDS)?;
        let why = match &self.waits {
            Some(obstacle) => obstacle.to_string(),
            None => "there is nothing to do any more".into(),
        };
        Some(format!("not begun within {STAYS_GOOD_SECONDS} s: {why}; ask again"))
    }

    /// Somebody asks for it, with what was just looked at.
    ///
    /// # Errors
    /// Why it cannot be done now.
    pub(in crate::recovery) fn ask(&mut self, evidence: &Evidence, moment: Moment) -> Result<String, RecoveryRefusal> {
        let new = !evidence.expanding.new.is_empty();
        if evidence.expanding.found.is_none() && (new || self.is_open()) {
            return Err(RecoveryRefusal::ExpansionUnknown);
        }
        self.wish = Some(moment.now);
        let Some(run) = self.next(evidence, moment) else {
            self.wish = None;
            return Err(self
                .waits
                .clone()
                .map_or(RecoveryRefusal::NothingToAdd, RecoveryRefusal::from));
        };
        self.wants_everybody = true;
        Ok(format!(
            "it begins within a few seconds: {}; gp-agent status says how it goes on",
            run.task.words()
        ))
    }
}

/// Whether what agents say matters.
fn asks(task: Task) -> bool {
    !matches!(task, Task::FinishCatalog | Task::CleanUp)
}
