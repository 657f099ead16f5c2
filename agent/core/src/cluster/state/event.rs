//! What happens to a pod.

use super::facts::{DirectoryFacts, LeftBehind};
use crate::cluster::failover_status::FailoverStatus;
use crate::cluster::phase::Phase;
use crate::cluster::recovery_status::RecoveryStatus;
use crate::cluster::seen_coordinators::SeenCoordinators;
use crate::cluster::server::ServerReport;
use crate::cluster::status::{HungVolume, PeersStatus, SshStatus, TlsStatus};
use crate::cluster::topology::Member;
use crate::cluster::volume::{VolumeFacts, VolumeRoom};
use crate::finding::{Finding, FindingSource};
use std::collections::BTreeMap;

/// One thing that was learnt or done; each replaces what was known of the same thing.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The configuration was read, and this is the pod's place in it.
    Identified {
        /// The cluster's name.
        cluster: String,
        /// The pod.
        member: Box<Member>,
        /// Seconds that the pod has to end.
        grace_seconds: u32,
    },
    /// The pod comes to a phase, or goes on in it for another reason.
    Phase {
        /// Where it is now.
        phase: Phase,
        /// One line.
        reason: String,
    },
    /// Why the pod is held, as its volume says; `None` when it is not.
    Hold(Option<String>),
    /// Somebody looked at the data directory.
    DirectoryExamined(DirectoryFacts),
    /// A postmaster runs.
    PostmasterRuns {
        /// Its PID.
        pid: i32,
        /// Whether somebody else started it.
        adopted: bool,
        /// Starts after the first one.
        restarts: u64,
    },
    /// No postmaster runs any more.
    PostmasterGone,
    /// How the last postmaster ended, in words.
    PostmasterEnded(String),
    /// The server was asked about itself.
    Answered {
        /// What follows from its answer.
        report: ServerReport,
        /// Seconds that the answer took.
        seconds: f64,
    },
    /// The replica that runs is left behind, or is not any more.
    LeftBehind(Option<LeftBehind>),
    /// These coordinators were heard of, or are remembered.
    CoordinatorsSeen(SeenCoordinators),
    /// The cluster exists; a coordinator was heard of on that timeline (0: none was).
    ClusterCreated {
        /// Its timeline.
        coordinator_timeline: u32,
    },
    /// The volume remembers that the cluster exists, and the newest coordinator that was heard of.
    ClusterRemembered {
        /// Its timeline; 0 when the volume does not say.
        coordinator_timeline: u32,
    },
    /// Parameters that wait for a restart of the postmaster.
    PendingRestart(Vec<String>),
    /// Which peers were found.
    Peers(PeersStatus),
    /// What the volumes proved.
    Volumes(Vec<VolumeFacts>),
    /// What SSH shows.
    Ssh(SshStatus),
    /// The certificate in use.
    Tls(Option<TlsStatus>),
    /// How it is about failover; the counts are the state's own.
    Failover(Box<FailoverStatus>),
    /// How it is about segments that are down; `None` where another pod brings them back.
    Recovery(Option<Box<RecoveryStatus>>),
    /// A tool of Greenplum is at work in this pod, or none is any more.
    ToolAtWork(Option<String>),
    /// Pages of this pod's server whose checksum was wrong, by database.
    PagesCounted(BTreeMap<String, u64>),
    /// Everything that one source finds now.
    Findings(FindingSource, Vec<Finding>),
    /// A volume has answered how much room is on it.
    VolumeRoom(VolumeRoom),
    /// Volumes that do not answer now, all of them.
    VolumesHang(Vec<HungVolume>),
    /// So many processes of this container did the kernel kill for want of memory, since the container started.
    OomKills(u64),
    /// The agent's loop turned at that time, in Unix seconds.
    LoopTurned(u64),
}

impl Event {
    /// The cluster exists, says somebody who names no coordinator: PostgreSQL has none, and who reads a catalog remembers its
    /// coordinator by itself.
    pub const CREATED: Event = Event::ClusterCreated {
        coordinator_timeline: 0,
    };
}
