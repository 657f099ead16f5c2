//! The memory of coordinators: the newest timeline that this pod has seen one on, kept on its volume. A coordinator that
//! comes back after its standby was activated is told so by the segments, even when the standby itself is silent.

use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::sys::storage::fs::write_atomically;
use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::state::Event;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many segments are asked, as each remembers by itself; and how many pods are told at once.
const ASKED: usize = 16;

const PACE: FanOutLimits = FanOutLimits {
    peer: Duration::from_secs(1),
    all: Duration::from_secs(2),
    in_flight: ASKED,
};

const FILE: &str = "coordinator-timeline";

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join(FILE)
}

/// What the agent's folder on a volume remembers; 0 when no cluster was created yet.
pub(crate) fn read(state_dir: &Path) -> u32 {
    let text = std::fs::read_to_string(state_dir.join(FILE)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Puts on the board what the volume remembers.
pub(crate) fn load(pod: &Pod) {
    let coordinator_timeline = read(&pod.state_dir());
    if coordinator_timeline > 0 {
        pod.board.on(Event::ClusterRemembered { coordinator_timeline });
    }
}

/// The newest that this pod has heard of.
fn known(pod: &Pod) -> u32 {
    pod.board.read(|s| s.cluster.coordinator_timeline())
}

/// Remembers a coordinator on this timeline.
pub(crate) async fn note(pod: &Pod, timeline: u32) {
    if timeline <= known(pod) {
        return;
    }
    let path = file(pod);
    let write = move || write_atomically(&path, format!("{timeline}\n").as_bytes(), 0o600);
    match pod.volume.run(write).await {
        Ok(_) => pod.board.on(Event::ClusterCreated {
            coordinator_timeline: timeline,
        }),
        Err(error) => tracing::error!(
            "cannot remember the coordinator's timeline in {}: {error}",
            file(pod).display()
        ),
    }
}

/// Has all peers remember this pod's coordinator now, and not at their next look: a predecessor that comes back in between
/// must hear of it, and the pods of a new cluster write their files as soon as they know of it.
pub(crate) async fn tell_peers(pod: &Pod) {
    let peers = pod.topology.peers(&pod.me);
    let client = PeerClient::of(pod);
    // Who cannot be told looks by itself every few seconds.
    let told = peers.map(|member| client.recheck(member, PACE.peer));
    let told = stream::iter(told).buffer_unordered(ASKED);
    let _ = tokio::time::timeout(PACE.all, told.for_each(async |_| ())).await;
}

/// What is remembered of coordinators.
pub(crate) struct Memory {
    /// The newest timeline; 0 when none was seen.
    pub(crate) timeline: u32,
    /// Why an answer cannot be read, if there is such a one: it might say a newer one.
    pub(crate) not_understood: Option<String>,
}

/// What the segments, and this pod itself, remember.
pub(crate) async fn ask_segments(pod: &Pod) -> Memory {
    let segments = pod.topology.members.iter().filter(|m| m.content.is_segment());
    let entries = PeerClient::of(pod).statuses(segments.take(ASKED), PACE).await;
    let theirs = |entry: &PodReport| entry.status.as_ref().map_or(0, |r| r.status.seen_coordinator);
    let own = known(pod);
    Memory {
        timeline: entries.iter().map(theirs).fold(own, u32::max),
        not_understood: entries.iter().find_map(PodReport::not_understood).map(String::from),
    }
}
