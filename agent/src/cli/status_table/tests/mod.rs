//! What the table says of whole clusters.

mod failover;

use super::*;
use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::report::Report;
use gp_agent_core::cluster::status::{Phase, PodStatus, ReplicationStatus};
use gp_agent_core::cluster::topology::{Role, Topology};
use gp_agent_core::config::load;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::fixtures::row;
use gp_agent_core::fixtures::status;
use gp_agent_core::greenplum::catalog_drift::annotate;
use gp_agent_core::postgres::start_decision::DirectoryKind;
use proptest::prelude::*;

const NOW: u64 = 100;

fn pod(name: &str, made_for: Role, pid: i32) -> PodStatus {
    let mut pod = status(Phase::Running, Some(made_for));
    pod.pod = name.into();
    pod.cluster = "warehouse".into();
    pod.preferred_role = Some(made_for);
    pod.phase_since = 40;
    pod.reason = format!("active as {made_for}");
    pod.postmaster.pid = Some(pid);
    if made_for.is_writable() {
        pod.replication = vec![link("streaming", "async", 0)];
    }
    pod
}

fn link(state: &str, sync_state: &str, lag: i64) -> ReplicationStatus {
    ReplicationStatus {
        peer: "other".into(),
        state: state.into(),
        sync_state: sync_state.into(),
        lag_bytes: Some(lag),
    }
}

fn entry(status: PodStatus) -> PodReport {
    PodReport::own(Report::new(status, NOW))
}

fn pods() -> [PodStatus; 6] {
    [
        pod("coordinator-0", Role::Coordinator, 1_234_567),
        pod("coordinator-1", Role::Standby, 48),
        pod("segment-a-0", Role::Primary, 47),
        pod("segment-a-1", Role::Primary, 47),
        pod("segment-b-0", Role::Mirror, 52),
        pod("segment-b-1", Role::Mirror, 49),
    ]
}

#[test]
fn a_cluster_that_is_well() {
    let text = render(&pods().map(entry), false);
    insta::assert_snapshot!(text);
    let widest = text.lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(100), "{text}");
}

#[test]
fn a_cluster_in_trouble() {
    let tmpfs = Finding::error(
        Area::Storage,
        "/greenplum",
        "the volume is a tmpfs, which loses everything when the pod moves",
        "mount a disk there, or set storage.require: any",
    );
    let name = Finding::warning(
        Area::Dns,
        "segment-b-0",
        "10.0.0.7 resolves to other.svc, not to segment-b-0",
        "publish the pod's name in the headless service",
    );
    let [mut coordinator, mut standby, mut a0, mut a1, mut b0, _] = pods();
    coordinator.replication = vec![link("streaming", "sync", 512), link("catchup", "async", 3 << 30)];
    coordinator.findings = vec![name];
    coordinator.pending_restart = vec!["max_connections".into(), "shared_buffers".into()];
    standby.phase = Phase::Bootstrapping;
    standby.reason = "copying coordinator-0".into();
    standby.active_role = None;
    standby.postmaster.pid = None;
    standby.replication.clear();
    a0.phase = Phase::CrashLoop;
    a0.reason = "the postmaster ended: signal 11 (crash 4 in a row)".into();
    a0.active_role = None;
    a0.postmaster.pid = None;
    a0.findings = vec![tmpfs.clone()];
    a1.findings = vec![tmpfs];
    a1.postmaster.answer = "no answer within 3 s".into();
    b0.active_role = Some(Role::Primary);
    let gone = PodReport {
        pod: "segment-b-1".into(),
        role: Some(Role::Mirror),
        content: ContentId::new(1),
        error: Some("cannot reach 10.0.0.9:8008: Connection refused".into()),
        ..PodReport::default()
    };
    let mut entries: Vec<PodReport> = [coordinator, standby, a0, a1, b0].map(entry).into();
    entries.push(gone);
    insta::assert_snapshot!(render(&entries, false));
}

fn greenplum() -> (Topology, Vec<PodStatus>) {
    let text = "cluster: warehouse\nengine: greenplum\ncoordinator: { standby: true }\nsegments: { count: 2, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
    let mut pods = pods();
    for pod in &mut pods {
        let kind = match pod.preferred_role.is_some_and(Role::is_writable) {
            true => DirectoryKind::Primary,
            false => DirectoryKind::Standby,
        };
        pod.directory.kind = kind.as_str().into();
        pod.active_role = pod.preferred_role;
    }
    (Topology::new(&config, "gp"), pods.into())
}

const ROWS: [&str; 6] = [
    "1|-1|p|p|n|u|5432|coordinator-0.gp|coordinator-0.gp|/greenplum/gpseg-1",
    "6|-1|m|m|s|u|5432|coordinator-1.gp|coordinator-1.gp|/greenplum/gpseg-1",
    "2|0|p|p|s|u|40000|segment-a-0.gp|segment-a-0.gp|/greenplum/gpseg0",
    "4|0|m|m|s|u|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0",
    "3|1|p|p|s|u|40000|segment-a-1.gp|segment-a-1.gp|/greenplum/gpseg1",
    "5|1|m|m|s|u|50000|segment-b-1.gp|segment-b-1.gp|/greenplum/mirror/gpseg1",
];

fn annotated(topology: &Topology, pods: Vec<PodStatus>, rows: &[&str], live: bool) -> Vec<PodReport> {
    let catalog = Catalog {
        segments: rows.iter().map(|text| row(text)).collect(),
        coordinator: "coordinator-0".into(),
        live,
        ..Catalog::default()
    };
    let mut entries: Vec<PodReport> = pods.into_iter().map(entry).collect();
    annotate(&mut entries, topology, &catalog);
    entries
}

#[test]
fn a_greenplum_cluster_that_is_well() {
    let (topology, pods) = greenplum();
    let text = render(&annotated(&topology, pods, &ROWS, true), false);
    insta::assert_snapshot!(text);
    let widest = text.lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(100), "{text}");
}

#[test]
fn a_degraded_greenplum_cluster() {
    let (topology, mut pods) = greenplum();
    let mut rows = ROWS;
    rows[2] = "2|0|m|p|n|d|40000|segment-a-0.gp|segment-a-0.gp|/greenplum/gpseg0";
    rows[3] = "4|0|p|m|n|u|50000|segment-b-0.gp|segment-b-0.gp|/greenplum/mirror/gpseg0";
    pods[2].phase = Phase::Refused;
    pods[2].reason = "this directory is a primary's, but the catalog calls it a mirror".into();
    pods[2].active_role = None;
    pods[2].postmaster.pid = None;
    pods[2].replication.clear();
    pods[4].active_role = Some(Role::Primary);
    pods[4].directory.kind = "primary".into();
    pods[1].active_role = None;
    pods[1].reason = "replays, but receives no stream".into();
    let mut entries = annotated(&topology, pods, &rows, true);
    insta::assert_snapshot!(render(&entries, false));
    entries[2].catalog = None;
    let colour = render(&entries, true);
    assert!(colour.contains("\x1b[31m- !\x1b[0m"), "{colour}");
    assert_eq!(unpainted(&colour), render(&entries, false));
}

#[test]
fn a_greenplum_cluster_whose_coordinator_starts() {
    let (topology, mut pods) = greenplum();
    pods[0].phase = Phase::Starting;
    pods[0].reason = "waiting for distributed transaction recovery to complete".into();
    pods[0].active_role = None;
    pods[0].replication.clear();
    insta::assert_snapshot!(render(&annotated(&topology, pods, &ROWS, false), false));
}

#[test]
fn before_the_configuration_is_read() {
    let mut unknown = PodStatus::unknown("db-0");
    unknown.phase_since = NOW - 5;
    insta::assert_snapshot!(render(&[entry(unknown)], false));
}

#[test]
fn colours_and_long_names_keep_the_columns() {
    let mut pods = pods();
    pods[2].pod = "segment-with-a-very-long-name-a-0".into();
    pods[3].phase = Phase::Starting;
    pods[3].active_role = None;
    let entries = pods.map(entry);
    let colour = render(&entries, true);
    assert!(colour.contains("\x1b[32myes\x1b[0m"), "{colour}");
    assert_eq!(unpainted(&colour), render(&entries, false));
}

fn unpainted(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split('\x1b') {
        match part.strip_prefix('[').and_then(|p| p.split_once('m')) {
            Some((_, rest)) => plain.push_str(rest),
            None => plain.push_str(part),
        }
    }
    plain
}

#[test]
fn what_a_peer_says_cannot_move_the_cursor() {
    let mut evil = pod("segment-a-0", Role::Primary, 1);
    evil.cluster = "\x1b[2J".into();
    evil.phase = Phase::Draining;
    evil.replication[0].state = "\x1b]0;x\x07\r\n".into();
    evil.findings = vec![Finding::error(Area::Ssh, "\x1b[A", "\x1b[B", "\n\x1b[C")];
    evil.pending_restart = vec!["\x1b".into()];
    let text = render(&[entry(evil)], false);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn units() {
    let said: Vec<String> = [0, 1023, 1024, 1 << 20, (1 << 30) - 1, i64::MAX]
        .map(cells::bytes)
        .into();
    assert_eq!(said, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.0 GiB", "8192.0 PiB"]);
    let said: Vec<String> = [0, 59, 60, 3599, 3600, 36_000, 86_400, 864_000].map(cells::ago).into();
    let words = ["0 s", "59 s", "1 min", "59 min", "1 h 0 min", "10 h", "1 d 0 h", "10 d"];
    assert_eq!(said, words);
}

proptest! {
    /// Every column begins below its heading, whatever the names.
    #[test]
    fn columns_are_aligned(names in proptest::collection::vec("[a-z0-9-]{1,70}", 1..20)) {
        let entries: Vec<PodReport> = names.iter().map(|n| entry(pod(n, Role::Mirror, 7))).collect();
        let text = render(&entries, false);
        let lines: Vec<&str> = text.lines().skip(2).take(names.len() + 1).collect();
        let at = lines[0].find("ROLE").unwrap();
        for line in &lines[1..] {
            prop_assert_eq!(line.find("mirror  "), Some(at));
            prop_assert!(!line.ends_with(' '));
        }
    }
}
