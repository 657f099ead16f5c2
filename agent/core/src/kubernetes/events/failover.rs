//! What of failover is worth an Event.

use super::notice::{Kind, Notice};
use crate::cluster::failover_status::{FailoverKind, FailoverStatus, LastFailover};

/// Something is told once it has lasted so long: streams break and come back while pods restart.
const LASTS_SECONDS: u64 = 10;

/// Sees what is new about failover from one status to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct FailoverWatcher {
    /// The last change of the holder that was seen; none before the first status.
    last: Option<Option<LastFailover>>,
    /// Why the standby is not in sync, since when, and whether it has been told.
    lost: Option<(String, u64, bool)>,
    /// Why this pod would not take over, since when, and whether it has been told.
    obstacle: Option<(String, u64, bool)>,
}

impl FailoverWatcher {
    /// What is to be told of `status` in the pod of that name. `now` is in Unix seconds.
    pub(super) fn look(&mut self, pod: &str, status: &FailoverStatus, now: u64) -> Vec<Notice> {
        let mut notices: Vec<Notice> = self.new_holder(pod, status).into_iter().collect();
        notices.extend(self.sync(status, now));
        notices.extend(self.obstacle(status, now));
        notices
    }

    /// Told by the pod that the role came to.
    fn new_holder(&mut self, pod: &str, status: &FailoverStatus) -> Option<Notice> {
        let seen = self.last.replace(status.last.clone())?;
        let last = status
            .last
            .as_ref()
            .filter(|last| last.to == pod && seen.as_ref() != Some(last))?;
        let (kind, reason) = match last.kind {
            FailoverKind::Switchover => (Kind::Normal, "SwitchedOver"),
            _ => (Kind::Warning, "FailedOver"),
        };
        let LastFailover {
            from, to, seconds, why, ..
        } = last;
        let message = format!("the coordinator is {to} now, it was {from}: {why}; took {seconds:.1} s");
        Some(Notice::new(kind, reason, message))
    }

    /// Told by the pod with the role; that it is in sync again only after the loss was told.
    fn sync(&mut self, status: &FailoverStatus, now: u64) -> Option<Notice> {
        let lacks = status.not_in_sync.as_ref().filter(|_| status.mine);
        match lacks {
            Some(lacks) => {
                let lost = follow(&mut self.lost, &lacks.why, now)?;
                let message = format!("a loss of this coordinator would wait for a person: {lost}");
                Some(Notice::new(Kind::Warning, "SyncLost", message))
            }
            None => {
                let (_, _, told) = self.lost.take()?;
                let pod = status.in_sync.as_deref().filter(|_| told)?;
                let message = format!("{pod} is in sync again and takes over when this coordinator is lost");
                Some(Notice::new(Kind::Normal, "SyncRestored", message))
            }
        }
    }

    fn obstacle(&mut self, status: &FailoverStatus, now: u64) -> Option<Notice> {
        let Some(obstacle) = status.obstacle.as_ref().filter(|_| !status.mine) else {
            self.obstacle = None;
            return None;
        };
        let why = follow(&mut self.obstacle, obstacle, now)?;
        let message = format!("this pod would not take over from a lost coordinator: {why}");
        Some(Notice::new(Kind::Warning, "FailoverNotPossible", message))
    }
}

/// The reason, once it has lasted and has not been told. Another reason lasts anew; one that was told stays so while any lasts.
fn follow(known: &mut Option<(String, u64, bool)>, why: &str, now: u64) -> Option<String> {
    if known.as_ref().is_none_or(|(old, ..)| old != why) {
        *known = Some((why.to_string(), now, false));
    }
    let (why, since, told) = known.as_mut()?;
    if *told || now.saturating_sub(*since) < LASTS_SECONDS {
        return None;
    }
    *told = true;
    Some(why.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::failover_status::{NotInSync, SyncCause};

    fn lacks(why: &str) -> NotInSync {
        NotInSync {
            cause: SyncCause::Silent,
            why: why.into(),
            since: 0,
        }
    }

    fn holder(not_in_sync: Option<NotInSync>) -> FailoverStatus {
        let in_sync = not_in_sync.is_none().then(|| "coordinator-1".to_string());
        FailoverStatus {
            mine: true,
            in_sync,
            not_in_sync,
            ..FailoverStatus::default()
        }
    }

    fn told(watcher: &mut FailoverWatcher, status: &FailoverStatus, now: u64) -> Vec<String> {
        let notices = watcher.look("coordinator-0", status, now);
        notices
            .iter()
            .map(|n| format!("{} {}: {}", n.kind.as_str(), n.reason, n.message))
            .collect()
    }

    #[test]
    fn a_loss_that_lasts_is_told_and_so_is_its_end() {
        let mut watcher = FailoverWatcher::default();
        let (lost, well) = (holder(Some(lacks("coordinator-1 is silent"))), holder(None));
        let mut all = Vec::new();
        for (status, now) in [
            (&well, 0),
            (&lost, 1),
            (&lost, 9),
            (&well, 10),
            (&lost, 20),
            (&lost, 30),
            (&lost, 60),
        ] {
            all.extend(told(&mut watcher, status, now));
        }
        all.extend(told(&mut watcher, &well, 70));
        all.extend(told(&mut watcher, &well, 71));
        insta::assert_snapshot!(all.join("\n"), @r"
        Warning SyncLost: a loss of this coordinator would wait for a person: coordinator-1 is silent
        Normal SyncRestored: coordinator-1 is in sync again and takes over when this coordinator is lost
        ");
    }

    #[test]
    fn the_pod_that_took_over_tells_and_an_agent_that_starts_does_not() {
        let change = |to: &str, kind, at| FailoverStatus {
            mine: true,
            in_sync: Some("coordinator-1".into()),
            last: Some(LastFailover {
                kind,
                from: "coordinator-1".into(),
                to: to.into(),
                at,
                seconds: 1.25,
                why: "its lease ran out".into(),
                ..LastFailover::default()
            }),
            ..FailoverStatus::default()
        };
        let mut watcher = FailoverWatcher::default();
        let mut all = Vec::new();
        for status in [
            change("coordinator-0", FailoverKind::Failover, 1),
            change("coordinator-0", FailoverKind::Failover, 1),
            change("coordinator-1", FailoverKind::Switchover, 2),
            change("coordinator-0", FailoverKind::Failover, 3),
            change("coordinator-0", FailoverKind::Switchover, 4),
            change("coordinator-0", FailoverKind::Forced, 5),
        ] {
            all.extend(told(&mut watcher, &status, 0));
        }
        insta::assert_snapshot!(all.join("\n"), @r"
        Warning FailedOver: the coordinator is coordinator-0 now, it was coordinator-1: its lease ran out; took 1.2 s
        Normal SwitchedOver: the coordinator is coordinator-0 now, it was coordinator-1: its lease ran out; took 1.2 s
        Warning FailedOver: the coordinator is coordinator-0 now, it was coordinator-1: its lease ran out; took 1.2 s
        ");
    }

    #[test]
    fn an_obstacle_that_lasts_is_told_once_for_each_reason() {
        let standby = |obstacle: Option<&str>| FailoverStatus {
            obstacle: obstacle.map(Into::into),
            ..FailoverStatus::default()
        };
        let mut watcher = FailoverWatcher::default();
        let mut all = Vec::new();
        for (obstacle, now) in [
            (Some("a"), 0),
            (Some("b"), 9),
            (Some("b"), 18),
            (Some("b"), 19),
            (Some("b"), 40),
            (None, 41),
            (Some("b"), 42),
            (Some("b"), 52),
        ] {
            all.extend(told(&mut watcher, &standby(obstacle), now));
        }
        insta::assert_snapshot!(all.join("\n"), @r"
        Warning FailoverNotPossible: this pod would not take over from a lost coordinator: b
        Warning FailoverNotPossible: this pod would not take over from a lost coordinator: b
        ");
    }
}
