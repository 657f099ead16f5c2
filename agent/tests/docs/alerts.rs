//! The alerts and the dashboard of the chart: made of metrics that are there, with commands that can be called, and in the
//! document that says what to do.

use super::commands::{agent_refuses, commands};
use super::markdown::{Document, code_spans};
use super::reference::exposed;
use super::tables::{expect, table};
use super::{expect_none, root};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = "docs/kubernetes/monitoring.md";
/// A pod's name.
const ANY: &str = "x";

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    rules: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    #[serde(rename = "alert")]
    name: String,
    expr: String,
    r#for: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Alert {
    /// An annotation with words in place of what is filled in: of the label `pod` POD.
    fn with_words(&self, annotation: &str) -> String {
        let text = &self.annotations[annotation];
        let mut parts = text.split("{{ ");
        let mut words = parts.next().unwrap().to_string();
        for part in parts {
            let (filled, rest) = part.split_once(" }}").unwrap();
            let word = filled.strip_prefix("$labels.").unwrap_or("VALUE");
            words.push_str(&word.trim_start_matches("gp_").to_uppercase());
            words.push_str(rest);
        }
        words
    }
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join("image/chart/monitoring").join(name)).unwrap()
}

fn groups() -> Vec<Group> {
    serde_saphyr::from_str::<Rules>(&file("rules.yaml")).unwrap().groups
}

fn alerts() -> Vec<Alert> {
    groups().into_iter().flat_map(|group| group.rules).collect()
}

/// The names of metrics in an expression.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c));
    words
        .filter(|word| word.starts_with("gp_agent_"))
        .map(String::from)
        .collect()
}

#[test]
fn the_alerts_are_those_of_the_chart() {
    for group in groups() {
        let name = group.name.trim_start_matches("greenplum-").to_string();
        let rows = group.rules.iter().map(|alert| {
            let long = alert
                .r#for
                .as_ref()
                .map_or("at once".to_string(), |long| format!("after {long}"));
            vec![
                format!("`{}`", alert.name),
                format!("{}, {long}", alert.labels["severity"]),
                alert.with_words("summary"),
                alert.with_words("description"),
            ]
        });
        let text = table(&["Alert", "Severity", "It says", "What to do"], rows);
        expect(DOCUMENT, &format!("alerts of {name}"), &text);
    }
}

#[test]
fn alerts_and_dashboard_are_made_of_metrics_that_are_there() {
    let there: BTreeSet<String> = exposed().into_iter().map(|metric| metric.sample).collect();
    let rules: String = alerts().into_iter().map(|alert| alert.expr + "\n").collect();
    for (what, text) in [("alerts", rules), ("dashboard", file("dashboard.json"))] {
        let named = metrics_in(&text);
        assert!(named.len() > 15, "{what}: only {named:?}");
        let missing: Vec<String> = named.difference(&there).cloned().collect();
        expect_none(&format!("metrics of the {what} that are not there"), &missing);
    }
}

#[test]
fn what_an_alert_fills_in_is_left_by_its_expression() {
    let mut wrong = Vec::new();
    for alert in alerts() {
        let (_, by) = alert.expr.split_once("by (").unwrap_or_default();
        let labels: BTreeSet<&str> = by.split(')').next().unwrap().split(", ").collect();
        for text in alert.annotations.values() {
            for part in text.split("$labels.").skip(1) {
                let label = part.split(' ').next().unwrap();
                if !labels.contains(label) {
                    wrong.push(format!("{}: {label}", alert.name));
                }
            }
        }
    }
    expect_none("labels that an alert does not have", &wrong);
}

/// Verbs of kubectl that the alerts use.
const KUBECTL: [&str; 4] = ["get", "describe", "logs", "delete"];

#[test]
fn commands_of_alerts_can_be_called() {
    let mut wrong = Vec::new();
    let mut called = 0;
    for alert in alerts() {
        let description = alert.with_words("description").replace("POD", ANY);
        let lines: Vec<&str> = code_spans(&description);
        let is_command = |line: &&&str| line.starts_with("kubectl") || line.starts_with("gp-agent");
        let commands_of_alert: Vec<_> = lines.iter().filter(is_command).collect();
        if commands_of_alert.is_empty() {
            wrong.push(format!("{}: no command", alert.name));
        }
        for line in commands_of_alert {
            called += 1;
            for words in commands(line).iter().filter(|words| !words.is_empty()) {
                let verb = if words[1] == "-n" { &words[3] } else { &words[1] };
                let refused = match words[0].as_str() {
                    "gp-agent" => agent_refuses(words),
                    "kubectl" if KUBECTL.contains(&verb.as_str()) => None,
                    _ => Some("neither kubectl nor gp-agent".to_string()),
                };
                wrong.extend(refused.map(|why| format!("{}: `{line}`: {why}", alert.name)));
            }
        }
    }
    expect_none("commands of alerts", &wrong);
    assert!(called > 25, "only {called} commands");
}

#[test]
fn every_alert_leads_to_its_part_of_the_document() {
    let anchors = Document::read(&root(), &root().join(DOCUMENT)).anchors();
    for alert in alerts() {
        assert_eq!(
            alert.annotations.keys().map(String::as_str).collect::<Vec<_>>(),
            ["description", "runbook_url", "summary"]
        );
        let runbook = alert.annotations["runbook_url"].split_once('#').unwrap();
        assert_eq!(runbook.0, DOCUMENT, "{}", alert.name);
        assert!(anchors.contains(runbook.1), "{}: no heading #{}", alert.name, runbook.1);
    }
}
