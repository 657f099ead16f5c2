//! The same against a real API server, where KUBECONFIG leads to one: what the pretended one does has to be true.

use crate::skipped::skipped;
use base64::Engine as _;
use gp_agent::internals::kubernetes::{InClusterConfig, Kubernetes};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::kubernetes::api_error::ApiError;
use gp_agent_core::kubernetes::events::{Due, EventLimits, EventQueue, EventUpdate, Kind, Notice};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) fn kubectl(args: &[&str], input: &str) -> String {
    let mut child = Command::new("kubectl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kubectl {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn kubectl_json(args: &[&str], input: &str) -> Value {
    serde_json::from_str(&kubectl(args, input)).unwrap()
}

/// A namespace with a pod that no node takes, and its ServiceAccount; removed with the value.
pub(crate) struct Namespace {
    pub name: String,
    directory: TempDir,
}

impl Drop for Namespace {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.name, "--wait=false"], "");
    }
}

impl Namespace {
    /// Its pod may do what `rules` allow; `word` tells it from those of other tests.
    pub(crate) fn create(word: &str, rules: &Value) -> Option<Namespace> {
        let config = std::env::var_os("KUBECONFIG")?;
        if !Path::new(&config).exists() {
            return None;
        }
        let name = format!("gp-agent-test-{word}-{}", std::process::id());
        kubectl(&["create", "namespace", &name], "");
        let namespace = Namespace {
            name,
            directory: tempfile::tempdir().unwrap(),
        };
        namespace.apply("v1", "ServiceAccount", "segment", json!({}));
        let rbac = "rbac.authorization.k8s.io/v1";
        namespace.apply(rbac, "Role", "segment", json!({ "rules": rules }));
        namespace.apply(
            rbac,
            "RoleBinding",
            "segment",
            json!({
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "segment" },
                "subjects": [{ "kind": "ServiceAccount", "name": "segment" }],
            }),
        );
        namespace.create_pod();
        Some(namespace)
    }

    fn apply(&self, version: &str, kind: &str, name: &str, mut object: Value) {
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        object["metadata"] = json!({ "name": name, "namespace": self.name });
        kubectl(&["create", "-f", "-"], &object.to_string());
    }

    fn create_pod(&self) {
        let spec = json!({
            "serviceAccountName": "segment", "nodeSelector": { "no": "node" },
            "containers": [{ "name": "segment", "image": "none" }],
        });
        self.apply("v1", "Pod", "segment-a-0", json!({ "spec": spec }));
    }

    fn pod(&self) -> Value {
        kubectl_json(&["get", "pod", "segment-a-0", "-n", &self.name, "-o", "json"], "")
    }

    /// The place of the pod, with a token as kubelet mounts it.
    pub(crate) fn place(&self) -> InClusterConfig {
        let uid = self.pod()["metadata"]["uid"].as_str().unwrap().to_string();
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/segment/token", self.name);
        let wish = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "boundObjectRef": { "apiVersion": "v1", "kind": "Pod", "name": "segment-a-0", "uid": uid } },
        });
        let answer = kubectl_json(&["create", "--raw", &path, "-f", "-"], &wish.to_string());
        let token = answer["status"]["token"].as_str().unwrap();
        std::fs::write(self.directory.path().join("token"), token).unwrap();
        let config = kubectl_json(&["config", "view", "--raw", "--minify", "-o", "json"], "");
        let cluster = &config["clusters"][0]["cluster"];
        let ca = self.directory.path().join("ca.crt");
        match cluster["certificate-authority"].as_str() {
            Some(file) => std::fs::write(&ca, std::fs::read(file).unwrap()).unwrap(),
            None => {
                let data = cluster["certificate-authority-data"].as_str().unwrap();
                let pem = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
                std::fs::write(&ca, pem).unwrap();
            }
        }
        InClusterConfig {
            server: cluster["server"].as_str().unwrap().to_string(),
            directory: self.directory.path().to_path_buf(),
            namespace: self.name.clone(),
            pod: "segment-a-0".into(),
            uid: Some(uid),
            lease: None,
        }
    }
}

fn update(queue: &EventQueue) -> EventUpdate {
    match queue.next(Duration::from_secs(1000)) {
        Due::Send(update) => *update,
        Due::Wait(_) => panic!("nothing is due"),
    }
}

#[tokio::test]
async fn a_real_server_answers_as_the_pretended_one() {
    let rules = json!([
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "patch"] },
        { "apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"] },
    ]);
    let Some(namespace) = Namespace::create("pod", &rules) else {
        skipped("the client of a real API server: KUBECONFIG does not lead to a cluster");
        return;
    };
    let place = namespace.place();
    let api = Kubernetes::new(place.clone());
    labels(&namespace, &api).await;
    events(&namespace, &api).await;
    refusals(&place).await;
    replacement(&namespace, &place).await;
}

async fn labels(namespace: &Namespace, api: &Kubernetes) {
    let label = |pod: &Value| pod["metadata"]["labels"]["greenplum.io/role"].clone();
    assert_eq!(api.role_label().await, Ok(None));
    assert_eq!(
        api.set_role_label(Some(Role::Primary)).await,
        Ok(Some("primary".into()))
    );
    assert_eq!(label(&namespace.pod()), "primary");
    assert_eq!(api.role_label().await, Ok(Some("primary".into())));
    let before = namespace.pod()["metadata"]["resourceVersion"].clone();
    assert_eq!(
        api.set_role_label(Some(Role::Primary)).await,
        Ok(Some("primary".into()))
    );
    assert_eq!(
        namespace.pod()["metadata"]["resourceVersion"],
        before,
        "no change, no write"
    );
    assert_eq!(api.set_role_label(None).await, Ok(None));
    assert_eq!(label(&namespace.pod()), Value::Null);
}

async fn events(namespace: &Namespace, api: &Kubernetes) {
    let mut queue = EventQueue::new(EventLimits::default());
    let notice = Notice {
        kind: Kind::Warning,
        reason: "CrashLoop",
        message: "crash 3 in a row".into(),
        topic: String::new(),
    };
    queue.note(notice.clone(), 1_700_000_000);
    let first = update(&queue);
    let name = api.send_event(&first).await.unwrap();
    queue.sent(&first, name.clone(), Duration::ZERO);
    queue.note(notice, 1_700_000_060);
    assert_eq!(api.send_event(&update(&queue)).await, Ok(name.clone()));
    let described = kubectl(&["describe", "pod", "segment-a-0", "-n", &namespace.name], "");
    assert!(described.contains("crash 3 in a row"), "{described}");
    let stored = kubectl_json(&["get", "event", &name, "-n", &namespace.name, "-o", "json"], "");
    assert_eq!(stored["count"], 2);
    kubectl(&["delete", "event", &name, "-n", &namespace.name], "");
    let gone = api.send_event(&update(&queue)).await;
    assert!(matches!(gone, Err(ApiError::Missing(_))), "{gone:?}");
}

async fn refusals(place: &InClusterConfig) {
    let mut other = place.clone();
    other.namespace = "default".into();
    let refused = Kubernetes::new(other).role_label().await;
    assert!(matches!(refused, Err(ApiError::Denied(_))), "{refused:?}");
    let mut other = place.clone();
    other.pod = "segment-a-9".into();
    let missing = Kubernetes::new(other).role_label().await;
    assert!(matches!(missing, Err(ApiError::Missing(_))), "{missing:?}");
}

/// A pod of the same name with another uid.
async fn replacement(namespace: &Namespace, old: &InClusterConfig) {
    kubectl(
        &[
            "delete",
            "pod",
            "segment-a-0",
            "-n",
            &namespace.name,
            "--grace-period=0",
            "--force",
        ],
        "",
    );
    namespace.create_pod();
    // The old pod's token is bound to it; this one is the new pod's.
    let mut place = namespace.place();
    place.uid.clone_from(&old.uid);
    let api = Kubernetes::new(place);
    assert_eq!(api.set_role_label(Some(Role::Primary)).await, Err(ApiError::Replaced));
    assert_eq!(api.role_label().await, Err(ApiError::Replaced));
    assert_eq!(namespace.pod()["metadata"]["labels"], Value::Null);
}
