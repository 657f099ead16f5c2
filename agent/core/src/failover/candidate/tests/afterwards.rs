//! What is not over with one action: a kill, a connection's end, a wish that nothing comes of.

use super::holder::{alone, stream, with_standby};
use super::*;

#[test]
fn init_lets_programs_run_again_once_the_server_of_a_lost_role_is_gone() {
    let mut bench = alone();
    bench.now = 2_000;
    let actions = bench.at(2_000);
    let (ticket, _) = written(&actions).expect("it renews");
    let conflict = Outcome::Conflict;
    let actions = bench.on(Event::Wrote {
        ticket,
        outcome: conflict,
    });
    let other = Record {
        holder: Some(pod(1, "b")),
        epoch: 2,
        ..record(9, None)
    };
    let actions = bench.reads(&actions, Seen::Record(other), 20);
    let killed = |a: &Action| matches!(a, Action::KillNow(_));
    assert!(actions.iter().any(killed), "{actions:?}");
    assert!(!actions.contains(&Action::DisarmFence), "init kills what is left");
    let actions = bench.on(local(DirectoryKind::Primary, Server::Down));
    assert!(
        actions.contains(&Action::DisarmFence),
        "pg_rewind starts a server: {actions:?}"
    );
}

#[test]
fn the_connection_of_a_standby_that_was_let_go_is_ended_until_it_is_gone() {
    let ends = |actions: &[Action]| actions.contains(&Action::EndWalsender("s".into()));
    let mut bench = with_standby();
    bench.now = 4_000;
    bench.on(Event::Peer(PeerAnswer::Silent));
    let actions = bench.at(6_000);
    let (ticket, _) = written(&actions).expect("it withdraws");
    assert!(ends(&bench.done(ticket)));
    let seen = || writable(Some(stream(false, 3_000)));
    bench.now = 6_500;
    assert!(!ends(&bench.on(seen())));
    bench.now = 7_000;
    assert!(ends(&bench.on(seen())), "once a second");
    bench.now = 8_200;
    assert!(!ends(&bench.on(writable(None))), "it is gone");
    bench.now = 9_500;
    assert!(!ends(&bench.on(seen())), "another matter");
}

#[test]
fn what_nobody_has_looked_at_since_says_nothing_of_a_standby_while_the_server_stops() {
    let behind = |time: u64| {
        let seen = Stream {
            behind_for: Some(ms(time)),
            ..stream(true, 3_000)
        };
        writable(Some(seen))
    };
    let withdraws = |actions: &[Action]| written(actions).is_some_and(|(_, record)| record.in_sync.is_none());
    let mut bench = with_standby();
    bench.now = 4_000;
    bench.on(behind(100));
    // Whatever else happens, nobody has seen it behind for longer.
    bench.now = 4_900;
    let actions = bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
    assert!(!withdraws(&actions));
    bench.on(Event::Draining { hand_over: true });
    for now in [7_500, 8_000, 8_500] {
        bench.now = now;
        bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
        assert!(!withdraws(&bench.on(behind(3_500))), "{now}");
    }
    let mut bench = with_standby();
    bench.now = 4_900;
    assert!(withdraws(&bench.on(behind(3_000))), "of one that serves it does");
}

#[test]
fn a_moment_without_a_transaction_is_not_waited_for_for_ever() {
    let mut bench = with_standby();
    bench.now = 3_100;
    let actions = bench.on(Event::Command(Command::Switchover {
        when_idle: true,
        by: "x".into(),
    }));
    let (ticket, asked) = written(&actions).expect("the record says it");
    let wanted = |record: &Record| record.switchover.as_ref().map(|s| s.when_idle);
    assert_eq!(wanted(asked), Some(true));
    bench.done(ticket);
    let mut failed = None;
    for now in (4_000..700_000).step_by(1_000) {
        bench.now = now;
        let mut actions = bench.on(writable(Some(stream(true, now))));
        actions.extend(bench.on(Event::Peer(PeerAnswer::Facts(peer("b")))));
        let given_up = actions
            .iter()
            .any(|a| matches!(a, Action::Tell(Notice::HandOverFailed(_))));
        if given_up {
            failed = Some(now);
            break;
        }
        if let Some((ticket, _)) = written(&actions) {
            bench.done(ticket);
        }
    }
    assert_eq!(failed, Some(604_000));
}

#[test]
fn what_refuses_every_write_is_asked_once_a_second() {
    let mut bench = alone();
    let mut writes = 0;
    let mut actions = bench.at(2_000);
    while bench.now < 12_000 {
        if let Some((ticket, _)) = written(&actions) {
            writes += 1;
            let outcome = Outcome::Conflict;
            actions = bench.on(Event::Wrote { ticket, outcome });
        } else if actions.iter().any(|a| matches!(a, Action::Read(_))) {
            actions = bench.reads(&actions, Seen::Record(record(2, None)), 2);
        } else {
            let now = bench.now + 100;
            actions = bench.at(now);
        }
    }
    assert!((5..=14).contains(&writes), "{writes}");
}
