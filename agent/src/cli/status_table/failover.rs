//! One paragraph about failover: who has the coordinator's role, who takes it over, or why nobody would.

use super::cells::ago;
use super::paint::{Paint, Tone};
use gp_agent_core::cluster::failover_status::{FailoverStatus, LastFailover, TakeoverMode};
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::log::printable::printable;

/// Nothing where no agent says anything of failover: without a standby, and beside agents of 0.1.0 alone.
pub(super) fn section(entries: &[PodReport], paint: Paint) -> String {
    let reports: Vec<(&Report, &FailoverStatus)> = entries
        .iter()
        .filter_map(|e| e.status.as_ref())
        .filter_map(|report| Some((report, report.status.failover.as_ref()?)))
        .collect();
    let Some(lines) = lines(&reports) else {
        return String::new();
    };
    let mut text = format!("{}\n", paint.paint(Tone::Quiet, "failover"));
    for (tone, line) in lines {
        text.push_str(&format!("  {}\n", paint.paint(tone, &printable(&line))));
    }
    text
}

fn lines(reports: &[(&Report, &FailoverStatus)]) -> Option<Vec<(Tone, String)>> {
    let first = reports.first()?;
    let running: Vec<_> = reports.iter().filter(|(_, status)| status.runs()).collect();
    let Some(any) = running.first() else {
        let why = first.1.off.as_deref().unwrap_or_default();
        return Some(vec![(Tone::Waiting, format!("off: {why}"))]);
    };
    let writer = running.iter().find(|(_, status)| status.mine);
    let (report, status) = writer.unwrap_or(any);
    let mut lines = vec![match writer {
        Some(_) => (Tone::Plain, has_role(report, status)),
        None => (Tone::Bad, nobody(status)),
    }];
    if writer.is_some() {
        lines.push(successor(report, status));
    }
    if let Some(trouble) = &status.record {
        let promise = match &status.promise {
            Some(promise) if status.mine => format!("; {} promised not to take over meanwhile", promise.by),
            _ => String::new(),
        };
        lines.push((Tone::Waiting, format!("{}: {}{promise}", status.place, trouble.why)));
    }
    for (report, status) in &running {
        let doing = status.activity.as_ref().map(|doing| (Tone::Waiting, doing));
        let told = doing
            .into_iter()
            .chain(status.failed.as_ref().map(|why| (Tone::Bad, why)));
        lines.extend(told.map(|(tone, words)| (tone, format!("{}: {words}", report.status.pod))));
    }
    let newest = running
        .iter()
        .filter_map(|(report, status)| Some((report, status.last.as_ref()?, status.mine)));
    // Whoever took the role knows how that came; the other one read of it later.
    if let Some((report, last, _)) =
        newest.max_by_key(|(report, last, mine)| (*mine && last.to == report.status.pod, last.at))
    {
        lines.push((Tone::Quiet, last_change(report, last)));
    }
    Some(lines)
}

fn has_role(report: &Report, status: &FailoverStatus) -> String {
    format!(
        "{} has the role (epoch {}, {})",
        report.status.pod, status.epoch, status.place
    )
}

fn nobody(status: &FailoverStatus) -> String {
    match &status.holder {
        Some(holder) => format!(
            "no coordinator may write now; {} names {holder} (epoch {})",
            status.place, status.epoch
        ),
        None => format!(
            "no coordinator may write now; {} names none (epoch {})",
            status.place, status.epoch
        ),
    }
}

fn successor(report: &Report, status: &FailoverStatus) -> (Tone, String) {
    let how = match (status.paused, &status.mode) {
        (true, _) => "; failover is paused: gp-agent failover resume",
        (false, TakeoverMode::Manual) => "; by command only",
        (false, _) => " and takes over by itself",
    };
    match (&status.in_sync, &status.not_in_sync) {
        (Some(pod), _) if status.paused => (Tone::Waiting, format!("{pod} is in sync{how}")),
        (Some(pod), _) => (Tone::Good, format!("{pod} is in sync{how}")),
        (None, Some(lacks)) => {
            let since = ago(report.now.saturating_sub(lacks.since));
            (
                Tone::Waiting,
                format!("nobody would take over: {} (for {since})", lacks.why),
            )
        }
        (None, None) => (Tone::Waiting, "nobody would take over".to_string()),
    }
}

fn last_change(report: &Report, last: &LastFailover) -> String {
    let LastFailover {
        from, to, seconds, why, ..
    } = last;
    let since = ago(report.now.saturating_sub(last.at));
    // Its server may have been promoted by hand before it was given the role: then that took no time.
    let took = match *seconds {
        ..0.05 => String::new(),
        _ => format!(" in {seconds:.1} s"),
    };
    format!("{} {since} ago, from {from} to {to}{took}: {why}", last.kind.as_str())
}
