use super::*;

/// Commits wait for the second time: at first by the record that the holder finds.
const TURN: u64 = 2;

pub(super) fn stream(proven: bool, now: u64) -> Stream {
    Stream {
        id: "s".into(),
        heard: ms(now),
        replied: ms(now),
        gives_up: Some(ms(60_000)),
        behind_for: None,
        waits: true,
        proven: proven.then_some(TURN),
    }
}

/// coordinator-0, whose server has started, with nobody in sync.
pub(super) fn alone() -> Bench {
    let mut bench = Bench::new(pod(0, "a"), CommitsWait::Always);
    let actions = bench.at(0);
    bench.on(local(DirectoryKind::Primary, Server::Down));
    bench.on(Event::StartWanted);
    let actions = bench.reads(&actions, Seen::Record(record(1, Some(in_sync("b")))), 1);
    assert!(matches!(bench.machine.may_start(), Permit::No(_)), "by a read alone");
    let (ticket, written) = written(&actions).expect("it renews");
    assert_eq!(
        written.in_sync, None,
        "before a server starts the standby is out of sync (R12)"
    );
    bench.done(ticket);
    assert_eq!(bench.machine.may_start(), Permit::Yes);
    bench.on(writable(None));
    bench
}

/// The same with its standby in sync since the second that is returned.
pub(super) fn with_standby() -> Bench {
    let mut bench = alone();
    bench.now = 1_000;
    bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
    let actions = bench.on(writable(Some(stream(false, 1_000))));
    assert!(actions.contains(&Action::CommitsWait(Some(TURN))), "{actions:?}");
    let actions = bench.at(2_000);
    let (ticket, renewed) = written(&actions).expect("it renews");
    assert_eq!(renewed.in_sync, None);
    bench.done(ticket);
    bench.now = 3_000;
    let actions = bench.on(writable(Some(stream(true, 3_000))));
    let arm = place(&actions, |a| *a == Action::ArmFence(ms(3_000 + H))).expect("R5: init has the deadline");
    let write = place(&actions, |a| matches!(a, Action::Write { .. })).expect("the record says it");
    assert!(arm < write, "{actions:?}");
    let (ticket, record) = written(&actions).expect("it was found");
    assert_eq!(record.in_sync, Some(in_sync("b")));
    bench.done(ticket);
    bench
}

#[test]
fn what_was_proven_before_commits_were_let_go_is_not_proven_afterwards() {
    let mut bench = with_standby();
    bench.now = 4_000;
    let actions = bench.on(writable(None));
    let (ticket, _) = written(&actions).expect("it withdraws at once");
    bench.done(ticket);
    let actions = bench.at(10_000);
    let (ticket, _) = written(&actions).expect("it renews");
    bench.done(ticket);
    // A look that began when commits waited, and is told now.
    bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
    let actions = bench.on(writable(Some(stream(true, 10_000))));
    assert!(actions.contains(&Action::CommitsWait(Some(TURN + 1))), "{actions:?}");
    assert!(written(&actions).is_none_or(|(_, record)| record.in_sync.is_none()));
    let actions = bench.at(10_001);
    assert!(written(&actions).is_none_or(|(_, record)| record.in_sync.is_none()));
}

#[test]
fn r1_r12_a_server_starts_after_an_own_write_that_leaves_nobody_in_sync() {
    alone();
}

#[test]
fn r2_a_holder_with_nobody_in_sync_has_no_deadline() {
    let mut bench = alone();
    let actions = bench.at(3_600_000);
    assert_eq!(
        place(&actions, |a| matches!(a, Action::KillNow(_) | Action::ArmFence(_))),
        None
    );
    assert_eq!(bench.machine.view().deadline, None);
}

#[test]
fn r3_a_deadline_counts_from_the_decision_to_renew() {
    let mut bench = with_standby();
    let actions = bench.at(5_000);
    let (ticket, _) = written(&actions).expect("it renews");
    bench.now = 6_400;
    let actions = bench.done(ticket);
    assert!(actions.contains(&Action::ArmFence(ms(5_000 + H))), "{actions:?}");
}

#[test]
fn r4_the_server_is_killed_at_the_deadline() {
    let mut bench = with_standby();
    assert_eq!(
        place(&bench.at(3_000 + H - 1), |a| matches!(a, Action::KillNow(_))),
        None
    );
    let actions = bench.at(3_000 + H);
    assert!(actions.contains(&Action::KillNow(Kill::Deadline)), "{actions:?}");
}

#[test]
fn r5_where_init_keeps_no_deadline_nobody_is_in_sync() {
    let mut bench = alone();
    bench.machine.me.fence = false;
    bench.now = 2_000;
    bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
    let actions = bench.on(writable(Some(stream(true, 2_000))));
    assert!(!actions.contains(&Action::CommitsWait(Some(TURN))));
    assert_eq!(bench.machine.view().no_failover, Some(Lack::NoFence));
}

#[test]
fn an_init_that_could_not_be_told_a_deadline_once_is_told_one_again() {
    let mut bench = with_standby();
    bench.now = 4_000;
    let actions = bench.on(Event::FenceFailed("no room".into()));
    let (ticket, withdrawn) = written(&actions).expect("it withdraws");
    assert_eq!(withdrawn.in_sync, None);
    bench.done(ticket);
    assert_eq!(
        bench.machine.view().no_failover,
        Some(Lack::FenceFailed("no room".into()))
    );
    bench.now = 14_000;
    let actions = bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
    assert!(actions.contains(&Action::CommitsWait(Some(TURN + 1))), "{actions:?}");
}

#[test]
fn r11_the_record_is_withdrawn_before_commits_wait_no_longer() {
    let mut bench = with_standby();
    bench.now = 4_000;
    let actions = bench.on(writable(None));
    let (ticket, withdrawn) = written(&actions).expect("it withdraws at once");
    assert_eq!(withdrawn.in_sync, None);
    assert!(!actions.contains(&Action::CommitsWait(None)) && !actions.contains(&Action::DisarmFence));
    let actions = bench.done(ticket);
    assert!(actions.contains(&Action::CommitsWait(None)) && actions.contains(&Action::DisarmFence));
    assert!(actions.contains(&Action::Tell(Notice::NotInSync(Lack::ConnectionEnded))));
}

#[test]
fn r11_a_standby_that_says_nothing_is_let_go_after_three_seconds_and_its_connection_ended() {
    let mut bench = with_standby();
    bench.now = 4_000;
    let actions = bench.on(Event::Peer(PeerAnswer::Silent));
    assert_eq!(written(&actions), None);
    let actions = bench.at(6_000);
    let (ticket, withdrawn) = written(&actions).expect("it withdraws");
    assert_eq!(withdrawn.in_sync, None);
    assert!(bench.done(ticket).contains(&Action::EndWalsender("s".into())));
}

#[test]
fn a_withdrawal_whose_answer_is_lost_may_not_be_in_force() {
    let mut bench = with_standby();
    bench.now = 4_000;
    let actions = bench.on(writable(None));
    let (ticket, withdrawn) = written(&actions).expect("it withdraws");
    let withdrawn = withdrawn.clone();
    let outcome = Outcome::Unknown(RequestError::NoAnswer);
    let actions = bench.on(Event::Wrote { ticket, outcome });
    assert!(!actions.contains(&Action::CommitsWait(None)) && !actions.contains(&Action::DisarmFence));
    let actions = bench.at(5_000);
    let actions = bench.reads(&actions, Seen::Record(withdrawn), 9);
    assert!(
        actions.contains(&Action::CommitsWait(None)) && actions.contains(&Action::DisarmFence),
        "{actions:?}"
    );
}

#[test]
fn with_the_authority_silent_the_promise_of_the_one_in_sync_counts_from_the_question() {
    let mut bench = with_standby();
    let actions = bench.at(5_000);
    let (ticket, _) = written(&actions).expect("it renews");
    bench.now = 6_500;
    let outcome = Outcome::Unknown(RequestError::NoAnswer);
    let actions = bench.on(Event::Wrote { ticket, outcome });
    let asked = |actions: &[Action]| {
        actions.iter().find_map(|a| match a {
            Action::AskPromise { ticket, seconds, .. } => Some((*ticket, *seconds)),
            _ => None,
        })
    };
    let (ticket, seconds) = asked(&actions).expect("it asks");
    assert_eq!(seconds, 10);
    let reply = Reply::Yes;
    let actions = bench.on(Event::PromiseAnswered {
        ticket,
        by: pod(1, "another"),
        reply,
    });
    assert_eq!(
        place(&actions, |a| matches!(a, Action::ArmFence(_))),
        None,
        "a pod that was replaced"
    );
    bench.on(Event::Peer(PeerAnswer::Facts(peer("b"))));
    let actions = bench.at(7_500);
    let (ticket, _) = asked(&actions).expect("it asks again");
    bench.now = 8_000;
    let actions = bench.on(Event::PromiseAnswered {
        ticket,
        by: pod(1, "b"),
        reply,
    });
    assert!(actions.contains(&Action::ArmFence(ms(7_500 + H))), "{actions:?}");
    assert!(bench.machine.view().by_promise);
}

#[test]
fn another_holder_in_the_record_means_the_end_at_once() {
    let mut bench = with_standby();
    let actions = bench.at(5_000);
    let (ticket, _) = written(&actions).expect("it renews");
    let actions = bench.on(Event::Wrote {
        ticket,
        outcome: Outcome::Conflict,
    });
    let other = Record {
        holder: Some(pod(1, "b")),
        epoch: 2,
        ..record(20, None)
    };
    let actions = bench.reads(&actions, Seen::Record(other), 20);
    assert!(
        actions.contains(&Action::KillNow(Kill::NotHolder(Some(pod(1, "b"))))),
        "{actions:?}"
    );
    assert!(matches!(bench.machine.may_start(), Permit::No(_)));
}

#[test]
fn r10_a_record_that_is_missing_is_written_anew_by_its_holder() {
    let mut bench = with_standby();
    let actions = bench.at(5_000);
    let (ticket, _) = written(&actions).expect("it renews");
    let actions = bench.on(Event::Wrote {
        ticket,
        outcome: Outcome::Conflict,
    });
    let actions = bench.reads(&actions, Seen::Absent, 21);
    let Some(Action::Write { record, over, .. }) = actions.iter().find(|a| matches!(a, Action::Write { .. })) else {
        panic!("{actions:?}");
    };
    assert_eq!((record.epoch, &record.in_sync, over), (2, &None, &None));
    assert!(record.is_held_by(&pod(0, "a")));
}

#[test]
fn a_standby_that_was_lost_a_moment_ago_is_not_said_to_catch_up() {
    let mut bench = with_standby();
    bench.now = 3_500;
    let actions = bench.on(writable(None));
    let (ticket, record) = written(&actions).expect("it is withdrawn");
    assert_eq!(record.in_sync, None);
    bench.done(ticket);
    bench.now = 3_600;
    let again = Stream {
        waits: false,
        ..stream(false, 3_600)
    };
    bench.on(writable(Some(again)));
    assert_eq!(bench.machine.view().no_failover, Some(Lack::LostJustNow));
}

#[test]
fn an_authority_that_is_silent_for_an_hour_leaves_one_write_open() {
    let mut bench = with_standby();
    let mut now = 5_000;
    while now < 3_600_000 {
        now += 1_000;
        for action in bench.at(now) {
            let why = RequestError::NoAnswer;
            match action {
                Action::Write { ticket, .. } => {
                    let outcome = Outcome::Unknown(why);
                    bench.on(Event::Wrote { ticket, outcome });
                }
                Action::Read(ticket) => {
                    let found = Err(why);
                    bench.on(Event::Read { ticket, found });
                }
                _ => {}
            }
        }
    }
    assert!(bench.machine.requests.open().count() <= 2, "renewed, and withdrawn");
}
