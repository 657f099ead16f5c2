//! One installation of the chart.

use super::{Api, kubectl, output};
use crate::helm::{self, ValuesFile};
use crate::{docker, wait};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

/// Marks the namespaces of the tests; the value is the process.
const LABEL: &str = "gp-agent-tests";
/// The release's name, and the cluster's.
const NAME: &str = "t";

/// What the tests need different from the chart's defaults: small, quick to notice, and visible from outside.
pub fn values() -> Value {
    let image = docker::image();
    let (repository, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    let group = json!({
        "storage": { "size": "1Gi" },
        "resources": { "requests": { "cpu": "10m", "memory": "64Mi" }, "limits": { "memory": "512Mi" } },
    });
    json!({
        "image": { "repository": repository, "tag": tag },
        "coordinator": group, "primaries": group, "mirrors": group,
        "parameters": { "shared_buffers": "32MB" },
        "storage": { "minFreeMib": 64 },
        "shutdown": { "graceSeconds": 20 },
        "probes": { "readiness": { "periodSeconds": 1 } },
        "service": { "type": "LoadBalancer", "sourceRanges": ["0.0.0.0/0"] },
        "networkPolicy": { "monitoring": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }] },
    })
}

/// Lays `over` over `under`, map by map.
fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// The chart in a namespace of its own, which goes with it.
#[derive(Debug)]
pub struct Release {
    /// Its namespace.
    pub namespace: String,
    /// Values over [`values`].
    own: Value,
    /// The API server.
    pub api: Api,
}

impl Release {
    /// Installs the chart with these values over [`values`]. Nothing is waited for.
    ///
    /// # Errors
    /// What kubectl or helm said.
    pub fn install(own: Value) -> Result<Release> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("gp-{}-{count}", std::process::id());
        kubectl(&["create", "namespace", &namespace])?;
        let api = Api::open()?;
        let release = Release { namespace, own, api };
        let label = format!("{LABEL}={}", std::process::id());
        kubectl(&["label", "namespace", &release.namespace, &label])?;
        release.upgrade(&json!({}))?;
        Ok(release)
    }

    /// Installs it and waits until every pod does its work.
    ///
    /// # Errors
    /// What helm said, or the pod that is not ready.
    pub fn up(own: Value) -> Result<Release> {
        let release = Release::install(own)?;
        release.wait_all_ready()?;
        Ok(release)
    }

    /// `helm upgrade --install` with the values that it was installed with, and these over them.
    ///
    /// # Errors
    /// What helm said.
    pub fn upgrade(&self, more: &Value) -> Result<()> {
        let mut all = values();
        merge(&mut all, &self.own);
        merge(&mut all, more);
        let file = ValuesFile::new(&all)?;
        let chart = helm::chart().display().to_string();
        let upgrade = ["upgrade", "--install", NAME, &chart];
        let how = ["--namespace", &self.namespace, "--values", &file.path()];
        helm::helm(&[&upgrade[..], &how].concat()).map(drop)
    }

    /// `helm test`; the logs.
    ///
    /// # Errors
    /// What helm said.
    pub fn test(&self) -> Result<String> {
        helm::helm(&["test", NAME, "--namespace", &self.namespace, "--logs"])
    }

    /// kubectl in its namespace.
    ///
    /// # Errors
    /// What kubectl said.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        kubectl(&[&["--namespace", &self.namespace], args].concat())
    }

    /// kubectl in its namespace; what it ended with.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn output(&self, args: &[&str]) -> Result<Output> {
        output(&[&["--namespace", &self.namespace], args].concat())
    }

    /// Creates an object in its namespace, or changes it.
    ///
    /// # Errors
    /// What kubectl said.
    pub fn apply(&self, object: &Value) -> Result<()> {
        let file = ValuesFile::new(object)?;
        self.kubectl(&["apply", "--filename", &file.path()]).map(drop)
    }

    /// Changes fields of an object, as `kubectl patch` does.
    ///
    /// # Errors
    /// What kubectl said.
    pub fn patch(&self, kind: &str, name: &str, fields: &Value) -> Result<()> {
        let fields = fields.to_string();
        self.kubectl(&["patch", kind, name, "--type=merge", "--patch", &fields])
            .map(drop)
    }

    /// An object of the core API, such as `services/greenplum`.
    ///
    /// # Errors
    /// When there is none.
    pub fn object(&self, path: &str) -> Result<Value> {
        self.api.get(&format!("/api/v1/namespaces/{}/{path}", self.namespace))
    }

    /// A StatefulSet.
    ///
    /// # Errors
    /// When there is none.
    pub fn set(&self, name: &str) -> Result<Value> {
        let namespace = &self.namespace;
        self.api
            .get(&format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"))
    }

    /// The pods that the StatefulSets want, in the order of the topology.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub fn pods(&self) -> Result<Vec<String>> {
        let path = format!("/apis/apps/v1/namespaces/{}/statefulsets", self.namespace);
        let sets = self.api.get(&path)?;
        let mut pods = Vec::new();
        for set in sets["items"].as_array().context("no list")? {
            let name = set["metadata"]["name"].as_str().context("no name")?;
            let replicas = set["spec"]["replicas"].as_u64().context("no replicas")?;
            pods.extend((0..replicas).map(|i| format!("{name}-{i}")));
        }
        ensure!(!pods.is_empty(), "no StatefulSet in {}", self.namespace);
        Ok(pods)
    }

    /// gpadmin's password.
    ///
    /// # Errors
    /// When there is no Secret.
    pub fn password(&self) -> Result<String> {
        let template = "go-template={{.data.password | base64decode}}";
        self.kubectl(&["get", "secret", "greenplum-password", "-o", template])
    }

    /// Where clients connect from outside: the address of a Service of type LoadBalancer.
    ///
    /// # Errors
    /// When none is given out in time.
    pub fn address(&self, service: &str) -> Result<String> {
        wait::until("an address of the load balancer", || {
            let service = self.object(&format!("services/{service}"))?;
            let ingress = &service["status"]["loadBalancer"]["ingress"][0];
            let address = ingress["ip"].as_str().or(ingress["hostname"].as_str());
            address.map(String::from).context("not given out yet")
        })
    }
}

/// Removes the namespaces of tests whose processes are gone.
pub fn sweep() {
    let path = "jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.gp-agent-tests}{\"\\n\"}{end}";
    let found = kubectl(&["get", "namespaces", "--selector", LABEL, "-o", path]).unwrap_or_default();
    for (name, pid) in found.lines().filter_map(|line| line.split_once(' ')) {
        if !std::path::Path::new("/proc").join(pid).exists() {
            let _ = kubectl(&["delete", "namespace", name, "--wait=false"]);
        }
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if std::env::var_os("GP_TESTS_KEEP").is_some() {
            eprintln!("kept: namespace {}", self.namespace);
            return;
        }
        let _ = kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}
