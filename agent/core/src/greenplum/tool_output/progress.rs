//! How far a tool is, in words for the phase.

use super::line::{Line, ToolLevel};
use std::collections::BTreeSet;

/// The steps of gpinitsystem, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Checking,
    Hosts,
    Coordinator,
    Primaries,
    Starting,
    Mirrors,
    Standby,
    Finishing,
}

/// What the tool says when a step begins; "master" and "coordinator" are the same to it.
const BEGINNINGS: &[(&str, Step)] = &[
    ("Checking configuration parameters", Step::Checking),
    ("Checking new segment hosts", Step::Hosts),
    ("Building the Master instance", Step::Coordinator),
    ("Building the Coordinator instance", Step::Coordinator),
    ("Commencing parallel build of primary", Step::Primaries),
    ("Restarting the ", Step::Starting),
    ("Commencing parallel build of mirror", Step::Mirrors),
    ("Starting initialization of standby", Step::Standby),
    ("Validating environment and parameters for standby", Step::Standby),
    ("Scanning utility log file", Step::Finishing),
];

/// Follows gpinitsystem. Steps only go forward.
#[derive(Clone, Debug)]
pub struct Progress {
    step: Step,
    primaries: usize,
    mirrors: usize,
    ended: BTreeSet<u32>,
    counted: usize,
}

impl Progress {
    /// For a cluster of so many primaries and mirrors.
    pub fn new(primaries: usize, mirrors: usize) -> Progress {
        Progress {
            step: Step::Checking,
            primaries,
            mirrors,
            ended: BTreeSet::new(),
            counted: 0,
        }
    }

    /// Takes note of a line; gives the new words when they changed.
    pub fn feed(&mut self, line: &Line) -> Option<String> {
        let before = self.text();
        if let Some(step) = beginning(line).filter(|step| *step > self.step) {
            self.step = step;
            self.ended.clear();
            self.counted = 0;
        }
        if let Some(process) = line.process
            && line.level == ToolLevel::Info
            && line.text == "End Main"
        {
            self.ended.insert(process);
        }
        if let Some(count) = completed(line) {
            self.counted = count;
        }
        let after = self.text();
        (after != before).then_some(after)
    }

    /// What is being done, such as `building primaries 3 of 16`.
    pub(crate) fn text(&self) -> String {
        let done = |all: usize| self.ended.len().max(self.counted).min(all);
        match self.step {
            Step::Checking => "checking the configuration".to_string(),
            Step::Hosts => "checking the hosts".to_string(),
            Step::Coordinator => "creating the coordinator".to_string(),
            Step::Primaries => {
                format!("building primaries {} of {}", done(self.primaries), self.primaries)
            }
            Step::Starting => "starting the cluster".to_string(),
            Step::Mirrors => {
                format!("building mirrors {} of {}", done(self.mirrors), self.mirrors)
            }
            Step::Standby => "creating the standby".to_string(),
            Step::Finishing => "finishing".to_string(),
        }
    }
}

fn beginning(line: &Line) -> Option<Step> {
    BEGINNINGS
        .iter()
        .find(|(words, _)| line.text.starts_with(words))
        .map(|(_, step)| *step)
}

fn completed(line: &Line) -> Option<usize> {
    let (_, count) = line
        .text
        .strip_prefix("Total processes marked as completed")?
        .split_once('=')?;
    count.trim().parse().ok()
}
