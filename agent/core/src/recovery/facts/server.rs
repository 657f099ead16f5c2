//! What matters of the pods that rows are about.

use super::damage::Pages;
use super::unfit;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::{Phase, PodStatus};
use crate::cluster::topology::{Member, Role, Topology};

/// A pod that a row is about.
#[derive(Clone, Debug, Default)]
pub struct PodOfRow {
    /// Its name; none where cluster.yaml has no such pod.
    pub pod: Option<String>,
    /// What its agent says, if it answers and is understood.
    pub server: Option<Server>,
    /// It answers, and is not understood.
    pub unclear: bool,
}

/// What matters of a pod's status.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where in its life the pod is.
    pub phase: Phase,
    /// Since when, in Unix seconds by the pod's clock.
    pub since: u64,
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
    /// Pages whose checksum was wrong, as it has counted them.
    pub damaged: Pages,
    /// Whether one of its volumes does not answer.
    pub hung: bool,
    /// What keeps its volumes, keys or names from being used.
    pub unfit: Option<String>,
    /// A tool that is at work there.
    pub tool: Option<String>,
    /// How many other pods it knows of.
    pub peers: usize,
    /// Bytes that a copy may take on its volume; of the smaller one where it has two.
    pub room: Option<u64>,
}

impl Server {
    /// Of a pod that answers. `concerned`: by their names, whose trouble with names or ssh is in the way of its tool.
    pub fn of(status: &PodStatus, topology: &Topology, concerned: &[&Member]) -> Server {
        Server {
            phase: status.phase,
            since: status.phase_since,
            reason: status.reason.clone(),
            held: status.held.clone(),
            active: status.active_role,
            stopping: status.postmaster.stopping,
            replayed: status.postmaster.replayed,
            directory: status.directory.kind(),
            remains: status.directory.remains.clone(),
            system_id: status.directory.system_id.clone(),
            damaged: status.damaged_pages.clone().unwrap_or_default(),
            hung: !status.hung_volumes.is_empty(),
            unfit: unfit::of(status, topology, concerned),
            tool: status.tool.clone(),
            peers: status.peers.total,
            room: status.storage.iter().map(unfit::room).min(),
        }
    }
}
