//! What Prometheus and Grafana get: it is there when asked for, and promtool takes it.

mod promtool;
pub(crate) mod types;

use crate::objects::{list, object, of_kind, pods, selects, text};
use crate::{NEWEST, can_render, cases};
use cluster_tests::helm;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The alerts, as they stand in the chart.
fn rules() -> PathBuf {
    helm::chart().join("monitoring/rules.yaml")
}

/// The tests of the alerts, each for `promtool test rules`.
fn tests_of_rules() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/rules");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn rendered() -> Vec<Value> {
    let cases = cases::all();
    let case = cases.iter().find(|case| case.name == "monitoring").unwrap();
    case.render(NEWEST)
}

#[test]
fn nothing_of_it_is_there_unless_asked_for() {
    if !can_render() {
        return;
    }
    for object in cases::default().render(NEWEST) {
        let version = text(&object["apiVersion"]);
        assert!(!version.starts_with("monitoring."), "{object}");
        assert!(object["metadata"]["labels"]["grafana_dashboard"].is_null(), "{object}");
    }
    let one = |name: &str| {
        let values = json!({ "monitoring": { name: { "enabled": true } } });
        helm::render(&[], &values, NEWEST).unwrap().len()
    };
    let none = cases::default().render(NEWEST).len();
    assert_eq!(["podMonitor", "rules", "dashboard"].map(one), [none + 1; 3]);
}

#[test]
fn every_object_carries_the_labels_that_are_selected_by() {
    if !can_render() {
        return;
    }
    let objects = rendered();
    for title in [
        "PodMonitor/gp-agent",
        "PrometheusRule/gp-agent",
        "ConfigMap/gp-agent-dashboard",
    ] {
        let labels = &object(&objects, title)["metadata"]["labels"];
        assert_eq!(
            (&labels["release"], &labels["greenplum.io/cluster"]),
            (&json!("stack"), &json!("warehouse"))
        );
    }
    let dashboard = object(&objects, "ConfigMap/gp-agent-dashboard");
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
}

#[test]
fn every_pod_with_an_agent_is_scraped_at_a_port_that_it_has() {
    if !can_render() {
        return;
    }
    let objects = rendered();
    let monitor = &object(&objects, "PodMonitor/gp-agent")["spec"];
    let endpoint = &monitor["podMetricsEndpoints"][0];
    assert_eq!(
        endpoint["relabelings"],
        json!([{ "targetLabel": "gp_cluster", "replacement": "warehouse" }])
    );
    for (name, pod) in pods(&objects)
        .iter()
        .filter(|(name, _)| name.starts_with("StatefulSet/"))
    {
        assert!(selects(&monitor["selector"], &pod["metadata"]["labels"]), "{name}");
        let mut ports = list(&pod["spec"]["containers"][0]["ports"]);
        assert!(ports.any(|port| port["name"] == endpoint["port"]), "{name}");
    }
}

#[test]
fn the_alerts_of_a_release_are_about_its_cluster_alone() {
    if !can_render() {
        return;
    }
    let objects = rendered();
    let rule = object(&objects, "PrometheusRule/gp-agent");
    let alerts: Vec<&Value> = list(&rule["spec"]["groups"])
        .flat_map(|group| list(&group["rules"]))
        .collect();
    assert!(alerts.len() > 20);
    for alert in alerts {
        let expr = text(&alert["expr"]);
        let selectors = expr.matches("namespace=\"prod\",gp_cluster=\"warehouse\"").count();
        assert_eq!(selectors, expr.matches("gp_agent_").count(), "{expr}");
        let runbook = text(&alert["annotations"]["runbook_url"]);
        assert!(
            runbook.starts_with("https://git.test/gp-agent/blob/main/docs/kubernetes/monitoring.md#"),
            "{runbook}"
        );
        assert!(
            matches!(text(&alert["labels"]["severity"]), "critical" | "warning"),
            "{alert}"
        );
    }
    assert_eq!(of_kind(&objects, "PrometheusRule").count(), 1);
}

/// `no-writable-coordinator.yaml` tests `GreenplumNoWritableCoordinator`.
#[test]
fn every_alert_has_a_test_of_its_name() {
    let text = fs::read_to_string(rules()).unwrap();
    let alerts = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: Greenplum"));
    let file = |alert: &str| {
        let words = alert
            .chars()
            .enumerate()
            .map(|(i, c)| match c.is_ascii_uppercase() && i > 0 {
                true => format!("-{}", c.to_ascii_lowercase()),
                false => c.to_ascii_lowercase().to_string(),
            });
        format!("{}.yaml", words.collect::<String>())
    };
    let mut wanted: BTreeSet<String> = alerts.map(file).collect();
    wanted.insert("well.yaml".into());
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(tests_of_rules().iter().map(name).collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn promtool_takes_the_alerts_and_each_fires_for_its_cause_alone() {
    if !promtool::is_there() {
        return;
    }
    promtool::check(&rules());
    promtool::test(&tests_of_rules());
}

/// What the chart makes of the file is the same but for the selector.
#[test]
fn promtool_takes_the_alerts_of_a_release() {
    if !can_render() || !promtool::is_there() {
        return;
    }
    let objects = rendered();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, object(&objects, "PrometheusRule/gp-agent")["spec"].to_string()).unwrap();
    promtool::check(&file);
    let tests = tests_of_rules()
        .into_iter()
        .filter(|path| !path.ends_with("not-watched.yaml"));
    let copy = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let own = text.replace("../../../../image/chart/monitoring/rules.yaml", "rules.yaml");
        assert_ne!(own, text, "{}", path.display());
        let copy = folder.path().join(path.file_name().unwrap());
        fs::write(&copy, own).unwrap();
        copy
    };
    promtool::test(&tests.map(copy).collect::<Vec<_>>());
}
