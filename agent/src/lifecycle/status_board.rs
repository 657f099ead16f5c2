//! The owner of the pod's state: every task tells it what happened, and looks at what is known.

use crate::sys::process::Process;
pub use crate::sys::process::clock::now;
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::state::{Effect, Event, Facts, LineLevel, PodState};
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::finding::{Finding, FindingSource};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Shared by all tasks. [`StatusBoard::on`] is the one way to change what is known.
#[derive(Debug)]
pub struct StatusBoard {
    state: Mutex<PodState>,
    /// The running postmaster, for whoever signals it: a PID alone may be another process's by then.
    server: Mutex<Option<Arc<Process>>>,
    changes: watch::Sender<()>,
    settings_due: Arc<Notify>,
}

impl StatusBoard {
    /// The owner of this state.
    pub fn new(state: PodState) -> StatusBoard {
        StatusBoard {
            state: Mutex::new(state),
            server: Mutex::default(),
            changes: watch::Sender::new(()),
            settings_due: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, PodState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_server(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what happened now, and does what follows.
    pub fn on(&self, event: Event) {
        match &event {
            // Whoever says so holds the process itself, so that the PID is still its own.
            Event::PostmasterRuns { pid, .. } => *self.lock_server() = Process::adopt(*pid).ok().map(Arc::new),
            Event::PostmasterGone => *self.lock_server() = None,
            _ => {}
        }
        // Nobody logs while holding the lock: a reader of the log may be slow.
        let effects = self.lock().on(now(), event);
        self.changes.send_replace(());
        for effect in effects {
            match effect {
                Effect::Log { level, phase, line } => log(level, phase, &line),
                Effect::LookAtSettings => self.settings_due.notify_one(),
                Effect::Unforeseen(words) => unforeseen(&words),
            }
        }
    }

    /// The pod comes to a phase, or goes on in it for another reason.
    pub fn phase(&self, phase: Phase, reason: impl Into<String>) {
        let reason = reason.into();
        self.on(Event::Phase { phase, reason });
    }

    /// Replaces what one source found.
    pub fn findings(&self, source: FindingSource, findings: Vec<Finding>) {
        self.on(Event::Findings(source, findings));
    }

    /// The document of `/status`, as of now.
    pub fn snapshot(&self) -> PodStatus {
        self.lock().status()
    }

    /// One look at what is known.
    pub fn read<T>(&self, look: impl FnOnce(&Facts) -> T) -> T {
        look(self.lock().facts())
    }

    /// The postmaster that runs, to be signalled or looked at.
    pub(crate) fn server(&self) -> Option<Arc<Process>> {
        self.lock_server().clone()
    }

    /// Sees every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Returns when what is known is so.
    pub async fn until(&self, wanted: impl Fn(&Facts) -> bool) {
        let mut changes = self.changes();
        // The sender lives as long as self.
        while !self.read(&wanted) && changes.changed().await.is_ok() {}
    }

    /// Whether the cluster is known to exist: before that, its files belong to the tool that creates it.
    pub fn is_created(&self) -> bool {
        self.read(|s| s.cluster.is_created())
    }

    /// Rung when the settings files should be looked at again.
    pub fn settings_due(&self) -> Arc<Notify> {
        self.settings_due.clone()
    }
}

fn log(level: LineLevel, phase: Option<Phase>, line: &str) {
    let phase = phase.map(|phase| phase.as_str());
    match level {
        LineLevel::Error => tracing::error!(phase, "{line}"),
        LineLevel::Warning => tracing::warn!(phase, "{line}"),
        LineLevel::Info => tracing::info!(phase, "{line}"),
    }
}

/// Tests end here; in production the state has made the best of it.
fn unforeseen(words: &str) {
    tracing::error!("a step that is not foreseen in a pod's life, please report it: {words}");
    debug_assert!(false, "{words}");
}
