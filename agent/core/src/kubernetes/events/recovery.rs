//! What of the recovery of segments is worth an Event.

use super::expansion::ExpansionWatcher;
use super::notice::{Kind, Notice};
use super::roles::RolesWatcher;
use crate::cluster::recovery_status::{LastRecovery, RecoveryStatus, RecoveryWork};

/// Sees what is new from one status to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct RecoveryWatcher {
    /// When the run began that was told last.
    begun: Option<u64>,
    /// The last run that is over; none before the first status.
    last: Option<Option<LastRecovery>>,
    roles: RolesWatcher,
    expansion: ExpansionWatcher,
}

impl RecoveryWatcher {
    /// What is to be told. Segments that wait for a person are findings, and told as such.
    pub(super) fn look(&mut self, status: Option<&RecoveryStatus>) -> Vec<Notice> {
        let Some(status) = status else {
            return Vec::new();
        };
        let mut notices = Vec::new();
        if let Some(activity) = &status.activity
            && self.begun.replace(activity.since) != Some(activity.since)
        {
            let pods = activity.pods.join(", ");
            let message = match &activity.method {
                RecoveryWork::Add => format!("{pods}: made as the first mirrors by gpaddmirrors, which begins"),
                method => format!("{pods}: {method} recovery begins"),
            };
            notices.push(Notice::new(Kind::Normal, "RecoveryStarted", message));
        }
        let before = self.last.replace(status.last.clone());
        if let Some(last) = status
            .last
            .as_ref()
            .filter(|last| before != Some(Some((*last).clone())))
        {
            notices.extend(over(last));
        }
        notices.extend(self.roles.look(&status.roles));
        notices.extend(self.expansion.look(&status.expansion));
        notices
    }
}

fn over(last: &LastRecovery) -> Vec<Notice> {
    let LastRecovery { method, seconds, .. } = last;
    let mut notices = Vec::new();
    if !last.recovered.is_empty() {
        let pods = last.recovered.join(", ");
        let message = match method {
            RecoveryWork::Add => format!("{pods}: mirrors after {seconds} s of gpaddmirrors"),
            method => format!("{pods}: back after {method} recovery of {seconds} s"),
        };
        notices.push(Notice::new(Kind::Normal, "Recovered", message));
    }
    if let Some(why) = &last.why {
        let pods = last.failed.join(", ");
        let message = match method {
            RecoveryWork::Add => format!("{pods}: gpaddmirrors made no mirrors that are up: {why}"),
            method => format!("{pods}: {method} recovery did not help: {why}"),
        };
        notices.push(Notice::new(Kind::Warning, "RecoveryFailed", message));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::recovery_status::RecoveryActivity;

    #[test]
    fn a_run_is_told_when_it_begins_and_when_it_is_over() {
        let mut watcher = RecoveryWatcher::default();
        let mut status = RecoveryStatus::default();
        let mut told = |status: &RecoveryStatus| {
            let notices = watcher.look(Some(status));
            let lines: Vec<String> = notices.iter().map(|n| format!("{}: {}", n.reason, n.message)).collect();
            lines.join("\n")
        };
        assert_eq!(told(&status), "");
        status.activity = Some(RecoveryActivity {
            method: "incremental".into(),
            pods: vec!["segment-a-0".into(), "segment-b-1".into()],
            since: 7,
            judging: false,
        });
        assert_eq!(
            told(&status),
            "RecoveryStarted: segment-a-0, segment-b-1: incremental recovery begins"
        );
        assert_eq!(told(&status), "");
        status.activity = None;
        status.last = Some(LastRecovery {
            at: 20,
            method: "incremental".into(),
            seconds: 13,
            recovered: vec!["segment-a-0".into()],
            failed: vec!["segment-b-1".into()],
            why: Some("no common ancestor".into()),
        });
        insta::assert_snapshot!(told(&status), @"
        Recovered: segment-a-0: back after incremental recovery of 13 s
        RecoveryFailed: segment-b-1: incremental recovery did not help: no common ancestor
        ");
        assert_eq!(told(&status), "");
        status.activity = Some(RecoveryActivity {
            method: RecoveryWork::Add,
            pods: vec!["segment-b-0".into()],
            since: 30,
            judging: false,
        });
        status.last = Some(LastRecovery {
            at: 60,
            method: RecoveryWork::Add,
            seconds: 30,
            recovered: vec!["segment-b-0".into()],
            failed: vec!["segment-b-1".into()],
            why: Some("no room".into()),
        });
        insta::assert_snapshot!(told(&status), @"
        RecoveryStarted: segment-b-0: made as the first mirrors by gpaddmirrors, which begins
        Recovered: segment-b-0: mirrors after 30 s of gpaddmirrors
        RecoveryFailed: segment-b-1: gpaddmirrors made no mirrors that are up: no room
        ");
    }
}
