//! What matters of the pods that rows are about.

use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::{Phase, PodStatus, StorageStatus};
use crate::cluster::topology::Role;
use crate::finding::{Area, Finding, Severity};

/// A pod that a row is about.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Its name; none where cluster.yaml has no such pod.
    pub pod: Option<String>,
    /// What its agent says, if it answers and is understood.
    pub server: Option<Server>,
}

/// What matters of a pod's status.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where in its life the pod is.
    pub phase: Phase,
    /// In words.
    pub reason: String,
    /// Why it is held.
    pub held: Option<String>,
    /// What its server does.
    pub active: Option<Role>,
    /// Whether that is to end.
    pub stopping: bool,
    /// Up to where a replica that refuses SQL has replayed, in bytes.
    pub replayed: Option<u64>,
    /// What its directory is.
    pub directory: Option<DirectoryKind>,
    /// What the volume has of a database where the directory is not whole.
    pub remains: Option<String>,
    /// Which database it is.
    pub system_id: Option<String>,
    /// What keeps its volumes, keys or names from being used.
    pub unfit: Option<String>,
    /// A tool that is at work there.
    pub tool: Option<String>,
    /// How many other pods it knows of.
    pub peers: usize,
    /// Bytes that a copy may take on its volume; of the smaller one where it has two.
    pub room: Option<u64>,
}

const GIB: u64 = 1 << 30;
/// So much has to be free where it is less than a tenth of the volume.
const ENOUGH: u64 = 5 * GIB;

impl Server {
    /// Of a pod that answers.
    pub fn of(status: &PodStatus) -> Server {
        Server {
            phase: status.phase,
            reason: status.reason.clone(),
            held: status.held.clone(),
            active: status.active_role,
            stopping: status.postmaster.stopping,
            replayed: status.postmaster.replayed,
            directory: status.directory.kind(),
            remains: status.directory.remains.clone(),
            system_id: status.directory.system_id.clone(),
            unfit: unfit(status),
            tool: status.tool.clone(),
            peers: status.peers.total,
            room: status.storage.iter().map(room).min(),
        }
    }
}

/// Why nothing is to be written to that pod, in words.
fn unfit(status: &PodStatus) -> Option<String> {
    if let Some(volume) = status.hung_volumes.first() {
        return Some(format!("the volume at {} does not answer", volume.path));
    }
    if let Some(volume) = status.storage.iter().find(|v| v.read_only) {
        return Some(format!("the volume at {} is read-only", volume.path));
    }
    if let Some(volume) = status.storage.iter().find(|v| is_full(v)) {
        return Some(format!(
            "less than a tenth and 5 GiB are free on the volume at {}",
            volume.path
        ));
    }
    if status.storage.is_empty() {
        return Some("its volume has not passed its proof".into());
    }
    // Trouble with a database's own files is what recovery mends; all else comes first.
    let first = |finding: &&Finding| {
        let areas = [Area::Config, Area::Storage, Area::Dns, Area::Ssh];
        finding.severity == Severity::Error && areas.contains(&finding.area)
    };
    let finding = status.findings.iter().find(first)?;
    Some(format!("{}: {}", finding.subject, finding.what))
}

fn is_full(volume: &StorageStatus) -> bool {
    volume.free_bytes < kept_free(volume)
}

fn kept_free(volume: &StorageStatus) -> u64 {
    ENOUGH.min(volume.total_bytes / 10)
}

fn room(volume: &StorageStatus) -> u64 {
    volume.free_bytes.saturating_sub(kept_free(volume))
}
