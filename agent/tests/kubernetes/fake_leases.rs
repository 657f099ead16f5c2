//! The API server's Leases (coordination.k8s.io/v1), and their watches.

use super::fake_objects::{Objects, status};
use bytes::Bytes;
use hyper::Method;
use hyper::body::Frame;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// By name, and who watches which.
#[derive(Default)]
pub(crate) struct Leases {
    pub all: BTreeMap<String, Value>,
    version: u64,
    watchers: Vec<(String, UnboundedSender<String>)>,
}

/// One answer, or the events of a watch as they come.
pub(crate) enum Body {
    Whole(Option<String>),
    Events(UnboundedReceiver<String>),
}

impl Body {
    pub(crate) fn whole(text: String) -> Body {
        Body::Whole(Some(text))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Body::Whole(text) => Poll::Ready(text.take()),
            Body::Events(events) => events.poll_recv(cx),
        };
        next.map(|text| text.map(|text| Ok(Frame::data(Bytes::from(text)))))
    }
}

impl Leases {
    /// Changes one as a person would.
    pub(crate) fn edit(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut lease = self.all[name].clone();
        change(&mut lease);
        self.store(name, lease, "MODIFIED");
    }

    pub(crate) fn delete(&mut self, name: &str) {
        let lease = self.all.remove(name).unwrap();
        self.tell(name, "DELETED", &lease);
    }

    /// Ends every watch.
    pub(crate) fn end_watches(&mut self) {
        self.watchers.clear();
    }

    fn store(&mut self, name: &str, mut lease: Value, event: &str) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!((1000 + self.version).to_string());
        self.all.insert(name.into(), lease.clone());
        self.tell(name, event, &lease);
        lease
    }

    fn tell(&mut self, name: &str, event: &str, lease: &Value) {
        let line = format!("{}\n", json!({ "type": event, "object": lease }));
        self.watchers
            .retain(|(watched, to)| watched != name || to.send(line.clone()).is_ok());
    }

    /// As the registry of Leases does: an update makes what is not there, and an update of what is there names its version.
    fn put(&mut self, name: &str, lease: Value) -> (u16, Value) {
        let given = lease["metadata"]["resourceVersion"].clone();
        match self.all.get(name) {
            None if given.is_null() => (201, self.store(name, lease, "ADDED")),
            None => status(404, &format!("leases \"{name}\" not found")),
            Some(_) if given.is_null() => status(422, "metadata.resourceVersion: must be specified for an update"),
            Some(now) if now["metadata"]["resourceVersion"] != given => {
                let words = "the object has been modified; please apply your changes to the latest version";
                status(
                    409,
                    &format!("Operation cannot be fulfilled on leases \"{name}\": {words}"),
                )
            }
            Some(_) => (200, self.store(name, lease, "MODIFIED")),
        }
    }
}

impl Objects {
    /// The name of the Lease that a request is about; empty for all of them.
    pub(crate) fn lease_name(&self, head: &Parts) -> Option<String> {
        let prefix = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace);
        let rest = head.uri.path().strip_prefix(&prefix)?;
        Some(rest.trim_start_matches('/').to_string())
    }

    pub(crate) fn answer_lease(&mut self, method: &Method, name: &str, body: &[u8]) -> (u16, Value) {
        let verb = match *method {
            Method::GET if !name.is_empty() => "get",
            Method::PUT => "update",
            _ => return status(403, "of no use to a coordinator, so not allowed"),
        };
        if let Some(refusal) = self.refusal(verb, "leases", name) {
            return refusal;
        }
        if verb == "get" {
            let missing = || status(404, &format!("leases \"{name}\" not found"));
            return self
                .leases
                .all
                .get(name)
                .map_or_else(missing, |lease| (200, lease.clone()));
        }
        match serde_json::from_slice(body) {
            Ok(lease) => self.leases.put(name, lease),
            Err(_) => status(400, "error decoding body"),
        }
    }

    /// Begins a watch of one Lease: what is there first, then each change.
    pub(crate) fn watch_leases(&mut self, head: &Parts) -> Result<Body, (u16, Value)> {
        if !self.is_known(head) {
            return Err(status(401, "Unauthorized"));
        }
        let query = head.uri.query().unwrap_or_default();
        let mut parts = query.split('&');
        let named = parts.find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
        let (Some(name), Some("")) = (named, self.lease_name(head).as_deref()) else {
            return Err(status(403, "all Leases may not be watched"));
        };
        if let Some(refusal) = self.refusal("watch", "leases", name) {
            return Err(refusal);
        }
        let (to, events) = unbounded_channel();
        if let Some(lease) = self.leases.all.get(name) {
            let _ = to.send(format!("{}\n", json!({ "type": "ADDED", "object": lease })));
        }
        self.leases.watchers.push((name.into(), to));
        Ok(Body::Events(events))
    }
}
