mod properties;
mod with_a_record;

use super::*;
use crate::cluster::report::Report;
use crate::cluster::status::{Phase, PodStatus};
use crate::cluster::topology::Role;
use crate::config::load;
use crate::fixtures::row;
use crate::postgres::start_decision::DirectoryKind;

pub(crate) fn topology() -> Topology {
    let text =
        "cluster: w\nengine: greenplum\ncoordinator: { standby: true }\nsegments: { count: 1, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
    Topology::new(&config, "gp")
}

const HEALTHY: [&str; 4] = [
    "1|-1|p|p|n|u|5432|coordinator-0.gp|coordinator-0.gp|/greenplum/gpseg-1",
    "4|-1|m|m|s|u|5432|coordinator-1.gp|coordinator-1.gp|/greenplum/gpseg-1",
    "2|0|p|p|s|u|40000|segment-a-0.gp|segment-a-0.gp|/greenplum/gpseg0",
    "3|0|m|m|s|u|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0",
];

pub(crate) fn catalog(rows: &[&str]) -> Catalog {
    Catalog {
        segments: rows.iter().map(|text| row(text)).collect(),
        coordinator: "coordinator-0".into(),
        timeline: 1,
        system_id: None,
        read_at: 100,
        live: true,
    }
}

/// Every pod does what it was made for.
pub(crate) fn statuses(topology: &Topology) -> Vec<PodStatus> {
    let of = |m: &Member| {
        let mut status = PodStatus::unknown(&m.pod);
        status.preferred_role = Some(m.role);
        status.active_role = Some(m.role);
        status.content = m.content;
        status.phase = Phase::Running;
        status.reason = format!("active as {}", m.role);
        let kind = match m.role.is_writable() {
            true => DirectoryKind::Primary,
            false => DirectoryKind::Standby,
        };
        status.directory.kind = kind.as_str().into();
        status
    };
    topology.members.iter().map(of).collect()
}

fn entries(statuses: Vec<PodStatus>) -> Vec<PodReport> {
    let entry = |s| PodReport::own(Report::new(s, 100));
    statuses.into_iter().map(entry).collect()
}

/// The contradictions of a healthy cluster that was changed.
fn found(catalog: &Catalog, change: impl Fn(&mut Vec<PodReport>)) -> String {
    let topology = topology();
    let mut entries = entries(statuses(&topology));
    change(&mut entries);
    find(&entries, &topology, catalog, &catalog.pairing(&topology))
        .iter()
        .map(|c| format!("{}: {}\n", c.pod, c.finding))
        .collect()
}

fn status<'a>(entries: &'a mut [PodReport], pod: &str) -> &'a mut PodStatus {
    let entry = entries.iter_mut().find(|e| e.pod == pod).unwrap();
    &mut entry.status.as_mut().unwrap().status
}

fn set(entries: &mut [PodReport], pod: &str, phase: Phase, reason: &str, active: Option<Role>) {
    let status = status(entries, pod);
    status.phase = phase;
    status.reason = reason.into();
    status.active_role = active;
}

#[test]
fn a_healthy_cluster_contradicts_nothing() {
    assert_eq!(found(&catalog(&HEALTHY), |_| {}), "");
}

#[test]
fn every_pod_gets_its_row() {
    let topology = topology();
    let mut entries = entries(statuses(&topology));
    annotate(&mut entries, &topology, &catalog(&HEALTHY));
    let rows: Vec<_> = entries
        .iter()
        .map(|e| e.catalog.as_ref().map(|l| (l.row.dbid, l.live)))
        .collect();
    assert_eq!(rows, [1, 4, 2, 3].map(|dbid| Some((dbid, true))));
    let json = serde_json::to_value(&entries).unwrap();
    assert_eq!(json[2]["catalog"]["role"], "p");
    assert_eq!(json[2].get("contradictions"), None);
    assert_eq!(serde_json::from_value::<Vec<PodReport>>(json).unwrap(), entries);
}

#[test]
fn the_catalog_says_up_and_the_pod_is_gone() {
    let said = found(&catalog(&HEALTHY), |entries| {
        set(entries, "segment-a-0", Phase::CrashLoop, "signal 11", None);
        set(
            entries,
            "coordinator-1",
            Phase::Running,
            "replays, but receives no stream",
            None,
        );
        entries[3].status = None;
        entries[3].error = Some("cannot reach 10.0.0.9:8008".into());
    });
    insta::assert_snapshot!(said, @r"
    coordinator-1: error postgres coordinator-1: no write-ahead log streams to it, but the catalog says m/m s u; see its log; if the write-ahead log that it lacks is gone, in the active coordinator's pod: gpinitstandby -a -r, and gpinitstandby -a -s coordinator-1.gp -P 5432 -S /greenplum/gpseg-1
    segment-a-0: error postgres segment-a-0: the catalog says up (p/p s u), but its agent says crash-loop: signal 11; mend what the agent says; FTS marks the segment down if it stays away, and it is brought back then, with recovery.segments: manual by gp-agent recover
    segment-b-0: error postgres segment-b-0: the catalog says up (m/m s u), but its agent is silent: cannot reach 10.0.0.9:8008; bring the pod back; FTS decides by itself meanwhile, and what it has marked down is brought back then, with recovery.segments: manual by gp-agent recover
    ");
}

#[test]
fn what_passes_is_a_warning() {
    let said = found(&catalog(&HEALTHY), |entries| {
        set(
            entries,
            "segment-a-0",
            Phase::Starting,
            "the database system is starting up",
            None,
        );
        set(entries, "coordinator-0", Phase::Draining, "fast shutdown", None);
        set(
            entries,
            "segment-b-0",
            Phase::Running,
            "replays, but receives no stream",
            None,
        );
    });
    insta::assert_snapshot!(said, @r"
    coordinator-0: warning postgres coordinator-0: the catalog says up (p/p n u), but its agent says draining: fast shutdown; the catalog does not follow coordinator and standby: mend what the agent says
    segment-a-0: warning postgres segment-a-0: the catalog says up (p/p s u), but its agent says starting: the database system is starting up; mend what the agent says; FTS marks the segment down if it stays away, and it is brought back then, with recovery.segments: manual by gp-agent recover
    segment-b-0: warning postgres segment-b-0: no write-ahead log streams to it, but the catalog says m/m s u; see its log; once FTS has marked it down (select gp_request_fts_probe_scan(), gp_fts_mark_mirror_down_grace_period after its stream ended), in the active coordinator's pod: gprecoverseg -a makes it the mirror again; its agent does so by itself where recovery.segments is auto, and says what it waits for
    ");
}

#[test]
fn after_a_failover_the_old_primary_waits() {
    let mut rows = HEALTHY;
    rows[2] = "2|0|m|p|n|d|40000|segment-a-0.gp|segment-a-0.gp|/greenplum/gpseg0";
    rows[3] = "3|0|p|m|n|u|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0";
    let promote = |entries: &mut Vec<PodReport>| {
        set(
            entries,
            "segment-b-0",
            Phase::Running,
            "active as primary",
            Some(Role::Primary),
        );
        status(entries, "segment-b-0").directory.kind = "primary".into();
        set(
            entries,
            "segment-a-0",
            Phase::Refused,
            "the catalog calls it a mirror",
            None,
        );
    };
    insta::assert_snapshot!(found(&catalog(&rows), promote), @"
    segment-a-0: error postgres segment-a-0: the directory is a primary's, but the catalog says m/p n d: the other one took over; in the active coordinator's pod: gprecoverseg -a makes it the mirror again; its agent does so by itself where recovery.segments is auto, and says what it waits for
    segment-b-0: warning postgres segment-b-0: content 0 is served by segment-b-0, made as its mirror; the other one is brought back as its mirror once its pod is there, with recovery.segments: manual by gp-agent recover; then in the active coordinator's pod: gp-agent rebalance changes them back
    ");
    // Started by hand: both take writes.
    let said = found(&catalog(&rows), |entries| {
        promote(entries);
        set(
            entries,
            "segment-a-0",
            Phase::Running,
            "active as primary",
            Some(Role::Primary),
        );
    });
    insta::assert_snapshot!(said, @"
    segment-a-0: error postgres segment-a-0: the directory is a primary's, and its server runs as one: two servers take writes, but the catalog says m/p n d: the other one took over; at once, in this pod: gp-agent hold; pg_ctl stop -D /greenplum/gpseg0 -m immediate; gp-agent resume; then in the active coordinator's pod: gprecoverseg -a makes it the mirror again; its agent does so by itself where recovery.segments is auto, and says what it waits for
    segment-a-0: error postgres segment-a-0, segment-b-0: content 0 has two primaries that run: segment-a-0 and segment-b-0; find out which one is the older (gp-agent status --json: directory.timeline); there, at once: gp-agent hold, and stop it (in segment-a-0: pg_ctl stop -m immediate -D /greenplum/gpseg0; in segment-b-0: pg_ctl stop -m immediate -D /greenplum/mirror/gpseg0)
    segment-b-0: error postgres segment-a-0, segment-b-0: content 0 has two primaries that run: segment-a-0 and segment-b-0; find out which one is the older (gp-agent status --json: directory.timeline); there, at once: gp-agent hold, and stop it (in segment-a-0: pg_ctl stop -m immediate -D /greenplum/gpseg0; in segment-b-0: pg_ctl stop -m immediate -D /greenplum/mirror/gpseg0)
    segment-b-0: warning postgres segment-b-0: content 0 is served by segment-b-0, made as its mirror; the other one is brought back as its mirror once its pod is there, with recovery.segments: manual by gp-agent recover; then in the active coordinator's pod: gp-agent rebalance changes them back
    ");
    // Recovered, not yet changed back.
    rows[2] = "2|0|m|p|s|u|40000|segment-a-0.gp|segment-a-0.gp|/greenplum/gpseg0";
    rows[3] = "3|0|p|m|s|u|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0";
    let said = found(&catalog(&rows), |entries| {
        promote(entries);
        set(
            entries,
            "segment-a-0",
            Phase::Running,
            "active as mirror",
            Some(Role::Mirror),
        );
        status(entries, "segment-a-0").directory.kind = "standby".into();
    });
    insta::assert_snapshot!(said, @"segment-b-0: warning postgres segment-b-0: content 0 is served by segment-b-0, made as its mirror; in the active coordinator's pod: gp-agent rebalance changes them back; it cancels the sessions that use that content");
}

#[test]
fn mirrors_that_are_down_or_behind() {
    let mut rows = HEALTHY;
    rows[3] = "3|0|m|m|n|d|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0";
    let down = found(&catalog(&rows), |entries| {
        set(
            entries,
            "segment-b-0",
            Phase::Stopped,
            "stopped by an administrator",
            None,
        );
    });
    let back = found(&catalog(&rows), |_| {});
    rows[3] = "3|0|m|m|n|u|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0";
    let behind = found(&catalog(&rows), |_| {});
    insta::assert_snapshot!([down, back, behind].join("--\n"), @r"
    segment-b-0: error postgres segment-b-0: the catalog says down (m/m n d); its agent says stopped: stopped by an administrator; in the active coordinator's pod: gprecoverseg -a makes it the mirror again; its agent does so by itself where recovery.segments is auto, and says what it waits for
    --
    segment-b-0: warning postgres segment-b-0: the catalog says down (m/m n d), but the server streams; FTS marks it up when it next looks: select gp_request_fts_probe_scan()
    --
    segment-b-0: warning postgres segment-b-0: this mirror is not in sync (m/m n u); it catches up by itself while write-ahead log streams: gpstate -e shows how far it is; if it stays behind, in this pod: pg_ctl stop -D /greenplum/mirror/gpseg0 -m fast; then once FTS has marked it down (select gp_request_fts_probe_scan(), gp_fts_mark_mirror_down_grace_period after its stream ended), in the active coordinator's pod: gprecoverseg -a -F copies it from its primary; its agent fills a new volume by itself where recovery.segments is auto
    ");
}

#[test]
fn directories_that_say_something_else() {
    let said = found(&catalog(&HEALTHY), |entries| {
        status(entries, "segment-a-0").directory.kind = "standby".into();
        status(entries, "segment-b-0").directory.kind = "absent".into();
        status(entries, "coordinator-1").directory.kind = "primary".into();
        set(
            entries,
            "coordinator-1",
            Phase::Running,
            "active",
            Some(Role::Coordinator),
        );
    });
    insta::assert_snapshot!(said, @r"
    coordinator-1: error postgres coordinator-1: the directory is a coordinator's, and its server runs as one: two servers take writes, but the catalog says m/m s u: the other one took over; at once, in this pod: gp-agent hold; pg_ctl stop -D /greenplum/gpseg-1 -m immediate; then set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D /greenplum/gpseg-1; mv /greenplum/gpseg-1 /greenplum/gpseg-1.old; gp-agent resume); then in the active coordinator's pod: gpinitstandby -a -r, and gpinitstandby -a -s coordinator-1.gp -P 5432 -S /greenplum/gpseg-1
    segment-a-0: error postgres segment-a-0: the directory is a mirror's, but the catalog says p/p s u; FTS promotes it when it next looks: select gp_request_fts_probe_scan(); if that does not help, see the server's log
    segment-b-0: error postgres segment-b-0: there is no data directory, but the catalog says m/m s u; once FTS has marked it down (select gp_request_fts_probe_scan(), gp_fts_mark_mirror_down_grace_period after its stream ended), in the active coordinator's pod: gprecoverseg -a -F copies it from its primary; its agent fills a new volume by itself where recovery.segments is auto
    coordinator-0: error postgres coordinator-0, coordinator-1: two coordinators run: coordinator-0 and coordinator-1; their catalogs drift apart; find out which one is the older (gp-agent status --json: directory.timeline); there, at once: gp-agent hold, and stop it (in coordinator-0: pg_ctl stop -m immediate -D /greenplum/gpseg-1; in coordinator-1: pg_ctl stop -m immediate -D /greenplum/gpseg-1)
    coordinator-1: error postgres coordinator-0, coordinator-1: two coordinators run: coordinator-0 and coordinator-1; their catalogs drift apart; find out which one is the older (gp-agent status --json: directory.timeline); there, at once: gp-agent hold, and stop it (in coordinator-0: pg_ctl stop -m immediate -D /greenplum/gpseg-1; in coordinator-1: pg_ctl stop -m immediate -D /greenplum/gpseg-1)
    ");
    let lost = found(&catalog(&HEALTHY), |entries| {
        status(entries, "segment-b-0").directory.kind = "half-made".into();
    });
    assert!(
        lost.contains("not whole") && lost.contains("gprecoverseg -a -F"),
        "{lost}"
    );
}

#[test]
fn rows_without_pods_and_pods_without_rows() {
    let rows = [
        HEALTHY[0],
        "2|0|p|p|n|u|40001|segment-a-0.gp|segment-a-0.gp|/greenplum/primary/gpseg0",
        "5|1|p|p|n|u|40000|segment-a-1.gp|segment-a-1.gp|/greenplum/gpseg1",
    ];
    insta::assert_snapshot!(found(&catalog(&rows), |_| {}), @r#"
    coordinator-1: warning postgres coordinator-1: the catalog of coordinator-0 does not list this pod; set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D /greenplum/gpseg-1; mv /greenplum/gpseg-1 /greenplum/gpseg-1.old; gp-agent resume); then in the active coordinator's pod: gpinitstandby -a -s coordinator-1.gp -P 5432 -S /greenplum/gpseg-1
    segment-a-0: error postgres segment-a-0: the catalog has port 40001 and not 40000, directory /greenplum/primary/gpseg0 and not /greenplum/gpseg0; ports and directories of a cluster that exists cannot be changed in cluster.yaml: put the old values back
    segment-b-0: error postgres segment-b-0: the catalog of coordinator-0 does not list this pod; mount the right volume, or set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D /greenplum/mirror/gpseg0; mv /greenplum/mirror/gpseg0 /greenplum/mirror/gpseg0.old; gp-agent resume); then in the active coordinator's pod: gpaddmirrors -a -i FILE, with a line for each mirror, for this one "0|segment-b-0.gp|50000|/greenplum/mirror/gpseg0"
    coordinator-0: warning postgres segment-a-1.gp:40000: the catalog lists content 1 there (p/p n u), and cluster.yaml has no such pod; raise segments.count when gpexpand made it; otherwise put the pod back into cluster.yaml, or do what the pod that it should be in says
    "#);
}

#[test]
fn after_the_standby_was_activated() {
    let rows = [
        "4|-1|p|p|n|u|5432|coordinator-1.gp|coordinator-1.gp|/greenplum/gpseg-1",
        HEALTHY[2],
        HEALTHY[3],
    ];
    let mut catalog = catalog(&rows);
    catalog.coordinator = "coordinator-1".into();
    let said = found(&catalog, |entries| {
        set(
            entries,
            "coordinator-1",
            Phase::Running,
            "active",
            Some(Role::Coordinator),
        );
        status(entries, "coordinator-1").directory.kind = "primary".into();
        set(
            entries,
            "coordinator-0",
            Phase::Refused,
            "a standby was activated since",
            None,
        );
    });
    insta::assert_snapshot!(said, @"coordinator-0: warning postgres coordinator-0: the catalog of coordinator-1 does not list this pod; set the directory aside (in this pod: gp-agent hold; pg_ctl stop -m fast -D /greenplum/gpseg-1; mv /greenplum/gpseg-1 /greenplum/gpseg-1.old; gp-agent resume); then in the active coordinator's pod: gpinitstandby -a -s coordinator-0.gp -P 5432 -S /greenplum/gpseg-1");
}

#[test]
fn a_snapshot_says_nothing_of_who_is_up() {
    let mut catalog = catalog(&HEALTHY);
    catalog.live = false;
    let said = found(&catalog, |entries| {
        for pod in ["coordinator-0", "segment-a-0", "segment-b-0"] {
            set(entries, pod, Phase::Starting, "starting", None);
        }
        entries[1].status = None;
    });
    insta::assert_snapshot!(said, @"coordinator-0: info postgres coordinator-0: no coordinator's server answers; the catalog shown is what it last said; see why the coordinator does not answer");
}
