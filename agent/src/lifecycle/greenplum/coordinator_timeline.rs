//! The memory of coordinators: the newest timeline that this pod has seen one on, kept on its volume. A coordinator that
//! comes back after its standby was activated is told so by the segments, even when the standby itself is silent.

use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use crate::sys::storage::fs::write_atomically;
use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::topology::Member;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many pods are asked or told at once.
const AT_ONCE: usize = 256;

/// How many a running coordinator asks each time.
const IN_TURN: usize = 64;

/// Before a start all segments are asked: only one of them may have been there when a standby was activated.
const PACE: FanOutLimits = FanOutLimits {
    peer: Duration::from_secs(1),
    all: Duration::from_secs(2),
    in_flight: AT_ONCE,
};

const FILE: &str = "coordinator-timeline";

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join(FILE)
}

/// What the agent's folder on a volume remembers; 0 when no cluster was created yet.
///
/// # Errors
/// The file is there and cannot be read or understood: that is no 0.
pub(crate) fn read(state_dir: &Path) -> io::Result<u32> {
    let file = state_dir.join(FILE);
    let named = |error: String| io::Error::other(format!("{}: {error}", file.display()));
    match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().map_err(|_| named("is no number".into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(named(error.to_string())),
    }
}

/// Puts on the board what the volume remembers. Where it cannot be read, the start decision says so.
pub(crate) fn load(pod: &Pod) {
    match read(&pod.state_dir()) {
        Ok(0) => {}
        Ok(coordinator_timeline) => pod.board.on(Event::ClusterRemembered { coordinator_timeline }),
        Err(error) => tracing::error!("the newest timeline of a coordinator is not known: {error}"),
    }
}

/// The newest that this pod has heard of.
pub(super) fn known(pod: &Pod) -> u32 {
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
    // A primary that cannot be told looks by itself every few seconds, a mirror before its next start.
    let told = peers.map(|member| client.recheck(member, PACE.peer));
    let told = stream::iter(told).buffer_unordered(AT_ONCE);
    let _ = tokio::time::timeout(PACE.all, told.for_each(async |_| ())).await;
}

/// What the segments' agents say of coordinators.
#[derive(Debug, Default)]
pub(crate) struct SegmentsSay {
    /// The newest timeline that any of them has seen; 0 when none has.
    pub(crate) newest: u32,
    /// How many of them answered and have looked at their volumes.
    pub(crate) answered: usize,
    /// Why an answer cannot be read, if there is such a one: it might say a newer one.
    pub(crate) not_understood: Option<String>,
}

/// Before a start asks every segment's agent; a coordinator that runs asks some of them each time, in turn.
pub(crate) async fn ask_segments(pod: &Pod) -> SegmentsSay {
    let segments: Vec<&Member> = pod.topology.members.iter().filter(|m| m.content.is_segment()).collect();
    let running = pod.board.read(|s| s.postmaster.runs());
    let count = if running { IN_TURN } else { segments.len() };
    // The clock is the turn: nobody has to remember whose it was.
    let first = usize::try_from(now()).unwrap_or(0).wrapping_mul(IN_TURN) % segments.len().max(1);
    let asked = segments.iter().cycle().skip(first).take(count.min(segments.len()));
    let entries = PeerClient::of(pod).statuses(asked.copied(), PACE).await;
    let mut say = SegmentsSay {
        not_understood: entries.iter().find_map(PodReport::not_understood).map(String::from),
        ..SegmentsSay::default()
    };
    for report in entries.into_iter().filter_map(|entry| entry.status) {
        let status = report.status;
        // Before that it has not read its memory either.
        if !status.directory.kind.is_empty() {
            say.answered += 1;
            say.newest = say.newest.max(status.seen_coordinator);
        }
    }
    say
}
