//! All hosts together.

use super::facts::{HostFacts, PreflightAnswer, Rules};
use super::host::{judge as judge_host, judge_clock};
use crate::cluster::topology::Role;
use crate::finding::{Area, Finding, Severity};
use std::collections::BTreeMap;

/// Errors told in one line.
const TOLD: usize = 8;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Everything that is wrong anywhere, each with the pod, or pods, as its subject.
    pub findings: Vec<Finding>,
    /// The locale as the coordinator spells it, which is the spelling that gpinitsystem accepts.
    pub locale: Option<String>,
}

impl Judgement {
    /// Whether gpinitsystem may run; warnings do not keep it.
    pub fn passes(&self) -> bool {
        self.locale.is_some() && !self.findings.iter().any(|f| f.severity == Severity::Error)
    }

    /// The errors on one line, the first few of many.
    pub fn summary(&self) -> String {
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error);
        let mut words: Vec<String> = errors
            .map(|f| format!("{}: {} ({})", f.subject, f.what, f.remedy))
            .collect();
        let more = words.len().saturating_sub(TOLD);
        words.truncate(TOLD);
        if more > 0 {
            words.push(format!("and {more} more, which gp-agent status lists"));
        }
        words.join("; ")
    }
}

/// Judges every host by itself, and what has to be the same on all of them.
pub fn judge(answers: &[PreflightAnswer<'_>], rules: &Rules<'_>) -> Judgement {
    let mut findings = Vec::new();
    for answer in answers {
        match &answer.said {
            Ok(seen) => {
                findings.extend(judge_host(answer.member, seen, rules));
                findings.extend(judge_clock(
                    answer.member,
                    answer.asked,
                    answer.answered,
                    seen.unix_millis,
                ));
            }
            Err(words) => findings.push(Finding::error(
                Area::Ssh,
                &answer.member.pod,
                format!("cannot be looked at: {words}"),
                "see gp-agent check ssh in the coordinator's pod, and whether the agent runs there",
            )),
        }
    }
    let mut findings = merged(findings);
    findings.extend(same("Greenplum", answers, |seen| seen.version.clone().ok()));
    findings.extend(same("the user", answers, |seen| Some(seen.user.clone())));
    Judgement {
        findings,
        locale: spelling(answers),
    }
}

fn spelling(answers: &[PreflightAnswer<'_>]) -> Option<String> {
    let coordinator = answers.iter().find(|a| a.member.role == Role::Coordinator)?;
    let locales = coordinator.said.as_ref().ok()?.locales.as_ref().ok()?;
    locales.first().cloned()
}

/// The first three names, and how many more.
fn few(pods: &[&str]) -> String {
    match pods {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        pods => pods.join(", "),
    }
}

/// What several hosts have in common is told once.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut groups: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        let pod = finding.subject.clone();
        let alike = |known: &Finding| {
            let subject = known.subject.clone();
            *known
                == Finding {
                    subject,
                    ..finding.clone()
                }
        };
        match groups.iter_mut().find(|(known, _)| alike(known)) {
            Some((_, pods)) => pods.push(pod),
            None => groups.push((finding, vec![pod])),
        }
    }
    let told = groups.into_iter().map(|(finding, pods)| {
        let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
        let subject = few(&pods);
        Finding { subject, ..finding }
    });
    told.collect()
}

/// A finding when the hosts differ: who has what, the most common first.
fn same(noun: &str, answers: &[PreflightAnswer<'_>], of: impl Fn(&HostFacts) -> Option<String>) -> Option<Finding> {
    let mut pods: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for answer in answers {
        if let Some(value) = answer.said.as_ref().ok().and_then(&of) {
            pods.entry(value).or_default().push(&answer.member.pod);
        }
    }
    if pods.len() < 2 {
        return None;
    }
    let mut groups: Vec<_> = pods.into_iter().collect();
    groups.sort_by_key(|(_, pods)| std::cmp::Reverse(pods.len()));
    let words: Vec<String> = groups
        .iter()
        .map(|(value, pods)| format!("{value:?} on {}", few(pods)))
        .collect();
    let odd = groups.last().and_then(|(_, pods)| pods.first())?;
    Some(Finding::error(
        Area::Postgres,
        *odd,
        format!("{noun} differs between the pods: {}", words.join(", ")),
        "run the same image in every pod",
    ))
}
