//! Every way that the world can take, within bounds: the order and loss of letters, faults and their end. A fault costs one of
//! a small number; what ends by itself costs nothing and may come at any time. Worlds that differ in the time of day alone count
//! as one, so that there is an end without a horizon.

#![allow(clippy::disallowed_macros, reason = "who runs a check is told what came of it")]

use super::world::actions::ENDS;
use super::world::fault::{Fault, Relief};
use super::world::state::World;
use super::world::time::{Pace, Rate};
use crate::failover::candidate::CommitsWait;
use crate::failover::candidate::mutants::Mutant;
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::fmt;
use std::hash::{Hash, Hasher};

/// A world, and how many faults it may still suffer.
#[derive(Clone, Debug)]
pub(super) struct State {
    world: World,
    faults: u8,
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.faults == other.faults && self.world.normal() == other.world.normal()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.faults.hash(hasher);
        self.world.normal().hash(hasher);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    GoOn,
    Lose,
    Hold,
    Double,
    Release(usize),
    Suffer(Fault),
    Relieve(Relief),
}

/// How a world is when its faults begin.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begins {
    /// At rest.
    InSync,
    /// With the standby not in sync yet.
    Young,
    /// At rest, with the answer to a renewal held back that the other one sees at once.
    AnsweredLate,
    /// Young, and the pods are cut off from each other while the write is on its way that says that the standby is in sync.
    CutOffBeforeItIsInSync,
    /// Young, and the write that says that it is has been held back somewhere; the pod that sent it is started again,
    /// and cut off from the other one.
    RestartedBeforeItsWrite,
    /// In sync; the holder lives by promises of the agent of a standby whose server is silent, and is about to be given up.
    LivingByPromises,
}

/// What is checked.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) pace: Pace,
    pub(super) waits: CommitsWait,
    pub(super) mutant: Option<Mutant>,
    pub(super) faults: u8,
    pub(super) of: Vec<Fault>,
    /// What may happen to a letter.
    pub(super) letters: &'static [Step],
    pub(super) begins: Begins,
    /// How many worlds are looked at, at most.
    pub(super) limit: usize,
}

impl Model for Check {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let (pace, waits, mutant) = (self.pace, self.waits, self.mutant);
        let world = match self.begins {
            Begins::InSync => World::new(pace, waits, mutant),
            Begins::Young => World::young(pace, waits, mutant),
            Begins::AnsweredLate => World::answered_late(pace, waits, mutant),
            Begins::CutOffBeforeItIsInSync => World::cut_off_before_it_is_in_sync(pace, waits, mutant),
            Begins::LivingByPromises => World::living_by_promises(pace, waits, mutant),
            Begins::RestartedBeforeItsWrite => World::restarted_before_its_write(pace, waits, mutant),
        };
        let faults = self.faults;
        vec![State { world, faults }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let world = &state.world;
        if world.broken.is_some() {
            return;
        }
        steps.push(Step::GoOn);
        let arriving = world.wire.iter().any(|letter| !letter.late);
        if arriving && state.faults > 0 {
            steps.extend(self.letters);
        }
        if arriving {
            return;
        }
        let late = (0..world.wire.len()).filter(|i| world.wire[*i].late);
        steps.extend(late.map(Step::Release));
        steps.extend(
            Relief::ALL
                .into_iter()
                .filter(|r| world.can_relieve(*r))
                .map(Step::Relieve),
        );
        if state.faults > 0 {
            steps.extend(self.of.iter().copied().filter(|f| world.can(*f)).map(Step::Suffer));
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        let world = &mut next.world;
        match step {
            Step::GoOn => world.go_on(),
            Step::Lose => world.lose_letter(),
            Step::Hold => world.hold_letter(),
            Step::Double => world.double_letter(),
            Step::Release(i) => world.deliver(i),
            Step::Suffer(fault) => world.suffer(fault),
            Step::Relieve(relief) => world.relieve(relief),
        }
        world.forget_void_letters();
        if matches!(step, Step::Lose | Step::Hold | Step::Double | Step::Suffer(_)) {
            next.faults -= 1;
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Check>> {
        vec![
            Property::always("never do two take writes", |_, state: &State| {
                state.world.broken.as_deref() != Some("both take writes")
            }),
            Property::always("no acknowledged commit is missing", |_, state: &State| {
                let broken = state.world.broken.as_deref();
                broken.is_none_or(|what| what == "both take writes" || what == ENDS)
            }),
            Property::always("who ends takes nothing", |_, state: &State| {
                state.world.broken.as_deref() != Some(ENDS)
            }),
        ]
    }
}

/// What came of a check.
pub(super) struct Outcome {
    /// The steps that lead to a broken rule, if some do.
    pub(super) broken: Option<Vec<String>>,
    pub(super) worlds: usize,
    /// Every world that can be reached was reached.
    pub(super) all: bool,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = match (&self.broken, self.all) {
            (None, true) => "all worlds that there are",
            (None, false) => "NOT ALL WORLDS",
            (Some(_), _) => "until it was found",
        };
        write!(f, "{} worlds, {extent}", self.worlds)?;
        match &self.broken {
            Some(steps) => write!(f, ": {}", steps.join(", ")),
            None => Ok(()),
        }
    }
}

pub(super) fn check(check: Check) -> Outcome {
    let limit = check.limit;
    let checker = check
        .checker()
        .threads(1)
        .target_state_count(limit)
        .finish_when(HasDiscoveries::Any)
        .spawn_bfs()
        .join();
    let path = checker.discoveries().into_iter().next().map(|(what, path)| {
        let steps = path.into_actions().into_iter();
        let told = steps.filter(|step| *step != Step::GoOn).map(|step| format!("{step:?}"));
        std::iter::once(what.to_string()).chain(told).collect()
    });
    Outcome {
        broken: path,
        worlds: checker.unique_state_count(),
        all: checker.state_count() < limit,
    }
}

/// `FAILOVER_CHECK_STEPS` when it is built: more takes longer, and finds more.
fn limit() -> usize {
    let told = option_env!("FAILOVER_CHECK_STEPS");
    told.and_then(|steps| steps.parse().ok()).unwrap_or(20_000_000)
}

impl Check {
    pub(super) fn sound(waits: CommitsWait, faults: u8, of: &[Fault]) -> Check {
        Check {
            pace: Pace::COARSE,
            waits,
            mutant: None,
            faults,
            of: of.to_vec(),
            letters: &[],
            begins: Begins::InSync,
            limit: limit(),
        }
    }
}

const LETTERS: &[Step] = &[Step::Lose, Step::Hold, Step::Double];
const BOTH: [CommitsWait; 2] = [CommitsWait::Always, CommitsWait::WhileStreaming];

/// How many worlds there are without a fault: the world comes round.
#[test]
fn at_rest_the_world_comes_round() {
    for waits in BOTH {
        let outcome = check(Check::sound(waits, 0, &[]));
        assert_eq!(outcome.broken, None);
        assert!(outcome.all && outcome.worlds < 1000, "{outcome}");
    }
}

#[test]
#[ignore = "measures"]
fn each_fault_alone() {
    for of in Fault::ALL {
        for waits in BOTH {
            println!("{waits:?} {of:?}: {}", check(Check::sound(waits, 1, &[of])));
        }
    }
}

/// The faults of each of these happen at any moment, in any order, and end at any moment.
const TOGETHER: [&[Fault]; 5] = [
    &[Fault::CutAuthority(0), Fault::CutPeers],
    &[Fault::CutAuthority(0), Fault::CrashServer(0)],
    &[Fault::CutAuthority(0), Fault::EndStream],
    &[Fault::RestartPod(0), Fault::RestartPod(1)],
    &[Fault::Switchover(0), Fault::RestartPod(1)],
];

#[test]
#[ignore = "takes minutes"]
fn two_faults_that_meet_break_nothing() {
    for of in TOGETHER {
        for waits in BOTH {
            let outcome = check(Check::sound(waits, 2, of));
            println!("{waits:?} {of:?}: {outcome}");
            assert_eq!(outcome.broken, None);
        }
    }
}

/// Any fault, or any letter lost, late or doubled: `cargo test -p gp-agent-core one_fault -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn one_fault_of_any_kind_breaks_nothing() {
    let of: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| !fault.is_of_record()).collect();
    for (rates, waits) in RATES.into_iter().flat_map(|rates| BOTH.map(|waits| (rates, waits))) {
        let (letters, sound) = (LETTERS, Check::sound(waits, 1, &of));
        let pace = Pace::of_default_lease(rates);
        let outcome = check(Check { pace, letters, ..sound });
        println!("{waits:?} {rates:?}: {outcome}");
        assert_eq!(outcome.broken, None);
    }
}

/// Any two of the faults that keep pods from each other or from the authority, with letters lost, late and doubled.
#[test]
#[ignore = "takes hours"]
fn any_two_faults_break_nothing() {
    let of: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| !fault.is_of_record()).collect();
    for (rates, waits) in RATES.into_iter().flat_map(|rates| BOTH.map(|waits| (rates, waits))) {
        let (letters, sound) = (LETTERS, Check::sound(waits, 2, &of));
        let pace = Pace::of_default_lease(rates);
        let outcome = check(Check { pace, letters, ..sound });
        println!("{waits:?} {rates:?}: {outcome}");
        assert_eq!(outcome.broken, None);
    }
}

const RATES: [[Rate; 2]; 3] = [[0, 0], [-5, 5], [5, -5]];
