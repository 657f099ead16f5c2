//! The volume: locked, proven, and owned by this pod, before anything else touches it.

use super::volume_owner;
use super::volume_owner::ClaimError;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::StatusBoard;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::process::init_channel::Heartbeat;
use crate::sys::storage::fs::VolumeLock;
use crate::sys::storage::fs::volume_lock::LockError;
use crate::sys::storage::{prove_all, shm_bytes};
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::cluster::volume::VolumeFacts;
use gp_agent_core::config::{Config, StorageConfig};
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding, Severity};
use gp_agent_core::process::poll_interval::PollInterval;
use gp_agent_core::storage::{judge, judge_shm};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Each try writes to the volume, which a server may be working on.
const TRY_AGAIN: Duration = Duration::from_secs(3);
const LONGEST_BETWEEN_TRIES: Duration = Duration::from_secs(15);

/// A volume that is ours.
pub(crate) struct OwnVolume {
    /// Lasts as long as the value lives, and as long as init, when there is one.
    pub lock: VolumeLock,
    /// Why it does not pass, when a server runs on it all the same.
    pub unproven: Option<Finding>,
}

/// Waits until the volume is ours and passes; what is wrong stays on the board meanwhile. A volume on which this pod's server
/// runs need not pass: the server is looked after whatever becomes of its volume.
pub(crate) async fn wait_for(
    config: &Config,
    me: &Member,
    board: &StatusBoard,
    init: Option<&Arc<Heartbeat>>,
) -> OwnVolume {
    let mut pauses = PollInterval::new(TRY_AGAIN, LONGEST_BETWEEN_TRIES);
    loop {
        let storage = config.storage.clone();
        let taken = tokio::task::spawn_blocking({
            let (me, cluster) = (me.clone(), config.cluster.clone());
            let init = init.cloned();
            move || take(&storage, &cluster, &me, init.as_deref())
        })
        .await;
        let (taken, volumes, findings) = taken.unwrap_or_else(|e| {
            let broken = Finding::error(Area::Storage, "volume", e.to_string(), "report this");
            (Err(broken.clone()), Vec::new(), vec![broken])
        });
        board.on(Event::Volumes(volumes));
        board.findings(FindingSource::Storage, findings);
        match taken {
            Ok(mut volume) => {
                entrust(&mut volume.lock, init.map(Arc::as_ref));
                return volume;
            }
            Err(finding) => board.phase(Phase::Refused, finding.to_string()),
        }
        sleep(pauses.pause()).await;
    }
}

/// Tries a volume again that did not pass, until it does.
pub(crate) async fn prove_again(pod: &Pod) {
    let mut pauses = PollInterval::new(TRY_AGAIN, LONGEST_BETWEEN_TRIES);
    while pod.unproven.borrow().is_some() {
        sleep(pauses.pause()).await;
        let storage = pod.config.borrow().storage.clone();
        let proof = pod.volume.run(move || prove(&storage, true)).await;
        let (volumes, mut findings) = proof;
        findings.extend(judge_shm(shm_bytes()));
        let error = first_error(&findings);
        pod.board.on(Event::Volumes(volumes));
        pod.board.findings(FindingSource::Storage, findings);
        pod.unproven.send_replace(error);
    }
    std::future::pending::<()>().await;
}

fn first_error(findings: &[Finding]) -> Option<Finding> {
    findings.iter().find(|f| f.severity == Severity::Error).cloned()
}

/// The volume or why it is not to be used, what it proved, and all that was found.
type Taken = (Result<OwnVolume, Finding>, Vec<VolumeFacts>, Vec<Finding>);

/// A postmaster outlives this agent, so the lock has to as well: init keeps it.
fn entrust(lock: &mut VolumeLock, init: Option<&Heartbeat>) {
    let Some(init) = init else { return };
    if let Err(why) = lock.share(|lock| init.entrust_lock(lock)) {
        tracing::warn!(
            path = %lock.path().display(),
            "cannot hand the lock to init: {why}; if this agent dies, another pod could take the volume before the next agent does"
        );
    }
}

fn take(config: &StorageConfig, cluster: &str, me: &Member, init: Option<&Heartbeat>) -> Taken {
    let exists = me.data_dir.join("global/pg_control").exists();
    let (statuses, mut findings) = prove(config, exists);
    findings.extend(judge_shm(shm_bytes()));
    let serves = || matches!(pidfile::occupant(&me.data_dir), Ok(Occupant::Postmaster(_)));
    if let Some(error) = first_error(&findings)
        && !serves()
    {
        return (Err(error), statuses, findings);
    }
    let kept = init.map(Heartbeat::kept_locks).unwrap_or_default();
    let lock = match VolumeLock::acquire(&config.path, &me.pod, kept) {
        Ok(lock) => lock,
        Err(error) => {
            let finding = locked(config, &error);
            findings.push(finding.clone());
            return (Err(finding), statuses, findings);
        }
    };
    if let Err(error) = volume_owner::claim(&config.path.join(".gp-agent"), cluster, me) {
        let (finding, another) = match error {
            ClaimError::Another(finding) => (finding, true),
            ClaimError::Unknown(finding) => (finding, false),
        };
        findings.push(finding.clone());
        if another || !serves() {
            return (Err(finding), statuses, findings);
        }
    }
    if let Err(finding) = make_parent(me) {
        findings.push(finding.clone());
        return (Err(finding), statuses, findings);
    }
    let unproven = first_error(&findings);
    (Ok(OwnVolume { lock, unproven }), statuses, findings)
}

fn locked(config: &StorageConfig, error: &LockError) -> Finding {
    Finding::error(
        Area::Storage,
        config.path.display().to_string(),
        error.to_string(),
        "one volume serves one pod: end the other agent, or mount another volume",
    )
}

/// The folder that the data directory is made in: gpinitsystem and gprecoverseg want it there before they come.
fn make_parent(me: &Member) -> Result<(), Finding> {
    let Some(parent) = me.data_dir.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(parent).map_err(|e| {
        Finding::error(
            Area::Storage,
            parent.display().to_string(),
            format!("the folder of the data directory cannot be made: {e}"),
            "let the agent's user write to the volume (fsGroup), and remove what stands in the way",
        )
    })
}

/// Proves the data volume and, when it is another one, the write-ahead log's. Blocking. Too little room keeps a database
/// from being made, never one that `exists` from being started.
pub(crate) fn prove(config: &StorageConfig, exists: bool) -> (Vec<VolumeFacts>, Vec<Finding>) {
    let min_free = if exists { 0 } else { config.min_free_mib };
    let mut statuses = Vec::new();
    let mut findings = Vec::new();
    for proof in prove_all(&config.path, config.wal.as_deref()) {
        match proof {
            Ok(observation) => {
                let (status, found) = judge(&observation, config.require, min_free);
                statuses.push(status);
                findings.extend(found);
            }
            Err(error) => findings.push(error.finding()),
        }
    }
    (statuses, findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::topology::Role;

    #[test]
    fn the_folder_of_the_data_directory_is_made_or_missed_in_words() {
        let volume = tempfile::tempdir().unwrap();
        let me = Member {
            pod: "segment-b-0".into(),
            fqdn: "segment-b-0.gp.test".into(),
            role: Role::Mirror,
            content: gp_agent_core::cluster::content::ContentId::new(0),
            port: 50000,
            data_dir: volume.path().join("mirror/gpseg0"),
        };
        let parent = volume.path().join("mirror");
        assert_eq!((make_parent(&me), make_parent(&me)), (Ok(()), Ok(())));
        assert!(parent.is_dir() && !me.data_dir.exists());
        std::fs::remove_dir(&parent).unwrap();
        std::fs::write(&parent, "").unwrap();
        let finding = make_parent(&me).unwrap_err();
        assert_eq!(finding.subject, parent.display().to_string());
    }
}
