//! With which parameters servers were started, and what became of them; kept on the volume in the settings ledger, see
//! [`gp_agent_core::postgres::settings::Ledger`].

use crate::lifecycle::pod::Pod;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::postgres::settings::{Ledger, Parameters};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Works on the ledger, and writes it down when that changed it. To be called in the volume's own time.
pub(super) fn with_ledger<T>(pod: &Pod, work: impl FnOnce(&mut Ledger) -> T) -> T {
    let file = pod.state_dir().join("settings.json");
    let (result, changed) = pod.settings.with_ledger(|| first_look(pod, &file), work);
    if let Some(Err(error)) = changed.map(|ledger| write(&file, &ledger)) {
        // The next agent will not know what this one does; the server starts all the same.
        tracing::warn!("cannot remember the settings that the server ran with: {error}");
    }
    result
}

fn first_look(pod: &Pod, file: &Path) -> Ledger {
    let read = read(file).unwrap_or_else(|error| {
        tracing::warn!("{}: {error}; nothing is known of earlier settings", file.display());
        Ledger::default()
    });
    let mut ledger = read.for_version(pod.engine.major_version());
    if pod.board.read(|s| s.agent_restarts) == 0 {
        ledger.new_container();
    }
    ledger.count_unseen();
    ledger
}

fn read(file: &Path) -> io::Result<Ledger> {
    match std::fs::read(file) {
        Ok(text) => Ok(serde_json::from_slice(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ledger::default()),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, ledger: &Ledger) -> io::Result<()> {
    write_atomically(file, &serde_json::to_vec(ledger)?, 0o600).map(drop)
}

/// The server is started now with what was chosen last.
pub(crate) fn begin(pod: &Pod) {
    if let Some(parameters) = pod.settings.chosen() {
        with_ledger(pod, |ledger| ledger.begin(&parameters));
    }
}

/// It answers.
pub(crate) async fn came_up(pod: &Arc<Pod>) {
    record(pod, Ledger::came_up).await;
}

/// It ended by itself, with these words. One that has answered before is forgiven.
pub(crate) async fn failed(pod: &Arc<Pod>, words: &str) {
    let words = words.to_string();
    record(pod, move |ledger| ledger.failed(&words)).await;
}

/// It refuses every session with this set. Whether there is another one to put in its place now.
pub(super) async fn refuses_sessions(pod: &Arc<Pod>, parameters: Parameters, words: String) -> bool {
    let recorded = pod.clone();
    let record = move || with_ledger(&recorded, |ledger| ledger.refuses_sessions(&parameters, &words));
    pod.volume.run(record).await
}

/// Somebody stopped it.
pub(crate) async fn stopped(pod: &Arc<Pod>) {
    record(pod, Ledger::stopped).await;
}

async fn record(pod: &Arc<Pod>, work: impl FnOnce(&mut Ledger) + Send + 'static) {
    let recorded = pod.clone();
    pod.volume.run(move || with_ledger(&recorded, work)).await;
}
