//! Events about this pod (core/v1, which every server knows).

use super::{Kubernetes, trouble, within};
use crate::sys::process::clock;
use gp_agent_core::kubernetes::api_error::ApiError;
use gp_agent_core::kubernetes::events::EventUpdate;
use gp_agent_core::log::utc;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// Who says so.
const COMPONENT: &str = "gp-agent";

impl Kubernetes {
    /// Creates the Event, or brings it up to date; gives its name.
    ///
    /// # Errors
    /// What the server refused, or why it could not be asked; [`ApiError::Missing`] for an Event that is gone.
    pub async fn send_event(&self, update: &EventUpdate) -> Result<String, ApiError> {
        let events: Api<Event> = Api::namespaced(self.client()?, &self.place.namespace);
        match &update.name {
            Some(name) => {
                let patch = Patch::Merge(json!({
                    "count": update.count, "message": update.message, "lastTimestamp": time(update.last),
                }));
                let parameters = PatchParams::default();
                self.note(within(events.patch_metadata(name, &parameters, &patch)).await)?;
                Ok(name.clone())
            }
            None => {
                // As the Kubernetes client of Go names Events: unique enough, since a pod's agent sends one at a time.
                let name = format!("{}.{:x}", self.place.pod, clock::since_epoch().as_nanos());
                let event = self.event(&name, update).await?;
                let parameters = PostParams::default();
                self.note(within(events.create(&parameters, &event)).await)?;
                Ok(name)
            }
        }
    }

    async fn event(&self, name: &str, update: &EventUpdate) -> Result<Event, ApiError> {
        if self.uid.get().is_none() {
            // Asked for its uid: `kubectl describe` finds Events by it. Without the right to ask it is left out.
            let _ = self.role_label().await;
        }
        let place = &self.place;
        let about = json!({
            "apiVersion": "v1", "kind": "Pod", "namespace": place.namespace, "name": place.pod, "uid": self.uid.get(),
        });
        from_json(json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": name, "namespace": place.namespace },
            "involvedObject": about,
            "type": update.kind.as_str(), "reason": update.reason, "message": update.message,
            "count": update.count, "firstTimestamp": time(update.first), "lastTimestamp": time(update.last),
            "source": { "component": COMPONENT },
            "reportingComponent": COMPONENT, "reportingInstance": place.pod,
        }))
    }
}

fn from_json(event: Value) -> Result<Event, ApiError> {
    serde_json::from_value(event).map_err(|error| trouble(&kube::Error::SerdeError(error)))
}

fn time(unix: u64) -> String {
    utc::from_unix(unix).to_string()
}
