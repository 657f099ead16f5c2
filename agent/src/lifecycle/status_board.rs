//! The board: what this agent knows of its pod, written by every act, read by the probes.

pub use crate::sys::process::clock::now;
use gp_agent_core::cluster::status::{Phase, PodStatus};
use gp_agent_core::finding::{Finding, Severity};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Shared by all acts; each writes its own part.
#[derive(Debug)]
pub struct StatusBoard {
    inner: Mutex<Inner>,
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct Inner {
    status: PodStatus,
    findings: BTreeMap<&'static str, Vec<Finding>>,
}

impl StatusBoard {
    /// A board that begins with `status`.
    pub fn new(status: PodStatus) -> StatusBoard {
        StatusBoard {
            inner: Mutex::new(Inner {
                status,
                findings: BTreeMap::new(),
            }),
            changes: watch::Sender::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, as it is now.
    pub fn snapshot(&self) -> PodStatus {
        let inner = self.lock();
        let mut status = inner.status.clone();
        status.findings = inner.findings.values().flatten().cloned().collect();
        status.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        status
    }

    /// Changes some of it.
    pub fn update(&self, change: impl FnOnce(&mut PodStatus)) {
        change(&mut self.lock().status);
        self.changes.send_replace(());
    }

    /// Sees every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// One look at it.
    pub fn read<T>(&self, look: impl FnOnce(&PodStatus) -> T) -> T {
        look(&self.lock().status)
    }

    /// Moves to a phase; logs when phase or reason is new.
    pub fn phase(&self, phase: Phase, reason: impl Into<String>) {
        let reason = reason.into();
        let mut inner = self.lock();
        let status = &mut inner.status;
        if status.phase == phase && status.reason == reason {
            return;
        }
        let before = status.phase;
        if !phase.may_follow(before) {
            drop(inner);
            unforeseen(before, phase, &reason);
            if before.is_final() {
                return;
            }
            inner = self.lock();
        }
        let status = &mut inner.status;
        if status.phase != phase {
            status.phase_since = now();
        }
        status.phase = phase;
        status.reason.clone_from(&reason);
        drop(inner);
        self.changes.send_replace(());
        match phase {
            Phase::Refused | Phase::CrashLoop | Phase::Hung => {
                tracing::error!(?phase, "{reason}");
            }
            Phase::Crashed => tracing::warn!(?phase, "{reason}"),
            _ => tracing::info!(?phase, "{reason}"),
        }
    }

    /// Replaces what one source found; logs what is new and what is mended.
    pub fn findings(&self, source: &'static str, findings: Vec<Finding>) {
        let mut inner = self.lock();
        let old = inner.findings.insert(source, findings.clone()).unwrap_or_default();
        drop(inner);
        self.changes.send_replace(());
        for finding in findings.iter().filter(|f| !old.contains(f)) {
            match finding.severity {
                Severity::Error => tracing::error!("{finding}"),
                Severity::Warning => tracing::warn!("{finding}"),
                Severity::Info => tracing::info!("{finding}"),
            }
        }
        for gone in old.iter().filter(|f| !findings.contains(f)) {
            tracing::info!("no longer found: {} {}: {}", gone.area, gone.subject, gone.what);
        }
    }
}

/// A move that [`gp_agent_core::cluster::phase::MAY_FOLLOW`] does not know is a defect. In production it is obeyed all the same,
/// since probes that go by an old phase do more harm; nothing leaves the last one.
fn unforeseen(before: Phase, phase: Phase, reason: &str) {
    tracing::error!(
        ?before,
        ?phase,
        "no such step is foreseen in a pod's life; please report this: {reason}"
    );
    debug_assert!(false, "{phase:?} ({reason}) may not follow {before:?}");
}
