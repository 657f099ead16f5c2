//! What this pod knows of the settings that its server starts with: the ledger, which is kept on the volume, and what a trial
//! said since this agent began.

use gp_agent_core::finding::Finding;
use gp_agent_core::postgres::settings::{Ledger, Parameters};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shared by whoever writes settings and whoever starts the server.
#[derive(Debug, Default)]
pub struct SettingsMemory {
    known: Mutex<Known>,
    /// One trial at a time: there is one scratch directory.
    pub(crate) trial: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// As the volume has it; nothing until it was read.
    ledger: Option<Ledger>,
    /// The settings files that passed a trial last, and what it left open.
    proven: Option<(Vec<u8>, Vec<Finding>)>,
    /// The set that gp-agent.conf was written with for the next start; nothing where that is not known.
    chosen: Option<Parameters>,
}

impl SettingsMemory {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a trial of these files left open, when they passed it; nothing when they did not, or were not tried last.
    pub(crate) fn left_open_by(&self, files: &[u8]) -> Option<Vec<Finding>> {
        let known = self.lock();
        let (proven, left_open) = known.proven.as_ref()?;
        (proven == files).then(|| left_open.clone())
    }

    /// They passed it.
    pub(crate) fn prove(&self, files: Vec<u8>, left_open: Vec<Finding>) {
        self.lock().proven = Some((files, left_open));
    }

    /// The next start is made with this set.
    pub(crate) fn choose(&self, parameters: Option<Parameters>) {
        self.lock().chosen = parameters;
    }

    /// That set.
    pub(crate) fn chosen(&self) -> Option<Parameters> {
        self.lock().chosen.clone()
    }

    /// Works on the ledger, which `first` gives the first time. With it comes what has to be written down, when that is not
    /// what the volume has.
    pub(crate) fn with_ledger<T>(
        &self,
        first: impl FnOnce() -> Ledger,
        work: impl FnOnce(&mut Ledger) -> T,
    ) -> (T, Option<Ledger>) {
        let mut known = self.lock();
        let read = known.ledger.is_none();
        let ledger = known.ledger.get_or_insert_with(first);
        let before = ledger.clone();
        let result = work(ledger);
        let changed = read || *ledger != before;
        (result, changed.then(|| ledger.clone()))
    }
}
