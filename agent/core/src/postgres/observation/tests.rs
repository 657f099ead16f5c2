use super::*;

fn row(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|c| Some(c.to_string())).collect()
}

#[test]
fn a_primary_with_its_mirror() {
    let seen = Observation::from_rows(&[
        row(&["self", "false", "0000000A"]),
        row(&["send", "segment-b-0", "streaming", "async", "128"]),
    ])
    .unwrap();
    assert_eq!(seen.timeline, Some(10));
    assert_eq!(seen.active_role(ContentId::new(0)), Some(Role::Primary));
    assert_eq!(seen.active_role(ContentId::COORDINATOR), Some(Role::Coordinator));
    assert_eq!(seen.replication[0].lag_bytes, Some(128));
}

#[test]
fn a_replica_without_a_stream_does_no_role() {
    let rows = [row(&["self", "true", ""])];
    let alone = Observation::from_rows(&rows).unwrap();
    assert_eq!(alone.active_role(ContentId::new(0)), None);
    let rows = [rows[0].clone(), row(&["receive", "p", "streaming", "", "0"])];
    let streaming = Observation::from_rows(&rows).unwrap();
    assert_eq!(streaming.active_role(ContentId::new(0)), Some(Role::Mirror));
}

#[test]
fn a_replica_without_a_stream_says_why() {
    let seen = Observation {
        no_stream: Some("left behind: it needs 3".into()),
        ..Observation::of_replica(false)
    };
    let report = report(&Answer::Ok(seen), ContentId::COORDINATOR, 0);
    let (phase, reason) = report.phase.unwrap();
    assert_eq!(phase, Phase::Running);
    assert_eq!(reason, "replays, but receives no stream: left behind: it needs 3");
}

#[test]
fn a_paused_replay_is_told_with_the_settings_that_may_be_its_reason() {
    let rows = [
        row(&["self", "true", ""]),
        row(&["receive", "p", "streaming", "", "0"]),
        row(&["paused", "max_connections", "100"]),
        row(&["paused", "max_worker_processes", "8"]),
    ];
    let seen = Observation::from_rows(&rows).unwrap();
    let settings = seen.pause.unwrap().settings;
    assert_eq!(settings[0], ("max_connections".to_string(), 100));
    assert_eq!(settings.len(), 2);
    assert_eq!(Observation::from_rows(&rows[..2]).unwrap().pause, None);
}

#[test]
fn a_coordinator_in_admin_mode_serves_nobody() {
    let seen = Observation::from_rows(&[row(&["self", "f", "00000001", "utility"])]).unwrap();
    assert_eq!(seen.active_role(ContentId::COORDINATOR), None);
    assert!(running(&seen, ContentId::COORDINATOR).contains("admin mode"));
    // Segments are always asked so.
    assert_eq!(seen.active_role(ContentId::new(0)), Some(Role::Primary));
}

#[test]
fn a_promoted_standby_is_reported_as_a_primary_on_its_new_timeline() {
    let seen = Observation::from_rows(&[row(&["self", "f", "00000002", ""])]).unwrap();
    let report = report(&Answer::Ok(seen), ContentId::new(0), 0);
    assert_eq!((report.kind, report.timeline), (Some(DirectoryKind::Primary), Some(2)));
    assert_eq!(
        (report.answer.told().as_str(), report.role),
        ("ok", Some(Role::Primary))
    );
    let phase = report.phase.unwrap();
    assert_eq!(phase, (Phase::Running, "active as primary".to_string()));
}

#[test]
fn hung_only_after_several_time_outs() {
    assert_eq!(phase(&Answer::TimedOut(3), ContentId::new(0), HUNG_AFTER - 1), None);
    let hung = phase(&Answer::TimedOut(3), ContentId::new(0), HUNG_AFTER).unwrap();
    assert_eq!(hung.0, Phase::Hung);
    assert_eq!(
        phase(&Answer::NotNow("x".into()), ContentId::new(0), 0).unwrap().0,
        Phase::Starting
    );
}
