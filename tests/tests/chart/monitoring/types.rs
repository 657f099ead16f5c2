//! The types of Prometheus' operator, as far as the chart uses them (monitoring.coreos.com, API reference of version 1).

use k8s_openapi_latest::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How pods are scraped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the names and types of the fields count")]
pub(crate) struct PodMonitor {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: PodMonitorSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct PodMonitorSpec {
    selector: LabelSelector,
    pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Endpoint {
    port: String,
    path: String,
    interval: String,
    relabelings: Vec<Relabeling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Relabeling {
    target_label: String,
    replacement: String,
}

/// Alerts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only the names and types of the fields count")]
pub(crate) struct PrometheusRule {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: Groups,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the names and types of the fields count")]
struct Rule {
    alert: String,
    expr: String,
    r#for: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}
