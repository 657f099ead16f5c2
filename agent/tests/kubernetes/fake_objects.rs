//! What the API server stores, and how it answers: as kube-apiserver does, as far as this agent asks.

use super::fake_leases::Leases;
use gp_agent_core::kubernetes::role_label::LABEL;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use hyper::http::request::Parts;
use serde_json::{Value, json};

/// One pod and the Events about it, another pod, and Leases.
pub(crate) struct Objects {
    pub namespace: String,
    pod: Value,
    /// The other coordinator's, if there is one.
    pub other: Option<Value>,
    pub events: Vec<Value>,
    pub leases: Leases,
    /// Requests with another bearer token are not authenticated.
    pub token: String,
    /// Verb and resource that RBAC refuses, such as `patch pods`.
    pub forbidden: Vec<String>,
    /// What an admission policy without a reason of its own says of every change of a pod.
    pub policy: Option<String>,
}

pub(crate) struct Answer {
    pub code: u16,
    pub body: Value,
}

impl Objects {
    pub(crate) fn new(namespace: &str, pod: &str, uid: &str) -> Objects {
        Objects {
            namespace: namespace.into(),
            pod: json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": pod, "namespace": namespace, "uid": uid, "resourceVersion": "1",
                    "labels": { "app": "greenplum" },
                },
                "spec": { "containers": [{ "name": "segment" }] },
            }),
            other: None,
            events: Vec::new(),
            leases: Leases::default(),
            token: "token-1".into(),
            forbidden: Vec::new(),
            policy: None,
        }
    }

    pub(crate) fn role(&self) -> Option<String> {
        let label = &self.pod["metadata"]["labels"][LABEL];
        label.as_str().map(str::to_string)
    }

    pub(crate) fn set_role(&mut self, role: Option<&str>) {
        let labels = self.pod["metadata"]["labels"].as_object_mut().unwrap();
        match role {
            Some(role) => labels.insert(LABEL.into(), json!(role)),
            None => labels.remove(LABEL),
        };
    }

    pub(crate) fn set_uid(&mut self, uid: &str) {
        self.pod["metadata"]["uid"] = json!(uid);
    }

    /// Everything but the role label.
    pub(crate) fn other_labels(&self) -> Value {
        let mut labels = self.pod["metadata"]["labels"].clone();
        labels.as_object_mut().unwrap().remove(LABEL);
        labels
    }

    pub(crate) fn answer(&mut self, head: &Parts, body: &[u8]) -> Answer {
        let (code, body) = self.judge(head, body);
        Answer { code, body }
    }

    /// Who is not known is turned away.
    pub(crate) fn is_known(&self, head: &Parts) -> bool {
        let given = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        given == Some(&format!("Bearer {}", self.token))
    }

    /// RBAC's word, if it refuses.
    pub(crate) fn refusal(&self, verb: &str, resource: &str, name: &str) -> Option<(u16, Value)> {
        let user = "system:serviceaccount:prod:greenplum";
        let words = format!(
            "{resource} \"{name}\" is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"\" in the namespace \"{}\"",
            self.namespace
        );
        let forbidden = self.forbidden.contains(&format!("{verb} {resource}"));
        forbidden.then(|| status(403, &words))
    }

    fn judge(&mut self, head: &Parts, body: &[u8]) -> (u16, Value) {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        if !self.is_known(head) {
            return status(401, "Unauthorized");
        }
        if let Some(name) = self.lease_name(head) {
            return self.answer_lease(&head.method, &name, body);
        }
        let prefix = format!("/api/v1/namespaces/{}/", self.namespace);
        let Some(path) = head.uri.path().strip_prefix(&prefix) else {
            return status(404, "the server could not find the requested resource");
        };
        let (resource, name) = path.split_once('/').unwrap_or((path, ""));
        let verb = match head.method {
            Method::GET => "get",
            Method::PATCH => "patch",
            Method::POST => "create",
            _ => {
                return status(405, "the server does not allow this method on the requested resource");
            }
        };
        if let Some(refusal) = self.refusal(verb, resource, name) {
            return refusal;
        }
        let merges = header(CONTENT_TYPE) == Some("application/merge-patch+json");
        if verb == "patch" && !merges {
            return status(415, "the body of the request was in an unknown format");
        }
        let (code, object) = match (resource, verb) {
            ("pods", "get") => self.pod(name),
            ("pods", "patch") => self.patch_pod(name, body),
            ("events", "create") => self.create_event(body),
            ("events", "patch") => self.patch_event(name, body),
            _ => status(404, "the server could not find the requested resource"),
        };
        let partial = header(ACCEPT).is_some_and(|kinds| kinds.contains("as=PartialObjectMetadata;"));
        if code < 300 && partial {
            return (code, partial_metadata(&object));
        }
        (code, object)
    }

    fn pod(&self, name: &str) -> (u16, Value) {
        let mut pods = self.other.iter().chain([&self.pod]);
        match pods.find(|pod| pod["metadata"]["name"] == name) {
            Some(pod) => (200, pod.clone()),
            None => status(404, &format!("pods \"{name}\" not found")),
        }
    }

    fn patch_pod(&mut self, name: &str, body: &[u8]) -> (u16, Value) {
        let (code, mut pod) = self.pod(name);
        if code != 200 {
            return (code, pod);
        }
        let Ok(patch) = serde_json::from_slice::<Value>(body) else {
            return status(400, "error decoding patch");
        };
        if let Some(words) = &self.policy {
            return status(422, words);
        }
        let before = pod.clone();
        merge(&mut pod, &patch);
        if pod["metadata"]["uid"] != before["metadata"]["uid"] {
            return status(
                422,
                &format!("Pod \"{name}\" is invalid: metadata.uid: Invalid value: field is immutable"),
            );
        }
        if pod != before {
            let version: u64 = pod["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
            pod["metadata"]["resourceVersion"] = json!((version + 1).to_string());
        }
        match &mut self.other {
            Some(other) if other["metadata"]["name"] == name => *other = pod.clone(),
            _ => self.pod = pod.clone(),
        }
        (200, pod)
    }

    fn create_event(&mut self, body: &[u8]) -> (u16, Value) {
        let Ok(event) = serde_json::from_slice::<Value>(body) else {
            return status(400, "error decoding body");
        };
        let metadata = &event["metadata"];
        if metadata["namespace"] != self.namespace.as_str()
            || event["involvedObject"]["namespace"] != self.namespace.as_str()
        {
            return status(422, "involvedObject.namespace: does not match event.namespace");
        }
        let name = metadata["name"].clone();
        if self.events.iter().any(|e| e["metadata"]["name"] == name) {
            return status(409, &format!("events {name} already exists"));
        }
        self.events.push(event.clone());
        (201, event)
    }

    fn patch_event(&mut self, name: &str, body: &[u8]) -> (u16, Value) {
        let found = self.events.iter_mut().find(|e| e["metadata"]["name"] == name);
        let (Some(event), Ok(patch)) = (found, serde_json::from_slice(body)) else {
            return status(404, &format!("events \"{name}\" not found"));
        };
        merge(event, &patch);
        (200, event.clone())
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().unwrap();
    for (name, change) in changes {
        match change {
            Value::Null => drop(fields.remove(name)),
            _ => merge(fields.entry(name.clone()).or_insert(Value::Null), change),
        }
    }
}

fn partial_metadata(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
    })
}

pub(crate) fn status(code: u16, message: &str) -> (u16, Value) {
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (code, body)
}
