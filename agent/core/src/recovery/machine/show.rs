//! The machine's state as a part of the status.

use super::model::{Ended, SeenContent, Work};
use super::steps::Recovery;
use crate::cluster::automation::Automation;
use crate::cluster::recovery_status::{
    DownSegment, LastRecovery, RecoveryActivity, RecoveryCounts, RecoveryStatus, RecoveryWork,
};
use crate::recovery::segments::judgement::Judgement;

impl Recovery {
    /// What is shown of it.
    pub fn status(&self, now: u64) -> RecoveryStatus {
        let counts = &self.counts;
        RecoveryStatus {
            segments: Automation::of(self.policy.auto),
            waits: self.hindrance.as_ref().map(|obstacle| obstacle.why.clone()),
            activity: self.work.as_ref().map(activity),
            down: self.seen.iter().map(|seen| self.down(seen, now)).collect(),
            last: self.last.as_ref().map(last),
            memory: self.attempts.told(),
            roles: self.roles.status(self.policy.roles, self.hindrance.as_ref()),
            expansion: self
                .expansion
                .status(self.policy.redistribute, self.hindrance.as_ref(), now),
            counts: RecoveryCounts {
                recovered: counts.recovered,
                failed: counts.failed,
                seconds: counts.seconds,
            },
        }
    }

    fn down(&self, seen: &SeenContent, now: u64) -> DownSegment {
        let content = seen.pair.row.content;
        let shown = DownSegment {
            pod: seen
                .pair
                .target
                .pod
                .clone()
                .unwrap_or_else(|| seen.pair.row.address.clone()),
            content,
            since: seen.since,
            unlisted: !seen.pair.listed,
            failures: self.attempts.failures(content, now),
            ..DownSegment::default()
        };
        if self.work.as_ref().is_some_and(|work| work.run.has(content)) {
            return shown;
        }
        match &seen.judgement {
            Judgement::Not(obstacle) => DownSegment {
                obstacle: Some(obstacle.why.clone()),
                remedy: obstacle.remedy.clone(),
                ..shown
            },
            Judgement::Probe => DownSegment {
                next: Some(RecoveryWork::Probe),
                ..shown
            },
            Judgement::Recover { method, not_before, .. } => DownSegment {
                next: Some((*method).into()),
                not_before: Some(*not_before).filter(|at| *at > now),
                remedy: (!self.policy.auto)
                    .then(|| format!("gp-agent recover {} in the active coordinator's pod", shown.pod)),
                ..shown
            },
        }
    }
}

fn activity(work: &Work) -> RecoveryActivity {
    RecoveryActivity {
        method: work.run.method.into(),
        pods: work.run.targets.iter().map(|target| target.pod.clone()).collect(),
        since: work.began,
        judging: work.ended.is_some(),
    }
}

fn last(ended: &Ended) -> LastRecovery {
    LastRecovery {
        at: ended.at,
        method: ended.run.method.into(),
        seconds: ended.at.saturating_sub(ended.began),
        recovered: ended.recovered.clone(),
        failed: ended.failed.iter().map(|(pod, _)| pod.clone()).collect(),
        why: ended.failed.first().map(|(_, why)| why.clone()),
    }
}
