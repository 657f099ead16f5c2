//! Learns of a new record at once. A watch that ends, or stalls without a word, costs time alone: whoever waits reads at
//! intervals besides.

use super::fields::{is_held_by, version_of};
use crate::sys::kubernetes::{Kubernetes, trouble};
use futures_util::TryStreamExt;
use gp_agent_core::failover::record::Holder;
use gp_agent_core::kubernetes::api_error::ApiError;
use gp_agent_core::process::timeouts;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, WatchEvent, WatchParams};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// The server ends a watch after so many seconds.
const SERVER_ENDS: u32 = 280;

/// A watch that the server should have ended is stuck.
const STUCK_AFTER: Duration = timeouts::WATCH_ENDS;

/// Between two watches.
const PAUSE: Duration = Duration::from_secs(2);

/// The same after a refusal, which a person has to mend.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// Watches as long as it lives.
pub(super) struct Watcher {
    changed: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is watched, and what is known already.
struct Subject {
    api: Arc<Kubernetes>,
    name: String,
    me: Holder,
    last: Arc<Mutex<Option<Lease>>>,
    changed: Arc<Notify>,
}

impl Watcher {
    /// Tells of changes that others than `me` made, and that differ from what was read or written last.
    pub(super) fn start(api: Arc<Kubernetes>, name: &str, me: Holder, last: Arc<Mutex<Option<Lease>>>) -> Watcher {
        let changed = Arc::new(Notify::new());
        let subject = Subject {
            api,
            name: name.to_string(),
            me,
            last,
            changed: changed.clone(),
        };
        let task = tokio::spawn(async move {
            loop {
                let pause = match timeout(STUCK_AFTER, subject.watch()).await {
                    Ok(Err(error)) if error.lasts() => REFUSED_PAUSE,
                    _ => PAUSE,
                };
                sleep(pause).await;
            }
        });
        Watcher { changed, task }
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Subject {
    async fn watch(&self) -> Result<(), ApiError> {
        let client = self.api.client()?;
        let leases: Api<Lease> = Api::namespaced(client, &self.api.place().namespace);
        // RBAC lets a watch of one name through that says so (Kubernetes, "Referring to resources").
        let which = WatchParams::default()
            .fields(&format!("metadata.name={}", self.name))
            .timeout(SERVER_ENDS);
        // From any state: what is there now comes first.
        let events = leases.watch(&which, "0").await.map_err(|e| trouble(&e))?;
        let mut events = pin!(events);
        while let Some(event) = events.try_next().await.map_err(|e| trouble(&e))? {
            match event {
                WatchEvent::Added(lease) | WatchEvent::Modified(lease) if self.is_news(&lease) => {
                    self.changed.notify_one();
                }
                WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Bookmark(_) => {}
                WatchEvent::Deleted(_) => self.changed.notify_one(),
                WatchEvent::Error(_) => break,
            }
        }
        Ok(())
    }

    /// A holder's own renewals are none to itself. What a person does to them, its next write will tell.
    fn is_news(&self, lease: &Lease) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        !is_held_by(lease, &self.me) && version_of(last.as_ref()) != version_of(Some(lease))
    }
}
