//! Lines about segments that are added.

use super::cells::ago;
use super::paint::Tone;
use gp_agent_core::cluster::expansion_status::{ExpansionProgress, ExpansionStatus, ExpansionTask, LastExpansion};

/// Nothing where nothing is added and nothing was.
pub(super) fn lines(status: &ExpansionStatus, now: u64) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    if let Some(activity) = &status.activity {
        let since = ago(now.saturating_sub(activity.since));
        let what = match activity.judging {
            true => "it has ended, and is looked at",
            false => "it runs",
        };
        let line = format!("expansion: {} for {since}, {what}", words(&activity.task));
        lines.push((Tone::Waiting, line));
    } else if status.next.is_some() || status.waits.is_some() {
        lines.push(waiting(status, now));
    }
    lines.extend(
        status
            .progress
            .as_ref()
            .map(|progress| (Tone::Waiting, spread(progress))),
    );
    lines.extend(status.last.as_ref().map(|last| (Tone::Quiet, over(last, now))));
    lines
}

fn words(task: &ExpansionTask) -> &str {
    match task {
        ExpansionTask::SetUp => "adding segments, gpexpand -i,",
        ExpansionTask::RollBack => "undoing what was broken off, gpexpand -r,",
        ExpansionTask::FinishCatalog => "noting that the catalog lists the new segments",
        ExpansionTask::FinishSetUp => "going on with adding segments, gpexpand -i,",
        ExpansionTask::Redistribute => "spreading tables, gpexpand,",
        ExpansionTask::CleanUp => "removing its schema, gpexpand -c,",
        ExpansionTask::Other(word) => word,
    }
}

fn waiting(status: &ExpansionStatus, now: u64) -> (Tone, String) {
    let mut line = String::from("expansion");
    if !status.new.is_empty() {
        line.push_str(&format!(": {} not in the catalog", are(&status.new)));
    }
    if let Some(next) = &status.next {
        let when = match status.not_before {
            Some(at) => format!("in {} at the earliest", ago(at.saturating_sub(now))),
            None => "next".into(),
        };
        line.push_str(&format!(": {} {when}", words(next)));
    }
    if let Some(why) = &status.waits {
        line.push_str(&format!(": {why}"));
    }
    let tone = match &status.remedy {
        Some(remedy) => {
            line.push_str(&format!("; {remedy}"));
            Tone::Bad
        }
        None => Tone::Waiting,
    };
    (tone, line)
}

fn are(pods: &[String]) -> String {
    let verb = if pods.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", pods.join(", "))
}

fn spread(progress: &ExpansionProgress) -> String {
    let ExpansionProgress {
        tables,
        tables_left,
        bytes,
        bytes_left,
        ..
    } = progress;
    let mut line = format!(
        "expansion: {tables} of {} tables, {} of {} MiB, are on all segments",
        tables + tables_left,
        bytes >> 20,
        (bytes + bytes_left) >> 20
    );
    if let Some(table) = &progress.table {
        line.push_str(&format!("; {table} is at work on or next"));
    }
    line
}

fn over(last: &LastExpansion, now: u64) -> String {
    let since = ago(now.saturating_sub(last.at));
    let took = last.seconds.map_or(String::new(), |seconds| format!(" {seconds} s"));
    let what = words(&last.task).trim_end_matches(',');
    match &last.why {
        None => format!("{since} ago, expansion: {what}:{took} done"),
        Some(why) => format!("{since} ago, expansion: {what}:{took} failed: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::expansion_status::ExpansionActivity;

    #[test]
    fn each_state_has_its_line() {
        let mut status = ExpansionStatus::default();
        let mut told = Vec::new();
        let mut look = |status: &ExpansionStatus| told.extend(lines(status, 1000).into_iter().map(|(_, line)| line));
        look(&status);
        status.new = vec!["segment-a-2".into(), "segment-b-2".into()];
        status.next = Some("setUp".into());
        status.waits = Some("the agent of segment-b-2 does not answer".into());
        look(&status);
        status.activity = Some(ExpansionActivity {
            task: "setUp".into(),
            since: 970,
            judging: false,
        });
        look(&status);
        status.activity = None;
        status.new = Vec::new();
        status.next = Some("redistribute".into());
        status.waits = Some("expansion.redistribute is manual".into());
        status.remedy = Some("gp-agent expand".into());
        status.progress = Some(ExpansionProgress {
            tables: 3,
            tables_left: 4,
            bytes: 5 << 20,
            bytes_left: 15 << 20,
            table: Some("sales.public.orders".into()),
        });
        status.last = Some(LastExpansion {
            at: 940,
            task: "setUp".into(),
            seconds: Some(40),
            why: None,
        });
        look(&status);
        status.last = Some(LastExpansion {
            at: 940,
            task: "redistribute".into(),
            seconds: None,
            why: Some("it was broken off".into()),
        });
        status.progress = None;
        look(&status);
        insta::assert_snapshot!(told.join("\n"), @"
        expansion: segment-a-2, segment-b-2 are not in the catalog: adding segments, gpexpand -i, next: the agent of segment-b-2 does not answer
        expansion: adding segments, gpexpand -i, for 30 s, it runs
        expansion: spreading tables, gpexpand, next: expansion.redistribute is manual; gp-agent expand
        expansion: 3 of 7 tables, 5 of 20 MiB, are on all segments; sales.public.orders is at work on or next
        1 min ago, expansion: adding segments, gpexpand -i: 40 s done
        expansion: spreading tables, gpexpand, next: expansion.redistribute is manual; gp-agent expand
        1 min ago, expansion: spreading tables, gpexpand: failed: it was broken off
        ");
    }
}
