//! One paragraph about segments that are down: what is being done, what comes next, or what is waited for.

use super::cells::ago;
use super::paint::{Paint, Tone};
use gp_agent_core::cluster::automation::Automation;
use gp_agent_core::cluster::recovery_status::{
    DownSegment, LastRecovery, RecoveryActivity, RecoveryStatus, RecoveryWork,
};
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::log::printable::printable;

/// Nothing where no segment is down and none was.
pub(super) fn section(entries: &[PodReport], paint: Paint) -> String {
    let reports = entries.iter().filter_map(|e| e.status.as_ref());
    let mut deciding = reports.filter_map(|report| Some((report.status.recovery.as_ref()?, report.now)));
    let Some(lines) = deciding.next().map(|(status, now)| lines(status, now)) else {
        return String::new();
    };
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", paint.paint(Tone::Quiet, "recovery"));
    for (tone, line) in lines {
        text.push_str(&format!("  {}\n", paint.paint(tone, &printable(&line))));
    }
    text
}

fn lines(status: &RecoveryStatus, now: u64) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    if let Some(activity) = &status.activity {
        lines.push((Tone::Waiting, under_way(activity, now)));
    }
    let of_all = status.waits.as_ref().filter(|_| !status.down.is_empty());
    lines.extend(of_all.map(|why| (Tone::Waiting, format!("waits: {why}"))));
    let busy = |down: &&DownSegment| {
        let activity = status.activity.as_ref();
        !activity.is_some_and(|activity| activity.pods.contains(&down.pod))
    };
    lines.extend(status.down.iter().filter(busy).map(|down| segment(down, status, now)));
    lines.extend(status.last.as_ref().map(|last| (Tone::Quiet, over(last, now))));
    lines.extend(super::roles::lines(&status.roles, now));
    lines.extend(super::expansion::lines(&status.expansion, now));
    lines
}

fn under_way(activity: &RecoveryActivity, now: u64) -> String {
    let RecoveryActivity {
        method, pods, since, ..
    } = activity;
    let since = ago(now.saturating_sub(*since));
    let tool = match method {
        RecoveryWork::Add => "gpaddmirrors",
        _ => "gprecoverseg",
    };
    let what = match activity.judging {
        true => "has ended, FTS looks",
        false => "runs",
    };
    format!("{}: {} for {since}, {tool} {what}", pods.join(", "), work(method))
}

/// What is done to a server.
fn work(method: &RecoveryWork) -> String {
    match method {
        RecoveryWork::Add => "made as the first mirrors".to_string(),
        method => format!("{method} recovery"),
    }
}

fn segment(down: &DownSegment, status: &RecoveryStatus, now: u64) -> (Tone, String) {
    let DownSegment { pod, content, .. } = down;
    let since = ago(now.saturating_sub(down.since));
    let head = match down.unlisted {
        true => format!("{pod} (content {content}) is to be its mirror"),
        false => format!("{pod} (content {content}) is down for {since}"),
    };
    if let Some(why) = &down.obstacle {
        let remedy = down
            .remedy
            .as_ref()
            .map(|remedy| format!("; {remedy}"))
            .unwrap_or_default();
        let tone = if down.remedy.is_some() {
            Tone::Bad
        } else {
            Tone::Waiting
        };
        return (tone, format!("{head}: {why}{remedy}"));
    }
    let when = match down.not_before {
        Some(at) => format!("in {}", ago(at.saturating_sub(now))),
        None => "next".to_string(),
    };
    match &down.next {
        Some(RecoveryWork::Probe) => (Tone::Waiting, format!("{head}, and streams: FTS is asked to look")),
        Some(next) if status.segments == Automation::Manual => {
            let remedy = down.remedy.as_deref().unwrap_or_default();
            let work = match next {
                RecoveryWork::Add => "gpaddmirrors".to_string(),
                next => work(next),
            };
            (
                Tone::Bad,
                format!("{head}: {remedy} would begin {work} (recovery.segments is manual)"),
            )
        }
        Some(RecoveryWork::Add) => (
            Tone::Waiting,
            format!("{head}: gpaddmirrors {when}, once every mirror's pod is ready"),
        ),
        Some(next) => (Tone::Waiting, format!("{head}: {} {when}", work(next))),
        None => (Tone::Waiting, head),
    }
}

fn over(last: &LastRecovery, now: u64) -> String {
    let since = ago(now.saturating_sub(last.at));
    let LastRecovery { method, seconds, .. } = last;
    let adds = *method == RecoveryWork::Add;
    let (what, done) = match adds {
        true => ("gpaddmirrors".to_string(), "became mirrors"),
        false => (work(method), "came back"),
    };
    let mut text = format!("{since} ago, {what}, {seconds} s:");
    if !last.recovered.is_empty() {
        text.push_str(&format!(" {} {done};", last.recovered.join(", ")));
    }
    if let Some(why) = &last.why {
        text.push_str(&format!(" {} did not: {why}", last.failed.join(", ")));
    }
    text.trim_end_matches(';').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_line() {
        let down = |pod: &str| DownSegment {
            pod: pod.into(),
            since: 940,
            ..DownSegment::default()
        };
        let mut status = RecoveryStatus {
            segments: "auto".into(),
            activity: Some(RecoveryActivity {
                method: "incremental".into(),
                pods: vec!["a".into()],
                since: 990,
                judging: false,
            }),
            down: vec![
                down("a"),
                DownSegment {
                    next: Some("full".into()),
                    not_before: Some(1300),
                    ..down("b")
                },
                DownSegment {
                    obstacle: Some("held: disk".into()),
                    remedy: Some("gp-agent resume in c".into()),
                    ..down("c")
                },
                DownSegment {
                    next: Some("probe".into()),
                    ..down("d")
                },
            ],
            last: Some(LastRecovery {
                at: 700,
                method: "incremental".into(),
                seconds: 12,
                recovered: vec!["e".into()],
                failed: vec!["b".into()],
                why: Some("no common ancestor".into()),
            }),
            ..RecoveryStatus::default()
        };
        let said = |status: &RecoveryStatus| {
            let lines: Vec<String> = lines(status, 1000).into_iter().map(|(_, line)| line).collect();
            lines.join("\n")
        };
        insta::assert_snapshot!(said(&status), @"
        a: incremental recovery for 10 s, gprecoverseg runs
        b (content 0) is down for 1 min: full recovery in 5 min
        c (content 0) is down for 1 min: held: disk; gp-agent resume in c
        d (content 0) is down for 1 min, and streams: FTS is asked to look
        5 min ago, incremental recovery, 12 s: e came back; b did not: no common ancestor
        ");
        status.segments = "manual".into();
        status.activity = None;
        status.last = None;
        status.waits = Some("gpexpand is at work".into());
        status.down.truncate(2);
        status.down[1].remedy = Some("gp-agent recover b".into());
        insta::assert_snapshot!(said(&status), @"
        waits: gpexpand is at work
        a (content 0) is down for 1 min
        b (content 0) is down for 1 min: gp-agent recover b would begin full recovery (recovery.segments is manual)
        ");
    }
}
