//! What was tried, on this volume: `.gp-agent/recovery`, and files that agents do not know that are older than them:
//! `.gp-agent/rebalances`, `.gp-agent/accepted-damage` and `.gp-agent/expansion`.

use crate::lifecycle::pod::Pod;
use crate::sys::storage::document;
use gp_agent_core::recovery::expansion::memory::ExpansionMemory;
use gp_agent_core::recovery::machine::steps::Recovery;
use gp_agent_core::recovery::roles::attempts::RebalanceAttempts;
use gp_agent_core::recovery::segments::accepted::Accepted;
use gp_agent_core::recovery::segments::attempts::Attempts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;

/// What was tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// To bring segments back.
    pub attempts: Attempts,
    /// To change roles back.
    pub rebalances: RebalanceAttempts,
    /// Damaged pages that somebody has had copied all the same.
    pub accepted: Accepted,
    /// To add segments.
    pub expansion: ExpansionMemory,
}

impl Memory {
    /// What is to be remembered now.
    pub(super) fn of(machine: &Recovery) -> Memory {
        Memory {
            attempts: machine.attempts().clone(),
            rebalances: machine.rebalances().clone(),
            accepted: machine.accepted().clone(),
            expansion: machine.expansion().clone(),
        }
    }
}

/// It; nothing if nothing was tried.
///
/// # Errors
/// It cannot be read or understood: then nobody knows how often something was tried.
pub(super) async fn recall(pod: &Pod) -> io::Result<Memory> {
    Ok(Memory {
        attempts: read(pod, pod.state_dir().join("recovery")).await?,
        rebalances: read(pod, pod.state_dir().join("rebalances")).await?,
        accepted: read(pod, pod.state_dir().join("accepted-damage")).await?,
        expansion: read(pod, pod.state_dir().join("expansion")).await?,
    })
}

/// Writes it down.
///
/// # Errors
/// The volume does not take it.
pub(super) async fn keep(pod: &Pod, memory: &Memory) -> io::Result<()> {
    write(pod, pod.state_dir().join("recovery"), memory.attempts.clone()).await?;
    write(pod, pod.state_dir().join("rebalances"), memory.rebalances.clone()).await?;
    write(pod, pod.state_dir().join("accepted-damage"), memory.accepted.clone()).await?;
    write(pod, pod.state_dir().join("expansion"), memory.expansion.clone()).await
}

async fn read<T: DeserializeOwned + Default + Send + 'static>(pod: &Pod, file: PathBuf) -> io::Result<T> {
    let read = pod.volume.run(move || document::read(&file)).await;
    read.map(Option::unwrap_or_default)
}

async fn write<T: Serialize + Send + 'static>(pod: &Pod, file: PathBuf, document: T) -> io::Result<()> {
    pod.volume.run(move || document::keep(&file, &document)).await
}
