//! What the agents see of their own pod and of the other one.

use super::pod::{Hung, Runs, holder};
use super::state::{TWIN, WAL_SENDER_TIMEOUT, World};
use super::time::local;
use crate::cluster::directory::DirectoryKind;
use crate::failover::candidate::{Directory, LocalFacts, PeerFacts, Receiver, Server, Stream as StreamFacts, Unable};
use crate::failover::lsn::Lsn;
use crate::failover::timing::STANDBY_SILENT;
use std::time::Duration;

/// A volume that says nothing for so long hangs.
const VOLUME_ANSWERS: u64 = 5000;

impl World {
    pub(crate) fn local_facts(&self, p: usize) -> LocalFacts {
        let pod = &self.pods[p];
        let stream = self.stream.as_ref();
        let at = |moment: u64| local(moment, pod.rate);
        let behind_for = |since: u64| at(self.now).saturating_sub(at(since)).min(STANDBY_SILENT);
        // A server whose volume hangs goes on to answer what needs no disk.
        let hangs_since = pod
            .hung
            .filter(|(what, ..)| *what == Hung::Server)
            .map(|(_, since, _)| at(since));
        let known = |(what, since, _): &(Hung, u64, u8)| *what == Hung::Volume && self.now >= since + VOLUME_ANSWERS;
        let volume_hangs_since = pod.hung.filter(known).map(|(_, since, _)| at(since));
        let hangs = pod.hung.is_some();
        let never_heard = pod.hung.is_some_and(|(_, _, life)| life != pod.life);
        let server = match pod.runs {
            Runs::Nothing => Server::Down,
            Runs::Writable if never_heard => Server::Unclear,
            Runs::Standby if pod.hung.is_some() => Server::Unclear,
            Runs::Writable => Server::Writable {
                stream: stream.filter(|s| s.at_primary && s.primary == p).map(|s| StreamFacts {
                    id: s.id.to_string(),
                    heard: at(s.stalled_since.unwrap_or(self.now)),
                    replied: at(s.stalled_since.unwrap_or(self.now)),
                    gives_up: Some(Duration::from_millis(WAL_SENDER_TIMEOUT)),
                    // Nothing is flushed that the standby could lack.
                    behind_for: s.stalled_since.filter(|_| !hangs).map(behind_for),
                    proven: s.proven,
                    waits: pod.commits_wait,
                }),
                hangs_since,
            },
            Runs::Standby => Server::Standby {
                receiver: stream.filter(|s| s.primary != p && !s.forgotten).map(|s| Receiver {
                    stream: s.id.to_string(),
                    ended: s.ended.map(at),
                    session_ended: s.session_ended.map(at),
                }),
                received: Some(Lsn(pod.log.end())),
            },
        };
        LocalFacts {
            at: at(self.now),
            directory: Directory {
                kind: pod.kind,
                system_id: Some("1".into()),
                timeline: pod.log.timeline(),
            },
            server,
            volume_hangs_since,
        }
    }

    pub(crate) fn peer_facts(&self, p: usize) -> Option<PeerFacts> {
        let pod = &self.pods[1 - p];
        if self.twin == Some(1 - p) {
            return Some(PeerFacts {
                pod: holder(1 - p, TWIN),
                unable: None,
                draining: false,
                stream: None,
                directory: Some(DirectoryKind::Absent),
                timeline: 0,
                writable: false,
                epoch: 0,
            });
        }
        if self.peers_cut || !pod.thinks() {
            return None;
        }
        let stream = self.stream.as_ref().filter(|s| s.primary == p && s.ended.is_none());
        Some(PeerFacts {
            pod: pod.holder(),
            unable: pod.draining.then_some(Unable::Ends),
            draining: pod.draining,
            stream: stream.map(|s| s.id.to_string()),
            directory: Some(pod.kind),
            timeline: pod.log.timeline(),
            writable: pod.runs == Runs::Writable,
            epoch: pod.memory.as_ref().map_or(0, |m| m.epoch),
        })
    }
}
