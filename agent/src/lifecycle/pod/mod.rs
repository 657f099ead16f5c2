//! What every task needs to know of this pod.

pub(crate) mod kept_config;
pub(crate) mod leadership;
pub(crate) mod log_identity;
pub(crate) mod partner;
pub(crate) mod password;
pub(crate) mod paths;
pub(crate) mod recheck;
pub(crate) mod role_report;
pub(crate) mod settings_memory;
pub(crate) mod signals;
pub(crate) mod silent_primaries;

use super::discovery::RecheckHandle;
use super::kubernetes::role_label::RoleLabel;
use super::status_board::StatusBoard;
use crate::engine::Engine;
use crate::sys::postgres::data_directory;
use crate::sys::postgres::data_directory::{Examined, Whereabouts};
use crate::sys::postgres::database_record::Keepers;
use crate::sys::postgres::session::{Session, Target};
use crate::sys::storage::fs::volume_lock::STATE_DIR;
use crate::sys::storage::queue::VolumeQueue;
use gp_agent_core::cluster::catalog::CatalogAnswer;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::Config;
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::finding::Finding;
use gp_agent_core::postgres::data_directory::Remembered;
use gp_agent_core::postgres::major::Major;
use gp_agent_core::postgres::standby::StandbySource;
use gp_agent_core::process::passwd::Account;
use leadership::Leadership;
use recheck::Recheck;
use settings_memory::SettingsMemory;
use silent_primaries::SilentPrimaries;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Once identity, volume and engine are known; the same until the agent ends.
pub struct Pod {
    /// The configuration; changes with the ConfigMap.
    pub config: watch::Receiver<Arc<Config>>,
    /// All pods.
    pub topology: Arc<Topology>,
    /// This one.
    pub me: Member,
    /// The user it runs as.
    pub account: Account,
    /// The database programs.
    pub engine: Engine,
    /// What is known.
    pub board: Arc<StatusBoard>,
    /// Peers and their names, as discovery sees them.
    pub peers: watch::Receiver<PeerMap>,
    /// Told when an address of a peer is wrong.
    pub doubts: RecheckHandle,
    /// The label of the active role on the pod's object in Kubernetes.
    pub label: RoleLabel,
    /// Turns true once, when the pod has to end.
    pub shutdown: watch::Receiver<bool>,
    /// Which settings servers ran with, and which not.
    pub settings: SettingsMemory,
    /// Rung when the settings files should be looked at again.
    pub settings_changed: Arc<Notify>,
    /// Whether this pod is the coordinator that writes.
    pub leadership: Leadership,
    /// What this pod can tell others of the catalog.
    pub catalog: watch::Sender<CatalogAnswer>,
    /// Rung when somebody says that a coordinator has news.
    pub recheck: Recheck,
    /// Primaries that are silent, beside a coordinator.
    pub silent_primaries: SilentPrimaries,
    /// Work on the volume, which may hang.
    pub volume: VolumeQueue,
    /// Why the volume did not pass when this agent found a server running on it; nothing is started while it lasts.
    pub unproven: watch::Sender<Option<Finding>>,
}

impl Pod {
    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.me.data_dir
    }

    /// The agent's own folder on the volume.
    pub fn state_dir(&self) -> PathBuf {
        self.config.borrow().storage.path.join(STATE_DIR)
    }

    /// Looks what the data directory is, and puts that on the board.
    ///
    /// # Errors
    /// It cannot be examined; the board is as it was.
    pub(crate) async fn examine(&self) -> io::Result<Examined> {
        let examined = self.engine.examine(&self.whereabouts()).await?;
        self.board.on(Event::DirectoryExamined(examined.facts()));
        Ok(examined)
    }

    /// The same for a directory on which a server runs, which is never in doubt: puts on the board what can be told.
    pub(crate) async fn examine_running(&self) {
        let Err(error) = self.examine().await else { return };
        tracing::warn!("the directory of the running server cannot be examined: {error}");
        let (at, major) = (self.whereabouts(), Major::of(self.engine.major_version()));
        let facts = self.volume.run(move || data_directory::glance(&at, major)).await;
        self.board.on(Event::DirectoryExamined(facts));
    }

    /// The same for one that cannot be examined and on which no server runs: peers have to know that somebody is there, and
    /// that it may be newer than theirs.
    pub(crate) async fn show_unreadable(&self, why: &io::Error) {
        let (at, why) = (self.whereabouts(), why.to_string());
        let facts = self.volume.run(move || data_directory::unreadable(&at, &why)).await;
        self.board.on(Event::DirectoryExamined(facts));
    }

    /// The database in the directory, as far as it is known.
    pub(crate) fn database(&self) -> Option<Remembered> {
        let (system_id, timeline) = self
            .board
            .read(|s| (s.directory.system_id.clone(), s.directory.timeline));
        let timeline = timeline.unwrap_or(0);
        system_id.map(|system_id| Remembered { system_id, timeline })
    }

    /// Where the directory is, and what may tell of it.
    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            dir: self.dir().to_path_buf(),
            volume: self.config.borrow().storage.path.clone(),
            keepers: self.keepers(),
        }
    }

    /// Where this pod's database is remembered. Greenplum has nothing on a second volume.
    pub(crate) fn keepers(&self) -> Keepers {
        let config = self.config.borrow();
        Keepers {
            state_dir: config.storage.path.join(STATE_DIR),
            wal: config.storage.wal.clone().filter(|_| !config.engine.has_catalog()),
        }
    }

    /// The pod on the other end of replication.
    pub fn partner(&self) -> Option<&Member> {
        self.topology.partner(&self.me)
    }

    /// That pod's server, as this one copies and follows it.
    pub fn source<'a>(&'a self, partner: &'a Member) -> StandbySource<'a> {
        StandbySource {
            host: &partner.fqdn,
            port: partner.port,
            user: &self.account.name,
        }
    }

    /// A new connection to the local postmaster, nothing connected yet.
    pub fn session(&self, timeout: Duration) -> Session {
        self.session_with(self.engine.session_options(self.me.content), timeout)
    }

    /// The same, to this server alone, also where it is a coordinator.
    pub fn utility_session(&self, timeout: Duration) -> Session {
        self.session_with(self.engine.utility_options(), timeout)
    }

    fn session_with(&self, options: Option<String>, timeout: Duration) -> Session {
        let target = Target {
            socket_dir: PathBuf::from("/tmp"),
            port: self.me.port,
            user: self.account.name.clone(),
            options,
        };
        Session::new(target, timeout)
    }

    /// Returns when the pod has to end.
    pub async fn ending(&self) {
        let mut shutdown = self.shutdown.clone();
        if shutdown.wait_for(|ending| *ending).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
