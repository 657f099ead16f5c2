//! The authority of Kubernetes: a Lease that both coordinators' agents replace with the version that they have read.
//!
//! The record stands in an annotation, and what a Lease has fields for stands there too, for people and tools that know Leases.
//! A field that says something else was changed by hand, and such a record is not gone by.
//!
//! The API server makes an object that is not there when it is PUT (Leases allow it), and RBAC can hold that to one name,
//! which it cannot for a POST. So a Lease that was deleted comes back without a right to make others.

mod fields;
mod instance;
mod watch;

use super::{Kubernetes, trouble};
use crate::sys::failover::authority::{Authority, AuthorityError, WriteError};
use crate::sys::process::clock;
use fields::{Written, read_record, replacement, version_of};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gp_agent_core::cluster::failover_status::AuthorityKind;
use gp_agent_core::failover::record::{Holder, Record, Seen, Version};
use gp_agent_core::kubernetes::api_error::ApiError;
use instance::Instance;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use watch::Watcher;

/// That of a cluster, where nobody says another name.
pub(crate) fn name(cluster: &str) -> String {
    format!("{cluster}-coordinator")
}

/// The Lease of one cluster's coordinator.
pub struct LeaseAuthority {
    api: Arc<Kubernetes>,
    name: String,
    me: Holder,
    instance: Arc<Instance>,
    /// As it was last read or written.
    last: Arc<Mutex<Option<Lease>>>,
    watcher: OnceLock<Watcher>,
}

impl LeaseAuthority {
    /// The one of that name, for the pod of that UID.
    pub fn new(api: Arc<Kubernetes>, name: &str, uid: &str) -> LeaseAuthority {
        LeaseAuthority::with_instance(api, name, uid, Path::new(instance::FILE))
    }

    /// The same with another file for the word that the kubelet passes on.
    pub fn with_instance(api: Arc<Kubernetes>, name: &str, uid: &str, file: &Path) -> LeaseAuthority {
        let pod = api.place().pod.clone();
        LeaseAuthority {
            api,
            name: name.to_string(),
            me: Holder {
                pod,
                uid: uid.to_string(),
            },
            instance: Arc::new(Instance::new(file)),
            last: Arc::default(),
            watcher: OnceLock::new(),
        }
    }

    fn leases(&self) -> Result<Api<Lease>, AuthorityError> {
        let client = self.api.client().map_err(|error| self.unread(error))?;
        Ok(Api::namespaced(client, &self.api.place().namespace))
    }

    async fn get(&self, within: Duration) -> Result<Option<Lease>, AuthorityError> {
        let leases = self.leases()?;
        let answer = within_time(within, leases.get_opt(&self.name)).await;
        let lease = self.api.note(answer).map_err(|error| self.unread(error))?;
        self.last().clone_from(&lease);
        Ok(lease)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Lease>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Lease that has that version, if it still has.
    async fn at(&self, version: &Version, within: Duration) -> Result<Option<Lease>, WriteError> {
        let same = |lease: &Option<Lease>| version_of(lease.as_ref()) == *version;
        let last = self.last().clone();
        if same(&last) {
            return Ok(last);
        }
        let now = self.get(within).await.map_err(WriteError::Failed)?;
        if same(&now) { Ok(now) } else { Err(WriteError::Conflict) }
    }

    /// No Lease, or one that nobody has written yet: the chart makes it empty.
    async fn without_record(&self, within: Duration) -> Result<Option<Lease>, WriteError> {
        let now = self.get(within).await.map_err(WriteError::Failed)?;
        let absent = now.as_ref().is_none_or(|lease| read_record(lease) == Seen::Absent);
        if absent { Ok(now) } else { Err(WriteError::Conflict) }
    }

    async fn replace(&self, record: Record, over: Option<Version>, within: Duration) -> Result<Version, WriteError> {
        let begun = tokio::time::Instant::now();
        let before = match over {
            Some(version) => self.at(&version, within).await?,
            None => self.without_record(within).await?,
        };
        let written = Written {
            me: &self.me,
            instance: self.instance.word(),
            now: clock::since_epoch(),
        };
        let lease = replacement(&record, before.as_ref(), &self.name, &written);
        let lease = lease.map_err(|why| WriteError::Failed(AuthorityError::Unusable(why.to_string())))?;
        let leases = self.leases().map_err(WriteError::Failed)?;
        let parameters = PostParams::default();
        let request = leases.replace(&self.name, &parameters, &lease);
        let answer = match timeout(within.saturating_sub(begun.elapsed()), request).await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(kube::Error::Api(status))) => Err(self.refused(status.code, &status.message, before.is_some())),
            Ok(Err(error)) => Err(WriteError::Unknown(self.unwritten(trouble(&error)))),
            Err(_) => Err(WriteError::Unknown(self.unwritten(late(within)))),
        };
        if let Err(WriteError::Unknown(_) | WriteError::Failed(_)) = answer {
            self.api.reconnect();
        }
        let lease = answer?;
        let version = version_of(Some(&lease));
        *self.last() = Some(lease);
        Ok(version)
    }

    /// What an answer other than success means for the record.
    fn refused(&self, code: u16, words: &str, existed: bool) -> WriteError {
        let error = |api| self.unwritten(api);
        match code {
            409 => WriteError::Conflict,
            // It has gone; or it has come, and wants a version (Leases allow no unconditional update).
            404 if existed => WriteError::Conflict,
            422 if !existed => WriteError::Conflict,
            403 => WriteError::Failed(error(ApiError::Denied(words.into()))),
            401 | 429 => WriteError::Failed(error(ApiError::Unavailable(format!("{code} {words}")))),
            400..500 => WriteError::Failed(AuthorityError::Unusable(format!(
                "cannot write {}: {code} {words}",
                self.place()
            ))),
            _ => WriteError::Unknown(error(ApiError::Unavailable(format!("{code} {words}")))),
        }
    }

    fn unread(&self, error: ApiError) -> AuthorityError {
        explain(&format!("cannot read {}", self.place()), error)
    }

    fn unwritten(&self, error: ApiError) -> AuthorityError {
        explain(&format!("cannot write {}", self.place()), error)
    }

    /// The kubelet's word about the container that wrote the Lease last.
    async fn is_dead(&self, holder: &Holder, within: Duration) -> Result<bool, AuthorityError> {
        let word = self
            .last()
            .as_ref()
            .and_then(|lease| fields::instance_of(lease, holder));
        let Some(word) = word else { return Ok(false) };
        let asked = format!("cannot read the status of pod {}", holder.pod);
        let fails = |error| explain(&asked, error);
        let client = self.api.client().map_err(fails)?;
        let pods: Api<Pod> = Api::namespaced(client, &self.api.place().namespace);
        let answer = within_time(within, pods.get_opt(&holder.pod)).await;
        let pod = self.api.note(answer).map_err(fails)?;
        Ok(pod.is_some_and(|pod| instance::has_ended(&pod, &holder.uid, &word)))
    }
}

impl Authority for LeaseAuthority {
    fn kind(&self) -> AuthorityKind {
        AuthorityKind::Kubernetes
    }

    fn place(&self) -> String {
        format!("Lease {}/{}", self.api.place().namespace, self.name)
    }

    fn claim(&self, _within: Duration) -> BoxFuture<'_, Result<(), AuthorityError>> {
        // Without the word a dead pod is not known to be dead, and waited for.
        let instance = self.instance.clone();
        let begin = tokio::task::spawn_blocking(move || instance.begin());
        async move {
            let _ = begin.await;
            Ok(())
        }
        .boxed()
    }

    fn read(&self, within: Duration) -> BoxFuture<'_, Result<(Seen, Version), AuthorityError>> {
        async move {
            let lease = self.get(within).await?;
            let seen = lease.as_ref().map_or(Seen::Absent, read_record);
            Ok((seen, version_of(lease.as_ref())))
        }
        .boxed()
    }

    fn write(
        &self,
        record: Record,
        over: Option<Version>,
        within: Duration,
    ) -> BoxFuture<'_, Result<Version, WriteError>> {
        self.replace(record, over, within).boxed()
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        let begin = || Watcher::start(self.api.clone(), &self.name, self.me.clone(), self.last.clone());
        self.watcher.get_or_init(begin).changed().boxed()
    }

    fn proof_of_death<'a>(
        &'a self,
        holder: &'a Holder,
        within: Duration,
    ) -> BoxFuture<'a, Result<bool, AuthorityError>> {
        self.is_dead(holder, within).boxed()
    }
}

async fn within_time<T>(limit: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
    match timeout(limit, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(trouble(&error)),
        Err(_) => Err(late(limit)),
    }
}

fn late(limit: Duration) -> ApiError {
    ApiError::Unavailable(format!("no answer within {limit:?}"))
}

fn explain(tried: &str, error: ApiError) -> AuthorityError {
    match error {
        ApiError::Unavailable(words) => AuthorityError::Unavailable(format!("{tried}: {words}")),
        ApiError::Denied(words) => AuthorityError::Unusable(format!(
            "{tried}: {words}; the coordinators' ServiceAccount needs the rights that the Helm chart gives it: \
             `helm upgrade`, or see its Role"
        )),
        error => AuthorityError::Unusable(format!("{tried}: {error}")),
    }
}
