//! Which place of the record this pod uses, and how the machine's requests go there.

use crate::lifecycle::pod::Pod;
use crate::sys::failover::authority::{Authority, AuthorityError, WriteError};
use crate::sys::failover::file::FileAuthority;
use crate::sys::failover::pod_uid;
use crate::sys::kubernetes::lease::{self, LeaseAuthority};
use crate::sys::kubernetes::{InClusterConfig, Kubernetes};
use crate::sys::process::init_channel::Heartbeat;
use gp_agent_core::config::AuthorityChoice;
use gp_agent_core::failover::candidate::{Outcome, RequestError};
use gp_agent_core::failover::record::{Record, Version};
use gp_agent_core::kubernetes::api_error::ApiError;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinError;

/// The record's place, ready to be used.
pub(crate) struct RecordPlace {
    pub(crate) authority: Arc<dyn Authority>,
    /// Which pod of its name this one is.
    pub(crate) uid: String,
    /// A lock that every server inherits.
    pub(crate) inherited: Option<Arc<OwnedFd>>,
    /// The API, where the record is there.
    pub(crate) api: Option<Arc<Kubernetes>>,
}

/// Why the place of the record cannot be used now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// The configuration names the API, and nobody gave this pod the right to ask it.
    #[error("failover.authority is kubernetes, and this pod has no token for the API")]
    NoToken,
    /// Without its UID nobody can tell this pod from an earlier one of its name: the API does not say it.
    #[error("cannot tell which pod of its name this one is: {0}")]
    UidFromApi(#[source] ApiError),
    /// The same, where it is kept on the volume.
    #[error("cannot tell which pod of its name this one is: {0}")]
    UidOnVolume(#[source] io::Error),
    /// The authority does not answer, or is no good for it.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// It was not looked at to the end.
    #[error(transparent)]
    Interrupted(#[from] JoinError),
}

/// Which one is used; `None`: there is none to use. A token alone is none: a Lease has to be there, and the right to write it.
fn choose(choice: AuthorityChoice, lease: bool, directory: bool) -> Option<AuthorityChoice> {
    match choice {
        AuthorityChoice::Auto if lease => Some(AuthorityChoice::Kubernetes),
        AuthorityChoice::Auto if directory => Some(AuthorityChoice::File),
        AuthorityChoice::Auto | AuthorityChoice::Off => None,
        chosen => Some(chosen),
    }
}

/// Opens it; `None` where there is none to open.
///
/// # Errors
/// Why it cannot be used now.
pub(crate) async fn open(
    pod: &Pod,
    init: Option<Arc<Heartbeat>>,
    within: Duration,
) -> Result<Option<RecordPlace>, PlaceError> {
    let config = pod.config.borrow().clone();
    let directory = config.failover.directory.clone();
    let in_cluster = InClusterConfig::find();
    let there = directory.clone();
    let is_there = tokio::task::spawn_blocking(move || is_mounted(&there))
        .await
        .unwrap_or(false);
    let lease = in_cluster.as_ref().is_some_and(|place| place.lease.is_some());
    let Some(chosen) = choose(config.failover.authority, lease, is_there) else {
        return Ok(None);
    };
    if chosen == AuthorityChoice::Kubernetes {
        let config = in_cluster.ok_or(PlaceError::NoToken)?;
        return in_api(pod, config, within).await.map(Some);
    }
    in_directory(pod, directory, init, within).await.map(Some)
}

/// Whether something is mounted there: every image has the directory, and what is written into a container's own nobody shares.
fn is_mounted(directory: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev());
    match (device(directory), device(Path::new("/"))) {
        (Ok(here), Ok(root)) => here != root,
        _ => false,
    }
}

async fn in_api(pod: &Pod, config: InClusterConfig, within: Duration) -> Result<RecordPlace, PlaceError> {
    let lease = config
        .lease
        .clone()
        .unwrap_or_else(|| lease::name(&pod.topology.cluster));
    let api = Arc::new(Kubernetes::new(config));
    let uid = api.pod_uid().await.map_err(PlaceError::UidFromApi)?;
    let authority = LeaseAuthority::new(api.clone(), &lease, &uid);
    authority.claim(within).await?;
    Ok(RecordPlace {
        authority: Arc::new(authority),
        uid,
        inherited: None,
        api: Some(api),
    })
}

async fn in_directory(
    pod: &Pod,
    directory: PathBuf,
    init: Option<Arc<Heartbeat>>,
    within: Duration,
) -> Result<RecordPlace, PlaceError> {
    let (state_dir, name) = (pod.state_dir(), pod.me.pod.clone());
    let uid = pod.volume.run(move || pod_uid::kept(&state_dir, &name)).await;
    let uid = uid.map_err(PlaceError::UidOnVolume)?;
    let (cluster, own) = (pod.topology.cluster.clone(), uid.clone());
    let opened = tokio::task::spawn_blocking(move || FileAuthority::open(&directory, &cluster, &own, init)).await;
    let authority = opened??;
    authority.claim(within).await?;
    Ok(RecordPlace {
        inherited: authority.inherited(),
        authority: Arc::new(authority),
        uid,
        api: None,
    })
}

/// How the write ended, for the machine.
pub(crate) async fn write(
    authority: &dyn Authority,
    record: Record,
    over: Option<Version>,
    within: Duration,
) -> Outcome {
    match authority.write(record, over, within).await {
        Ok(version) => Outcome::Done(version),
        Err(WriteError::Conflict) => Outcome::Conflict,
        Err(WriteError::Failed(error)) => Outcome::NotDone(RequestError::Authority(error.to_string())),
        Err(WriteError::Unknown(error)) => Outcome::Unknown(RequestError::Authority(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_mounted_is_there() {
        assert!(is_mounted(Path::new("/proc")));
        assert!(!is_mounted(Path::new("/")));
        assert!(!is_mounted(Path::new("/there-is-no-such-directory")));
    }

    #[test]
    fn only_what_is_there_or_named_is_used() {
        use AuthorityChoice::{Auto, File, Kubernetes, Off};
        assert_eq!(choose(Auto, true, true), Some(Kubernetes));
        assert_eq!(choose(Auto, true, false), Some(Kubernetes));
        assert_eq!(choose(Auto, false, true), Some(File));
        assert_eq!(choose(Auto, false, false), None);
        assert_eq!(choose(Off, true, true), None);
        assert_eq!(choose(File, true, false), Some(File));
        assert_eq!(choose(Kubernetes, false, true), Some(Kubernetes));
    }
}
