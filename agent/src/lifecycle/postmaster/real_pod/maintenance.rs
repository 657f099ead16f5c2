//! What administrators decided outlives the agent: `gp-agent hold` in a file on the volume, and that a server was stopped.

use crate::lifecycle::pod::Pod;
use crate::sys::process::container;
use crate::sys::storage::fs::{sync_directory, write_atomically};
use gp_agent_core::cluster::state::Event;
use gp_agent_core::postgres::exit_cause::Ending;
use std::io;
use std::path::{Path, PathBuf};

/// Of a stop that leaves a server to recover; see [`stopped`].
const IMMEDIATE: &str = "immediate";

fn hold_file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("hold")
}

/// Why the postmaster is out of supervision, when it is.
///
/// # Errors
/// The file is there and cannot be read: nobody knows, so nothing may be started.
pub(crate) fn held(pod: &Pod) -> io::Result<Option<String>> {
    let reason = read(&hold_file(pod))?;
    pod.board.on(Event::Hold(reason.clone()));
    Ok(reason)
}

/// Takes the postmaster out of supervision, or with `None` gives it back.
///
/// # Errors
/// The volume does not take it; all is as it was.
pub(super) fn set_held(pod: &Pod, reason: Option<&str>) -> io::Result<()> {
    let file = hold_file(pod);
    match reason {
        Some(reason) => write_atomically(&file, reason.as_bytes(), 0o600).map(drop)?,
        None => {
            remove(&file)?;
            sync_directory(&pod.state_dir())?;
        }
    }
    pod.board.on(Event::Hold(reason.map(str::to_string)));
    match reason {
        Some(reason) => tracing::info!("held: {reason}"),
        None => tracing::info!("resumed"),
    }
    Ok(())
}

fn stop_file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("stopped")
}

/// Whether an administrator had stopped the server while an earlier agent of this container ran. A container that begins
/// anew starts its server, as a machine does that boots.
pub(super) fn stopped(pod: &Pod) -> Option<Ending> {
    let file = stop_file(pod);
    if pod.board.read(|s| s.agent_restarts) == 0 {
        if let Err(error) = remove(&file) {
            tracing::warn!("{error}");
        }
        return None;
    }
    let text = read(&file).unwrap_or_else(|error| {
        tracing::warn!("{error}");
        None
    });
    remembered(&text?, container::mark().as_deref())
}

/// The first agent of a container may have ended before it could forget what an earlier one remembers.
fn remembered(text: &str, mark: Option<&str>) -> Option<Ending> {
    let mut words = text.split_whitespace();
    let ending = match words.next() {
        Some(IMMEDIATE) => Ending::Immediate,
        _ => Ending::Clean,
    };
    let same = words.next().zip(mark).is_none_or(|(then, now)| then == now);
    same.then_some(ending)
}

/// Remembers that, or forgets it. Without the memory the next agent starts the server; that is all.
pub(super) fn set_stopped(pod: &Pod, ending: Option<Ending>) {
    let file = stop_file(pod);
    let done = match ending {
        Some(ending) => {
            let word = if ending == Ending::Immediate {
                IMMEDIATE
            } else {
                "clean"
            };
            let mark = container::mark().unwrap_or_default();
            write_atomically(&file, format!("{word} {mark}").as_bytes(), 0o600).map(drop)
        }
        None => remove(&file),
    };
    if let Err(error) = done {
        tracing::warn!("cannot remember whether an administrator stopped the server: {error}");
    }
}

fn read(file: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named("read", file, &error)),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named("remove", file, &error)),
        _ => Ok(()),
    }
}

fn named(tried: &str, file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {tried} {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_counts_in_the_container_in_which_it_was_seen() {
        for (text, mark, ending) in [
            ("clean boot/1", Some("boot/1"), Some(Ending::Clean)),
            ("immediate boot/1", Some("boot/1"), Some(Ending::Immediate)),
            ("clean boot/1", Some("boot/2"), None),
            ("immediate boot/1", Some("reboot/1"), None),
            // Of an earlier version, or nobody can tell.
            ("clean", Some("boot/1"), Some(Ending::Clean)),
            ("immediate ", Some("boot/1"), Some(Ending::Immediate)),
            ("clean boot/1", None, Some(Ending::Clean)),
        ] {
            assert_eq!(remembered(text, mark), ending, "{text} {mark:?}");
        }
    }
}
