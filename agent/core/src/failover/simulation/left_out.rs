//! Every rule is left out once, and found missing: the faults that show it, by every way through the world.

#![allow(clippy::disallowed_macros, reason = "who runs a check is told what came of it")]

use super::checker::{Begins, Check, Step, check};
use super::world::fault::Fault;
use super::world::time::Pace;
use crate::failover::candidate::CommitsWait;
use crate::failover::candidate::mutants::Mutant;

fn sound(waits: CommitsWait, faults: u8, of: &[Fault]) -> Check {
    Check::sound(waits, faults, of)
}

fn begun(begins: Begins, check: Check) -> Check {
    Check { begins, ..check }
}

fn lost(check: Check) -> Check {
    let letters = &[Step::Lose];
    Check { letters, ..check }
}

fn held(check: Check) -> Check {
    let letters = &[Step::Hold];
    Check { letters, ..check }
}

/// Each rule that is left out, and the faults that show it.
fn mutants() -> Vec<(Mutant, Check)> {
    use CommitsWait::{Always, WhileStreaming};
    let cut = Fault::CutAuthority(0);
    let (ends, apart) = (Fault::EndStream, Fault::CutPeers);
    vec![
        (
            Mutant::StartsWithoutOwnWrite,
            begun(Begins::RestartedBeforeItsWrite, lost(sound(Always, 2, &[cut]))),
        ),
        (
            Mutant::CountsFromAnswer,
            Check {
                pace: Pace::UNEQUAL,
                ..begun(Begins::AnsweredLate, sound(Always, 1, &[Fault::FreezeAgent(0)]))
            },
        ),
        (Mutant::DoesNotWait, sound(Always, 1, &[apart])),
        (Mutant::TakesOutOfSync, sound(Always, 3, &[ends, cut, apart])),
        (Mutant::IgnoresStream, sound(WhileStreaming, 3, &[ends, cut, apart])),
        (
            Mutant::TakesByOldFacts,
            sound(WhileStreaming, 3, &[cut, Fault::CrashServer(1), Fault::FreezeAgent(1)]),
        ),
        (
            Mutant::TakesOldProof,
            held(sound(Always, 3, &[Fault::CrashServer(0), apart])),
        ),
        (
            Mutant::TrustsOlderRecord,
            sound(Always, 3, &[Fault::Switchover(0), Fault::Restore, apart]),
        ),
        (Mutant::ReleasesCommitsFirst, sound(Always, 2, &[apart, cut])),
        (
            Mutant::StartsInSync,
            sound(Always, 3, &[apart, cut, Fault::CrashServer(0)]),
        ),
        (
            Mutant::OutlivesStream,
            begun(Begins::LivingByPromises, sound(WhileStreaming, 1, &[apart])),
        ),
        (Mutant::BelievesAnybody, sound(Always, 2, &[cut, Fault::Twin(1)])),
        (Mutant::BreaksPromise, sound(Always, 2, &[cut, apart])),
        (
            Mutant::ForgetsLostWrites,
            begun(Begins::Young, lost(sound(Always, 3, &[cut, apart]))),
        ),
        (
            Mutant::TakesOldProofOfWaiting,
            begun(Begins::Young, sound(Always, 3, &[cut, apart])),
        ),
        (
            Mutant::ConfirmsUnproven,
            begun(
                Begins::CutOffBeforeItIsInSync,
                lost(sound(Always, 2, &[Fault::LosePod(0)])),
            ),
        ),
        (
            Mutant::TakesReleasedIncomplete,
            sound(WhileStreaming, 3, &[Fault::Switchover(0), ends, apart]),
        ),
        (
            Mutant::TakesWhileDraining,
            sound(Always, 2, &[Fault::Drain(1), Fault::LosePod(0)]),
        ),
        (
            Mutant::ResumesWithoutMemory,
            sound(
                Always,
                3,
                &[Fault::Switchover(0), Fault::Switchover(1), Fault::RollBack(0)],
            ),
        ),
    ]
}

#[test]
#[ignore = "takes minutes"]
fn every_rule_that_is_left_out_is_found_missing() {
    let mut table = String::new();
    let mut survivors = Vec::new();
    for (mutant, bounds) in mutants() {
        let mutant = Some(mutant);
        let outcome = check(Check { mutant, ..bounds });
        println!("{mutant:?}: {outcome}");
        match outcome.broken {
            Some(_) => table += &format!("{mutant:?}\n"),
            None => survivors.push(format!("{mutant:?}")),
        }
    }
    assert!(survivors.is_empty(), "{survivors:?}\nfound:\n{table}");
}

/// More worlds than it takes to find any rule missing.
const WITH_THE_RULE: usize = 300_000;

/// Else the rule would not be what the faults show.
#[test]
#[ignore = "takes minutes"]
fn with_every_rule_those_faults_break_nothing() {
    for (mutant, bounds) in mutants() {
        let limit = WITH_THE_RULE;
        let outcome = check(Check { limit, ..bounds });
        println!("with the rule that {mutant:?} leaves out: {outcome}");
        assert_eq!(outcome.broken, None, "{mutant:?}");
    }
}
