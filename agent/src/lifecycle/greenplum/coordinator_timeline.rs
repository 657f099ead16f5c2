//! The memory of coordinators: the newest timeline that this pod has seen one on, kept on its volume. A coordinator that
//! comes back after its standby was activated is told so by the segments, even when the standby itself is silent.

use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use crate::sys::storage::document;
use crate::sys::storage::fs::write_atomically;
use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::seen_coordinators::SeenCoordinators;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::DirectoryWord;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::process::timeouts;
use std::io;
use std::path::Path;

/// How many pods are asked or told at once.
const AT_ONCE: usize = 256;

/// How many a running coordinator asks each time.
const IN_TURN: usize = 64;

/// Before a start all segments are asked: only one of them may have been there when a standby was activated.
const PACE: FanOutLimits = FanOutLimits {
    peer: timeouts::ONE_OF_MANY_ANSWERS,
    all: timeouts::COORDINATORS_ANSWER,
    in_flight: AT_ONCE,
};

/// The number alone, which 0.1.0 reads and writes.
const FILE: &str = "coordinator-timeline";
/// By the coordinators' system identifiers.
const NAMED: &str = "coordinators";

/// What the agent's folder on a volume remembers; nobody when no cluster was created yet.
///
/// # Errors
/// The file is there and cannot be read or understood: that is no 0.
pub(crate) fn read(state_dir: &Path) -> io::Result<SeenCoordinators> {
    let file = state_dir.join(FILE);
    let named = |error: String| io::Error::other(format!("{}: {error}", file.display()));
    let number = match std::fs::read_to_string(&file) {
        Ok(text) => text.trim().parse().map_err(|_| named("is no number".into()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(named(error.to_string())),
    };
    let known: Option<SeenCoordinators> = document::read(&state_dir.join(NAMED))?;
    Ok(SeenCoordinators::one(None, number).and(&known.unwrap_or_default()))
}

/// What 0.1.0 reads comes last: a number that nothing explains is one that it wrote.
fn write(state_dir: &Path, seen: &SeenCoordinators) -> io::Result<()> {
    document::keep(&state_dir.join(NAMED), &seen.named())?;
    let number = format!("{}\n", seen.newest());
    write_atomically(&state_dir.join(FILE), number.as_bytes(), 0o600).map(drop)
}

/// Puts on the board what the volume remembers. Where it cannot be read, the start decision says so.
pub(crate) fn load(pod: &Pod) {
    match read(&pod.state_dir()) {
        Ok(seen) if seen.is_empty() => {}
        Ok(seen) => {
            let coordinator_timeline = seen.newest();
            pod.board.on(Event::CoordinatorsSeen(seen));
            pod.board.on(Event::ClusterRemembered { coordinator_timeline });
        }
        Err(error) => tracing::error!("the newest timeline of a coordinator is not known: {error}"),
    }
}

/// Those that this pod has heard of.
pub(super) fn known(pod: &Pod) -> SeenCoordinators {
    pod.board.read(|s| s.coordinators.clone())
}

/// Remembers the coordinator whose catalog that is.
pub(super) async fn note_catalog(pod: &Pod, catalog: &Catalog) {
    let seen = SeenCoordinators::one(catalog.system_id.as_deref(), catalog.timeline);
    let known = known(pod);
    // A catalog without a name, of an agent of 0.1.0, tells nothing new of a coordinator that is known.
    if catalog.system_id.is_some() || known.newest() < catalog.timeline {
        note(pod, &seen).await;
    }
}

/// Remembers these coordinators.
pub(super) async fn note(pod: &Pod, seen: &SeenCoordinators) {
    let known = known(pod);
    let seen = known.clone().and(seen);
    if seen == known {
        return;
    }
    let (state_dir, kept) = (pod.state_dir(), seen.clone());
    match pod.volume.run(move || write(&state_dir, &kept)).await {
        Ok(()) => {
            let coordinator_timeline = seen.newest();
            pod.board.on(Event::CoordinatorsSeen(seen));
            pod.board.on(Event::ClusterCreated { coordinator_timeline });
        }
        Err(error) => tracing::error!("cannot remember the coordinator's timeline: {error}"),
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
    /// The newest ones that any of them has seen.
    pub(crate) seen: SeenCoordinators,
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
        if status.directory.kind != DirectoryWord::NotLooked {
            say.answered += 1;
            say.seen = std::mem::take(&mut say.seen).and(&status.heard_of());
        }
    }
    say
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_an_older_agent_has_no_name_until_a_coordinator_explains_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_empty());
        std::fs::write(dir.path().join(FILE), "3\n").unwrap();
        assert_eq!(read(dir.path()).unwrap(), SeenCoordinators::one(None, 3));
        let named = SeenCoordinators::one(Some("7"), 3);
        write(dir.path(), &read(dir.path()).unwrap().and(&named)).unwrap();
        assert_eq!(read(dir.path()).unwrap(), named);
        assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), "3\n");
        // The file of an earlier cluster was put there.
        std::fs::write(dir.path().join(FILE), "5\n").unwrap();
        let seen = read(dir.path()).unwrap();
        assert_eq!((seen.of(Some("7")), seen.unnamed()), (3, 5));
        for damaged in [FILE, NAMED] {
            std::fs::write(dir.path().join(damaged), "x").unwrap();
            let error = read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(damaged), "{error}");
            std::fs::remove_file(dir.path().join(damaged)).unwrap();
        }
    }
}
