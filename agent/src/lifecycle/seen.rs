//! The memory of coordinators: the newest timeline that this pod has seen one on, kept on its volume. A coordinator that
//! comes back after its standby was activated is told so by the segments, even when the standby itself is silent.

use crate::domain::cluster::Entry;
use crate::lifecycle::cluster;
use crate::lifecycle::pod::Pod;
use crate::sys::files::write_atomically;
use crate::sys::gather::Pace;
use std::path::PathBuf;
use std::time::Duration;

/// How many segments are asked: each remembers by itself.
const ASKED: usize = 16;

const PACE: Pace = Pace {
    peer: Duration::from_secs(1),
    all: Duration::from_secs(2),
    in_flight: ASKED,
};

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("coordinator-timeline")
}

/// Puts on the board what the volume remembers.
pub fn load(pod: &Pod) {
    let text = std::fs::read_to_string(file(pod)).unwrap_or_default();
    let timeline = text.trim().parse().unwrap_or(0);
    pod.board.update(|s| s.seen_coordinator = timeline);
}

/// Remembers a coordinator on this timeline.
pub fn note(pod: &Pod, timeline: u32) {
    if timeline <= pod.board.read(|s| s.seen_coordinator) {
        return;
    }
    match write_atomically(&file(pod), format!("{timeline}\n").as_bytes(), 0o600) {
        Ok(_) => pod.board.update(|s| s.seen_coordinator = timeline),
        Err(error) => tracing::error!(
            "cannot remember the coordinator's timeline in {}: {error}",
            file(pod).display()
        ),
    }
}

/// The newest that any of the segments, or this pod itself, remembers.
pub async fn newest_of_segments(pod: &Pod) -> u32 {
    let segments = pod.topology.members.iter().filter(|m| m.content >= 0);
    let entries = cluster::ask(pod, segments.take(ASKED), PACE).await;
    let theirs = |entry: Entry| entry.status.map_or(0, |r| r.status.seen_coordinator);
    let own = pod.board.read(|s| s.seen_coordinator);
    entries.into_iter().map(theirs).fold(own, u32::max)
}
