//! The parts of the state.

use crate::cluster::cluster_state::ClusterState;
use crate::cluster::content::ContentId;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::failover_status::FailoverStatus;
use crate::cluster::phase::Phase;
use crate::cluster::recovery_status::RecoveryStatus;
use crate::cluster::replay_pause::PauseCause;
use crate::cluster::replication::Link;
use crate::cluster::seen_coordinators::SeenCoordinators;
use crate::cluster::server::ServerAnswer;
use crate::cluster::status::{HungVolume, PeersStatus, SshStatus, Tablespace, TlsStatus};
use crate::cluster::topology::{Member, Role};
use crate::cluster::volume::{VolumeFacts, VolumeRoom};
use std::collections::BTreeMap;

/// Everything that is known of the pod but its findings. Whoever looks gets a shared reference: only [`super::PodState::on`]
/// changes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Who the pod is.
    pub identity: Identity,
    /// Where in its life the pod is.
    pub phase: Phase,
    /// Unix seconds of the last change of phase.
    pub phase_since: u64,
    /// One line: why this phase, what is waited for.
    pub reason: String,
    /// Why the pod is held, while it is.
    pub held: Option<String>,
    /// The data directory.
    pub directory: DirectoryFacts,
    /// The postmaster.
    pub postmaster: PostmasterFacts,
    /// The role that the server does at this moment; none while none runs.
    pub active_role: Option<Role>,
    /// Both directions of replication; empty while no server runs.
    pub replication: Vec<Link>,
    /// Why the replica that runs does not replay what it receives.
    pub replay_pause: Option<PauseCause>,
    /// The replica that runs can never follow again.
    pub left_behind: Option<LeftBehind>,
    /// Tablespaces of the server that runs.
    pub tablespaces: Vec<Tablespace>,
    /// Whether the cluster exists.
    pub cluster: ClusterState,
    /// The newest coordinators that were heard of.
    pub coordinators: SeenCoordinators,
    /// Parameters that wait for a restart of the postmaster.
    pub pending_restart: Vec<String>,
    /// Peers.
    pub peers: PeersStatus,
    /// Volumes.
    pub storage: Vec<VolumeFacts>,
    /// The room on the volumes as they last answered, whether they have passed a proof or not.
    pub rooms: Vec<VolumeRoom>,
    /// Volumes that do not answer now.
    pub hung_volumes: Vec<HungVolume>,
    /// Processes of this container that the kernel killed for want of memory, since the container started.
    pub oom_kills: u64,
    /// SSH.
    pub ssh: SshStatus,
    /// The certificate in use.
    pub tls: Option<TlsStatus>,
    /// Failover, in the pods of coordinators that have a standby.
    pub failover: Option<FailoverStatus>,
    /// Segments that are down, in the pod that brings them back.
    pub recovery: Option<RecoveryStatus>,
    /// A tool that is at work in this pod.
    pub tool: Option<String>,
    /// Pages whose checksum was wrong, by database.
    pub damaged_pages: Option<BTreeMap<String, u64>>,
    /// Seconds that the configuration gives this pod to end; 0 until it has been read.
    pub grace_seconds: u32,
    /// Times that init had to start the agent again.
    pub agent_restarts: u64,
    /// Unix seconds at which this agent started.
    pub agent_started: u64,
    /// Unix seconds at which the agent's loop last turned.
    pub loop_turned_at: u64,
}

impl Facts {
    /// Why the replica that runs has to be stopped: it lacks what its primary has, or can never follow that again. An administrator
    /// who holds it decides when.
    pub fn outgrown(&self) -> Option<String> {
        if self.held.is_some() {
            return None;
        }
        match (&self.replay_pause, &self.left_behind) {
            (Some(cause @ PauseCause::Settings(_)), _) => Some(cause.words()),
            (_, Some(left)) if left.makes_room => Some(left.words.clone()),
            _ => None,
        }
    }
}

/// A replica that needs write-ahead log which nobody has any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// One line, as a reason.
    pub words: String,
    /// That its directory makes room for a copy is on the volume: its server has to stop.
    pub makes_room: bool,
}

/// Who a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Only its host name is known: the configuration has not been read.
    HostName(String),
    /// Its place in the topology.
    Known {
        /// The cluster's name.
        cluster: String,
        /// Itself.
        member: Box<Member>,
    },
}

impl Identity {
    /// Short host name.
    pub fn pod(&self) -> &str {
        match self {
            Identity::HostName(pod) => pod,
            Identity::Known { member, .. } => &member.pod,
        }
    }

    /// The cluster's name, once known.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Identity::HostName(_) => None,
            Identity::Known { cluster, .. } => Some(cluster),
        }
    }

    /// Its place in the topology, once known.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Identity::HostName(_) => None,
            Identity::Known { member, .. } => Some(member),
        }
    }

    /// Its content, once known.
    pub fn content(&self) -> Option<ContentId> {
        self.member().map(|member| member.content)
    }
}

/// What the data directory on the volume says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryFacts {
    /// `None` until somebody has looked.
    pub kind: Option<DirectoryKind>,
    /// PG_VERSION, such as `15`.
    pub version: Option<String>,
    /// "Database system identifier" of pg_controldata; where the directory is gone, of the one that the volume remembers.
    pub system_id: Option<String>,
    /// The newest timeline it knows of.
    pub timeline: Option<u32>,
    /// "Database cluster state" of pg_controldata.
    pub state: Option<String>,
    /// What the volume holds of a database, or remembers of one, where the directory is not whole.
    pub remains: Option<String>,
}

/// The postmaster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostmasterFacts {
    /// Its PID while it runs, to be shown; whoever signals it holds a handle.
    pub pid: Option<i32>,
    /// Whether it was started by somebody else, or by an earlier agent.
    pub adopted: bool,
    /// Whether it is in a smart shutdown.
    pub stopping: bool,
    /// Whether its last answer was that it serves.
    pub serves: bool,
    /// Starts after the first one, since this agent started.
    pub restarts: u64,
    /// How the last one ended, in words.
    pub last_end: Option<String>,
    /// The last answer, perhaps of a server that has ended since.
    pub answered: Option<Answered>,
}

impl PostmasterFacts {
    /// Whether one runs.
    pub fn runs(&self) -> bool {
        self.pid.is_some()
    }
}

/// An answer of the server, and when it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: ServerAnswer,
    /// Unix seconds.
    pub at: u64,
    /// Seconds that it took.
    pub seconds: f64,
    /// Up to where the server has replayed, where it is a replica that refuses SQL; in bytes.
    pub replayed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::state::{Event, PodState};
    use crate::fixtures::serves;

    #[test]
    fn a_replica_that_is_left_behind_stops_once_its_directory_is_to_make_room_and_nobody_holds_it() {
        let mut state = PodState::new("segment-b-0", 0, 1);
        let left = |makes_room| {
            Event::LeftBehind(Some(LeftBehind {
                words: "left behind".into(),
                makes_room,
            }))
        };
        state.on(1, left(true));
        assert_eq!(state.facts().left_behind, None, "no server runs");
        for event in serves(Role::Mirror) {
            state.on(1, event);
        }
        for (event, outgrown) in [
            (left(false), None),
            (left(true), Some("left behind")),
            (Event::Hold(Some("work".into())), None),
            (Event::Hold(None), Some("left behind")),
            (Event::PostmasterGone, None),
        ] {
            state.on(1, event.clone());
            assert_eq!(state.facts().outgrown().as_deref(), outgrown, "{event:?}");
        }
    }
}
