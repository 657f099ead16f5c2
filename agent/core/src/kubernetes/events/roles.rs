//! What of changing roles back is worth an Event.

use super::notice::{Kind, Notice};
use crate::cluster::content::ContentId;
use crate::cluster::roles_status::{LastRebalance, RolesStatus};
use crate::log::utc;

/// Sees what is new from one status to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct RolesWatcher {
    announced: Option<u64>,
    /// When the run began that was told last.
    begun: Option<u64>,
    /// The last run that is over; none before the first status.
    last: Option<Option<LastRebalance>>,
}

impl RolesWatcher {
    pub(super) fn look(&mut self, status: &RolesStatus) -> Vec<Notice> {
        let mut notices = Vec::new();
        notices.extend(self.new_announcement(status));
        if let Some(activity) = &status.activity
            && self.begun.replace(activity.since) != Some(activity.since)
        {
            let message = format!("roles are put back: {}", contents(&activity.contents));
            notices.push(Notice::new(Kind::Normal, "RebalanceStarted", message));
        }
        let before = self.last.replace(status.last.clone());
        if let Some(last) = &status.last
            && before.is_some_and(|before| before.as_ref() != Some(last))
        {
            notices.push(over(last));
        }
        notices
    }

    fn new_announcement(&mut self, status: &RolesStatus) -> Option<Notice> {
        let before = std::mem::replace(&mut self.announced, status.announced);
        match (before, status.announced) {
            (before, Some(at)) if before != Some(at) => {
                let out: Vec<ContentId> = status.swapped.iter().map(|swapped| swapped.content).collect();
                let message = format!(
                    "roles are to be put back at {}: sessions that use {} are cancelled",
                    utc::from_unix(at),
                    contents(&out)
                );
                Some(Notice::new(Kind::Normal, "RebalanceAnnounced", message))
            }
            (Some(_), None) if status.activity.is_none() => {
                let why = status.waits.as_deref().unwrap_or("nobody is out of place");
                let message = format!("roles are not put back now: {why}");
                Some(Notice::new(Kind::Normal, "RebalanceCalledOff", message))
            }
            _ => None,
        }
    }
}

fn contents(list: &[ContentId]) -> String {
    let numbers: Vec<String> = list.iter().map(ContentId::to_string).collect();
    let word = if list.len() == 1 { "content" } else { "contents" };
    format!("{word} {}", numbers.join(", "))
}

fn over(last: &LastRebalance) -> Notice {
    let took = last
        .seconds
        .map_or(String::new(), |seconds| format!(" after {seconds} s"));
    match &last.why {
        None => Notice::new(Kind::Normal, "Rebalanced", format!("roles are put back{took}")),
        Some(why) => Notice::new(
            Kind::Warning,
            "RebalanceFailed",
            format!("roles were not put back{took}: {why}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::roles_status::{RebalanceActivity, SwappedContent};

    #[test]
    fn a_run_is_told_before_it_begins_and_until_it_is_over() {
        let mut watcher = RolesWatcher::default();
        let mut told = Vec::new();
        let mut look = |status: &RolesStatus| {
            let notices = watcher.look(status);
            told.extend(notices.iter().map(|n| format!("{}: {}", n.reason, n.message)));
        };
        let mut status = RolesStatus {
            last: Some(LastRebalance {
                at: 5,
                rebalanced: true,
                ..LastRebalance::default()
            }),
            ..RolesStatus::default()
        };
        look(&status);
        status.swapped = vec![SwappedContent {
            content: ContentId::new(1),
            pod: "segment-b-1".into(),
            since: 7,
        }];
        look(&status);
        status.announced = Some(1_700_000_000);
        look(&status);
        look(&status);
        status.announced = None;
        status.waits = Some("a backup is at work".into());
        look(&status);
        status.announced = Some(1_700_000_900);
        look(&status);
        status.announced = None;
        status.activity = Some(RebalanceActivity {
            contents: vec![ContentId::new(1)],
            since: 1_700_000_903,
            judging: false,
        });
        look(&status);
        status.activity = None;
        status.last = Some(LastRebalance {
            at: 1_700_000_903,
            seconds: Some(14),
            rebalanced: true,
            why: None,
        });
        look(&status);
        status.last = Some(LastRebalance {
            at: 1_700_030_000,
            seconds: None,
            rebalanced: false,
            why: Some("it was broken off".into()),
        });
        look(&status);
        insta::assert_snapshot!(told.join("\n"), @"
        RebalanceAnnounced: roles are to be put back at 2023-11-14T22:13:20Z: sessions that use content 1 are cancelled
        RebalanceCalledOff: roles are not put back now: a backup is at work
        RebalanceAnnounced: roles are to be put back at 2023-11-14T22:28:20Z: sessions that use content 1 are cancelled
        RebalanceStarted: roles are put back: content 1
        Rebalanced: roles are put back after 14 s
        RebalanceFailed: roles were not put back: it was broken off
        ");
    }
}
