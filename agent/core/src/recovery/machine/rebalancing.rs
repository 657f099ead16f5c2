//! Roles beside segments: who goes first, and what is remembered of both.

use super::model::Step;
use super::steps::Recovery;
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::roles::attempts::RebalanceAttempts;
use crate::recovery::roles::machine::{Moment, Move};
use serde_json::{Map, Value};

impl Recovery {
    /// To be written down like [`Recovery::attempts`].
    pub fn rebalances(&self) -> &RebalanceAttempts {
        self.roles.attempts()
    }

    /// What the coordinator in charge says of its runs that changed roles back.
    pub fn learn_rebalances(&mut self, told: &[Map<String, Value>]) {
        self.roles.learn(told);
    }

    /// Whether the next look has to have [`Evidence::detail`], and the answers of all agents.
    pub fn wants_detail(&self) -> bool {
        self.under_way().is_none() && self.roles.wants_detail()
    }

    pub(in crate::recovery) fn judge_roles(&mut self, evidence: &Evidence, now: u64) -> Move {
        if let Some(obstacle) = self.expansion.keeps_roles() {
            return self.roles.keep(obstacle, now);
        }
        let moment = self.moment(now);
        self.roles.next(evidence, moment)
    }

    pub(in crate::recovery) fn rebalance(&mut self, of_roles: Move, now: u64) -> Step {
        match of_roles {
            Move::Rest => Step::Rest,
            Move::Announce(rebalance, at) => Step::Announce(rebalance, at),
            Move::CallOff(why) => Step::CallOff(why),
            Move::Begin if self.has_probed(now) => Step::Rebalance(self.roles.begin(now)),
            Move::Begin => self.probe(now),
        }
    }

    /// Whatever is announced or asked for is not done.
    pub(in crate::recovery) fn call_off(&mut self, why: &str, now: u64) -> Step {
        match self.roles.call_off(why, now) {
            Move::CallOff(why) => Step::CallOff(why),
            _ => Step::Rest,
        }
    }

    pub(in crate::recovery) fn moment(&self, now: u64) -> Moment {
        Moment {
            when: self.policy.roles,
            now,
            in_charge_since: self.in_charge_since,
        }
    }
}
