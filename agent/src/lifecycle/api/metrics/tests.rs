use super::*;
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
    s.findings = vec![Finding::warning(Area::Dns, "segment-b-0", "a", "b")];
    s
}

#[test]
fn the_whole_exposition() {
    insta::assert_snapshot!(in_order(&render(&busy(), DROPPED, 100)));
}

/// The samples of one metric come in any order.
fn in_order(text: &str) -> String {
    let mut metrics: Vec<Vec<&str>> = Vec::new();
    for line in text.lines() {
        match metrics.last_mut() {
            Some(metric) if !line.starts_with("# HELP") => metric.push(line),
            _ => metrics.push(vec![line]),
        }
    }
    for metric in &mut metrics {
        metric.sort_by_key(|line| (!line.starts_with('#'), *line));
    }
    metrics.concat().join("\n")
}

#[test]
fn every_metric_has_a_type_and_help_text() {
    let text = render(&PodStatus::unknown("x"), Dropped::default(), 0);
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
        let expected = render(&s, DROPPED, 100).lines().count();
        s.replication[0].peer = peer;
        s.storage[0].path = path;
        let text = render(&s, DROPPED, 100);
        prop_assert_eq!(text.split('\n').count(), expected + 1);
    }
}
