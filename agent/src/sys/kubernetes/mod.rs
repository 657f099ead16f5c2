//! The Kubernetes API, as far as this pod may use it: its own labels, Events about itself, and for coordinators the Lease and
//! the other one's label.
//!
//! The kube crate reads the ServiceAccount's token and the API server's CA again about once a minute, so rotated ones are
//! followed.

mod event;
mod in_cluster;
pub(crate) mod lease;

pub use in_cluster::InClusterConfig;

use gp_agent_core::cluster::topology::Role;
use gp_agent_core::kubernetes::api_error::ApiError;
use gp_agent_core::kubernetes::role_label::LABEL;
use gp_agent_core::process::timeouts;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{PartialObjectMeta, Status};
use kube::{Client, Config, Error};
use serde_json::json;
use std::error::Error as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// No request takes longer, from the connection to the last byte of the answer.
const ANSWER_WITHIN: Duration = timeouts::KUBERNETES_ANSWERS;

/// The API server, seen from one pod.
pub struct Kubernetes {
    place: InClusterConfig,
    /// Made when it is first needed, and anew after trouble: a connection through a dead network is not used again.
    client: Mutex<Option<Client>>,
    /// This pod's uid, from the environment or from the first answer.
    uid: OnceLock<String>,
}

impl Kubernetes {
    /// Nothing is asked yet.
    pub fn new(place: InClusterConfig) -> Kubernetes {
        let uid = place.uid.clone().map(OnceLock::from).unwrap_or_default();
        Kubernetes {
            place,
            client: Mutex::new(None),
            uid,
        }
    }

    /// Which pod this is, and where.
    pub fn place(&self) -> &InClusterConfig {
        &self.place
    }

    /// This pod's label [`LABEL`] as it is; `None` when it has none.
    ///
    /// # Errors
    /// What the server refused, or why it could not be asked.
    pub async fn role_label(&self) -> Result<Option<String>, ApiError> {
        let pods = self.pods()?;
        self.judge(within(pods.get_metadata(&self.place.pod)).await)
    }

    /// Sets or removes this pod's label [`LABEL`]; gives it as it is afterwards. The uid in the patch keeps another pod of
    /// the same name safe: the server refuses to change it (422), as it does for controllers that adopt pods.
    ///
    /// # Errors
    /// What the server refused, or why it could not be asked. After [`ApiError::Unavailable`] the change may have been made.
    pub async fn set_role_label(&self, role: Option<Role>) -> Result<Option<String>, ApiError> {
        let pods = self.pods()?;
        let mut metadata = json!({ "labels": { LABEL: role.map(|role| role.to_string()) } });
        if let Some(uid) = self.uid.get() {
            metadata["uid"] = json!(uid);
        }
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let parameters = PatchParams::default();
        self.judge(within(pods.patch_metadata(&self.place.pod, &parameters, &patch)).await)
    }

    /// Removes the label [`LABEL`] of another pod, which is not there to do it. A pod of that name with another UID keeps its
    /// label, and a pod that is gone has none.
    ///
    /// # Errors
    /// What the server refused, or why it could not be asked.
    pub async fn remove_role_label_of(&self, pod: &str, uid: Option<&str>) -> Result<(), ApiError> {
        let mut metadata = json!({ "labels": { LABEL: null } });
        if let Some(uid) = uid {
            metadata["uid"] = json!(uid);
        }
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let parameters = PatchParams::default();
        let answer = within(self.pods()?.patch_metadata(pod, &parameters, &patch)).await;
        match self.note(answer) {
            Ok(_) | Err(ApiError::Missing(_) | ApiError::Replaced) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// This pod's UID: from the environment, or from the server.
    ///
    /// # Errors
    /// What the server refused, or why it could not be asked.
    pub async fn pod_uid(&self) -> Result<String, ApiError> {
        if self.uid.get().is_none() {
            self.role_label().await?;
        }
        let missing = || ApiError::Unavailable("the pod has no uid".into());
        self.uid.get().cloned().ok_or_else(missing)
    }

    fn pods(&self) -> Result<Api<Pod>, ApiError> {
        Ok(Api::namespaced(self.client()?, &self.place.namespace))
    }

    fn client(&self) -> Result<Client, ApiError> {
        let mut slot = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let client = connect(&self.place)?;
        Ok(slot.insert(client).clone())
    }

    fn judge(&self, answer: Result<PartialObjectMeta<Pod>, ApiError>) -> Result<Option<String>, ApiError> {
        let metadata = self.note(answer)?.metadata;
        if let Some(uid) = metadata.uid
            && *self.uid.get_or_init(|| uid.clone()) != uid
        {
            return Err(ApiError::Replaced);
        }
        Ok(metadata.labels.and_then(|mut labels| labels.remove(LABEL)))
    }

    /// Forgets connection and token after trouble with them.
    fn note<T>(&self, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        if let Err(ApiError::Unavailable(_) | ApiError::Denied(_)) = &answer {
            self.reconnect();
        }
        answer
    }

    /// Forgets the connection: the next request makes another.
    fn reconnect(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn connect(place: &InClusterConfig) -> Result<Client, ApiError> {
    let uri = place
        .server
        .parse()
        .map_err(|e| ApiError::Unavailable(format!("{} is no address: {e}", place.server)))?;
    let mut config = Config::new(uri);
    config.root_cert_file = Some(place.directory.join("ca.crt"));
    config.auth_info.token_file = Some(place.directory.join("token").display().to_string());
    config.connect_timeout = Some(ANSWER_WITHIN);
    // When to try again is decided by who asks.
    config.default_retry = false;
    Client::try_from(config).map_err(|e| trouble(&e))
}

async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
    match tokio::time::timeout(ANSWER_WITHIN, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(trouble(&error)),
        Err(_) => Err(ApiError::Unavailable(format!(
            "no answer within {} s",
            ANSWER_WITHIN.as_secs()
        ))),
    }
}

fn trouble(error: &Error) -> ApiError {
    let Error::Api(status) = error else {
        return ApiError::Unavailable(with_causes(error));
    };
    let words = one_line(&status.message);
    match status.code {
        401 | 403 => ApiError::Denied(words),
        404 => ApiError::Missing(words),
        422 if is_about_the_uid(status) => ApiError::Replaced,
        422 => ApiError::Invalid(words),
        code => ApiError::Unavailable(format!("{code} {words}")),
    }
}

/// The one field of a pod's metadata that the agent sends and the server never changes. An admission policy's refusal has the same code.
fn is_about_the_uid(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.message.contains("metadata.uid: ") || causes.into_iter().any(|cause| cause.field == "metadata.uid")
}

/// `client error (Connect): tcp connect error: Connection refused`; a cause that its effect quotes is not repeated.
fn with_causes(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words.push_str(": ");
            words.push_str(&more);
        }
        cause = error.source();
    }
    one_line(&words)
}

fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
