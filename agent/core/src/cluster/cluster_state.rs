//! Whether the cluster exists: until then the files on a volume belong to whoever creates it.
//!
//! Two other questions have other answers. How far the work of the creation came is asked where the work is done
//! ([`crate::greenplum::creation_state::CreationState`]). Whether a volume was ever part of a cluster that was created, which keeps
//! what lies on it from being set aside, is asked of the volume before any agent has spoken: whether a coordinator was heard of
//! there ([`crate::cluster::seen_coordinators::SeenCoordinators::is_empty`]).

/// What this pod knows of it. There is no way back: what was created stays so, and holds data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterState {
    /// Nobody has said that it exists.
    #[default]
    NotKnown,
    /// It exists, says this pod's volume; nobody else has said so to this agent.
    Remembered {
        /// The newest timeline on which this pod has heard of a coordinator.
        coordinator_timeline: u32,
    },
    /// It exists.
    Created {
        /// The newest timeline on which this pod has heard of a coordinator; 0 where none was (PostgreSQL has none).
        coordinator_timeline: u32,
    },
}

impl ClusterState {
    /// Somebody says that it exists, and may have heard of a coordinator on that timeline.
    #[must_use]
    pub fn created(self, coordinator_timeline: u32) -> ClusterState {
        ClusterState::Created {
            coordinator_timeline: coordinator_timeline.max(self.coordinator_timeline()),
        }
    }

    /// The volume says that it exists.
    #[must_use]
    pub fn remembered(self, coordinator_timeline: u32) -> ClusterState {
        let coordinator_timeline = coordinator_timeline.max(self.coordinator_timeline());
        match self {
            ClusterState::Created { .. } => ClusterState::Created { coordinator_timeline },
            _ => ClusterState::Remembered { coordinator_timeline },
        }
    }

    /// Whether it exists.
    pub fn is_created(self) -> bool {
        self != ClusterState::NotKnown
    }

    /// Whether anybody but this pod's volume has said so to this agent.
    pub fn is_confirmed(self) -> bool {
        matches!(self, ClusterState::Created { .. })
    }

    /// The newest timeline of a coordinator that was heard of; 0 when none was.
    pub fn coordinator_timeline(self) -> u32 {
        match self {
            ClusterState::NotKnown => 0,
            ClusterState::Remembered { coordinator_timeline } | ClusterState::Created { coordinator_timeline } => {
                coordinator_timeline
            }
        }
    }
}
