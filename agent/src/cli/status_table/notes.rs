//! What stands below the table: why pods are not ready, what waits, and the findings with their remedies.

use super::paint::{Paint, Tone};
use super::{failover, recovery};
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::finding::{Finding, Severity};
use gp_agent_core::log::printable::printable;

pub(super) fn notes(entries: &[PodReport], paint: Paint) -> String {
    [
        legend(entries),
        failover::section(entries, paint),
        recovery::section(entries, paint),
        section("not ready", not_ready(entries), paint),
        section("waits for a restart of the postmaster", restarts(entries), paint),
        findings(entries, paint),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .map(|part| format!("\n{part}"))
    .collect()
}

fn legend(entries: &[PodReport]) -> String {
    let contradicts = |e: &PodReport| e.contradictions.iter().any(|f| f.severity > Severity::Info);
    let mut text = stars(entries);
    if entries.iter().any(contradicts) {
        text.push_str("! catalog and agents contradict each other, or something has to be done: see the findings\n");
    }
    let last_said = |e: &PodReport| e.catalog.as_ref().is_some_and(|listing| !listing.live);
    if entries.iter().any(last_said) {
        text.push_str("(catalog) in brackets: what the coordinator last said; it does not answer now\n");
    }
    text
}

fn stars(entries: &[PodReport]) -> String {
    let starred = entries.iter().any(|e| {
        let active = e.status.as_ref().and_then(|r| r.status.active_role);
        active.is_some() && e.role.is_some() && active != e.role
    });
    match starred {
        true => "* not the role that the pod was made for\n".into(),
        false => String::new(),
    }
}

fn not_ready(entries: &[PodReport]) -> Vec<(&str, String)> {
    let why = |e: &PodReport| match &e.status {
        Some(report) => report.ready.why.clone(),
        None => e.error.clone().unwrap_or_else(|| "no answer".into()),
    };
    let pods = entries.iter().filter(|e| !e.ready());
    pods.map(|e| (e.pod.as_str(), why(e))).collect()
}

fn restarts(entries: &[PodReport]) -> Vec<(&str, String)> {
    let waiting = entries.iter().filter_map(|e| {
        let parameters = &e.status.as_ref()?.status.pending_restart;
        (!parameters.is_empty()).then(|| (e.pod.as_str(), parameters.join(", ")))
    });
    waiting.collect()
}

fn section(title: &str, lines: Vec<(&str, String)>, paint: Paint) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let width = lines.iter().map(|(pod, _)| pod.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = format!("{}\n", paint.paint(Tone::Quiet, title));
    for (pod, words) in lines {
        text.push_str(&format!("  {:<width$}  {}\n", printable(pod), printable(&words)));
    }
    text
}

/// A finding that several pods share is written once; the worst come first.
fn findings(entries: &[PodReport], paint: Paint) -> String {
    let mut shared: Vec<(&Finding, Vec<&str>)> = Vec::new();
    for entry in entries {
        for finding in entry.findings() {
            match shared.iter_mut().find(|(f, _)| *f == finding) {
                Some((_, pods)) => pods.push(&entry.pod),
                None => shared.push((finding, vec![&entry.pod])),
            }
        }
    }
    if shared.is_empty() {
        return String::new();
    }
    shared.sort_by_key(|(f, _)| std::cmp::Reverse(f.severity));
    let told = shared.iter().map(|(f, pods)| tell(f, pods, paint));
    format!("{}\n{}", paint.paint(Tone::Quiet, "findings"), told.collect::<String>())
}

fn tell(finding: &Finding, pods: &[&str], paint: Paint) -> String {
    let tone = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Waiting,
        Severity::Info => Tone::Plain,
    };
    format!(
        "  {}  {} on {}\n    {}: {}\n    -> {}\n",
        paint.paint(tone, &finding.severity.to_string()),
        finding.area,
        printable(&pods.join(", ")),
        printable(&finding.subject),
        printable(&finding.what),
        printable(&finding.remedy),
    )
}
