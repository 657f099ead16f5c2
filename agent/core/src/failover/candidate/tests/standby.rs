use super::*;
use crate::failover::lsn::Lsn;
use crate::failover::record::{ReleaseWhy, Released};

fn standby(ended: Option<u64>, session_ended: Option<u64>) -> Event {
    let receiver = Some(Receiver {
        stream: "s".into(),
        ended: ended.map(ms),
        session_ended: session_ended.map(ms),
    });
    let received = Some(Lsn(100));
    local(DirectoryKind::Standby, Server::Standby { receiver, received })
}

/// coordinator-1, which has seen the record change once, to this one, at two seconds.
pub(super) fn watching(waits: CommitsWait, now: Record) -> Bench {
    let mut bench = Bench::new(pod(1, "b"), waits);
    let actions = bench.at(0);
    bench.on(standby(None, None));
    bench.reads(
        &actions,
        Seen::Record(Record {
            serial: 1,
            ..now.clone()
        }),
        1,
    );
    let actions = bench.at(2_000);
    bench.reads(&actions, Seen::Record(now), 2);
    bench
}

/// Lets time pass until `end`, with the record as it is; what it writes, and when.
pub(super) fn watch(bench: &mut Bench, end: u64) -> Option<(u64, Record)> {
    while bench.now < end {
        let next = bench.now + 100;
        let actions = bench.at(next);
        if let Some((_, record)) = written(&actions) {
            return Some((bench.now, record.clone()));
        }
        if let Some(Action::Read(ticket)) = actions.iter().find(|a| matches!(a, Action::Read(_))) {
            let known = bench.machine.known.clone().expect("it has read");
            let found = Ok((known.seen, known.version));
            let actions = bench.on(Event::Read { ticket: *ticket, found });
            if let Some((_, record)) = written(&actions) {
                return Some((bench.now, record.clone()));
            }
        }
    }
    None
}

#[test]
fn r6_it_takes_over_after_a_whole_lease_of_its_own_watching() {
    let mut bench = watching(CommitsWait::Always, record(2, Some(in_sync("b"))));
    let (when, taken) = watch(&mut bench, 60_000).expect("it takes over");
    assert_eq!(when, 2_000 + D);
    assert_eq!((taken.epoch, &taken.in_sync), (2, &None));
    assert!(taken.is_held_by(&pod(1, "b")));
}

#[test]
fn r6_a_holder_that_was_never_seen_alive_may_be_on_its_way_back() {
    let mut bench = Bench::new(pod(1, "b"), CommitsWait::Always);
    let actions = bench.at(0);
    bench.on(standby(None, None));
    bench.reads(&actions, Seen::Record(record(2, Some(in_sync("b")))), 2);
    let (when, _) = watch(&mut bench, 60_000).expect("it takes over");
    assert_eq!(when, D + 30_000);
}

#[test]
fn r7_who_is_not_in_sync_takes_nothing_and_says_why() {
    let paused = Record {
        mode: Mode::Paused,
        ..record(2, Some(in_sync("b")))
    };
    let later = Record {
        timeline: 2,
        ..record(2, Some(in_sync("b")))
    };
    let cases = [
        (record(2, None), Lack::NotInSync),
        (record(2, Some(in_sync("z"))), Lack::OtherInSync("z".into())),
        (later, Lack::OtherTimeline(1, 2)),
        (paused, Lack::Paused),
    ];
    for (record, lack) in cases {
        let mut bench = watching(CommitsWait::Always, record);
        assert_eq!(watch(&mut bench, 90_000), None);
        assert_eq!(bench.machine.view().no_failover, Some(lack));
    }
}

#[test]
fn r7_where_an_ended_connection_lets_commits_go_on_it_has_to_end_as_that_of_a_dead_coordinator() {
    let cases = [
        (None, None, true),
        (Some(3_000), Some(3_300), true),
        (Some(3_300), Some(3_000), true),
        (Some(3_000), Some(3_301), false),
        (Some(3_000), None, false),
    ];
    for (ended, session, takes) in cases {
        let mut bench = watching(CommitsWait::WhileStreaming, record(2, Some(in_sync("b"))));
        bench.on(standby(ended, session));
        assert_eq!(watch(&mut bench, 60_000).is_some(), takes, "{ended:?} {session:?}");
    }
}

#[test]
fn r8_a_proof_of_death_counts_for_the_record_before_it() {
    let mut bench = watching(CommitsWait::Always, record(2, Some(in_sync("b"))));
    bench.now = 3_000;
    let proof = |version: &str| Event::ProofOfDeath {
        holder: pod(0, "a"),
        version: Version(version.into()),
    };
    assert_eq!(written(&bench.on(proof("1"))), None, "older than the record");
    assert!(written(&bench.on(proof("2"))).is_some());
}

#[test]
fn r10_a_record_that_is_missing_or_older_is_not_free() {
    for seen in [
        Seen::Absent,
        Seen::Garbled("?".into()),
        Seen::Record(record(1, Some(in_sync("b")))),
    ] {
        let mut bench = watching(CommitsWait::Always, record(5, Some(in_sync("b"))));
        let actions = bench.at(4_000);
        bench.reads(&actions, seen, 9);
        assert_eq!(watch(&mut bench, 90_000), None);
        assert!(bench.machine.view().doubt.is_some());
    }
}

#[test]
fn a_promise_is_kept() {
    let mut bench = watching(CommitsWait::Always, record(2, Some(in_sync("b"))));
    bench.now = 9_000;
    let (ticket, epoch, seconds, by) = (Ticket(7), 1, 10, pod(0, "a"));
    let actions = bench.on(Event::PromiseAsked {
        ticket,
        epoch,
        seconds,
        by,
    });
    assert!(actions.contains(&Action::AnswerPromise(ticket, Reply::Yes)));
    let (when, _) = watch(&mut bench, 60_000).expect("it takes over in the end");
    assert_eq!(when, 9_000 + D);
    let (ticket, epoch, seconds, by) = (Ticket(8), 1, 10, pod(0, "a"));
    let actions = bench.on(Event::PromiseAsked {
        ticket,
        epoch,
        seconds,
        by,
    });
    let no = Action::AnswerPromise(ticket, Reply::No { epoch: 1 });
    assert!(actions.contains(&no), "it takes over already: {actions:?}");
}

#[test]
fn a_released_role_is_taken_at_once_by_who_has_the_end_of_the_log_and_does_not_end() {
    for (lsn, drains, takes) in [(100, false, true), (101, false, false), (100, true, false)] {
        let mut bench = watching(CommitsWait::WhileStreaming, record(2, Some(in_sync("b"))));
        if drains {
            bench.on(Event::Draining { hand_over: true });
        }
        let released = Record {
            holder: None,
            released: Some(Released {
                by: pod(0, "a"),
                lsn: Lsn(lsn),
                timeline: 1,
                why: ReleaseWhy::Switchover,
            }),
            ..record(3, Some(in_sync("b")))
        };
        let actions = bench.at(4_000);
        let actions = bench.reads(&actions, Seen::Record(released), 3);
        assert_eq!(written(&actions).is_some(), takes, "{lsn} {drains}");
    }
}

#[test]
fn what_was_promoted_by_the_record_is_promoted_in_deed() {
    let mut bench = watching(CommitsWait::Always, record(2, Some(in_sync("b"))));
    bench.now = 12_000;
    let actions = bench.on(Event::Due);
    let (ticket, _) = written(&actions).expect("it takes over");
    let actions = bench.done(ticket);
    assert!(actions.contains(&Action::Promote), "{actions:?}");
    assert!(actions.contains(&Action::StripOtherLabel(pod(0, "a"))));
    let actions = bench.on(Event::PromoteFailed("no".into()));
    assert!(!actions.contains(&Action::Promote));
    assert!(bench.at(13_000).contains(&Action::Promote));
}

#[test]
fn a_holder_promotes_no_standby_that_was_put_in_its_place_nor_one_beside_a_server_that_writes() {
    let taken = || {
        let now = record(2, Some(in_sync("b")));
        let mut bench = watching(CommitsWait::Always, Record { timeline: 2, ..now });
        bench.on(Event::Command(Command::AcceptDataLoss { by: "x".into() }));
        let (_, written) = watch(&mut bench, 60_000).expect("it takes the role by force");
        assert_eq!(written.timeline, 1, "of its own directory");
        bench
    };
    let mut bench = taken();
    bench.on(Event::Peer(PeerAnswer::Facts(PeerFacts {
        writable: true,
        pod: pod(0, "a"),
        ..peer("b")
    })));
    let ticket = Ticket(bench.machine.requests.last());
    assert!(
        !bench.done(ticket).contains(&Action::Promote),
        "beside a server that writes"
    );
    let mut bench = taken();
    let ticket = Ticket(bench.machine.requests.last());
    bench.on(on_timeline(standby(None, None), 3));
    assert!(!bench.done(ticket).contains(&Action::Promote), "on another timeline");
    assert!(bench.on(standby(None, None)).contains(&Action::Promote));
}

#[test]
fn the_role_is_taken_by_force_only_from_a_holder_that_is_silent() {
    let mut bench = watching(CommitsWait::Always, record(2, None));
    let by = "gpadmin".to_string();
    bench.on(Event::Command(Command::AcceptDataLoss { by: by.clone() }));
    assert_eq!(watch(&mut bench, 60_000).map(|(when, _)| when), Some(2_000 + D));
    let mut bench = watching(CommitsWait::Always, record(2, None));
    bench.on(Event::Command(Command::AcceptDataLoss { by }));
    let actions = bench.at(4_000);
    let actions = bench.reads(&actions, Seen::Record(record(3, None)), 3);
    assert!(
        actions.iter().any(|a| matches!(a, Action::Tell(Notice::Refused(_)))),
        "{actions:?}"
    );
    assert_eq!(watch(&mut bench, 60_000), None);
}

fn on_timeline(event: Event, timeline: u32) -> Event {
    match event {
        Event::Local(facts) => {
            let directory = Directory {
                timeline,
                ..facts.directory
            };
            Event::Local(LocalFacts { directory, ..facts })
        }
        other => other,
    }
}

fn promoted_by_hand(timeline: u32) -> Event {
    on_timeline(writable(None), timeline)
}

fn kills(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::KillNow(_)))
}

#[test]
fn a_server_that_was_promoted_by_hand_is_adopted_once_its_coordinator_is_lost() {
    let paused = Record {
        mode: Mode::Paused,
        ..record(2, None)
    };
    let mut bench = watching(CommitsWait::WhileStreaming, paused);
    assert_eq!(watch(&mut bench, 2_000 + D), None, "nobody is promoted by itself");
    let actions = bench.on(promoted_by_hand(2));
    let (_, taken) = written(&actions).expect("it takes the role");
    assert_eq!((taken.epoch, taken.timeline, taken.mode), (2, 2, Mode::Paused));
    assert!(taken.is_held_by(&pod(1, "b")) && !kills(&actions));
}

#[test]
fn a_server_that_was_promoted_by_hand_beside_a_coordinator_that_lives_is_killed() {
    let mut bench = watching(CommitsWait::WhileStreaming, record(2, Some(in_sync("b"))));
    let actions = bench.on(promoted_by_hand(2));
    assert!(kills(&actions) && written(&actions).is_none());
}

#[test]
fn an_old_coordinator_that_was_started_by_hand_is_no_promotion() {
    let mut bench = watching(CommitsWait::WhileStreaming, record(2, None));
    assert_eq!(watch(&mut bench, 2_000 + D), None);
    let actions = bench.on(promoted_by_hand(1));
    assert!(kills(&actions) && written(&actions).is_none());
}

#[test]
fn nobody_is_lost_by_a_record_that_cannot_be_read() {
    let mut bench = watching(CommitsWait::WhileStreaming, record(2, None));
    assert_eq!(watch(&mut bench, 2_000 + D), None);
    let mut last = Vec::new();
    for at in 0..8 {
        // No read is answered.
        last = bench.at(3_000 + D + at * 1_000);
    }
    assert!(!kills(&last));
    assert!(kills(&bench.on(promoted_by_hand(2))));
}

/// What a holder leaves whose server is dead, to whom was in sync.
fn left(in_sync: Option<InSync>) -> Record {
    Record {
        holder: None,
        in_sync,
        released: Some(Released {
            by: pod(0, "a"),
            lsn: Lsn::NONE,
            timeline: 1,
            why: ReleaseWhy::Crashed,
        }),
        ..record(2, None)
    }
}

#[test]
fn the_role_of_a_dead_server_is_taken_at_once_by_who_is_in_sync_and_by_nobody_else() {
    let taken = |waits, left: Record, local: Event| {
        let mut bench = watching(waits, record(2, Some(in_sync("b"))));
        bench.on(local);
        let actions = bench.at(4_000);
        let actions = bench.reads(&actions, Seen::Record(left), 3);
        written(&actions).is_some_and(|(_, record)| record.is_held_by(&pod(1, "b")))
    };
    let (always, streaming) = (CommitsWait::Always, CommitsWait::WhileStreaming);
    assert!(taken(always, left(Some(in_sync("b"))), standby(None, None)));
    assert!(!taken(always, left(None), standby(None, None)));
    assert!(!taken(always, left(Some(in_sync("another"))), standby(None, None)));
    let together = || standby(Some(3_000), Some(3_100));
    assert!(taken(streaming, left(Some(in_sync("b"))), together()));
    let alone = || standby(Some(3_000), None);
    assert!(!taken(streaming, left(Some(in_sync("b"))), alone()));
}
