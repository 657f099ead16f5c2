//! Why a tool failed: the telling ones among its lines.

use super::line::{Line, ToolLevel};

/// How many lines are remembered of each kind; the first ones tell the cause.
const KEPT: usize = 20;

/// The length of one reason, in characters.
const LENGTH: usize = 400;

/// Words that say that something failed and not why.
const EMPTY: &[&str] = &[
    "Errors generated from parallel processes",
    "Failures detected, see log file",
    "Unable to continue",
    "starting new instance failed",
    "Error from Greenplum instance shutdown",
    "Failed to create standby",
];

/// Warnings that come with every cluster in containers, or around a failure.
const NOISE: &[&str] = &[
    "Scan of log file indicates",
    "were generated during",
    "does not match hostname output",
    "open file limit is",
    "open files limit is",
    "File permission mismatch",
    "You are currently logged in as",
    "permissions to run the Greenplum",
    "Script has left Greenplum",
    "Run command ",
    "determine why gpstart failed",
    "issues.  Not all initialization",
    "should not be used",
    "will now try to stop the cluster",
    "Total processes marked as",
];

/// What the programs behind the tools say when they fail; in lower case.
const SIGNS: &[&str] = &[
    "fatal:",
    "error:",
    "could not ",
    "cannot ",
    "permission denied",
    "not permitted",
    "no such file",
    "not found",
    "no space left",
    "connection refused",
    "timed out",
    "verification failed",
];

/// What Python says first when a program fails unexpectedly.
const TRACEBACK: &str = "Traceback (most recent call last)";

/// How telling a line is. A tool's errors and its last word are alike: what was said first is the cause, and the rest
/// follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Error,
    Program,
    Empty,
    Warning,
}

/// Collects the reasons of a failure while the lines come: those of the output and of the log file together, since each has
/// some that the other lacks. What stands in both counts once.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    found: Vec<(Weight, String)>,
    /// A Python program is telling where it failed; the line that says why comes last.
    in_traceback: bool,
}

impl Reasons {
    /// Takes note of a line.
    pub fn feed(&mut self, line: &Line) {
        let Some(weight) = self.weigh(line) else { return };
        let text: String = line.text.chars().take(LENGTH).collect();
        let of_weight = self.found.iter().filter(|(w, _)| *w == weight).count();
        if of_weight < KEPT && !self.found.iter().any(|(_, known)| *known == text) {
            self.found.push((weight, text));
        }
    }

    /// The most telling lines, at most three, on one line; `None` when nothing was said.
    pub fn summary(&self) -> Option<String> {
        let mut sorted: Vec<_> = self.found.iter().collect();
        sorted.sort_by_key(|(weight, _)| *weight);
        let said = |weight: Weight| sorted.iter().any(|(w, _)| *w < weight);
        let (mute_empty, mute_warnings) = (said(Weight::Empty), said(Weight::Warning));
        let telling: Vec<&str> = sorted
            .iter()
            .filter(|(weight, _)| match weight {
                Weight::Empty => !mute_empty,
                Weight::Warning => !mute_warnings,
                _ => true,
            })
            .map(|(_, text)| text.as_str())
            .take(3)
            .collect();
        (!telling.is_empty()).then(|| telling.join("; "))
    }

    fn weigh(&mut self, line: &Line) -> Option<Weight> {
        if !line.tool.is_empty() {
            self.in_traceback = false;
        } else if line.text.starts_with(TRACEBACK) {
            self.in_traceback = true;
        } else if self.in_traceback && is_exception(&line.text) {
            self.in_traceback = false;
            return Some(Weight::Error);
        }
        weigh(line)
    }
}

/// `ValueError: text`, as Python ends a traceback; the lines before are places in files and pieces of program.
fn is_exception(text: &str) -> bool {
    let name = text.split_once(": ").map_or(text, |(name, _)| name);
    let dotted = name.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
    dotted && (name.ends_with("Error") || name.ends_with("Exception"))
}

fn weigh(line: &Line) -> Option<Weight> {
    let says = |words: &[&str]| words.iter().any(|w| line.text.contains(w));
    if line.level >= ToolLevel::Error && says(EMPTY) {
        return Some(Weight::Empty);
    }
    match line.level {
        ToolLevel::Fatal | ToolLevel::Error => Some(Weight::Error),
        ToolLevel::Warn if says(NOISE) => None,
        ToolLevel::Warn => Some(Weight::Warning),
        ToolLevel::Info | ToolLevel::Debug => {
            let lower = line.text.to_lowercase();
            let failed = SIGNS.iter().any(|sign| lower.contains(sign));
            (line.tool.is_empty() && failed).then_some(Weight::Program)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(raw: &str) -> Line {
        Line::parse(raw).unwrap()
    }

    #[test]
    fn a_flood_of_reasons_is_bounded_and_said_once() {
        let mut reasons = Reasons::default();
        for i in 0..10_000 {
            for text in [format!("ERROR:  number {i}"), "ERROR:  the same".to_string()] {
                reasons.feed(&line(&text));
            }
        }
        reasons.feed(&line(&"error: ".repeat(10_000)));
        assert!(reasons.found.len() <= 21);
        assert!(reasons.summary().unwrap().chars().count() < 1300);
    }
}
