//! What is remembered of the creation on the coordinator's volume, so that a run that was killed is understood.
//!
//! A journal: it is written before what it tells of is done, and read anew for each decision, so no copy in memory can be ahead
//! of it. Only the creation reads and writes it. What it says does not go into the pod's state: whether the cluster exists is
//! told there, by what the creation does (`docs/design/creation.md`).

use crate::lifecycle::pod::Pod;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::greenplum::creation_state::{CreationEvent, CreationState};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Record {
    /// How far it came.
    pub state: CreationState,
    /// How often gpinitsystem was begun.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// It was found that nobody used what the last attempt made: that may be set aside, also where to do so is broken off.
    pub unused: bool,
    /// Names of the SQL files that were run.
    pub sql_done: Vec<String>,
    /// Whether gpadmin's database was made.
    pub database_done: bool,
}

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("creation.json")
}

impl Record {
    /// Reads it; without a file nothing was touched yet.
    ///
    /// # Errors
    /// A file that cannot be read or understood: then nobody knows what may be set aside.
    pub(crate) fn load(pod: &Pod) -> Result<Record> {
        let path = file(pod);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("{} cannot be understood; it tells what may be begun again, so restore it, or remove it if no cluster was ever created here", path.display())
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Record::default()),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Takes in how the creation goes on, and writes it.
    ///
    /// # Errors
    /// Those of the volume.
    pub(crate) fn advance(&mut self, event: CreationEvent, pod: &Pod) -> Result<()> {
        self.state = self.state.on(event);
        self.store(pod)
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Those of the volume.
    pub(crate) fn store(&self, pod: &Pod) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        write_atomically(&file(pod), &text, 0o600)?;
        Ok(())
    }
}
