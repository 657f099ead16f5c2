//! When FTS and the dispatcher are to give up soon on a primary whose node is lost.
//!
//! A node that is off refuses nothing, it is silent. FTS then waits for gp_fts_probe_timeout (20 s) again and again, and the
//! recovery of distributed transactions for gp_segment_connect_timeout (3 min). With short time-outs a primary under load would be
//! failed over for nothing. So they are short only while a pod's agent and its server are silent for two observers: this pod, and the
//! pod on the other end of replication; [`super::lost_pods`] tells for how long.

use crate::cluster::directory::DirectoryKind;
use crate::cluster::peer_error::PeerFailure;
use crate::cluster::report::PodReport;
use crate::cluster::topology::{Member, Topology};
use std::collections::BTreeMap;

/// A pod whose agent is silent, and the one that follows its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect<'a> {
    /// The silent one.
    pub pod: &'a Member,
    /// Its mirror, whose agent answers.
    pub mirror: &'a Member,
}

/// The primaries that may be lost, by what the agents of all segments say; `entries` are in any order.
pub fn suspects<'a>(topology: &'a Topology, entries: &[PodReport]) -> Vec<Suspect<'a>> {
    let by_pod: BTreeMap<&str, &PodReport> = entries.iter().map(|e| (e.pod.as_str(), e)).collect();
    let mut pairs: BTreeMap<_, Vec<&Member>> = BTreeMap::new();
    for member in topology.members.iter().filter(|m| m.content.is_segment()) {
        pairs.entry(member.content).or_default().push(member);
    }
    let silent = |member: &&Member| {
        let failure = by_pod.get(member.pod.as_str()).and_then(|entry| entry.failure);
        matches!(failure, Some(PeerFailure::TimedOut | PeerFailure::Unreachable))
    };
    // Who took over is not one who could.
    let follows = |member: &&Member| {
        let status = by_pod.get(member.pod.as_str()).and_then(|entry| entry.status.as_ref());
        status.is_some_and(|report| report.status.directory.kind() == Some(DirectoryKind::Standby))
    };
    let pairs = pairs.into_values().filter_map(|pair| {
        let pod = pair.iter().copied().find(|m| silent(m))?;
        let mirror = pair.iter().copied().find(|m| follows(m))?;
        Some(Suspect { pod, mirror })
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::peer_error::PeerError;
    use crate::cluster::report::Report;
    use crate::cluster::status::PodStatus;
    use crate::cluster::topology::Role;
    use crate::fixtures::{member_of_pair, pair};
    use std::time::Duration;

    fn answers(pod: &str, kind: &str) -> PodReport {
        let mut status = PodStatus::unknown(pod);
        status.directory.kind = kind.into();
        PodReport::own(Report::new(status, 0))
    }

    fn silent(pod: &str, error: PeerError) -> PodReport {
        PodReport::of(&member_of_pair(pod, Role::Primary), Err(error))
    }

    fn timed_out(pod: &str) -> PodReport {
        let at = ([127, 0, 0, 1], 8008).into();
        let within = Duration::from_secs(1);
        silent(pod, PeerError::TimedOut { at, within })
    }

    fn suspected(entries: &[PodReport]) -> Vec<String> {
        let topology = pair();
        let found = suspects(&topology, entries);
        found
            .iter()
            .map(|s| format!("{} by {}", s.pod.pod, s.mirror.pod))
            .collect()
    }

    #[test]
    fn a_silent_pod_is_suspected_while_its_mirror_follows() {
        assert_eq!(suspected(&[timed_out("a"), answers("b", "standby")]), ["a by b"]);
        assert_eq!(suspected(&[answers("a", "standby"), timed_out("b")]), ["b by a"]);
    }

    #[test]
    fn nobody_is_suspected_whose_place_is_taken_or_who_answers_whatever() {
        assert!(
            suspected(&[timed_out("a"), answers("b", "primary")]).is_empty(),
            "it took over"
        );
        assert!(suspected(&[timed_out("a"), timed_out("b")]).is_empty(), "nobody could");
        assert!(suspected(&[answers("a", "primary"), answers("b", "standby")]).is_empty());
        assert!(
            suspected(&[answers("a", "primary"), timed_out("b")]).is_empty(),
            "a mirror"
        );
        let newer = PeerError::NotUnderstood("newer".into());
        assert!(suspected(&[silent("a", newer), answers("b", "standby")]).is_empty());
        let nameless = PeerError::NoName("a.gp".into());
        assert!(suspected(&[silent("a", nameless), answers("b", "standby")]).is_empty());
    }
}
