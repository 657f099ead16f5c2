//! gpexpand, its agent and its coordinator are lost in every phase: never undone once the catalog has changed, never two runs, and over
//! in the end.

use super::refusals::{AUTO, machine};
use super::world::{STEPS, World};
use crate::recovery::expansion::memory::ExpansionMemory;
use crate::recovery::expansion::task::{Run, Task};
use crate::recovery::machine::model::Step;
use crate::recovery::machine::steps::Recovery;
use proptest::prelude::*;

/// What befalls the run that is begun next.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is killed after so many of its steps, and its agent sees that.
    Killed(u64),
    /// The agent is lost with it, after so many.
    AgentLost(u64),
    /// The agent alone is lost; the run goes on to its end.
    AgentAlone,
    /// The coordinator is lost; the other one has heard of what was begun.
    FailedOver(u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        (0..STEPS).prop_map(Fault::Killed),
        (0..STEPS).prop_map(Fault::AgentLost),
        Just(Fault::AgentAlone),
        (0..STEPS).prop_map(Fault::FailedOver),
    ]
}

struct Walk {
    world: World,
    machine: Recovery,
    kept: ExpansionMemory,
    /// A run that nobody owns any more, and when it ends.
    orphan: Option<(Run, u64)>,
    now: u64,
    runs: Vec<Task>,
}

impl Walk {
    fn new() -> Walk {
        Walk {
            world: World::new(),
            machine: machine(ExpansionMemory::default()),
            kept: ExpansionMemory::default(),
            orphan: None,
            now: 0,
            runs: Vec::new(),
        }
    }

    fn step(&mut self, faults: &mut Vec<Fault>) {
        self.now += 5;
        if let Some((run, _)) = self.orphan.take_if(|(_, ends)| *ends <= self.now) {
            self.world.run(&run, STEPS);
        }
        let mut evidence = self.world.evidence(self.machine.wants_everybody());
        let tool = "gpexpand (process 7) is at work";
        evidence.circumstances.at_work = self.orphan.is_some().then(|| tool.to_string());
        match self.machine.look(AUTO, &evidence, self.now) {
            Step::Probe => self.machine.probed(true, self.now),
            Step::Expand(run) => {
                assert!(self.orphan.is_none(), "two runs at once");
                self.kept = self.machine.expansion().clone();
                self.runs.push(run.task);
                self.begin(run, faults.pop());
            }
            _ => {}
        }
        self.kept = self.machine.expansion().clone();
    }

    fn begin(&mut self, run: Run, fault: Option<Fault>) {
        let ended = |failed: bool| failed.then(|| "gpexpand failed".to_string().into());
        match fault {
            None => {
                let failed = self.world.run(&run, STEPS);
                self.machine.ended(ended(failed), self.now);
            }
            Some(Fault::Killed(steps)) => {
                let failed = self.world.run(&run, steps);
                self.machine.ended(ended(failed), self.now);
            }
            Some(Fault::AgentLost(steps)) => {
                self.world.run(&run, steps);
                self.machine = machine(self.kept.clone().recalled(self.now));
            }
            Some(Fault::AgentAlone) => {
                self.orphan = Some((run, self.now + 120));
                self.machine = machine(self.kept.clone().recalled(self.now));
            }
            Some(Fault::FailedOver(steps)) => {
                self.world.run(&run, steps);
                let mut other = machine(ExpansionMemory::default());
                other.learn_expansion(&self.machine.status(self.now).expansion.memory);
                self.machine = other;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.world.is_listed() && self.world.found.schema.is_none() && !self.machine.expands()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_expansion_that_is_broken_off_again_and_again_is_over_in_the_end(
        mut faults in proptest::collection::vec(fault(), 0..5),
    ) {
        let mut walk = Walk::new();
        let said = format!("{faults:?}");
        for _ in 0..24 * 720 {
            walk.step(&mut faults);
            if walk.is_over() {
                break;
            }
        }
        prop_assert!(walk.is_over(), "{said}: {:?}, {:?}", walk.runs, walk.machine.status(walk.now).expansion);
        let schema = walk.machine.status(walk.now).expansion;
        prop_assert!(schema.new.is_empty() && schema.next.is_none(), "{schema:?}");
    }
}

#[test]
fn without_faults_it_takes_three_calls() {
    let mut walk = Walk::new();
    while !walk.is_over() && walk.now < 3600 {
        walk.step(&mut Vec::new());
    }
    assert_eq!(walk.runs, [Task::SetUp, Task::Redistribute, Task::CleanUp]);
}

#[test]
fn what_changed_the_catalog_is_finished_and_what_did_not_is_undone() {
    let runs = |steps: u64| {
        let mut walk = Walk::new();
        let mut faults = vec![Fault::AgentLost(steps)];
        while !walk.is_over() && walk.now < 24 * 3600 {
            walk.step(&mut faults);
        }
        walk.runs.get(1..walk.runs.len() - 2).unwrap_or_default().to_vec()
    };
    assert_eq!(runs(0), [Task::SetUp], "nothing was there");
    assert_eq!(runs(1), [Task::RollBack, Task::SetUp]);
    assert_eq!(runs(2), [Task::RollBack, Task::SetUp], "the catalog was as before");
    assert_eq!(runs(3), [Task::FinishCatalog, Task::FinishSetUp]);
    assert_eq!(runs(4), [Task::FinishSetUp]);
    assert_eq!(runs(5), [Task::FinishSetUp]);
}
