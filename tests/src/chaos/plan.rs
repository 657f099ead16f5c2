//! Which faults a round has: a pure function of the seed and the round.

use super::choice::{Choice, at_once, lasting};
use super::dice::Dice;
use super::fault::{Fault, Process, Step, Target, When};
use super::greenplum_choices::GREENPLUM_CHOICES;
use super::node_choices::NODE_CHOICES;
use std::fmt;
use std::time::Duration;

use Fault as F;
use Process as P;
use Target::{Both, Holder, Standby};

/// What no person has to put right again.
const CHOICES: &[Choice] = &[
    at_once(1, Holder, F::Kill(P::Postmaster)),
    at_once(1, Standby, F::Kill(P::Postmaster)),
    lasting(3, Holder, F::Freeze(P::Postmaster), 2000, 15_000),
    at_once(4, Holder, F::Crash(P::Backend)),
    at_once(5, Holder, F::Kill(P::Checkpointer)),
    at_once(5, Holder, F::Kill(P::Walwriter)),
    at_once(6, Holder, F::Terminate(P::Walsender)),
    at_once(6, Holder, F::Kill(P::Walsender)),
    at_once(6, Standby, F::Kill(P::Walreceiver)),
    lasting(16, Holder, F::Freeze(P::Server), 2000, 20_000),
    lasting(17, Holder, F::FillVolume, 3000, 12_000),
    lasting(86, Standby, F::FillVolume, 3000, 12_000),
    lasting(19, Holder, F::FreezeVolume, 1000, 15_000),
    lasting(19, Standby, F::FreezeVolume, 1000, 15_000),
    at_once(20, Holder, F::Kill(P::Backend)),
    at_once(21, Holder, F::Kill(P::Agent)),
    at_once(21, Standby, F::Kill(P::Agent)),
    lasting(22, Holder, F::Freeze(P::Agent), 1000, 15_000),
    lasting(22, Standby, F::Freeze(P::Agent), 1000, 15_000),
    lasting(24, Holder, F::Freeze(P::Init), 1000, 15_000),
    lasting(25, Holder, F::Pause, 5000, 5000),
    lasting(25, Holder, F::Pause, 15_000, 15_000),
    lasting(85, Standby, F::Pause, 1000, 15_000),
    lasting(27, Holder, F::Throttle, 3000, 12_000),
    lasting(29, Holder, F::Kill(P::Init), 500, 5000),
    lasting(41, Holder, F::KillContainer, 500, 15_000),
    lasting(82, Standby, F::KillContainer, 500, 15_000),
    lasting(30, Holder, F::StopContainer(20), 500, 5000),
    lasting(30, Standby, F::StopContainer(20), 500, 5000),
    lasting(31, Holder, F::ReplaceContainer, 500, 5000),
    at_once(35, Holder, F::RestartContainer(20)),
    at_once(39, Holder, F::RestartContainer(1)),
    lasting(42, Holder, F::Disconnect, 2000, 15_000),
    lasting(42, Holder, F::CutOff, 2000, 15_000),
    lasting(48, Standby, F::Disconnect, 2000, 15_000),
    lasting(48, Standby, F::CutOff, 2000, 15_000),
    lasting(49, Both, F::Disconnect, 2000, 12_000),
    lasting(44, Holder, F::CutFromOther, 2000, 15_000),
    lasting(51, Holder, F::NothingToOther, 2000, 15_000),
    lasting(51, Holder, F::NothingFromOther, 2000, 15_000),
    lasting(54, Holder, F::Lose(10), 3000, 12_000),
    lasting(54, Standby, F::Lose(30), 3000, 12_000),
    lasting(54, Holder, F::Delay(100), 3000, 12_000),
    lasting(54, Holder, F::Delay(1000), 3000, 12_000),
    lasting(55, Holder, F::LargePacketsLost, 3000, 12_000),
    lasting(56, Standby, F::NoDns, 3000, 12_000),
    lasting(75, Holder, F::HideRecord, 2000, 15_000),
    lasting(75, Holder, F::ReadOnlyRecord, 2000, 15_000),
    lasting(84, Standby, F::PauseReplay, 3000, 12_000),
    at_once(91, Holder, F::CancelAll),
    lasting(101, Both, F::KillContainer, 500, 5000),
    at_once(101, Both, F::Kill(P::Postmaster)),
    lasting(102, Both, F::StopContainer(20), 500, 3000),
    at_once(106, Holder, F::Switchover),
    at_once(107, Holder, F::Switchover),
];

/// What is done in a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What is seen so long after the last step is what it came to; then everything that lasts is undone.
    pub settle: Duration,
    /// Further sessions that write to the coordinator.
    pub crowd: usize,
    /// Numbers of scenarios that it is made of.
    pub numbers: Vec<u8>,
}

impl Plan {
    /// The faults of a round: one, or two or three that overlap.
    pub fn of(seed: u64, round: u64) -> Plan {
        Plan::chosen(CHOICES, seed, round)
    }

    /// The same on Kubernetes.
    pub fn of_nodes(seed: u64, round: u64) -> Plan {
        Plan::chosen(NODE_CHOICES, seed, round)
    }

    /// The same on containers with Greenplum.
    pub fn of_greenplum(seed: u64, round: u64) -> Plan {
        Plan::chosen(GREENPLUM_CHOICES, seed, round)
    }

    fn chosen(choices: &[Choice], seed: u64, round: u64) -> Plan {
        let mut dice = Dice::of(seed, round);
        let count = match dice.below(10) {
            0..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        let (mut steps, mut numbers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let Some(choice) = dice.pick(choices) else { continue };
            let delay = dice.between(0, 3000);
            let delay = if steps.is_empty() { Duration::ZERO } else { delay };
            let (least, most) = choice.lasts;
            let lasts = dice.between(least, most);
            numbers.push(choice.number);
            steps.push(Step {
                when: When::After(delay),
                target: choice.target,
                fault: choice.fault,
                lasts: (most > 0).then_some(lasts),
            });
        }
        Plan {
            steps,
            settle: dice.between(500, 3000),
            crowd: 0,
            numbers,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        f.write_str(&steps.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_round_can_be_played_again() {
        for round in 0..50 {
            assert_eq!(Plan::of(42, round), Plan::of(42, round));
        }
        assert_ne!(Plan::of(42, 1), Plan::of(42, 2));
        assert_ne!(Plan::of(42, 1), Plan::of(43, 1));
    }

    /// Whoever changes the choices changes every old seed: then these lines change too, which is on purpose.
    #[test]
    fn the_first_rounds_of_a_seed() {
        let rounds: Vec<String> = (1..=8).map(|round| Plan::of(1, round).to_string()).collect();
        insta::assert_snapshot!(rounds.join("\n"));
    }

    #[test]
    fn everything_happens_alone_in_pairs_and_in_threes() {
        let plans: Vec<Plan> = (0..2000).map(|round| Plan::of(9, round)).collect();
        let counts: BTreeSet<usize> = plans.iter().map(|p| p.steps.len()).collect();
        assert_eq!(counts, BTreeSet::from([1, 2, 3]));
        for choice in CHOICES {
            let chosen = |step: &Step| (step.target, step.fault) == (choice.target, choice.fault);
            assert!(
                plans.iter().any(|p| p.steps.iter().any(chosen)),
                "{}",
                choice.fault.kind()
            );
        }
    }

    #[test]
    fn what_has_to_be_undone_ends() {
        let plans = (0..2000).map(|round| Plan::of(3, round));
        let at_once = plans.flat_map(|plan| plan.steps).filter(|step| step.lasts.is_none());
        for step in at_once {
            let done = matches!(
                step.fault,
                F::Kill(_) | F::Crash(_) | F::Terminate(_) | F::RestartContainer(_) | F::CancelAll | F::Switchover
            );
            assert!(done, "{step}");
        }
    }
}
