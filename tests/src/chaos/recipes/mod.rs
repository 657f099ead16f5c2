//! The scenarios that a pair of containers can play.

mod network;
mod pods;
mod processes;
mod record;
mod sequences;

use super::fault::{Fault, Process, Step, Target, When};
use super::outcome::Class;
use super::recipe::Recipe;
use std::time::Duration;

use Fault as F;
use Process as P;
use Target::{Both, Holder, HolderNow, Standby};

const W: &[Class] = &[Class::Goes];
const I: &[Class] = &[Class::InPlace, Class::Goes];
const H: &[Class] = &[Class::HandOver];
const FO: &[Class] = &[Class::Failover];
const X: &[Class] = &[Class::Nobody];
const W_F: &[Class] = &[Class::Goes, Class::InPlace, Class::Failover];
const I_F: &[Class] = &[Class::InPlace, Class::Failover];
const H_F: &[Class] = &[Class::HandOver, Class::Failover];
/// The role may move or stay, as long as somebody writes.
const ANY_WRITES: &[Class] = &[Class::InPlace, Class::HandOver, Class::Failover];
const F_X: &[Class] = &[Class::Failover, Class::Nobody];
const ANY: &[Class] = &[
    Class::Goes,
    Class::InPlace,
    Class::HandOver,
    Class::Failover,
    Class::Nobody,
];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn step(when: When, target: Target, fault: Fault, lasts: Option<Duration>) -> Step {
    Step {
        when,
        target,
        fault,
        lasts,
    }
}

/// At once, and until the round is over where it lasts.
const fn now(target: Target, fault: Fault) -> Step {
    step(When::After(Duration::ZERO), target, fault, None)
}

const fn after(millis: u64, target: Target, fault: Fault) -> Step {
    step(When::After(ms(millis)), target, fault, None)
}

const fn during(millis: u64, target: Target, fault: Fault) -> Step {
    step(When::After(Duration::ZERO), target, fault, Some(ms(millis)))
}

const fn when(when: When, target: Target, fault: Fault) -> Step {
    step(when, target, fault, None)
}

fn recipe(number: u8, title: &'static str, steps: &[Step], expect: &'static [Class], settle: u64) -> Recipe {
    Recipe {
        number,
        title,
        steps: steps.to_vec(),
        expect,
        within: None,
        settle: Duration::from_secs(settle),
        crowd: 0,
        quick: false,
        may_lose: false,
    }
}

fn quick(number: u8, title: &'static str, steps: &[Step], expect: &'static [Class], settle: u64) -> Recipe {
    Recipe {
        quick: true,
        ..recipe(number, title, steps, expect, settle)
    }
}

/// What is done lasts for some time itself.
fn slow(seconds: u64, recipe: Recipe) -> Recipe {
    Recipe {
        within: Some(Duration::from_secs(seconds)),
        ..recipe
    }
}

/// All of them, in no order.
pub(super) fn all() -> Vec<Recipe> {
    [
        processes::processes(),
        processes::damage(),
        pods::agents(),
        pods::pods(),
        network::network(),
        network::connections(),
        network::lossy(),
        record::record(),
        record::data(),
        record::standby(),
        sequences::sequences(),
        sequences::administrators(),
    ]
    .concat()
}
