//! Decides from look to look. One run of the tool at a time, judged by the catalog alone; what is tried is remembered before it
//! is begun.

use super::coming_back::ComingBack;
use super::in_question::InQuestion;
use super::model::{Ended, Late, Policy, RecoveryCounts, SeenContent, Step, Wanted, Work};
use crate::cluster::catalog::Segment;
use crate::cluster::content::ContentId;
use crate::cluster::recovery_status::RememberedAttempt;
use crate::greenplum::tool_output::ToolFailure;
use crate::recovery::expansion::machine::Expansion;
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::new_mirrors::together;
use crate::recovery::obstacle::Obstacle;
use crate::recovery::roles::attempts::RebalanceAttempts;
use crate::recovery::roles::machine::{Move, Roles};
use crate::recovery::segments::accepted::Accepted;
use crate::recovery::segments::attempts::Attempts;
use crate::recovery::segments::judgement::Judgement;
use crate::recovery::segments::method::{Method, Run, Target};
use std::collections::BTreeMap;

/// All of it.
#[derive(Clone, Debug)]
pub struct Recovery {
    pub(in crate::recovery) policy: Policy,
    pub(in crate::recovery) attempts: Attempts,
    pub(in crate::recovery) accepted: Accepted,
    /// Attempts of an earlier agent that had not ended: until when the catalog may still show that they helped.
    pub(in crate::recovery) inherited: Option<Option<u64>>,
    pub(in crate::recovery) roles: Roles,
    pub(in crate::recovery) expansion: Expansion,
    pub(in crate::recovery) in_charge_since: Option<u64>,
    pub(in crate::recovery) rows: (Vec<Segment>, u64),
    pub(in crate::recovery) down_since: BTreeMap<ContentId, u64>,
    pub(in crate::recovery) steady_since: BTreeMap<ContentId, u64>,
    pub(in crate::recovery) coming_back: ComingBack,
    pub(in crate::recovery) in_question: InQuestion,
    /// The tool knows differential recovery, and not of single targets.
    pub(in crate::recovery) refuses_differential: bool,
    /// Servers of the last run that were not up when it was judged, and still replayed: what the run's failure was, in words.
    pub(in crate::recovery) late: BTreeMap<ContentId, Late>,
    /// When FTS has looked; unknown again once a tool has ended.
    pub(in crate::recovery) probed: Option<u64>,
    pub(in crate::recovery) asked_to_probe: Option<u64>,
    pub(in crate::recovery) wish: Option<Wanted>,
    pub(in crate::recovery) work: Option<Work>,
    pub(in crate::recovery) hindrance: Option<Obstacle>,
    pub(in crate::recovery) seen: Vec<SeenContent>,
    pub(in crate::recovery) last: Option<Ended>,
    pub(in crate::recovery) counts: RecoveryCounts,
}

impl Recovery {
    /// With what was tried before ([`Attempts::recalled`], [`RebalanceAttempts::recalled`]).
    pub fn new(attempts: Attempts, rebalances: RebalanceAttempts, now: u64) -> Recovery {
        let inherited = attempts.under_way().next().is_some().then_some(None);
        Recovery {
            policy: Policy::default(),
            accepted: Accepted::default(),
            attempts,
            inherited,
            roles: Roles::new(rebalances, now),
            expansion: Expansion::default(),
            in_charge_since: None,
            rows: (Vec::new(), now),
            down_since: BTreeMap::new(),
            steady_since: BTreeMap::new(),
            coming_back: ComingBack::default(),
            in_question: InQuestion::default(),
            refuses_differential: false,
            late: BTreeMap::new(),
            probed: None,
            asked_to_probe: None,
            wish: None,
            work: None,
            hindrance: None,
            seen: Vec::new(),
            last: None,
            counts: RecoveryCounts::default(),
        }
    }

    /// To be written down before a run begins and whenever one has ended.
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// What the coordinator in charge says that it tried: this pod may have to go on from there.
    pub fn learn(&mut self, told: &[RememberedAttempt]) {
        self.attempts.learn(told);
        if self.attempts.under_way().next().is_some() {
            self.inherited = Some(None);
        }
    }

    /// What is to be done, now that this is known.
    pub fn look(&mut self, policy: Policy, evidence: &Evidence, now: u64) -> Step {
        self.policy = policy;
        self.note(evidence, now);
        if let Some(why) = self.has_to_end(evidence, now) {
            return Step::End(why);
        }
        self.settle_inherited(evidence, now);
        self.settle_late(evidence, now);
        self.settle(evidence, now);
        self.settle_expansion(evidence, now);
        self.forget_failures(evidence);
        self.roles.settle(evidence, now);
        let judged = evidence.down.iter().map(|pair| self.judge(pair, evidence, now));
        self.seen = judged.collect();
        self.hindrance = self.hindrance_of(evidence, now);
        if let Some(step) = self.give_up(now) {
            return step;
        }
        // What has just come up is in the way of the next run, and not of finding out what became of the last one.
        if self.under_way() == Some(true) && evidence.circumstances.not_in_charge.is_none() {
            return self.probe(now);
        }
        if let Some(obstacle) = &self.hindrance {
            let why = obstacle.why.clone();
            return self.call_off(&why, now);
        }
        if self.under_way().is_some() {
            return Step::Rest;
        }
        let of_roles = self.judge_roles(evidence, now);
        // What is announced is called off first; then segments go before roles.
        match of_roles {
            Move::CallOff(why) => Step::CallOff(why),
            of_roles => match self.next(now) {
                Step::Rest => match self.rebalance(of_roles, now) {
                    Step::Rest => self.expand(evidence, now),
                    step => step,
                },
                step => step,
            },
        }
    }

    /// Whether a run of the tool goes on; whether the tool has ended, and FTS has to look.
    pub(in crate::recovery) fn under_way(&self) -> Option<bool> {
        let segments = self.work.as_ref().map(|work| work.ended.is_some());
        segments.or(self.roles.under_way()).or(self.expansion.under_way())
    }

    /// The tool has ended; with a failure where it says so.
    pub fn ended(&mut self, failure: Option<ToolFailure>, now: u64) {
        self.probed = None;
        let verdict = failure.as_ref().map(|failure| &failure.verdict);
        let differential = |work: &Work| work.run.method == Method::Differential;
        if verdict.is_some_and(|verdict| verdict.refuses_differential) && self.work.as_ref().is_some_and(differential) {
            self.refuses_differential = true;
            return self.not_begun();
        }
        if verdict.is_some_and(|verdict| verdict.locked_out) {
            // It comes back to this once FTS has looked again.
            self.asked_to_probe = Some(now);
            return self.not_begun();
        }
        self.asked_to_probe = None;
        match &mut self.work {
            Some(work) => work.ended = Some((now, failure)),
            None if self.expansion.under_way().is_some() => {
                self.expansion_ended(failure.map(|failure| failure.why), now);
            }
            None => self.roles.ended(failure.map(|failure| failure.why), now),
        }
    }

    /// Nothing was run: the attempts could not be written down, or the tool refused to begin.
    pub fn not_begun(&mut self) {
        self.roles.not_begun();
        self.expansion_not_begun();
        let Some(work) = self.work.take() else { return };
        for target in &work.run.targets {
            self.attempts.take_back(target.row.content);
        }
    }

    fn next(&mut self, now: u64) -> Step {
        let mut ready: Vec<(Method, Target)> = Vec::new();
        let mut probe = false;
        for seen in &self.seen {
            match &seen.judgement {
                Judgement::Probe => probe = true,
                Judgement::Recover {
                    target,
                    method,
                    not_before,
                } if *not_before <= now && self.may(target) => ready.push((*method, target.clone())),
                _ => {}
            }
        }
        let unlisted = self.seen.iter().filter(|seen| !seen.pair.listed).count();
        together::all_or_none(&mut ready, unlisted);
        // The gentlest first, one way in a run.
        let Some(method) = ready.iter().map(|(method, _)| *method).min() else {
            return if probe { self.probe(now) } else { Step::Rest };
        };
        if !self.has_probed(now) {
            return self.probe(now);
        }
        let of_method = ready.into_iter().filter(|(way, _)| *way == method);
        let run = Run {
            method,
            targets: self.together(method, of_method.map(|(_, target)| target).collect(), now),
        };
        for target in &run.targets {
            self.attempts.begin(target.row.content, method.remembered(), now);
            if method == Method::Full {
                self.accepted.forget(&target.pod);
            }
        }
        if let Some(wish) = &mut self.wish {
            let asked = |seen: &&SeenContent| run.has(seen.pair.row.content) && wish.names(&seen.pair);
            self.seen
                .iter()
                .filter(asked)
                .for_each(|seen| self.accepted.take(&seen.pair));
            wish.pods
                .retain(|pod| run.targets.iter().all(|target| target.pod != *pod));
        }
        self.wish = self.wish.take().filter(|wish| !wish.pods.is_empty());
        self.work = Some(Work {
            run: run.clone(),
            began: now,
            ended: None,
            recovered: Vec::new(),
        });
        Step::Run(run)
    }

    /// The tool does all of a run or none where it cannot reach one of them: who was in such a run goes alone, after the others.
    fn together(&self, method: Method, targets: Vec<Target>, now: u64) -> Vec<Target> {
        let alone = |target: &Target| self.attempts.goes_alone(target.row.content, now);
        let (alone, mut joint): (Vec<Target>, Vec<Target>) = targets.into_iter().partition(alone);
        match method {
            Method::Add => joint.extend(alone),
            _ if joint.is_empty() => joint.extend(alone.into_iter().next()),
            _ => {}
        }
        joint
    }

    /// Without being asked for, only where the configuration says so.
    fn may(&self, target: &Target) -> bool {
        let asked = |wish: &Wanted| wish.pods.contains(&target.pod);
        self.policy.auto || self.wish.as_ref().is_some_and(asked)
    }
}
