//! The shutdown schedule: who stops what, how long after SIGTERM.
//!
//! The grace period ends with a SIGKILL from outside for everything (Kubernetes:
//! terminationGracePeriodSeconds; Docker: `stop --time`), so each stage is counted back from its end. The distance is a
//! share of the grace period, but for a long one no more than is of use, so that a fast shutdown gets nearly all of it:
//!
//! | stage             | before the end | at most | of 2 s | of 30 s | of 1 h    | what happens                        |
//! |------------------|----------------|---------|--------|---------|-----------|-------------------------------------|
//! | `fast`           | all            |         | 0      | 0       | 0         | agent: SIGINT to the postmaster     |
//! | `immediate`      | 30 %           | 10 s    | 1.4 s  | 21 s    | 59:50     | agent: SIGQUIT to the postmaster    |
//! | `takeover`       | 15 %           | 8 s     | 1.7 s  | 25.5 s  | 59:52     | init: SIGINT, SIGTERM to the others |
//! | `init_quit`      | 12 %           | 7 s     | 1.76 s | 26.4 s  | 59:53     | init: SIGQUIT to postmasters        |
//! | `init_kill`      | 5 %            | 1.6 s   | 1.9 s  | 28.5 s  | 59:58.4   | init: SIGKILL to all that is left   |
//! | `end`            | 2.5 %          | 0.8 s   | 1.95 s | 29.25 s | 59:59.2   | init ends                           |
//!
//! From `init_quit` to `init_kill` are more than 5 s when the grace period allows (60 s): after an immediate shutdown
//! PostgreSQL's postmaster waits 5 s and then kills its children itself (SIGKILL_CHILDREN_AFTER_SECS in postmaster.c).

use std::time::Duration;

/// The stages of one grace period. All times count from the SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownSchedule {
    grace: Duration,
}

/// When init acts on what the agent left, counted from the SIGTERM. Never decreasing from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownPlan {
    /// SIGINT (fast shutdown) to postmasters, SIGTERM to everything else.
    pub fast: Duration,
    /// SIGQUIT (immediate shutdown) to postmasters.
    pub quit: Duration,
    /// SIGKILL to everything.
    pub kill: Duration,
    /// Nothing helped: init ends, and the kernel or the container engine does the rest.
    pub end: Duration,
}

/// How far init has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownStage {
    /// The agent drains; init only watches.
    Watch,
    /// SIGINT to postmasters, SIGTERM to everything else.
    Fast,
    /// SIGQUIT to postmasters.
    Quit,
    /// SIGKILL to everything.
    Kill,
    /// Out of time.
    End,
}

impl ShutdownSchedule {
    /// The schedule of a grace period.
    pub fn new(grace: Duration) -> ShutdownSchedule {
        ShutdownSchedule { grace }
    }

    fn before_end(&self, per_mille: u32, at_most: Duration) -> Duration {
        // Divided first: no overflow, however long the grace period.
        let margin = (self.grace / 1000).saturating_mul(per_mille);
        self.grace.saturating_sub(margin.min(at_most))
    }

    /// How long a server may wait for another pod's to stop first: a quarter of the grace period, at most 15 s.
    pub fn wait_for_others(&self) -> Duration {
        (self.grace / 4).min(Duration::from_secs(15))
    }

    /// The agent, which asked for a fast shutdown (SIGINT) at once, asks for an immediate shutdown (SIGQUIT).
    pub fn immediate(&self) -> Duration {
        self.before_end(300, Duration::from_secs(10))
    }

    /// init stops waiting for the agent and asks for what the agent should have asked for.
    pub(crate) fn takeover(&self) -> Duration {
        self.before_end(150, Duration::from_secs(8))
    }

    /// init asks for an immediate shutdown.
    pub(crate) fn init_quit(&self) -> Duration {
        self.before_end(120, Duration::from_secs(7))
    }

    /// init kills what is left.
    pub fn init_kill(&self) -> Duration {
        self.before_end(50, Duration::from_millis(1600))
    }

    /// init ends, whatever is left.
    pub(crate) fn end(&self) -> Duration {
        self.before_end(25, Duration::from_millis(800))
    }

    /// What init does, given when the agent ended (`None` while it still runs).
    ///
    /// Without an agent init advances through the agent's stages, beginning at once; a fast shutdown always gets at least as long
    /// as between `takeover` and `init_quit`.
    pub fn plan(&self, agent_ended: Option<Duration>) -> ShutdownPlan {
        let takeover = self.takeover();
        let fast = agent_ended.unwrap_or(takeover).min(takeover);
        ShutdownPlan {
            fast,
            quit: self.immediate().max(fast + self.init_quit().saturating_sub(takeover)),
            kill: self.init_kill(),
            end: self.end(),
        }
    }
}

impl ShutdownPlan {
    /// How far to go at that time.
    pub fn stage(&self, at: Duration) -> ShutdownStage {
        match at {
            _ if at >= self.end => ShutdownStage::End,
            _ if at >= self.kill => ShutdownStage::Kill,
            _ if at >= self.quit => ShutdownStage::Quit,
            _ if at >= self.fast => ShutdownStage::Fast,
            _ => ShutdownStage::Watch,
        }
    }

    /// When the stage changes next after that time.
    pub fn next(&self, at: Duration) -> Option<Duration> {
        [self.fast, self.quit, self.kill, self.end]
            .into_iter()
            .find(|stage| *stage > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stages(grace: f64) -> Vec<f64> {
        let schedule = ShutdownSchedule::new(Duration::from_secs_f64(grace));
        [
            Duration::ZERO,
            schedule.immediate(),
            schedule.takeover(),
            schedule.init_quit(),
            schedule.init_kill(),
            schedule.end(),
        ]
        .map(|d| d.as_secs_f64())
        .to_vec()
    }

    #[test]
    fn the_table_above() {
        assert_eq!(stages(2.0), [0.0, 1.4, 1.7, 1.76, 1.9, 1.95]);
        assert_eq!(stages(30.0), [0.0, 21.0, 25.5, 26.4, 28.5, 29.25]);
        let hour = [0.0, 3590.0, 3592.0, 3593.0, 3598.4, 3599.2];
        assert_eq!(stages(3600.0), hour);
    }

    #[test]
    fn from_a_minute_on_a_postmaster_has_time_to_kill_its_children() {
        let schedule = ShutdownSchedule::new(Duration::from_secs(60));
        assert!(schedule.init_kill().saturating_sub(schedule.init_quit()) > Duration::from_secs(5));
    }

    #[test]
    fn without_an_agent_init_begins_at_once_and_quits_when_the_agent_would_have() {
        let schedule = ShutdownSchedule::new(Duration::from_secs(30));
        let plan = schedule.plan(Some(Duration::from_secs(2)));
        assert_eq!(plan.fast, Duration::from_secs(2));
        assert_eq!(plan.quit, schedule.immediate());
        assert_eq!(plan.stage(Duration::from_secs(1)), ShutdownStage::Watch);
        assert_eq!(plan.stage(Duration::from_secs(2)), ShutdownStage::Fast);
        assert_eq!(plan.stage(Duration::from_secs(21)), ShutdownStage::Quit);
        assert_eq!(plan.stage(Duration::from_secs(29)), ShutdownStage::Kill);
        assert_eq!(plan.stage(Duration::from_secs(30)), ShutdownStage::End);
    }

    #[test]
    fn an_agent_that_dies_late_still_leaves_time_for_a_fast_shutdown() {
        let plan = ShutdownSchedule::new(Duration::from_secs(30)).plan(Some(Duration::from_secs(25)));
        assert_eq!(plan.fast, Duration::from_secs(25));
        assert_eq!(plan.quit, Duration::from_millis(25_900));
    }

    #[test]
    fn next_walks_over_all_rungs() {
        use ShutdownStage::*;
        let plan = ShutdownSchedule::new(Duration::from_secs(30)).plan(None);
        let mut at = Duration::ZERO;
        let mut seen = vec![plan.stage(at)];
        while let Some(next) = plan.next(at) {
            at = next;
            seen.push(plan.stage(at));
        }
        assert_eq!(seen, [Watch, Fast, Quit, Kill, End]);
    }

    proptest! {
        #[test]
        fn stages_are_in_order_and_inside_the_grace_period(
            millis in 0u64..1_000_000_000, agent in proptest::option::of(0u64..1_000_000_000)
        ) {
            let schedule = ShutdownSchedule::new(Duration::from_millis(millis));
            let times = stages(schedule.grace.as_secs_f64());
            prop_assert!(times.is_sorted(), "{times:?}");
            prop_assert!(schedule.end() <= schedule.grace);
            let plan = schedule.plan(agent.map(Duration::from_millis));
            let steps = [plan.fast, plan.quit, plan.kill, plan.end];
            prop_assert!(steps.is_sorted(), "{steps:?}");
            if millis >= 1000 {
                prop_assert!(plan.fast < plan.quit && plan.quit < plan.kill && plan.kill < plan.end);
                prop_assert!(plan.end < schedule.grace);
            }
        }
    }

    #[test]
    fn the_longest_grace_does_not_overflow() {
        let schedule = ShutdownSchedule::new(Duration::MAX);
        assert!(schedule.plan(Some(Duration::MAX)).end < Duration::MAX);
    }
}
