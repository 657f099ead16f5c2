//! A shutdown as init sees it.

use super::exit_code::Outcome;
use super::process_tree::Leftovers;
use crate::sys::process::Ended;
use gp_agent_core::process::shutdown_schedule::{ShutdownPlan, ShutdownSchedule, ShutdownStage};
use std::time::{Duration, Instant};

/// While init stops what is left, it looks that often for processes that have come meanwhile.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Shutdown {
    pub since: Instant,
    /// When the agent ended, and how; without a how, it did not run when the shutdown began.
    pub agent_ended: Option<(Duration, Option<Ended>)>,
    pub left: Leftovers,
    pub stage: ShutdownStage,
    pub looked: Option<Instant>,
}

impl Shutdown {
    pub(super) fn plan(&self, grace: Duration) -> ShutdownPlan {
        ShutdownSchedule::new(grace).plan(self.agent_ended.map(|(at, _)| at))
    }

    pub(super) fn looks_again(&self) -> Option<Instant> {
        self.looked?.checked_add(LOOK_AGAIN)
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.agent_ended.and_then(|(_, ended)| ended) {
            _ if self.left.killed_database => Outcome::DatabaseKilled,
            _ if self.left.killed => Outcome::Killed,
            _ if self.left.quit => Outcome::Immediate,
            None | Some(Ended::Exited(0)) => Outcome::Drained,
            Some(ended) => Outcome::AgentFailed(ended),
        }
    }
}
