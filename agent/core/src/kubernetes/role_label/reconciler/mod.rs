//! When the API server is told or asked. Times are counted from any fixed moment.

use super::desired_role::DesiredRole;
use crate::cluster::topology::Role;

use crate::kubernetes::api_error::ApiError;
use crate::process::retry::{doubling, jittered};
use std::time::Duration;

/// The settings; [`LabelIntervals::default`] is meant for clusters, tests make it quicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelIntervals {
    /// Pause between two looks at a label that is as it should be.
    pub look_again: Duration,
    /// The same after trouble: a change that had timed out may still have been made later.
    pub look_after_trouble: Duration,
    /// Pause after the first failure; doubles with each one in a row.
    pub first_retry: Duration,
    /// Longest pause between two tries while the API server does not answer.
    pub longest_retry: Duration,
    /// Pause between two tries when a person has to mend something first.
    pub lasting_retry: Duration,
    /// How often in a row the label may be set without pause, and the pause that brings back one of these.
    pub sets: (u32, Duration),
}

/// Refusals in a row after which a person has to mend something. The first ones may be an answer of the moment: a token that
/// is being renewed, an API server that has not yet read its Roles.
const LASTS_AFTER: u32 = 3;

impl Default for LabelIntervals {
    fn default() -> Self {
        let s = Duration::from_secs;
        LabelIntervals {
            look_again: s(300),
            look_after_trouble: s(15),
            first_retry: Duration::from_millis(200),
            longest_retry: s(30),
            lasting_retry: s(60),
            sets: (5, s(20)),
        }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Tell the API server: this role, or no label.
    Set(Option<Role>),
    /// Ask the API server how the label is.
    Look,
    /// Nothing for that long; without a time, until something else is wanted.
    Wait(Option<Duration>),
}

/// What is known of the label, and what has been tried.
#[derive(Clone, Debug)]
pub struct Reconciler {
    pace: LabelIntervals,
    /// `None` while it is not known; an empty label is `Some(None)`.
    known: Option<Option<String>>,
    look_at: Duration,
    retry_at: Duration,
    failures: u32,
    /// Refusals among them, the last ones.
    denials: u32,
    lasting: bool,
    replaced: bool,
    /// What was wanted at the last look.
    wanted: DesiredRole,
    /// When all sets will be available again.
    sets_full_at: Duration,
}

impl Reconciler {
    /// Nothing is known yet.
    pub fn new(pace: LabelIntervals) -> Reconciler {
        Reconciler {
            pace,
            known: None,
            look_at: Duration::ZERO,
            retry_at: Duration::ZERO,
            failures: 0,
            denials: 0,
            lasting: false,
            replaced: false,
            wanted: DesiredRole::Undecided,
            sets_full_at: Duration::ZERO,
        }
    }

    /// What is due at `now`.
    pub fn next(&mut self, wanted: DesiredRole, now: Duration) -> Step {
        // A label that has become wrong does not wait for the end of a pause, nor does one that may be set now: what was
        // refused before may be a matter of the past.
        if self.wanted != wanted && wanted != DesiredRole::Undecided {
            self.retry_at = Duration::ZERO;
        }
        self.wanted = wanted;
        let role = match wanted {
            DesiredRole::Undecided => return Step::Wait(None),
            _ if self.replaced => return Step::Wait(None),
            DesiredRole::Nothing => None,
            DesiredRole::Role(role) => Some(role),
        };
        if now < self.retry_at {
            return Step::Wait(Some(self.retry_at.saturating_sub(now)));
        }
        let value = role.map(|role| role.to_string());
        match &self.known {
            Some(known) if *known == value => match self.look_at.checked_sub(now) {
                Some(wait) if !wait.is_zero() => Step::Wait(Some(wait)),
                _ => Step::Look,
            },
            known => match self.until_set_allowed(now).filter(|_| role.is_some()) {
                None => Step::Set(role),
                // Better no label for a while than a wrong one.
                Some(_) if *known != Some(None) => Step::Set(None),
                Some(wait) => Step::Wait(Some(wait)),
            },
        }
    }

    /// A bucket of [`LabelIntervals::sets`]: full, it holds that many; each takes its pause to come back.
    fn until_set_allowed(&self, now: Duration) -> Option<Duration> {
        let (burst, each) = self.pace.sets;
        let room = each.saturating_mul(burst.saturating_sub(1));
        let wait = self.sets_full_at.saturating_sub(now).saturating_sub(room);
        (!wait.is_zero()).then_some(wait)
    }

    /// Forgets pauses after failures: the label has to be right now.
    pub fn hurry(&mut self) {
        self.retry_at = Duration::ZERO;
    }

    /// The API server answered how the label is now. `chance` (0 to 1) spreads the looks of many pods.
    pub fn learnt(&mut self, step: Step, label: Option<String>, now: Duration, chance: f64) {
        let pause = if self.failures > 0 {
            self.pace.look_after_trouble
        } else {
            self.pace.look_again
        };
        self.spend(step, now);
        self.known = Some(label);
        self.look_at = now + jittered(pause, chance);
        (self.failures, self.denials, self.lasting) = (0, 0, false);
        self.retry_at = Duration::ZERO;
    }

    /// The API server did not do it.
    pub fn failed(&mut self, step: Step, trouble: &ApiError, now: Duration, chance: f64) {
        if !trouble.lasts() {
            self.spend(step, now);
        }
        self.failures = self.failures.saturating_add(1);
        let denials = if trouble.lasts() {
            self.denials.saturating_add(1)
        } else {
            0
        };
        self.denials = denials;
        self.lasting = denials >= LASTS_AFTER || *trouble == ApiError::Replaced;
        self.replaced = *trouble == ApiError::Replaced;
        let pause = if self.lasting {
            self.pace.lasting_retry
        } else {
            doubling(self.pace.first_retry, self.failures, self.pace.longest_retry)
        };
        self.retry_at = now + jittered(pause, chance);
        // It may have been done all the same.
        if matches!(step, Step::Set(_)) && !self.lasting {
            self.known = None;
        }
    }

    fn spend(&mut self, step: Step, now: Duration) {
        if let Step::Set(Some(_)) = step {
            self.sets_full_at = self.sets_full_at.max(now) + self.pace.sets.1;
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the last failures are such that a person has to do something first.
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// Whether the label is surely absent, or nothing can be done about it soon.
    pub fn is_gone_or_out_of_reach(&self) -> bool {
        self.known == Some(None) || self.lasting
    }
}

#[cfg(test)]
mod tests;
