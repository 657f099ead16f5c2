//! The ways in which the chart is rendered.

use crate::{NEWEST, OLDEST};
use cluster_tests::helm;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// One rendering.
pub(crate) struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// Files of the chart given with `--values`.
    pub files: &'static [&'static str],
    /// Values on top.
    pub values: Value,
}

impl Case {
    /// The objects for that version of Kubernetes.
    pub(crate) fn render(&self, kubernetes: &str) -> Vec<Value> {
        helm::render(self.files, &self.values, kubernetes).unwrap()
    }
}

fn case(name: &'static str, files: &'static [&'static str], values: Value) -> Case {
    Case { name, files, values }
}

/// What everything else is compared with.
pub(crate) fn default() -> Case {
    case("default", &[], json!({}))
}

/// Everything that makes a difference.
pub(crate) fn all() -> Vec<Case> {
    let everything = json!({
        "cluster": "other", "engine": "greenplum", "namePrefix": "x-",
        "image": { "repository": "registry.test/gp", "tag": "7", "pullSecrets": ["pull"] },
        "coordinator": { "tolerations": [{ "key": "db", "operator": "Exists" }] },
        "primaries": { "nodeSelector": { "pool": "a" }, "storage": { "storageClass": "fast", "walStorageClass": "faster" } },
        "mirrors": { "affinity": { "nodeAffinity": {} }, "storage": { "storageClass": "-" } },
        "storage": { "wal": true },
        "failover": { "mode": "manual", "authority": "kubernetes", "leaseSeconds": 6, "onPodDelete": "restart" },
        "recovery": { "segments": "manual", "standby": "manual", "full": "auto", "roles": "window", "window": "0 2 * * sun", "windowMinutes": 60 },
        "expansion": { "redistribute": "manual" },
        "names": { "hosts": "off" },
        "parameters": { "log_statement": "ddl" },
        "config": { "shutdown": { "graceSeconds": 60 } },
        "tls": { "secret": "certificate" },
        "service": { "type": "LoadBalancer", "annotations": { "a": "b" }, "loadBalancerIP": "192.0.2.1", "sourceRanges": ["192.0.2.0/24"], "nodePort": 30000 },
        "serviceAccount": { "annotations": { "a": "b" }, "segmentName": "others" },
        "segmentLabels": "always", "admissionPolicy": "never",
        "networkPolicy": { "clients": [{ "ipBlock": { "cidr": "192.0.2.0/24" } }], "monitoring": [] },
        "sysctls": { "net.ipv4.ip_local_port_range": "20000 60000" },
        "podAnnotations": { "a": "b" }, "podLabels": { "c": "d" }, "priorityClassName": "high",
        "extraEnv": [{ "name": "TZ", "value": "UTC" }],
        "extraVolumes": [{ "name": "sql", "configMap": { "name": "sql" } }],
        "extraVolumeMounts": [{ "name": "sql", "mountPath": "/etc/greenplum-sql" }],
    });
    let monitoring = json!({ "monitoring": {
        "labels": { "release": "stack" },
        "podMonitor": { "enabled": true },
        "rules": { "enabled": true, "runbooks": "https://git.test/gp-agent/blob/main/" },
        "dashboard": { "enabled": true },
    } });
    vec![
        default(),
        case("minikube", &["values-minikube.yaml"], json!({})),
        case("kind", &["values-kind.yaml"], json!({})),
        case("GKE", &["values-gke.yaml"], json!({})),
        case("without role labels", &[], json!({ "roleLabels": false })),
        case(
            "without role labels and standby",
            &[],
            json!({ "roleLabels": false, "coordinator": { "standby": false } }),
        ),
        case("without mirrors", &[], json!({ "mirrors": { "enabled": false } })),
        case(
            "with what others made",
            &[],
            json!({
                "ssh": { "existingSecret": "keys" }, "password": { "existingSecret": "words" },
                "serviceAccount": { "create": false, "name": "sa" }, "service": { "type": "ClusterIP" },
                "networkPolicy": { "enabled": false }, "podDisruptionBudget": { "enabled": false },
            }),
        ),
        case(
            "with a certificate of cert-manager",
            &[],
            json!({ "tls": { "certManager": { "issuer": "ca" } } }),
        ),
        case("trust", &[], json!({ "hba": { "auth": "trust" } })),
        case(
            "no anti-affinity",
            &[],
            json!({ "antiAffinity": { "segments": "none", "coordinator": "none" } }),
        ),
        case("monitoring", &[], monitoring),
        case("everything", &[], everything),
    ]
}

/// Every case, rendered once for the oldest and the newest Kubernetes.
pub(crate) fn rendered() -> &'static [(String, Vec<Value>)] {
    static RENDERED: LazyLock<Vec<(String, Vec<Value>)>> = LazyLock::new(render_all);
    &RENDERED
}

fn render_all() -> Vec<(String, Vec<Value>)> {
    let versions =
        |case: &Case| [OLDEST, NEWEST].map(|version| (format!("{} on {version}", case.name), case.render(version)));
    all().iter().flat_map(versions).collect()
}
