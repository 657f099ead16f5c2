//! What of adding segments is worth an Event.

use super::notice::{Kind, Notice};
use crate::cluster::expansion_status::{ExpansionStatus, ExpansionTask, LastExpansion};

/// Sees what is new from one status to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct ExpansionWatcher {
    /// When the run began that was told last.
    begun: Option<u64>,
    /// The last run that is over; none before the first status.
    last: Option<Option<LastExpansion>>,
}

impl ExpansionWatcher {
    pub(super) fn look(&mut self, status: &ExpansionStatus) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(activity) = &status.activity
            && self.begun.replace(activity.since) != Some(activity.since)
        {
            let of = match status.new.is_empty() {
                true => String::new(),
                false => format!(" ({})", status.new.join(", ")),
            };
            let message = format!("expansion: {} begins{of}", words(&activity.task));
            notices.push(Notice::new(Kind::Normal, "ExpansionStarted", message));
        }
        let before = self.last.replace(status.last.clone());
        if let Some(last) = &status.last
            && before.is_some_and(|before| before.as_ref() != Some(last))
        {
            notices.push(over(last));
        }
        notices
    }
}

fn words(task: &ExpansionTask) -> &str {
    match task {
        ExpansionTask::SetUp => "adding segments",
        ExpansionTask::RollBack => "undoing what was broken off",
        ExpansionTask::FinishCatalog | ExpansionTask::FinishSetUp => "going on with adding segments",
        ExpansionTask::Redistribute => "spreading tables over all segments",
        ExpansionTask::CleanUp => "removing the schema of gpexpand",
        ExpansionTask::Other(word) => word,
    }
}

fn over(last: &LastExpansion) -> Notice {
    let took = last
        .seconds
        .map_or(String::new(), |seconds| format!(" after {seconds} s"));
    let what = words(&last.task);
    match &last.why {
        None => Notice::new(Kind::Normal, "Expanded", format!("expansion: {what}: done{took}")),
        Some(why) => Notice::new(
            Kind::Warning,
            "ExpansionFailed",
            format!("expansion: {what}: failed{took}: {why}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::expansion_status::ExpansionActivity;

    #[test]
    fn each_run_is_told_when_it_begins_and_when_it_is_over() {
        let mut watcher = ExpansionWatcher::default();
        let mut told = Vec::new();
        let mut look = |status: &ExpansionStatus| {
            let notices = watcher.look(status);
            told.extend(notices.iter().map(|n| format!("{}: {}", n.reason, n.message)));
        };
        let mut status = ExpansionStatus::default();
        look(&status);
        status.new = vec!["segment-a-2".into()];
        look(&status);
        status.activity = Some(ExpansionActivity {
            task: "setUp".into(),
            since: 7,
            judging: false,
        });
        look(&status);
        look(&status);
        status.activity = None;
        status.last = Some(LastExpansion {
            at: 7,
            task: "setUp".into(),
            seconds: Some(40),
            why: None,
        });
        look(&status);
        status.last = Some(LastExpansion {
            at: 50,
            task: "redistribute".into(),
            seconds: None,
            why: Some("it was broken off".into()),
        });
        look(&status);
        insta::assert_snapshot!(told.join("\n"), @"
        ExpansionStarted: expansion: adding segments begins (segment-a-2)
        Expanded: expansion: adding segments: done after 40 s
        ExpansionFailed: expansion: spreading tables over all segments: failed: it was broken off
        ");
    }
}
