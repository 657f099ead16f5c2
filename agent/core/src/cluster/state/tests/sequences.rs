//! Whatever happens in whatever order.

use super::*;

fn phases() -> impl Strategy<Value = Phase> {
    prop::sample::select(Phase::ALL.to_vec())
}

fn answers() -> impl Strategy<Value = Event> {
    let answers = vec![
        ServerAnswer::Serving,
        ServerAnswer::NotNow("starts".into()),
        ServerAnswer::Refused("no".into()),
        ServerAnswer::KeptOut("sorry, too many clients already".into()),
        ServerAnswer::TimedOut(3),
        ServerAnswer::NoServer,
        ServerAnswer::Stopping,
    ];
    // What crate::postgres::observation says of these answers.
    let follows = prop::sample::select(vec![Phase::Starting, Phase::Running, Phase::Hung, Phase::Stopped]);
    (prop::sample::select(answers), prop::option::of(follows), any::<bool>()).prop_map(|(answer, phase, streams)| {
        let serving = answer == ServerAnswer::Serving;
        let report = ServerReport {
            role: (serving && streams).then_some(Role::Mirror),
            replication: (serving && streams).then(Link::received).into_iter().collect(),
            ..ServerReport::without_role(answer, phase.map(|phase| (phase, "it says so".into())))
        };
        Event::Answered { report, seconds: 0.1 }
    })
}

fn findings() -> impl Strategy<Value = Event> {
    use FindingSource::{Dns, HbaBlock, Start};
    let severities = prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Error]);
    let one = (severities, 0..3u8).prop_map(|(s, n)| Finding::new(s, Area::Postgres, n.to_string(), "what", "remedy"));
    let source = prop::sample::select(vec![Dns, HbaBlock, Start]);
    (source, prop::collection::vec(one, 0..3)).prop_map(|(source, found)| Event::Findings(source, found))
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => phases().prop_map(|p| phase(p, "because")),
        3 => answers(),
        1 => Just(Event::PostmasterGone),
        2 => (1..4i32).prop_map(|pid| Event::PostmasterRuns { pid, adopted: false, restarts: 0 }),
        1 => prop::option::of("[a-z]{1,3}").prop_map(Event::Hold),
        1 => (0..4u32).prop_map(|coordinator_timeline| Event::ClusterCreated { coordinator_timeline }),
        1 => (0..4u32).prop_map(|coordinator_timeline| Event::ClusterRemembered { coordinator_timeline }),
        2 => findings(),
        1 => (1_000..3_000u64).prop_map(Event::LoopTurned),
    ]
}

/// What must be true after every event, whatever came before.
fn holds(before: &PodState, event: &Event, effects: &[Effect], after: &PodState, now: u64) {
    let (old, new) = (before.facts(), after.facts());
    let unforeseen = effects.iter().any(|e| matches!(e, Effect::Unforeseen(_)));
    assert!(unforeseen || new.phase.may_follow(old.phase), "{old:?} {event:?}");
    assert!(
        !old.phase.is_final() || new.phase == old.phase,
        "nothing leaves the last phase"
    );
    let since = if old.phase == new.phase { old.phase_since } else { now };
    assert_eq!(new.phase_since, since);
    if !new.postmaster.runs() {
        assert!(new.active_role.is_none() && new.replication.is_empty() && !new.postmaster.stopping);
    }
    assert!(new.active_role.is_none() || new.postmaster.serves);
    // Only a server that runs moves a pod by its answers.
    if matches!(event, Event::Answered { .. }) && new.phase != old.phase {
        assert!(old.postmaster.runs() && matches!(old.phase, Phase::Starting | Phase::Running | Phase::Hung));
        assert!(!unforeseen, "what follows from an answer is in the table");
    }
    assert!(
        matches!(event, Event::Hold(_)) || new.held == old.held,
        "only the volume says what is held"
    );
    assert!(new.cluster.is_created() || !old.cluster.is_created());
    assert!(new.cluster.coordinator_timeline() >= old.cluster.coordinator_timeline());
}

proptest! {
    #[test]
    fn every_sequence_of_events_keeps_the_state_whole(events in prop::collection::vec(events(), 1..80)) {
        let mut state = state();
        for (now, event) in (2_000..).zip(events) {
            let before = state.clone();
            let effects = state.on(now, event.clone());
            holds(&before, &event, &effects, &state, now);
        }
    }

    /// The document can be read back, and holds each finding of each source, the gravest first.
    #[test]
    fn the_document_follows_from_the_state(events in prop::collection::vec(events(), 1..40)) {
        let mut state = state();
        for event in events {
            state.on(2_000, event);
        }
        let document = state.status();
        let text = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(&serde_json::from_str::<PodStatus>(&text).unwrap(), &document);
        prop_assert!(document.findings.is_sorted_by_key(|f| std::cmp::Reverse(f.severity)));
        prop_assert_eq!(document.findings.len(), state.findings().count());
    }

    /// The same event again is no news: nothing is logged or done twice.
    #[test]
    fn an_event_that_repeats_has_no_effect(events in prop::collection::vec(events(), 1..40), last in events()) {
        let mut state = state();
        for event in events {
            state.on(2_000, event);
        }
        let refused = matches!(&last, Event::Phase { phase, .. } if !phase.may_follow(state.facts().phase));
        state.on(2_001, last.clone());
        let once = state.clone();
        let effects = state.on(2_001, last);
        prop_assert!(refused || effects.is_empty(), "{:?}", effects);
        prop_assert_eq!(once, state);
    }
}
