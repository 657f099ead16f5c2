//! What one event leads to.

use super::action::{Action, Notice};
use std::time::Duration;

/// What is to be done after one event, and when to look again.
pub(super) struct Turn {
    /// The moment.
    pub(super) now: Duration,
    /// What is to be done.
    pub(super) actions: Vec<Action>,
    /// When something is due that was asked for and is not.
    pub(super) wake: Option<Duration>,
}

impl Turn {
    pub(super) fn new(now: Duration) -> Turn {
        Turn {
            now,
            actions: Vec::new(),
            wake: None,
        }
    }

    pub(super) fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    pub(super) fn tell(&mut self, notice: Notice) {
        self.actions.push(Action::Tell(notice));
    }

    /// Whether `moment` has come; if not, there will be another turn then.
    pub(super) fn reached(&mut self, moment: Duration) -> bool {
        let reached = self.now >= moment;
        if !reached {
            self.wake = Some(self.wake.map_or(moment, |wake| wake.min(moment)));
        }
        reached
    }
}
