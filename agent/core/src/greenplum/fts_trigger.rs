//! When the coordinator's agent asks FTS to look at once.
//!
//! FTS probes every gp_fts_probe_interval (60 s) or after a query that failed. The agents know sooner that a server cannot
//! come back; `gp_request_fts_probe_scan()` then makes the mirror take over in seconds. FTS still decides by its own probe
//! and its own retries: a server that is back by then stays what it is.

use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::pairing::Pairing;
use crate::cluster::peer_error::PeerFailure;
use crate::cluster::report::PodReport;
use crate::cluster::status::Phase;
use crate::cluster::topology::{Role, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds that a server may take to come back by itself before FTS is asked. A primary that was killed and is back
/// within FTS's own retries (5, one second apart) is never failed over.
pub(crate) const PATIENCE_MS: u64 = 3_000;
/// Milliseconds that a mirror may be without its stream: a receiver that was refused tries again after 5 s
/// (wal_retrieve_retry_interval), and FTS gives a mirror 30 s (gp_fts_mark_mirror_down_grace_period).
pub(crate) const MIRROR_PATIENCE_MS: u64 = 10_000;
/// Milliseconds that the catalog may call a mirror that streams not in sync. FTS takes that back when it looks: what of a
/// cluster that comes up whole came last stays so until then, and commits do not wait for it.
pub(crate) const BEHIND_PATIENCE_MS: u64 = 60_000;
/// Milliseconds that a pod may be silent, before its time-outs are short ([`super::lost_primaries`]): a probe that began before takes
/// its own time, up to two minutes.
pub(crate) const SILENT_PATIENCE_MS: u64 = 7_000;
/// Milliseconds between two requests.
pub(crate) const AGAIN_MS: u64 = 5_000;

/// How a server looks from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerState {
    /// It does what the catalog says it does.
    Serving,
    /// Not now, but its agent is at it.
    Coming(String),
    /// It will not come back by itself soon.
    Gone(String),
    /// Nothing comes from there, no refusal either.
    Silent(String),
}

/// How the pod's server looks, which the catalog lists as `row`.
pub(crate) fn server_state(row: &Segment, entry: &PodReport) -> ServerState {
    let Some(report) = &entry.status else {
        let why = entry.error.as_deref().unwrap_or("no answer");
        let words = format!("its agent is silent ({why})");
        return match entry.failure {
            Some(PeerFailure::TimedOut) => ServerState::Silent(words),
            _ => ServerState::Gone(words),
        };
    };
    let status = &report.status;
    let serving = match row.role {
        CatalogRole::Primary => status.active_role == Some(Role::Primary),
        CatalogRole::Mirror => status.active_role == Some(Role::Mirror),
    };
    let words = format!("{}: {}", status.phase.as_str(), status.reason);
    match status.phase {
        _ if serving => ServerState::Serving,
        // An administrator's own doing.
        Phase::Held => ServerState::Coming(words),
        Phase::CrashLoop | Phase::Refused | Phase::Stopped | Phase::Draining => ServerState::Gone(words),
        _ => ServerState::Coming(words),
    }
}

/// Remembers since when servers are missing, and when FTS was last asked.
#[derive(Debug, Default)]
pub struct FtsWatch {
    missing_since: BTreeMap<i32, u64>,
    asked_at: Option<u64>,
}

impl FtsWatch {
    /// Whether FTS should be asked now, and why. `nameless` are pods whose names cannot be looked up: FTS goes by names, and
    /// would fail a server over to another that it cannot find either. `now_ms` never goes backwards.
    pub fn look(
        &mut self,
        catalog: &Catalog,
        topology: &Topology,
        entries: &[PodReport],
        nameless: &BTreeSet<String>,
        now_ms: u64,
    ) -> Option<String> {
        let pairing = catalog.pairing(topology);
        let entries: BTreeMap<&str, &PodReport> = entries.iter().map(|e| (e.pod.as_str(), e)).collect();
        let mut why = None;
        for row in catalog.segments.iter().filter(|s| s.content.is_segment()) {
            let member = pairing.member_of(row);
            let entry = member.and_then(|m| entries.get(m.pod.as_str()).copied());
            // Of a pod whose answer is not understood nothing is known: FTS finds out by itself, at its own interval.
            let known = |entry: &&PodReport| row.up && entry.not_understood().is_none();
            let Some(entry) = entry.filter(known) else {
                self.missing_since.remove(&row.dbid);
                continue;
            };
            let (patience, words) = match server_state(row, entry) {
                ServerState::Serving if row.role == CatalogRole::Mirror && !row.in_sync => (
                    BEHIND_PATIENCE_MS,
                    "streams, but the catalog calls it not in sync".into(),
                ),
                ServerState::Serving => {
                    self.missing_since.remove(&row.dbid);
                    continue;
                }
                ServerState::Coming(words) if row.role == CatalogRole::Mirror => (MIRROR_PATIENCE_MS, words),
                ServerState::Coming(words) => (PATIENCE_MS, words),
                ServerState::Gone(words) => (0, words),
                ServerState::Silent(words) => (SILENT_PATIENCE_MS, words),
            };
            let since = *self.missing_since.entry(row.dbid).or_insert(now_ms);
            let other_named = || {
                let mut pair = pairing.members(row.content).iter();
                pair.all(|m| m.pod == entry.pod || !nameless.contains(&m.pod))
            };
            if now_ms - since >= patience && can_change(&pairing, row) && other_named() {
                if patience == BEHIND_PATIENCE_MS {
                    // It may have much to catch up with; FTS looks at everything, whoever has it look.
                    self.missing_since.insert(row.dbid, now_ms);
                }
                why.get_or_insert(format!("{}: {words}", entry.pod));
            }
        }
        let rested = self.asked_at.is_none_or(|at| now_ms - at >= AGAIN_MS);
        let asks = why.filter(|_| rested);
        if asks.is_some() {
            self.asked_at = Some(now_ms);
        }
        asks
    }
}

impl FtsWatch {
    /// The request did not reach FTS: the next look may ask again at once.
    pub fn unheard(&mut self) {
        self.asked_at = None;
    }
}

/// A primary is failed over only to a mirror that is up and in sync (fts.c); a mirror can always be marked down.
fn can_change(pairing: &Pairing, row: &Segment) -> bool {
    row.role == CatalogRole::Mirror || pairing.has_mirror_in_sync(row.content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::peer_error::PeerError;
    use crate::cluster::report::Report;
    use crate::cluster::status::PodStatus;
    use crate::fixtures::{large_catalog, large_topology, member_of_pair, pair, row};

    fn catalog(mirror: &str) -> Catalog {
        Catalog {
            segments: vec![row("2|0|p|p|s|u|1|a.gp|a.gp|/g"), row(mirror)],
            ..Catalog::default()
        }
    }

    const IN_SYNC: &str = "3|0|m|m|s|u|1|b.gp|b.gp|/g";

    fn entry(pod: &str, phase: Phase, active: Option<Role>) -> PodReport {
        let status = PodStatus {
            phase,
            active_role: active,
            reason: "r".into(),
            ..PodStatus::unknown(pod)
        };
        PodReport::own(Report::new(status, 0))
    }

    fn silent(pod: &str) -> PodReport {
        let at = ([127, 0, 0, 1], 8008).into();
        let why = "no route".into();
        PodReport::of(
            &member_of_pair(pod, Role::Primary),
            Err(PeerError::Unreachable { at, why }),
        )
    }

    fn serving(pod: &str, role: Role) -> PodReport {
        entry(pod, Phase::Running, Some(role))
    }

    #[test]
    fn a_healthy_cluster_is_left_alone() {
        let all = [serving("a", Role::Primary), serving("b", Role::Mirror)];
        let mut watch = FtsWatch::default();
        for now in [0, 10_000, 100_000] {
            assert_eq!(
                watch.look(&catalog(IN_SYNC), &pair(), &all, &BTreeSet::new(), now),
                None
            );
        }
    }

    #[test]
    fn a_mirror_that_streams_is_noted() {
        let all = [serving("a", Role::Primary), serving("b", Role::Mirror)];
        let behind = catalog("3|0|m|m|n|u|1|b.gp|b.gp|/g");
        let mut watch = FtsWatch::default();
        let mut ask = |now| watch.look(&behind, &pair(), &all, &BTreeSet::new(), now);
        assert_eq!(ask(0), None);
        assert_eq!(ask(BEHIND_PATIENCE_MS - 1), None);
        assert!(ask(BEHIND_PATIENCE_MS).unwrap().starts_with("b: streams"));
        assert_eq!(
            ask(2 * BEHIND_PATIENCE_MS - 1),
            None,
            "it may have much to catch up with"
        );
        assert!(ask(2 * BEHIND_PATIENCE_MS).is_some());
    }

    #[test]
    fn a_primary_that_cannot_come_back_is_reported_at_once_and_again() {
        let mirror = serving("b", Role::Mirror);
        for gone in [silent("a"), entry("a", Phase::CrashLoop, None)] {
            let all = [gone, mirror.clone()];
            let mut watch = FtsWatch::default();
            let ask = |w: &mut FtsWatch, now| w.look(&catalog(IN_SYNC), &pair(), &all, &BTreeSet::new(), now);
            assert!(ask(&mut watch, 1).unwrap().starts_with("a: "));
            assert_eq!(ask(&mut watch, AGAIN_MS), None, "FTS needs a moment");
            assert!(ask(&mut watch, 1 + AGAIN_MS).is_some());
            watch.unheard();
            assert!(ask(&mut watch, 2 + AGAIN_MS).is_some());
        }
    }

    #[test]
    fn the_time_outs_are_short_before_fts_probes_a_pod_that_is_silent() {
        let at = ([127, 0, 0, 1], 8008).into();
        let within = std::time::Duration::from_secs(1);
        let a = PodReport::of(
            &member_of_pair("a", Role::Primary),
            Err(PeerError::TimedOut { at, within }),
        );
        let all = [a, serving("b", Role::Mirror)];
        let mut watch = FtsWatch::default();
        let mut ask = |now| watch.look(&catalog(IN_SYNC), &pair(), &all, &BTreeSet::new(), now);
        assert_eq!(ask(0), None);
        assert_eq!(ask(SILENT_PATIENCE_MS - 1), None);
        assert!(ask(SILENT_PATIENCE_MS).is_some());
        const { assert!(SILENT_PATIENCE_MS > crate::greenplum::lost_pods::SILENT_MS + 4_000) };
    }

    #[test]
    fn a_primary_that_restarts_gets_its_time() {
        let all = [entry("a", Phase::Crashed, None), serving("b", Role::Mirror)];
        let mut watch = FtsWatch::default();
        let mut ask = |now| watch.look(&catalog(IN_SYNC), &pair(), &all, &BTreeSet::new(), now);
        assert_eq!(ask(0), None);
        assert_eq!(ask(PATIENCE_MS - 1), None);
        assert!(ask(PATIENCE_MS).is_some());
    }

    #[test]
    fn nobody_is_asked_where_nothing_can_change() {
        let all = [silent("a"), serving("b", Role::Mirror)];
        let out_of_sync = catalog("3|0|m|m|n|u|1|b.gp|b.gp|/g");
        assert_eq!(
            FtsWatch::default().look(&out_of_sync, &pair(), &all, &BTreeSet::new(), 9),
            None
        );
        let down = catalog("3|0|m|m|n|d|1|b.gp|b.gp|/g");
        let mirror_gone = [serving("a", Role::Primary), silent("b")];
        assert_eq!(
            FtsWatch::default().look(&down, &pair(), &mirror_gone, &BTreeSet::new(), 9),
            None
        );
        assert!(
            FtsWatch::default()
                .look(&catalog(IN_SYNC), &pair(), &mirror_gone, &BTreeSet::new(), 9)
                .is_some()
        );
    }

    #[test]
    fn a_pod_of_a_newer_version_is_not_gone() {
        let newer = PeerError::NotUnderstood("a speaks format 3, this agent reads up to 1".into());
        let a = PodReport::of(&member_of_pair("a", Role::Primary), Err(newer));
        let all = [a, serving("b", Role::Mirror)];
        let mut watch = FtsWatch::default();
        for now in [0, 10_000, 100_000] {
            let asked = watch.look(&catalog(IN_SYNC), &pair(), &all, &BTreeSet::new(), now);
            assert_eq!(asked, None);
        }
    }

    #[test]
    fn an_administrators_hold_is_respected_for_a_while() {
        let held = entry("a", Phase::Held, None);
        let primary = row("2|0|p|p|s|u|1|a.gp|a.gp|/g");
        assert!(matches!(server_state(&primary, &held), ServerState::Coming(_)));
    }

    #[test]
    fn nobody_is_asked_while_the_other_server_has_no_name() {
        let all = [silent("a"), serving("b", Role::Mirror)];
        let look = |nameless: &[&str]| {
            let nameless = nameless.iter().map(ToString::to_string).collect();
            FtsWatch::default().look(&catalog(IN_SYNC), &pair(), &all, &nameless, 9)
        };
        assert!(look(&["a"]).is_some(), "a pod that is gone has no name");
        assert_eq!(look(&["a", "b"]), None, "names are gone");
    }

    #[test]
    fn the_largest_cluster_is_looked_at() {
        let topology = large_topology(10_000);
        let catalog = large_catalog(&topology);
        let lost = "segment-a-9999";
        let entries = topology.members.iter().filter(|m| m.content.is_segment());
        let entries: Vec<PodReport> = entries
            .map(|m| match m.pod == lost {
                true => silent(lost),
                false => entry(&m.pod, Phase::Running, Some(m.role)),
            })
            .collect();
        let asked = FtsWatch::default().look(&catalog, &topology, &entries, &BTreeSet::new(), 0);
        assert!(asked.unwrap().starts_with("segment-a-9999: its agent is silent"));
    }
}
