//! SIGKILL for every process of the server, at once.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::pidfile::{Occupant, is_server, occupant};
use crate::sys::process::{Process, processes};
use gp_agent_core::process::timeouts;
use rustix::process::Signal;
use std::time::Duration;

/// Without an answer of the volume the kernel's list of processes has to do.
const VOLUME_ANSWERS_WITHIN: Duration = timeouts::VOLUME_GLANCED_AT;

/// Kills them, beside init, which is told before: whoever is first. That all are gone is found out by whoever looks next.
pub(super) async fn all(pod: &Pod) {
    if let Some(server) = pod.board.server() {
        let family = family(server.pid());
        kill(&server);
        family.iter().for_each(kill);
    }
    let dir = pod.dir().to_path_buf();
    let left = pod
        .volume
        .run_within(VOLUME_ANSWERS_WITHIN, move || occupant(&dir))
        .await;
    let left = match left {
        Some(Ok(Occupant::Leftovers(pids))) => pids,
        Some(Ok(Occupant::Postmaster(pid) | Occupant::Unlisted(pid))) => vec![pid],
        _ => Vec::new(),
    };
    left.into_iter()
        .filter_map(|pid| Process::adopt(pid).ok())
        .for_each(|left| kill(&left));
}

/// The children of a postmaster, taken hold of while it lives.
fn family(postmaster: i32) -> Vec<Process> {
    let all = processes().unwrap_or_default();
    let children = all.into_iter().filter(|p| p.ppid == postmaster && is_server(p));
    children.filter_map(|p| Process::adopt(p.pid).ok()).collect()
}

fn kill(process: &Process) {
    // One that has ended meanwhile has no process to signal.
    if process.signal(Signal::KILL).is_ok() {
        tracing::warn!(pid = process.pid(), "killed a process of the server");
    }
}
