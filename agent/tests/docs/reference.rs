//! The tables of docs/reference and the words of the glossary, from the code.

use super::markdown::{Document, Kind, cells, code_spans};
use super::tables::{expect, table};
use super::{expect_none, files, promtool, root};
use gp_agent::internals::reference::{ENDPOINTS, EXIT_CODES, Endpoint, metrics, prometheus_metrics};
use gp_agent_core::cluster::failover_status::{FailoverStatus, LastFailover};
use gp_agent_core::cluster::phase::MAY_FOLLOW;
use gp_agent_core::cluster::recovery_status::RecoveryStatus;
use gp_agent_core::cluster::status::{Phase, PodStatus, ReplicationStatus, StorageStatus, TlsStatus};
use gp_agent_core::config;
use gp_agent_core::postgres::supervisor::{TRANSITIONS, Transition};
use gp_agent_core::process::timeouts::{BOUNDS, Bound};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn the_configuration_is_what_the_code_reads() {
    let document = "docs/reference/configuration.md";
    expect(document, "keys", &config::reference());
    expect(document, "variables", &config::variables_reference());
}

#[test]
fn the_timeouts_are_what_the_code_waits() {
    let row = |bound: &Bound| {
        let seconds = format!("{} s", bound.value.as_secs_f64());
        vec![
            format!("`{}`", bound.name),
            seconds,
            bound.wait.to_string(),
            bound.fits.to_string(),
        ]
    };
    let rows = BOUNDS.iter().map(row);
    expect(
        "docs/design/timeouts.md",
        "timeouts",
        &table(&["Bound", "How long", "Who waits for what", "It is"], rows),
    );
}

/// A bound that nobody goes by would only look like one.
#[test]
fn every_timeout_is_waited_for() {
    let mut sources = Vec::new();
    for folder in ["agent/src", "agent/core/src"] {
        files(&root().join(folder), "rs", &mut sources);
    }
    sources.retain(|path| {
        !path
            .components()
            .any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
    });
    let text: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let used = |bound: &&Bound| {
        let name = format!("timeouts::{}", bound.name);
        let mut rests = text.split(&name).skip(1);
        rests.any(|rest| rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_'))
    };
    let unused: Vec<String> = BOUNDS
        .iter()
        .filter(|bound| !used(bound))
        .map(|b| b.name.to_string())
        .collect();
    expect_none("bounds that nothing goes by", &unused);
}

/// By what is joined to the agent's folder on the volume.
#[test]
fn the_files_on_the_volume_are_those_that_the_agent_writes() {
    let mut sources = Vec::new();
    files(&root().join("agent/src"), "rs", &mut sources);
    let mut written = BTreeSet::from(["lock".to_string()]);
    for path in sources {
        let text = std::fs::read_to_string(path).unwrap();
        for folder in ["state_dir.join(\"", "state_dir().join(\""] {
            let names = text.split(folder).skip(1).filter_map(|rest| rest.split_once('"'));
            written.extend(names.map(|(name, _)| name.to_string()));
        }
        let folders = ["state_dir", "state_dir()", "folder", "directory"];
        if folders
            .iter()
            .any(|folder| text.contains(&format!("{folder}.join(FILE)")))
        {
            let (_, rest) = text.split_once("const FILE: &str = \"").unwrap();
            written.insert(rest.split_once('"').unwrap().0.to_string());
        }
    }
    let document = Document::read(&root(), &root().join("docs/reference/configuration.md"));
    let rows = document.section("## Files on the volume");
    let rows = rows.iter().filter(|line| line.kind == Kind::Table);
    let named = rows.filter_map(|row| code_spans(cells(&row.text)[0]).pop());
    let named: BTreeSet<String> = named.map(|name| name.trim_end_matches('/').to_string()).collect();
    assert_eq!(named, written);
}

#[test]
fn the_paths_are_what_the_server_answers() {
    let row = |endpoint: &Endpoint| {
        let side = if endpoint.unix_only { "unix socket" } else { "both" };
        let cells = [endpoint.method, &format!("`{}`", endpoint.path), side, endpoint.meaning];
        cells.map(String::from).to_vec()
    };
    let text = table(&["Method", "Path", "Side", "Answer"], ENDPOINTS.iter().map(row));
    expect("docs/reference/http.md", "routes", &text);
}

#[test]
fn the_exit_codes_are_those_of_init() {
    let row = |(code, meaning): &(&str, &str)| vec![code.to_string(), meaning.to_string()];
    let text = table(&["Code", "Meaning"], EXIT_CODES.iter().map(row));
    expect("docs/reference/exit-codes.md", "exit codes", &text);
}

#[test]
fn the_phases_follow_each_other_as_the_code_says() {
    let words = |phases: &[Phase]| {
        phases
            .iter()
            .map(|p| format!("`{}`", p.as_str()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let row = |(phase, after): &(Phase, &[Phase])| vec![words(&[*phase]), words(after)];
    let text = table(&["Phase", "May be followed by"], MAY_FOLLOW.iter().map(row));
    expect("docs/design/architecture.md", "phases", &text);
}

#[test]
fn the_supervisor_moves_as_the_code_says() {
    let row = |(from, event, to): &Transition| vec![format!("{from:?}"), (*event).to_string(), format!("{to:?}")];
    let text = table(&["State", "What happens", "Next state"], TRANSITIONS.iter().map(row));
    expect("docs/design/architecture.md", "supervisor", &text);
}

/// A pod that has a value for every metric.
fn busy() -> PodStatus {
    PodStatus {
        replication: vec![ReplicationStatus {
            lag_bytes: Some(0),
            ..ReplicationStatus::default()
        }],
        storage: vec![StorageStatus {
            free_inodes: Some(0),
            ..StorageStatus::default()
        }],
        tls: Some(TlsStatus::default()),
        failover: Some(FailoverStatus {
            writes_until: Some(0),
            last: Some(LastFailover::default()),
            renewal_seconds: Some(0.0),
            ..FailoverStatus::default()
        }),
        recovery: Some(RecoveryStatus::default()),
        ..PodStatus::unknown("segment-a-0")
    }
}

/// What the exposition says of one metric.
#[derive(Default)]
pub(crate) struct Metric {
    help: String,
    kind: String,
    /// Each label's values.
    labels: BTreeMap<String, BTreeSet<String>>,
    /// The name of its samples.
    pub(crate) sample: String,
}

/// The metrics in the order of the exposition.
pub(crate) fn exposed() -> Vec<Metric> {
    let mut found: Vec<Metric> = Vec::new();
    for line in metrics(&busy()).lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (_, help) = rest.split_once(' ').unwrap();
            found.push(Metric {
                help: help.trim_end_matches('.').to_string(),
                ..Metric::default()
            });
        } else if let Some(metric) = found.last_mut() {
            read_line(metric, line);
        }
    }
    found
}

fn read_line(metric: &mut Metric, line: &str) {
    if let Some(rest) = line.strip_prefix("# TYPE ") {
        metric.kind = rest.split_once(' ').unwrap().1.to_string();
    } else if !line.starts_with('#') {
        let (sample, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        metric.sample = name.to_string();
        for label in labels
            .trim_end_matches('}')
            .split(',')
            .filter(|label| !label.is_empty())
        {
            let (label, value) = label.split_once('=').unwrap();
            let values = metric.labels.entry(label.to_string()).or_default();
            values.insert(value.trim_matches('"').to_string());
        }
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_exposition() {
    if promtool::is_there() {
        promtool::finds_nothing_wrong(&prometheus_metrics(&busy()));
    }
}

#[test]
fn the_metrics_are_those_of_the_exposition() {
    let row = |metric: &Metric| {
        let labels: Vec<&str> = metric.labels.keys().map(String::as_str).collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        vec![
            format!("`{}{labels}`", metric.sample),
            metric.kind.clone(),
            metric.help.clone(),
        ]
    };
    let text = table(&["Metric", "Type", "Meaning"], exposed().iter().map(row));
    expect("docs/reference/metrics.md", "metrics", &text);
}

/// Labels whose values a pod alone decides are open; of the others the reference names every value.
#[test]
fn every_label_is_explained() {
    let document = Document::read(&root(), &root().join("docs/reference/metrics.md"));
    let rows = document.section("## Values of the labels");
    let mut wrong = Vec::new();
    for metric in exposed() {
        for (label, values) in &metric.labels {
            let label_cell = format!("`{label}`");
            let row = rows
                .iter()
                .find(|row| cells(&row.text).first() == Some(&label_cell.as_str()));
            let Some(row) = row else {
                wrong.push(format!("{label} has no row"));
                continue;
            };
            let fixed = matches!(label.as_str(), "role" | "area" | "severity" | "percentile" | "kind");
            let missing = values
                .iter()
                .filter(|value| fixed && !code_spans(&row.text).contains(&value.as_str()));
            wrong.extend(missing.map(|value| format!("{label} lacks {value}")));
        }
    }
    expect_none("labels of metrics", &wrong);
}

#[test]
fn every_phase_is_explained() {
    let phases: Vec<&str> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
    for (document, heading) in [
        ("docs/glossary.md", "## Phases"),
        ("docs/troubleshooting.md", "## By phase"),
    ] {
        let document = Document::read(&root(), &root().join(document));
        let rows = document.section(heading);
        let rows = rows.iter().filter(|line| line.kind == Kind::Table);
        let named: BTreeSet<&str> = rows.filter_map(|row| code_spans(cells(&row.text)[0]).pop()).collect();
        let missing: Vec<String> = phases
            .iter()
            .filter(|phase| !named.contains(*phase))
            .map(ToString::to_string)
            .collect();
        expect_none(&format!("phases that {} lacks", document.path.display()), &missing);
        let strange: Vec<String> = named
            .iter()
            .filter(|word| !phases.contains(word))
            .map(ToString::to_string)
            .collect();
        expect_none(
            &format!("phases of {} that are none", document.path.display()),
            &strange,
        );
    }
}
