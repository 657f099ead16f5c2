//! What somebody asks for.

use super::model::{Policy, SeenContent, Wanted, Wish};
use super::steps::Recovery;
use crate::recovery::facts::evidence::{Evidence, Pair};
use crate::recovery::new_mirrors::together;
use crate::recovery::obstacle::Obstacle;
use crate::recovery::refusal::RecoveryRefusal;
use crate::recovery::segments::accepted::Accepted;
use crate::recovery::segments::judgement::Judgement;

/// What was asked for begins within so long, or not at all: whoever asked has seen the cluster as it was then.
const STAYS_GOOD_SECONDS: u64 = 120;
const BEGINS: &str = "it begins within a few seconds; gp-agent status says how it goes on";

impl Recovery {
    /// With the damage that somebody has accepted before.
    #[must_use]
    pub fn with_accepted(mut self, accepted: Accepted) -> Recovery {
        self.accepted = accepted;
        self
    }

    /// To be written down like [`Recovery::attempts`].
    pub fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// Takes a wish in, with what was known at the last look.
    ///
    /// # Errors
    /// Why it cannot be fulfilled now.
    pub fn ask(&mut self, wish: Wish, evidence: &Evidence, now: u64) -> Result<String, RecoveryRefusal> {
        if self.under_way().is_some() {
            return Err(RecoveryRefusal::RunsAlready);
        }
        if let Some(obstacle) = &self.hindrance {
            return Err(obstacle.clone().into());
        }
        let lacks = |pod: &str| {
            let mut unlisted = evidence.down.iter().filter(|pair| !pair.listed);
            unlisted.any(|pair| pair.target.pod.as_deref() == Some(pod))
        };
        let pod = together::widen(wish.pod, lacks);
        let wanted = |pair: &&Pair| pod.is_none() || pair.target.pod == pod;
        let named = evidence.down.iter().filter(wanted);
        self.wish = Some(Wanted {
            pods: named.clone().filter_map(|pair| pair.target.pod.clone()).collect(),
            full: wish.full,
            at: now,
        });
        let judged: Vec<Judgement> = named.map(|pair| self.judge(pair, evidence, now).judgement).collect();
        let adds = evidence.down.iter().any(|pair| !pair.listed);
        let refusal = match judged.iter().find_map(not_now) {
            Some(obstacle) if adds => obstacle.clone().into(),
            _ if judged.iter().any(|judgement| not_now(judgement).is_none()) => return Ok(BEGINS.into()),
            Some(obstacle) => obstacle.clone().into(),
            None => RecoveryRefusal::NothingDown(pod.clone()),
        };
        self.wish = None;
        Err(refusal)
    }

    /// What was asked for and did not begin in time is not done; why, in words.
    pub(super) fn forget_wish(&mut self, now: u64) -> Option<String> {
        let old = |wish: &mut Wanted| now.saturating_sub(wish.at) > STAYS_GOOD_SECONDS;
        let wish = self.wish.take_if(old)?;
        let of_it = |seen: &&SeenContent| seen.pair.target.pod.as_ref().is_some_and(|pod| wish.pods.contains(pod));
        let obstacle = self.seen.iter().filter(of_it).find_map(|seen| not_now(&seen.judgement));
        let why = match self.hindrance.as_ref().or(obstacle) {
            Some(obstacle) => obstacle.to_string(),
            None if self.under_way().is_some() => "another run goes on".into(),
            None => "FTS could not be asked to look, or nothing is down any more".into(),
        };
        let pods = wish.pods.join(", ");
        Some(format!(
            "{pods}: not begun within {STAYS_GOOD_SECONDS} s: {why}; ask again"
        ))
    }

    /// Takes in that somebody wants roles changed back now; `evidence` is fresh and has its detail.
    ///
    /// # Errors
    /// Why it cannot be done now.
    pub fn ask_rebalance(&mut self, policy: Policy, evidence: &Evidence, now: u64) -> Result<String, RecoveryRefusal> {
        self.may_be_asked(policy, evidence, now)?;
        if let Some(obstacle) = self.expansion.keeps_roles() {
            return Err(obstacle.into());
        }
        let moment = self.moment(now);
        self.roles.ask(evidence, moment)
    }

    /// Whether nothing is in the way of whatever is asked for, by what is known now.
    pub(super) fn may_be_asked(
        &mut self,
        policy: Policy,
        evidence: &Evidence,
        now: u64,
    ) -> Result<(), RecoveryRefusal> {
        if self.under_way().is_some() {
            return Err(RecoveryRefusal::RunsAlready);
        }
        self.policy = policy;
        self.note(evidence, now);
        match self.hindrance_of(evidence, now) {
            Some(obstacle) => Err(obstacle.into()),
            None => Ok(()),
        }
    }
}

fn not_now(judgement: &Judgement) -> Option<&Obstacle> {
    match judgement {
        Judgement::Not(obstacle) => Some(obstacle),
        _ => None,
    }
}
