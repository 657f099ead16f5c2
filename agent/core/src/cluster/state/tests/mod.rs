mod sequences;

use super::*;
use crate::cluster::cluster_state::ClusterState;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::failover_status::{FailoverKind, FailoverStatus, LastFailover};
use crate::cluster::phase::Phase;
use crate::cluster::probes;
use crate::cluster::replication::Link;
use crate::cluster::server::{ServerAnswer, ServerReport};
use crate::cluster::status::PodStatus;
use crate::cluster::topology::Role;
use crate::finding::{Area, Finding, FindingSource, Severity};
use crate::fixtures::serves;
use proptest::prelude::*;
use serde_json::json;

fn state() -> PodState {
    PodState::new("segment-a-0", 0, 1_000)
}

fn phase(phase: Phase, reason: &str) -> Event {
    let reason = reason.to_string();
    Event::Phase { phase, reason }
}

fn running(role: Role) -> PodState {
    let mut state = state();
    for event in serves(role) {
        state.on(1_010, event);
    }
    state
}

fn answered(answer: ServerAnswer, phase: Option<(Phase, String)>) -> Event {
    Event::Answered {
        report: ServerReport::without_role(answer, phase),
        seconds: 0.5,
    }
}

#[test]
fn before_anything_is_known_the_document_is_that_of_0_1_0() {
    let mut document = PodStatus::unknown("segment-a-0");
    document.phase_since = 1_000;
    document.agent_started = 1_000;
    document.loop_turned_at = 1_000;
    assert_eq!(state().status(), document);
}

#[test]
fn a_failover_to_this_pod_is_counted_once_and_none_of_an_earlier_agent() {
    let mut state = state();
    let told = |last: Option<(&str, u64)>| {
        let last = last.map(|(to, at)| LastFailover {
            kind: FailoverKind::Switchover,
            to: to.into(),
            at,
            ..LastFailover::default()
        });
        Event::Failover(Box::new(FailoverStatus {
            last,
            ..FailoverStatus::default()
        }))
    };
    let mut counted = Vec::new();
    for last in [
        ("segment-a-0", 1),
        ("segment-a-0", 1),
        ("segment-a-0", 2),
        ("other-0", 3),
        ("segment-a-0", 4),
    ] {
        state.on(1_000, told(Some(last)));
        counted.push(state.status().failover.unwrap().counts.switchover);
    }
    assert_eq!(counted, [0, 0, 1, 1, 2]);
    state.on(1_000, told(None));
    assert_eq!(state.status().failover.unwrap().counts.switchover, 2);
}

#[test]
fn a_server_that_serves_makes_the_pod_ready_and_has_its_settings_looked_at_once() {
    let mut state = state();
    let mut effects = Vec::new();
    for event in serves(Role::Primary) {
        effects.extend(state.on(1_010, event));
    }
    let looks = |effects: &[Effect]| effects.iter().filter(|e| **e == Effect::LookAtSettings).count();
    assert_eq!(looks(&effects), 1);
    let [.., again] = serves(Role::Primary);
    assert_eq!(state.on(1_011, again), []);
    let document = state.status();
    assert_eq!(
        (document.phase, document.active_role),
        (Phase::Running, Some(Role::Primary))
    );
    assert_eq!(
        (document.postmaster.answer.as_str(), document.postmaster.answered_at),
        ("ok", 1_011)
    );
    assert!(probes::ready(&document, 1_011).ok);
}

#[test]
fn an_answer_that_outlives_its_server_changes_nothing() {
    let mut state = running(Role::Primary);
    state.on(1_020, Event::PostmasterGone);
    state.on(1_020, phase(Phase::Crashed, "ended: signal 11"));
    let before = state.clone();
    let [.., late] = serves(Role::Primary);
    assert_eq!(state.on(1_021, late), []);
    assert_eq!(state, before);
    assert_eq!(
        (before.facts().active_role, before.status().postmaster.answer.as_str()),
        (None, "ok")
    );
}

#[test]
fn a_held_pod_stays_held_whatever_its_server_answers() {
    let mut state = running(Role::Mirror);
    state.on(1_020, Event::Hold(Some("disk".into())));
    state.on(1_020, phase(Phase::Held, "held: disk"));
    let starting = Some((Phase::Starting, "the database system is starting up".to_string()));
    let effects = state.on(1_021, answered(ServerAnswer::NotNow("starts".into()), starting));
    assert_eq!((effects, state.facts().phase), (Vec::new(), Phase::Held));
    assert_eq!(state.facts().active_role, None, "what it does is still seen");
    // Once it serves again its settings are looked at, once.
    let [.., serving] = serves(Role::Mirror);
    assert_eq!(state.on(1_022, serving.clone()), [Effect::LookAtSettings]);
    assert_eq!(state.on(1_023, serving), []);
}

#[test]
fn a_promotion_shows_in_the_directory() {
    let mut state = running(Role::Mirror);
    let directory = DirectoryFacts {
        kind: Some(DirectoryKind::Standby),
        timeline: Some(1),
        ..DirectoryFacts::default()
    };
    state.on(1_020, Event::DirectoryExamined(directory));
    let mut report = ServerReport::without_role(ServerAnswer::Serving, None);
    (report.kind, report.timeline, report.role) = (Some(DirectoryKind::Primary), Some(2), Some(Role::Primary));
    state.on(1_021, Event::Answered { report, seconds: 0.1 });
    let document = state.status();
    assert_eq!(
        (document.directory.kind.as_str(), document.directory.timeline),
        ("primary", Some(2))
    );
    // A server that does not say leaves what is known.
    state.on(1_022, answered(ServerAnswer::TimedOut(3), None));
    assert_eq!(state.status().directory, document.directory);
    assert_eq!(state.status().postmaster.answer.as_str(), "no answer within 3 s");
}

#[test]
fn a_step_that_is_not_foreseen_is_reported_and_none_leaves_the_last_phase() {
    let mut state = state();
    let effects = state.on(1_001, phase(Phase::Running, "of a sudden"));
    assert!(
        matches!(&effects[..], [Effect::Unforeseen(_), Effect::Log { .. }]),
        "{effects:?}"
    );
    assert_eq!(state.facts().phase, Phase::Running);
    state.on(1_002, phase(Phase::Draining, "the pod ends"));
    let effects = state.on(1_003, phase(Phase::Starting, "once more"));
    assert!(
        matches!(&effects[..], [Effect::Unforeseen(words)] if words == "starting (once more) may not follow draining")
    );
    let facts = state.facts();
    assert_eq!(
        (facts.phase, facts.phase_since, facts.reason.as_str()),
        (Phase::Draining, 1_002, "the pod ends")
    );
}

#[test]
fn a_finding_is_logged_when_it_comes_and_when_it_goes_and_the_gravest_is_first() {
    let mut state = state();
    let warning = Finding::warning(Area::Hba, "pg_hba.conf", "too wide", "narrow it");
    let error = Finding::error(Area::Storage, "/greenplum", "full", "make room");
    let effects = state.on(
        1_001,
        Event::Findings(FindingSource::HbaVerification, vec![warning.clone()]),
    );
    assert!(matches!(
        &effects[..],
        [Effect::Log {
            level: LineLevel::Warning,
            ..
        }]
    ));
    state.on(1_001, Event::Findings(FindingSource::Storage, vec![error.clone()]));
    assert_eq!(
        state.on(
            1_002,
            Event::Findings(FindingSource::HbaVerification, vec![warning.clone()])
        ),
        []
    );
    assert_eq!(state.status().findings, [error, warning]);
    let effects = state.on(1_003, Event::Findings(FindingSource::HbaVerification, Vec::new()));
    let line = "no longer found: hba pg_hba.conf: too wide".to_string();
    let (level, phase) = (LineLevel::Info, None);
    assert_eq!(effects, [Effect::Log { level, phase, line }]);
}

#[test]
fn what_was_created_is_never_unknown_again() {
    let mut state = running(Role::Primary);
    let remembered = |coordinator_timeline| Event::ClusterRemembered { coordinator_timeline };
    let created = |coordinator_timeline| Event::ClusterCreated { coordinator_timeline };
    assert!(!state.facts().cluster.is_created());
    state.on(1_001, remembered(2));
    assert!(state.facts().cluster.is_created() && !state.facts().cluster.is_confirmed());
    state.on(1_002, created(0));
    assert_eq!(
        state.facts().cluster,
        ClusterState::Created {
            coordinator_timeline: 2
        }
    );
    state.on(1_003, remembered(1));
    state.on(1_003, created(3));
    assert!(state.facts().cluster.is_confirmed());
    assert_eq!(state.status().seen_coordinator, 3);
}

/// 0.1.0 has no word for it, this pod's own metrics and probes and its peers of today have.
#[test]
fn a_pod_that_rejoins_says_so_to_whoever_knows_the_word() {
    let mut state = state();
    let rejoins = Event::Phase {
        phase: Phase::Rejoining,
        reason: "copying coordinator-1".into(),
    };
    state.on(1, rejoins);
    let document = state.status();
    assert_eq!(document.phase, Phase::Rejoining);
    assert!(crate::cluster::probes::startup(&document).ok);
    let wire = serde_json::to_value(&document).unwrap();
    assert_eq!(
        (&wire["phase"], &wire["rejoining"]),
        (&json!("bootstrapping"), &json!(true))
    );
    assert_eq!(serde_json::from_value::<PodStatus>(wire).unwrap(), document);
}
