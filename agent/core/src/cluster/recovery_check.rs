//! `gp-agent check recovery`: what would be done now about segments that are down or out of place, and why it is not.

use super::recovery_findings::{self, utc};
use super::recovery_status::{DownSegment, RecoveryStatus, RecoveryWork};
use super::report::PodReport;
use crate::finding::{Area, Finding, Severity};

const NOTHING_TO_DO: &str = "it goes on by itself, once what it waits for is over; gp-agent status shows how";

/// What is to be known of it, and one line for when that is nothing. `entries` is what `/cluster` answers.
pub fn judge(entries: &[PodReport]) -> (Vec<Finding>, String) {
    let mut reports = entries.iter().filter_map(|entry| entry.status.as_ref());
    let Some(status) = reports.find_map(|report| report.status.recovery.as_ref()) else {
        let what = "no agent of an active coordinator answers, and no other brings segments back";
        let remedy = "see gp-agent check ha, and the log of the coordinators' pods";
        return (
            vec![Finding::warning(Area::Ha, "recovery", what, remedy)],
            String::new(),
        );
    };
    let mut findings = recovery_findings::find(status);
    let by_itself = status.down.iter().filter(|down| down.remedy.is_none());
    findings.extend(by_itself.map(|down| of(down, status)));
    let good = match status.down.is_empty() && status.roles.swapped.is_empty() {
        true => "no segment is down, and none is out of place".to_string(),
        false => format!("recovery.segments is {}", status.segments),
    };
    (findings, good)
}

/// One that needs nobody.
fn of(down: &DownSegment, status: &RecoveryStatus) -> Finding {
    let DownSegment { pod, content, .. } = down;
    let activity = status.activity.as_ref();
    let waits = down.obstacle.as_ref().or(status.waits.as_ref());
    let (severity, becomes) = match (activity, waits, &down.next) {
        (Some(activity), _, _) if activity.pods.contains(pod) => (
            Severity::Info,
            format!("{} goes on since {}", work(&activity.method), utc(activity.since)),
        ),
        (_, Some(why), _) => (Severity::Warning, format!("nothing is done now: {why}")),
        (_, None, Some(RecoveryWork::Probe)) => (
            Severity::Info,
            "its server streams, and FTS is asked to look".to_string(),
        ),
        (_, None, Some(next)) => {
            let when = match down.not_before {
                Some(at) => format!("not before {}", utc(at)),
                None => "next".to_string(),
            };
            (Severity::Info, format!("{} begins {when}", work(next)))
        }
        (_, None, None) => (Severity::Info, "it is looked at".to_string()),
    };
    let what = match down.unlisted {
        true => format!("content {content} has no mirror: {becomes}"),
        false => format!("content {content} has no second copy: {becomes}"),
    };
    Finding::new(severity, Area::Ha, pod, what, NOTHING_TO_DO)
}

fn work(method: &RecoveryWork) -> String {
    match method {
        RecoveryWork::Add => "gpaddmirrors".to_string(),
        method => format!("{method} recovery"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::recovery_status::RecoveryActivity;
    use crate::cluster::report::Report;
    use crate::cluster::status::PodStatus;

    fn told(recovery: Option<RecoveryStatus>) -> String {
        let mut status = PodStatus::unknown("coordinator-0");
        status.recovery = recovery;
        let (findings, good) = judge(&[PodReport::own(Report::new(status, 0))]);
        let lines = findings.iter().map(Finding::to_string).chain([good]);
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn whatever_becomes_of_a_segment_is_told() {
        let down = |pod: &str, obstacle: Option<&str>, next: Option<&str>| DownSegment {
            pod: pod.into(),
            obstacle: obstacle.map(String::from),
            next: next.map(RecoveryWork::from),
            ..DownSegment::default()
        };
        let status = RecoveryStatus {
            segments: "auto".into(),
            activity: Some(RecoveryActivity {
                method: "full".into(),
                pods: vec!["a".into()],
                ..RecoveryActivity::default()
            }),
            down: vec![
                down("a", None, None),
                down("b", Some("the agent of b does not answer"), None),
                down("c", None, Some("probe")),
                DownSegment {
                    not_before: Some(60),
                    ..down("d", None, Some("incremental"))
                },
                DownSegment {
                    remedy: Some("gp-agent resume in e".into()),
                    ..down("e", Some("e is held: disk"), None)
                },
            ],
            ..RecoveryStatus::default()
        };
        let waits = RecoveryStatus {
            waits: Some("gpexpand (process 7) is at work".into()),
            down: vec![down("d", None, Some("incremental"))],
            ..status.clone()
        };
        let all = [
            told(None),
            told(Some(RecoveryStatus::default())),
            told(Some(status)),
            told(Some(waits)),
        ];
        insta::assert_snapshot!(all.join("\n\n"), @r"
        warning ha recovery: no agent of an active coordinator answers, and no other brings segments back; see gp-agent check ha, and the log of the coordinators' pods


        no segment is down, and none is out of place

        error ha e: content 0 has no second copy, and e is not brought back by itself: e is held: disk; gp-agent resume in e
        info ha a: content 0 has no second copy: full recovery goes on since 1970-01-01T00:00:00Z; it goes on by itself, once what it waits for is over; gp-agent status shows how
        warning ha b: content 0 has no second copy: nothing is done now: the agent of b does not answer; it goes on by itself, once what it waits for is over; gp-agent status shows how
        info ha c: content 0 has no second copy: its server streams, and FTS is asked to look; it goes on by itself, once what it waits for is over; gp-agent status shows how
        info ha d: content 0 has no second copy: incremental recovery begins not before 1970-01-01T00:01:00Z; it goes on by itself, once what it waits for is over; gp-agent status shows how
        recovery.segments is auto

        warning ha d: content 0 has no second copy: nothing is done now: gpexpand (process 7) is at work; it goes on by itself, once what it waits for is over; gp-agent status shows how
        recovery.segments is auto
        ");
    }
}
