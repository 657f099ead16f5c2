//! What this pod knows of the settings that its server starts with: the ledger, which is kept on the volume, and what a trial
//! said since this agent began.

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
    /// The gp-agent.conf that a trial accepted last.
    proven: Option<String>,
    /// The set that gp-agent.conf was written with for the next start; nothing where that is not known.
    chosen: Option<Parameters>,
}

impl SettingsMemory {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a trial accepted this gp-agent.conf.
    pub(crate) fn is_proven(&self, text: &str) -> bool {
        self.lock().proven.as_deref() == Some(text)
    }

    /// A trial accepted it.
    pub(crate) fn prove(&self, text: &str) {
        self.lock().proven = Some(text.to_string());
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
