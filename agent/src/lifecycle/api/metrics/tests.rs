use super::*;
use gp_agent_core::cluster::failover_status::{FailoverCounts, FailoverStatus, LastFailover, RecordTrouble};
use gp_agent_core::cluster::recovery_status::RecoveryStatus;
use gp_agent_core::cluster::status::{ReplicationStatus, TlsStatus};
use gp_agent_core::finding::Finding;
use gp_agent_core::fixtures::status;
use proptest::prelude::*;

const DROPPED: Dropped = Dropped { agent: 3, servers: 12 };

fn busy() -> PodStatus {
    let mut s = status(Phase::Running, Some(Role::Primary));
    s.version = "1.2.3".into();
    s.postmaster.pid = Some(17);
    s.postmaster.restarts = 2;
    s.postmaster.answer_seconds = 0.0015;
    s.agent_restarts = 1;
    s.pending_restart = vec!["shared_buffers".into()];
    s.peers.found = 4;
    s.peers.total = 5;
    s.replication = vec![ReplicationStatus {
        peer: "segment-b-0".into(),
        state: "streaming".into(),
        sync_state: "async".into(),
        lag_bytes: Some(4096),
    }];
    s.storage = vec![StorageStatus {
        path: "/greenplum".into(),
        purpose: "data".into(),
        file_system: "ext4".into(),
        direct_io: true,
        durable: true,
        fsync_p50_seconds: 0.001,
        fsync_p99_seconds: 0.005,
        free_bytes: 1 << 30,
        total_bytes: 4 << 30,
        free_inodes: Some(65_536),
        read_only: false,
    }];
    s.tls = Some(TlsStatus {
        fingerprint: "ab".into(),
        not_after: 1_800_000_000,
    });
    s.failover = Some(FailoverStatus {
        epoch: 3,
        mine: true,
        writes_until: Some(107),
        in_sync: Some("coordinator-1".into()),
        last: Some(LastFailover {
            seconds: 1.5,
            ..LastFailover::default()
        }),
        counts: FailoverCounts {
            failover: 1,
            switchover: 2,
            forced: 0,
        },
        fences: 1,
        renewal_seconds: Some(0.004),
        ..FailoverStatus::default()
    });
    s.recovery = Some(RecoveryStatus::default());
    s.findings = vec![Finding::warning(Area::Dns, "segment-b-0", "a", "b")];
    s
}

fn open(status: &PodStatus) -> String {
    render(status, DROPPED, 100, MetricsFormat::OpenMetrics)
}

#[test]
fn the_whole_exposition() {
    insta::assert_snapshot!(open(&busy()));
}

#[test]
fn a_standby_says_whether_it_would_take_over() {
    let possible = |change: fn(&mut FailoverStatus)| {
        let mut failover = FailoverStatus::default();
        change(&mut failover);
        let text = open(&PodStatus {
            failover: Some(failover),
            ..busy()
        });
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix("gp_agent_failover_possible "));
        value.map(str::to_string)
    };
    assert_eq!(possible(|_| {}).as_deref(), Some("1.0"));
    assert_eq!(possible(|f| f.obstacle = Some("x".into())).as_deref(), Some("0.0"));
    assert_eq!(
        possible(|f| f.record = Some(RecordTrouble::default())).as_deref(),
        Some("0.0")
    );
    assert_eq!(possible(|f| f.mine = true), None);
    // Whoever wants no takeovers needs no alert that none would happen.
    assert_eq!(possible(|f| f.mode = "manual".into()), None);
}

#[test]
fn where_failover_does_not_run_it_has_no_metrics() {
    let mut s = busy();
    s.failover = Some(FailoverStatus::off("failover.mode is off"));
    assert!(!open(&s).contains("failover"));
}

#[test]
fn every_metric_has_a_type_and_help_text() {
    let text = render(
        &PodStatus::unknown("x"),
        Dropped::default(),
        0,
        MetricsFormat::OpenMetrics,
    );
    let named = |kind: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|l| l.strip_prefix(kind));
        lines.filter_map(|l| l.split(' ').next().map(str::to_string)).collect()
    };
    assert_eq!(named("# TYPE "), named("# HELP "));
    assert!(text.ends_with("# EOF\n"));
}

proptest! {
    /// Names come from the network and from people: whatever they hold stays inside of its quotes and on its line.
    #[test]
    fn labels_cannot_break_out(peer in ".{0,20}", path in "[\"\\\\\n{}a]{0,8}") {
        let mut s = busy();
        let expected = open(&s).lines().count();
        s.replication[0].peer = peer;
        s.storage[0].path = path;
        let text = open(&s);
        prop_assert_eq!(text.split('\n').count(), expected + 1);
    }

    /// Nothing but the state decides: whoever compares two scrapes sees what has changed.
    #[test]
    fn one_state_is_written_in_one_way(peers in proptest::collection::vec("[a-z\\\\\"]{0,6}", 0..8)) {
        let mut s = busy();
        s.replication = peers.iter().map(|peer| ReplicationStatus {
            peer: peer.clone(),
            state: "streaming".into(),
            lag_bytes: Some(1),
            ..ReplicationStatus::default()
        }).collect();
        for format in [MetricsFormat::OpenMetrics, MetricsFormat::Prometheus] {
            let text = render(&s, DROPPED, 100, format);
            prop_assert_eq!(&text, &render(&s, DROPPED, 100, format));
            for pair in text.lines().collect::<Vec<_>>().windows(2) {
                let (one, two) = (labels_of(pair[0]), labels_of(pair[1]));
                prop_assert!(one.0 != two.0 || one.1 < two.1, "{:?}", pair);
            }
        }
    }
}

/// The metric of a sample, and its labels with their values.
fn labels_of(sample: &str) -> (&str, Vec<&str>) {
    let (name, rest) = sample.split_once('{').unwrap_or((sample, ""));
    let labels = rest.rsplit_once('}').map_or("", |(labels, _)| labels);
    (name, labels.split("\",").collect())
}
