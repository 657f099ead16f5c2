use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An event that can happen in that state: the end of what is under way, or an interruption.
fn possible(state: State, choice: u8) -> Event {
    let free = Found::Nobody { removed: false };
    let found = |held: Option<&str>, found| Event::Found {
        held: held.map(str::to_string),
        found,
    };
    let ended = |ending| Event::Ended {
        ending,
        words: "x".into(),
    };
    let decided = |decision| Event::Decided {
        decision,
        directory: DirectoryKind::Primary,
    };
    let refuse = Decision::Refuse {
        what: "w".into(),
        remedy: "r".into(),
    };
    match (state, choice) {
        (_, 0) => Event::Hold("h".into()),
        (_, 1) => Event::Resume { ending: false },
        (State::Running | State::SteppingDown, 12) => Event::Resume { ending: true },
        (State::Draining, _) => Event::Drained,
        (_, 2) => Event::Shutdown,
        (State::Looking, 3) => found(None, Found::Server { pid: 7, ending: false }),
        (State::Looking, 4) => found(Some("h"), free),
        (State::Looking, 5) => found(None, Found::Unfinished),
        (State::Looking, 6) => found(None, Found::Busy("b".into())),
        (State::Looking, 7) => Event::Failed("f".into()),
        (State::Looking, 8) => found(Some("h"), Found::Server { pid: 7, ending: true }),
        (State::Looking, _) => found(None, free),
        (State::Deciding | State::Starting, 3) => decided(Decision::Wait("w".into())),
        (State::Deciding | State::Starting, 4) => decided(refuse),
        (State::Deciding | State::Starting, 5) => decided(Decision::Create),
        (State::Deciding | State::Starting, 6) => decided(Decision::Clone),
        (State::Deciding, _) => decided(Decision::Start),
        (State::Starting, 7) => Event::NotYet("n".into()),
        (State::Starting, 8) => Event::Failed("f".into()),
        (State::Starting, _) => Event::Started { pid: 7 },
        (State::Making, 3) => Event::Failed("f".into()),
        (State::Making, _) => Event::Made,
        (State::Running, 3) => Event::Overtaken("o".into()),
        (State::Running, 4) => ended(Ending::Clean),
        (State::Running, 5) => ended(Ending::Immediate),
        (State::Running, 6) => Event::Outgrown("g".into()),
        (State::Running, _) => ended(Ending::Crash),
        (State::SteppingDown, 3) => ended(Ending::Clean),
        (State::SteppingDown, 4) => ended(Ending::Crash),
        (State::SteppingDown, _) => Event::ServerGone,
        _ => Event::Due,
    }
}

/// Walks; the interruptions of 0 to 2 come seldom, or no walk would get far.
fn walks() -> impl Strategy<Value = Vec<(u8, u64)>> {
    let choice = prop_oneof![1 => 0u8..3, 8 => 3u8..13];
    proptest::collection::vec((choice, 0u64..100_000), 1..120)
}

fn begun(effects: &[Effect]) -> Vec<&Activity> {
    let mut begun = Vec::new();
    for effect in effects {
        if let Effect::Begin(activity) = effect {
            begun.push(activity);
        }
    }
    begun
}

fn starts(effects: &[Effect]) -> bool {
    begun(effects).iter().any(|a| {
        matches!(
            a,
            Activity::Start(_) | Activity::Create | Activity::Copy | Activity::Decide(_)
        )
    })
}

proptest! {
    /// Every move is in the table, and a state that moved began exactly one activity, or is over.
    #[test]
    fn the_machine_moves_as_the_table_says(walk in walks()) {
        let (mut machine, _) = Supervisor::new(None);
        let mut now = Duration::ZERO;
        for (choice, pause) in walk {
            now += Duration::from_millis(pause);
            let from = machine.state();
            let effects = machine.on(possible(from, choice), now);
            let to = machine.state();
            let known = TRANSITIONS.iter().any(|(a, _, b)| (*a, *b) == (from, to));
            prop_assert!(from == to || known, "{from:?} -> {to:?}");
            prop_assert!(begun(&effects).len() <= 1, "{effects:?}");
            prop_assert!(from == to || to == State::Over || begun(&effects).len() == 1, "{from:?} -> {to:?}: {effects:?}");
        }
    }

    /// From a hold to the next resume nothing is started, made, or asked for; and the hold stays.
    #[test]
    fn a_hold_holds(before in walks(), after in walks()) {
        let (mut machine, _) = Supervisor::new(None);
        for (choice, _) in before {
            machine.on(possible(machine.state(), choice), Duration::ZERO);
        }
        machine.on(Event::Hold("h".into()), Duration::ZERO);
        for (choice, _) in after {
            let mut event = possible(machine.state(), choice);
            match &mut event {
                Event::Resume { .. } => continue,
                // The file is there.
                Event::Found { held, .. } => *held = Some("h".into()),
                _ => {}
            }
            let effects = machine.on(event, Duration::ZERO);
            prop_assert!(!starts(&effects), "{effects:?}");
        }
    }

    /// What an administrator stopped is not started before a server is found, a resume, or the directory's removal.
    #[test]
    fn a_stopped_server_stays_stopped(walk in walks(), known_from_the_volume: bool) {
        let (mut machine, _) = Supervisor::new(known_from_the_volume.then_some(Ending::Clean));
        let mut stopped = known_from_the_volume;
        for (choice, _) in walk {
            let event = possible(machine.state(), choice);
            let running = machine.state() == State::Running;
            match &event {
                Event::Resume { .. } if !running && machine.state() != State::SteppingDown => stopped = false,
                Event::Found { found: Found::Server { .. }, .. } => stopped = false,
                // A creation that is unfinished never had a server that was stopped.
                Event::Found { found: Found::Unfinished, .. } if stopped => continue,
                _ => {}
            }
            let effects = machine.on(event, Duration::ZERO);
            stopped |= effects.contains(&Effect::RecordStop(Some(Ending::Clean)));
            stopped |= effects.contains(&Effect::RecordStop(Some(Ending::Immediate)));
            prop_assert!(!(stopped && starts(&effects)), "{effects:?}");
        }
    }

    /// Whatever happened: the end of the pod begins the drain in the same step, and nothing follows it but the end.
    #[test]
    fn the_end_of_the_pod_breaks_off_everything(walk in walks(), after in walks()) {
        let (mut machine, _) = Supervisor::new(None);
        for (choice, _) in walk {
            machine.on(possible(machine.state(), choice), Duration::ZERO);
        }
        machine.on(Event::Shutdown, Duration::ZERO);
        prop_assert!(matches!(machine.state(), State::Draining | State::Over));
        for (choice, _) in after {
            let event = possible(State::Looking, choice);
            prop_assert!(begun(&machine.on(event, Duration::ZERO)).is_empty());
        }
        machine.on(Event::Drained, Duration::ZERO);
        prop_assert_eq!(machine.state(), State::Over);
    }
}

#[test]
fn every_row_of_the_table_happens() {
    let mut seen: BTreeSet<(State, State)> = BTreeSet::new();
    let mut known = BTreeSet::new();
    let (first, _) = Supervisor::new(None);
    let mut open = vec![first];
    while let Some(machine) = open.pop() {
        if !known.insert((
            machine.state(),
            machine.held.is_some(),
            machine.stopped,
            machine.given_back,
        )) {
            continue;
        }
        for choice in 0..13 {
            let mut after = machine.clone();
            after.on(possible(machine.state(), choice), Duration::ZERO);
            seen.insert((machine.state(), after.state()));
            open.push(after);
        }
    }
    for (from, what, to) in TRANSITIONS {
        assert!(seen.contains(&(*from, *to)), "{from:?} -{what}-> {to:?} never happens");
    }
    let reached: BTreeSet<State> = seen.iter().map(|(_, to)| *to).collect();
    assert_eq!(reached.len(), State::ALL.len(), "a state that nobody reaches");
}

#[test]
fn a_crash_loop_backs_off_and_is_visible() {
    let (mut machine, _) = Supervisor::new(None);
    let mut pauses = Vec::new();
    let mut phases = Vec::new();
    for _ in 0..9 {
        let found = Found::Server { pid: 7, ending: false };
        machine.on(Event::Found { held: None, found }, Duration::ZERO);
        let ending = Ending::Crash;
        let words = "ended".into();
        for effect in machine.on(Event::Ended { ending, words }, Duration::from_secs(1)) {
            match effect {
                Effect::Begin(Activity::Pause { time, .. }) => pauses.push(time.as_secs()),
                Effect::Show(phase, _) => phases.push(phase),
                _ => {}
            }
        }
        machine.on(Event::Due, Duration::from_secs(1));
    }
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(phases[..3], [Phase::Crashed, Phase::Crashed, Phase::CrashLoop]);
    assert!(phases[3..].iter().all(|p| *p == Phase::CrashLoop));
}

#[test]
fn silence_is_counted_from_the_first_question() {
    let (mut machine, _) = Supervisor::new(None);
    let second = Duration::from_secs(1);
    let found = |machine: &mut Supervisor, now| {
        let found = Found::Nobody { removed: false };
        machine.on(Event::Found { held: None, found }, now)
    };
    let asks = |effects: Vec<Effect>| match begun(&effects)[..] {
        [Activity::Decide(inquiry)] => inquiry.asked_for,
        ref other => panic!("{other:?}"),
    };
    assert_eq!(asks(found(&mut machine, second * 10)), Duration::ZERO);
    let wait = Event::Decided {
        decision: Decision::Wait("silent".into()),
        directory: DirectoryKind::Primary,
    };
    machine.on(wait, second * 12);
    machine.on(Event::Due, second * 13);
    assert_eq!(asks(found(&mut machine, second * 14)), second * 4);
    machine.on(Event::Hold("h".into()), second * 15);
    machine.on(Event::Resume { ending: false }, second * 20);
    assert_eq!(asks(found(&mut machine, second * 20)), Duration::ZERO, "asked anew");
}

#[test]
fn a_copy_that_fails_is_tried_ever_more_seldom_and_at_once_when_an_administrator_resumes() {
    let (mut machine, _) = Supervisor::new(None);
    let mut fail = |resume: bool| {
        if resume {
            machine.on(Event::Resume { ending: false }, Duration::ZERO);
        } else {
            machine.on(Event::Due, Duration::ZERO);
        }
        let found = Found::Nobody { removed: false };
        machine.on(Event::Found { held: None, found }, Duration::ZERO);
        let decided = Event::Decided {
            decision: Decision::Clone,
            directory: DirectoryKind::Absent,
        };
        machine.on(decided, Duration::ZERO);
        assert_eq!(machine.state(), State::Making);
        let effects = machine.on(Event::Failed("no".into()), Duration::ZERO);
        match begun(&effects)[..] {
            [
                Activity::Pause {
                    time,
                    listens: Some(after),
                },
            ] => {
                assert!(*after <= *time && *after > Duration::ZERO);
                time.as_secs()
            }
            ref other => panic!("{other:?}"),
        }
    };
    let pauses: Vec<u64> = (0..7).map(|_| fail(false)).collect();
    assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(fail(true), 2);
}

#[test]
fn a_server_that_has_to_start_anew_does_unless_it_is_held() {
    let (mut machine, _) = Supervisor::new(None);
    let found = Found::Server { pid: 7, ending: false };
    machine.on(Event::Found { held: None, found }, Duration::ZERO);
    machine.on(Event::Hold("h".into()), Duration::ZERO);
    let outgrown = || Event::Outgrown("small".into());
    let effects = machine.on(outgrown(), Duration::ZERO);
    assert_eq!(begun(&effects), [&Activity::Watch], "its end must be seen");
    machine.on(Event::Resume { ending: false }, Duration::ZERO);
    let effects = machine.on(outgrown(), Duration::ZERO);
    assert_eq!(begun(&effects), [&Activity::Stop]);
    machine.on(Event::ServerGone, Duration::ZERO);
    assert_eq!(machine.state(), State::Looking);
}

/// `pg_ctl stop` returns before the agent has seen the end; what an administrator says then is the last word.
#[test]
fn a_server_that_was_given_back_while_it_ended_is_started_again_once() {
    let running = || {
        let (mut machine, _) = Supervisor::new(None);
        let found = Found::Server { pid: 7, ending: false };
        machine.on(Event::Found { held: None, found }, Duration::ZERO);
        machine
    };
    let end = |machine: &mut Supervisor| {
        let ended = Event::Ended {
            ending: Ending::Clean,
            words: "stopped cleanly".into(),
        };
        machine.on(ended, Duration::ZERO);
        machine.state()
    };
    let resume = |ending| Event::Resume { ending };
    for held in [false, true] {
        let mut machine = running();
        if held {
            machine.on(Event::Hold("h".into()), Duration::ZERO);
        }
        machine.on(resume(true), Duration::ZERO);
        assert_eq!(end(&mut machine), State::Looking);
        // It says nothing of the next server.
        let found = Found::Server { pid: 8, ending: false };
        machine.on(Event::Found { held: None, found }, Duration::ZERO);
        assert_eq!(end(&mut machine), State::Stopped);
    }
    let mut machine = running();
    machine.on(resume(false), Duration::ZERO);
    assert_eq!(end(&mut machine), State::Stopped, "it ran on and was stopped later");
    let mut machine = running();
    machine.on(resume(true), Duration::ZERO);
    machine.on(Event::Hold("h".into()), Duration::ZERO);
    assert_eq!(end(&mut machine), State::Held, "held again");
}

#[test]
fn a_server_that_was_given_back_before_it_was_found_ending_is_started_again_once() {
    for ending in [true, false] {
        let (mut machine, _) = Supervisor::new(None);
        machine.on(Event::Resume { ending: false }, Duration::ZERO);
        let found = Found::Server { pid: 7, ending };
        machine.on(Event::Found { held: None, found }, Duration::ZERO);
        let stop = |machine: &mut Supervisor| {
            let (ending, words) = (Ending::Clean, "stopped".into());
            machine.on(Event::Ended { ending, words }, Duration::ZERO);
            machine.state()
        };
        let state = stop(&mut machine);
        assert_eq!(state, if ending { State::Looking } else { State::Stopped });
    }
}
