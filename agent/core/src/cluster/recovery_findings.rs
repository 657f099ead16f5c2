//! What an administrator should know of segments that do not come back by themselves.

use super::expansion_status::ExpansionStatus;
use super::recovery_status::{DownSegment, RecoveryStatus};
use super::roles_status::{LastRebalance, RebalanceTime, RolesStatus, SwappedContent};
use crate::finding::{Area, Finding, Severity};
use jiff::Timestamp;

/// Those that wait for a person, with what helps. What ends by itself is seen in the status.
pub fn find(status: &RecoveryStatus) -> Vec<Finding> {
    let down = status.down.iter().filter_map(of);
    down.chain(
        status
            .roles
            .swapped
            .iter()
            .map(|swapped| out_of_place(swapped, &status.roles)),
    )
    .chain(expansion(&status.expansion))
    .collect()
}

/// Segments that are not in the catalog yet, or tables that are not on all segments.
fn expansion(status: &ExpansionStatus) -> Option<Finding> {
    if status.activity.is_some() || (status.next.is_none() && status.waits.is_none()) {
        return None;
    }
    let subject = status.new.first().map_or("expansion", String::as_str);
    let mut what = match (&*status.new, &status.progress) {
        ([], Some(progress)) if progress.tables_left > 0 => {
            format!("{} tables are not on all segments yet", progress.tables_left)
        }
        ([], _) => "an expansion of the cluster is not over".to_string(),
        (new, _) => format!("{} to be added to the cluster", list(new)),
    };
    if let Some(why) = &status.waits {
        what.push_str(&format!(": {why}"));
    }
    Some(match &status.remedy {
        Some(remedy) => Finding::warning(Area::Ha, subject, what, remedy),
        None => {
            let when = status
                .not_before
                .map_or(String::new(), |at| format!(", not before {}", utc(at)));
            let remedy = format!("nothing has to be done: gpexpand goes on by itself{when}");
            Finding::info(Area::Ha, subject, what, remedy)
        }
    })
}

fn list(pods: &[String]) -> String {
    let verb = if pods.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", pods.join(", "))
}

/// With what is waited for where it is put back by itself.
fn out_of_place(swapped: &SwappedContent, roles: &RolesStatus) -> Finding {
    let SwappedContent { content, pod, since } = swapped;
    let since = utc(*since);
    let mut what = format!("content {content} is served by {pod}, made as its mirror (seen since {since})");
    if let Some(LastRebalance { at, why: Some(why), .. }) = &roles.last {
        what.push_str(&format!("; the last try, at {}, failed: {why}", utc(*at)));
    }
    if let Some(why) = roles.waits.as_ref().filter(|_| roles.when != RebalanceTime::Manual) {
        what.push_str(&format!("; it is not put back now: {why}"));
    }
    let at_once = "gp-agent rebalance in the active coordinator's pod puts it back at once, and cancels the sessions that use that content";
    match (&roles.when, &roles.remedy) {
        (RebalanceTime::Manual, _) => Finding::warning(Area::Postgres, pod, what, at_once),
        (_, Some(remedy)) => Finding::warning(Area::Postgres, pod, what, remedy),
        (_, None) => {
            let when = roles
                .not_before
                .map_or(String::new(), |at| format!(", not before {}", utc(at)));
            let remedy = format!("nothing has to be done: it is put back by itself{when}; {at_once}");
            Finding::new(Severity::Info, Area::Postgres, pod, what, remedy)
        }
    }
}

fn of(down: &DownSegment) -> Option<Finding> {
    let remedy = down.remedy.as_ref()?;
    let DownSegment { pod, content, .. } = down;
    let why = match &down.obstacle {
        Some(why) => why.clone(),
        None => "recovery.segments is manual".to_string(),
    };
    let what = match down.unlisted {
        true => format!("content {content} has no mirror, and {pod} does not become it by itself: {why}"),
        false => format!("content {content} has no second copy, and {pod} is not brought back by itself: {why}"),
    };
    Some(Finding::error(Area::Ha, pod, what, remedy))
}

/// What lies beyond the last second that jiff knows is shown as that one.
pub(super) fn utc(seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::content::ContentId;
    use crate::cluster::expansion_status::ExpansionProgress;

    #[test]
    fn what_waits_for_a_person_is_told_with_what_helps() {
        let down = |obstacle: Option<&str>, remedy: Option<&str>| DownSegment {
            pod: "segment-b-0".into(),
            obstacle: obstacle.map(String::from),
            remedy: remedy.map(String::from),
            ..DownSegment::default()
        };
        let status = RecoveryStatus {
            down: vec![
                down(Some("the agent of segment-b-0 does not answer"), None),
                down(
                    Some("segment-b-0 is held: disk"),
                    Some("gp-agent resume in segment-b-0"),
                ),
                down(None, Some("gp-agent recover segment-b-0")),
                DownSegment {
                    unlisted: true,
                    ..down(None, Some("gp-agent recover segment-b-0"))
                },
            ],
            ..RecoveryStatus::default()
        };
        let told: Vec<String> = find(&status).iter().map(Finding::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        error ha segment-b-0: content 0 has no second copy, and segment-b-0 is not brought back by itself: segment-b-0 is held: disk; gp-agent resume in segment-b-0
        error ha segment-b-0: content 0 has no second copy, and segment-b-0 is not brought back by itself: recovery.segments is manual; gp-agent recover segment-b-0
        error ha segment-b-0: content 0 has no mirror, and segment-b-0 does not become it by itself: recovery.segments is manual; gp-agent recover segment-b-0
        ");
    }

    #[test]
    fn what_is_not_yet_a_part_of_the_cluster_is_told() {
        let mut expansion = ExpansionStatus {
            new: vec!["segment-a-2".into(), "segment-b-2".into()],
            next: Some("setUp".into()),
            waits: Some("the agent of segment-b-2 does not answer".into()),
            ..ExpansionStatus::default()
        };
        let mut told = Vec::new();
        let mut look = |expansion: &ExpansionStatus| {
            let status = RecoveryStatus {
                expansion: expansion.clone(),
                ..RecoveryStatus::default()
            };
            told.extend(find(&status).iter().map(Finding::to_string));
        };
        look(&ExpansionStatus::default());
        look(&expansion);
        expansion.new = Vec::new();
        expansion.next = Some("redistribute".into());
        expansion.waits = Some("expansion.redistribute is manual".into());
        expansion.remedy = Some("gp-agent expand in the active coordinator's pod".into());
        expansion.progress = Some(ExpansionProgress {
            tables_left: 4,
            ..ExpansionProgress::default()
        });
        look(&expansion);
        insta::assert_snapshot!(told.join("\n"), @"
        info ha segment-a-2: segment-a-2, segment-b-2 are to be added to the cluster: the agent of segment-b-2 does not answer; nothing has to be done: gpexpand goes on by itself
        warning ha expansion: 4 tables are not on all segments yet: expansion.redistribute is manual; gp-agent expand in the active coordinator's pod
        ");
    }

    #[test]
    fn who_is_out_of_place_is_told_with_what_is_waited_for() {
        let mut roles = RolesStatus {
            when: "manual".into(),
            swapped: vec![SwappedContent {
                content: ContentId::new(0),
                pod: "segment-b-0".into(),
                since: 1_700_000_000,
            }],
            waits: Some("recovery.roles is manual".into()),
            remedy: Some("gp-agent rebalance in the active coordinator's pod".into()),
            ..RolesStatus::default()
        };
        let mut told = Vec::new();
        let mut look = |roles: &RolesStatus| {
            let roles = roles.clone();
            let status = RecoveryStatus {
                roles,
                ..RecoveryStatus::default()
            };
            told.extend(find(&status).iter().map(Finding::to_string));
        };
        look(&roles);
        roles.when = "window".into();
        roles.waits = Some("the time for it (recovery.window) has not come".into());
        roles.remedy = None;
        roles.not_before = Some(1_700_006_400);
        look(&roles);
        roles.waits = Some("gprecoverseg did not put the roles back, twice within a day".into());
        roles.remedy = Some("mend it".into());
        roles.last = Some(LastRebalance {
            at: 1_700_000_900,
            why: Some("cannot stop a server".into()),
            ..LastRebalance::default()
        });
        look(&roles);
        insta::assert_snapshot!(told.join("\n"), @"
        warning postgres segment-b-0: content 0 is served by segment-b-0, made as its mirror (seen since 2023-11-14T22:13:20Z); gp-agent rebalance in the active coordinator's pod puts it back at once, and cancels the sessions that use that content
        info postgres segment-b-0: content 0 is served by segment-b-0, made as its mirror (seen since 2023-11-14T22:13:20Z); it is not put back now: the time for it (recovery.window) has not come; nothing has to be done: it is put back by itself, not before 2023-11-15T00:00:00Z; gp-agent rebalance in the active coordinator's pod puts it back at once, and cancels the sessions that use that content
        warning postgres segment-b-0: content 0 is served by segment-b-0, made as its mirror (seen since 2023-11-14T22:13:20Z); the last try, at 2023-11-14T22:28:20Z, failed: cannot stop a server; it is not put back now: gprecoverseg did not put the roles back, twice within a day; mend it
        ");
    }
}
