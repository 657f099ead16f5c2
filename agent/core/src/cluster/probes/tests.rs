use super::*;
use crate::fixtures::status;
use proptest::prelude::*;

const ROLES: [Role; 4] = [Role::Coordinator, Role::Standby, Role::Primary, Role::Mirror];

/// Every phase: startup, ready (with a role that works), live.
#[test]
fn every_phase() {
    let table = [
        (Phase::Preparing, false, true),
        (Phase::Discovering, false, true),
        (Phase::Bootstrapping, false, true),
        (Phase::Rejoining, true, true),
        (Phase::Starting, true, true),
        (Phase::Running, true, true),
        (Phase::Refused, false, true),
        (Phase::Stopped, true, true),
        (Phase::Held, true, true),
        (Phase::Crashed, true, true),
        (Phase::CrashLoop, true, true),
        (Phase::Hung, true, true),
        (Phase::Draining, true, false),
    ];
    assert_eq!(table.map(|(phase, ..)| phase), Phase::ALL);
    for (phase, started, may_be_ready) in table {
        assert_eq!(startup(&status(phase, None)).ok, started, "{phase:?}");
        assert!(!ready(&status(phase, None), 100).ok, "{phase:?}");
        for role in ROLES {
            let verdict = ready(&status(phase, Some(role)), 100);
            assert_eq!(verdict.ok, may_be_ready, "{phase:?} {role}");
        }
        assert!(live(&status(phase, None), 100).ok, "{phase:?}");
    }
}

#[test]
fn a_phase_has_one_word_everywhere() {
    for phase in Phase::ALL {
        assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
    }
}

#[test]
fn a_writable_role_is_ready_when_sql_answers() {
    let mut primary = status(Phase::Running, Some(Role::Primary));
    assert!(ready(&primary, 100 + ANSWER_FRESH_SECONDS).ok);
    let old = ready(&primary, 101 + ANSWER_FRESH_SECONDS);
    assert_eq!(old, no("the database last answered 11 s ago"));
    primary.postmaster.answer = "no answer within 3 s".into();
    let silent = ready(&primary, 100);
    assert_eq!(
        silent,
        no("active as primary, but the database answers: no answer within 3 s")
    );
}

#[test]
fn a_replica_is_ready_when_it_streams_even_if_it_refuses_sql() {
    let mut mirror = status(Phase::Running, Some(Role::Mirror));
    mirror.postmaster.answer = "the database system is in recovery mode".into();
    assert!(ready(&mirror, 100).ok);
    assert!(!ready(&mirror, 111).ok);
    mirror.replication[0].state = "catchup".into();
    let behind = ready(&mirror, 100);
    assert_eq!(behind, no("active as mirror, but its stream is in state catchup"));
    // What it sends on to others does not make it a replica that receives.
    mirror.replication[0].state = "streaming".into();
    mirror.replication[0].sync_state = "async".into();
    assert!(!ready(&mirror, 100).ok);
}

#[test]
fn a_replica_that_does_not_replay_is_not_ready() {
    let mut mirror = status(Phase::Running, Some(Role::Mirror));
    mirror.replay_paused = Some("its replay is paused".into());
    let paused = ready(&mirror, 100);
    assert_eq!(paused, no("active as mirror, but its replay is paused"));
}

/// Else a roll-out goes on to a coordinator that has nobody to hand over to.
#[test]
fn a_standby_is_ready_once_it_is_in_sync_or_after_half_a_minute() {
    use crate::cluster::failover_status::{FailoverStatus, NotInSync};
    let with = |failover: FailoverStatus| {
        let mut standby = status(Phase::Running, Some(Role::Standby));
        standby.failover = Some(failover);
        ready(&standby, 100)
    };
    let missing = |since| FailoverStatus {
        holder: Some("coordinator-0".into()),
        not_in_sync: Some(NotInSync {
            since,
            ..NotInSync::default()
        }),
        ..FailoverStatus::default()
    };
    let told = with(missing(90));
    assert_eq!(
        told,
        no("active as standby, and write-ahead log streams, but it is not in sync yet")
    );
    assert!(with(missing(70)).ok);
    let in_sync = Some("coordinator-1".into());
    assert!(with(FailoverStatus { in_sync, ..missing(90) }).ok);
    // There is no record yet: the coordinator's agent knows nothing of failover.
    assert!(
        with(FailoverStatus {
            holder: None,
            ..missing(90)
        })
        .ok
    );
    assert!(
        with(FailoverStatus {
            off: Some("cluster.yaml says so".into()),
            ..missing(90)
        })
        .ok
    );
    assert!(
        with(FailoverStatus {
            mine: true,
            ..missing(90)
        })
        .ok
    );
}

#[test]
fn without_a_role_the_phase_says_why() {
    let mut refused = status(Phase::Refused, None);
    refused.reason = "the volume is a tmpfs".into();
    assert_eq!(ready(&refused, 100), no("refused: the volume is a tmpfs"));
    assert_eq!(startup(&refused), no("refused: the volume is a tmpfs"));
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_old() {
    let running = status(Phase::Running, Some(Role::Primary));
    assert!(live(&running, 3).ok);
    assert!(ready(&running, 3).ok);
}

fn any_status() -> impl Strategy<Value = PodStatus> {
    let roles = proptest::option::of(0..ROLES.len());
    let answer = prop_oneof![Just("ok"), Just(""), Just("FATAL:  no\nDETAIL:  no\n")];
    (0..Phase::ALL.len(), roles, answer, 0u64..200, 0u64..200).prop_map(
        |(phase, role, answer, answered_at, loop_turned_at)| {
            let mut s = status(Phase::ALL[phase], role.map(|r| ROLES[r]));
            s.postmaster.answer = answer.into();
            s.postmaster.answered_at = answered_at;
            s.loop_turned_at = loop_turned_at;
            s
        },
    )
}

proptest! {
    #[test]
    fn live_never_depends_on_phase_or_database(s in any_status(), now in 0u64..300) {
        let fresh = now.saturating_sub(s.loop_turned_at) <= LOOP_FRESH_SECONDS;
        prop_assert_eq!(live(&s, now).ok, fresh);
    }

    #[test]
    fn ready_means_exactly_one_role_is_served(s in any_status(), now in 0u64..300) {
        let served = ROLES.into_iter().filter(|r| role(&s, *r, now).ok).count();
        prop_assert_eq!(served, usize::from(ready(&s, now).ok));
    }

    #[test]
    fn ready_never_depends_on_the_agents_loop(s in any_status(), turned in 0u64..300, now in 0u64..300) {
        let mut other = s.clone();
        other.loop_turned_at = turned;
        prop_assert_eq!(ready(&s, now), ready(&other, now));
    }

    #[test]
    fn every_verdict_has_one_line(s in any_status(), now in 0u64..300) {
        for v in [startup(&s), ready(&s, now), live(&s, now), role(&s, Role::Mirror, now)] {
            prop_assert!(!v.why.is_empty() && !v.why.contains('\n'));
        }
    }
}

#[test]
fn a_volume_that_hangs_is_named_by_readiness_and_is_no_matter_of_life() {
    let hung = HungVolume {
        path: "/greenplum".into(),
        since: 1_709_251_199,
    };
    let words = "the volume at /greenplum does not answer since 2024-02-29T23:59:59Z";
    for phase in [Phase::Preparing, Phase::Running] {
        let mut s = status(phase, (phase == Phase::Running).then_some(Role::Primary));
        assert_eq!(ready(&s, 100).ok, phase == Phase::Running);
        s.hung_volumes = vec![hung.clone()];
        let verdict = ready(&s, 100);
        assert!(!verdict.ok);
        assert_eq!(verdict.why, format!("{}: {words}", phase.as_str()));
        assert_eq!(role(&s, Role::Primary, 100), verdict);
        assert_eq!(startup(&s).ok, phase == Phase::Running);
        assert!(live(&s, 100).ok);
    }
}

#[test]
fn a_server_that_has_stopped_answering_is_not_called_active() {
    let mut s = status(Phase::Running, None);
    s.reason = "active as primary".into();
    s.postmaster.answer = "no answer within 3 s".into();
    let verdict = ready(&s, 100);
    assert!(!verdict.ok);
    assert_eq!(verdict.why, "running, but the database answers: no answer within 3 s");
    // A replica without its stream answers, and its reason says what is wrong.
    s.reason = "replays, but receives no stream".into();
    s.postmaster.answer = "ok".into();
    assert_eq!(ready(&s, 100).why, "running: replays, but receives no stream");
}
