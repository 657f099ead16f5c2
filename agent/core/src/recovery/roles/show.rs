//! The state of it as a part of the status.

use super::machine::{Roles, Work};
use super::when::When;
use crate::cluster::roles_status::{
    LastRebalance, RebalanceActivity, RebalanceCounts, RebalanceTime, RolesStatus, SwappedContent,
};
use crate::recovery::obstacle::Obstacle;
use crate::recovery::segments::attempts::AttemptOutcome;

impl Roles {
    /// What is shown of it. `hindrance`: why recovery does nothing at all now.
    pub(in crate::recovery) fn status(&self, when: When, hindrance: Option<&Obstacle>) -> RolesStatus {
        let when = match when {
            When::Manual => RebalanceTime::Manual,
            When::Window(_) => RebalanceTime::Window,
            When::Idle => RebalanceTime::Idle,
        };
        let own = self.waits.as_ref();
        let obstacle = hindrance.or(own.map(|wait| &wait.obstacle));
        let obstacle = obstacle.filter(|_| !self.swapped.is_empty() && self.work.is_none());
        let counts = &self.counts;
        RolesStatus {
            when,
            swapped: self.swapped().collect(),
            waits: obstacle.map(|obstacle| obstacle.why.clone()),
            remedy: obstacle.and_then(|obstacle| obstacle.remedy.clone()),
            not_before: own.filter(|_| hindrance.is_none()).and_then(|wait| wait.not_before),
            announced: self.notice,
            activity: self.work.as_ref().map(activity),
            last: self.last(),
            memory: self.attempts.told(),
            counts: RebalanceCounts {
                rebalanced: counts.rebalanced,
                failed: counts.failed,
                seconds: counts.seconds,
            },
        }
    }

    fn swapped(&self) -> impl Iterator<Item = SwappedContent> {
        self.swapped.iter().map(|swap| SwappedContent {
            content: swap.content,
            pod: swap
                .acting
                .pod
                .clone()
                .unwrap_or_else(|| "a server that is no pod".into()),
            since: self.since.get(&swap.content).copied().unwrap_or_default(),
        })
    }

    fn last(&self) -> Option<LastRebalance> {
        let last = self.attempts.last_ended()?;
        Some(LastRebalance {
            at: last.at,
            seconds: self.took.filter(|(at, _)| *at == last.at).map(|(_, seconds)| seconds),
            rebalanced: last.outcome == AttemptOutcome::Recovered,
            why: match &last.outcome {
                AttemptOutcome::Failed(why) => Some(why.clone()),
                AttemptOutcome::BrokenOff => Some("it was broken off".into()),
                AttemptOutcome::Recovered | AttemptOutcome::UnderWay => None,
            },
        })
    }
}

fn activity(work: &Work) -> RebalanceActivity {
    RebalanceActivity {
        contents: work.contents.clone(),
        since: work.began,
        judging: work.ended.is_some(),
    }
}
