use super::holder::{alone, stream, with_standby};
use super::*;
use crate::failover::record::{ReleaseWhy, Released};

fn hung(since: u64) -> Event {
    let (stream, hangs_since) = (Some(stream(true, since)), Some(ms(since)));
    local(DirectoryKind::Primary, Server::Writable { stream, hangs_since })
}

fn kills(actions: &[Action]) -> bool {
    actions.contains(&Action::KillNow(Kill::Hangs))
}

/// Goes on to `until` with the standby's agent well and the authority answering. All that was done.
fn pass(bench: &mut Bench, until: u64, facts: impl Fn(u64) -> Event) -> Vec<Action> {
    let mut all = Vec::new();
    while bench.now < until {
        bench.now += 500;
        let now = bench.now;
        for event in [Event::Peer(PeerAnswer::Facts(peer("b"))), facts(now), Event::Due] {
            let actions = bench.on(event);
            if let Some((ticket, _)) = written(&actions) {
                all.extend(bench.done(ticket));
            }
            all.extend(actions);
        }
    }
    all
}

#[test]
fn a_server_that_hangs_is_killed_and_its_role_left_to_the_standby_in_sync() {
    let mut bench = with_standby();
    let actions = pass(&mut bench, 13_500, |_| hung(4_000));
    assert!(!kills(&actions));
    let actions = pass(&mut bench, 14_000, |_| hung(4_000));
    assert!(kills(&actions), "{actions:?}");
    assert_eq!(written(&pass(&mut bench, 15_500, |_| hung(4_000))), None, "renewed");
    let actions = bench.on(Event::Ended(Ended::Crashed));
    let (_, record) = written(&actions).expect("it is released");
    let released = Released {
        by: pod(0, "a"),
        lsn: crate::failover::lsn::Lsn::NONE,
        timeline: 1,
        why: ReleaseWhy::Crashed,
    };
    assert_eq!(
        (&record.holder, &record.released, &record.in_sync),
        (&None, &Some(released), &Some(in_sync("b")))
    );
    bench.on(Event::StartWanted);
    assert!(matches!(bench.machine.may_start(), Permit::No(_)));
}

#[test]
fn a_server_that_cannot_be_killed_loses_its_lease() {
    let mut bench = with_standby();
    let facts = |now: u64| {
        let volume_hangs_since = (now >= 9_000).then_some(ms(4_000));
        let Event::Local(facts) = writable(Some(stream(true, now))) else {
            panic!("facts");
        };
        Event::Local(LocalFacts {
            volume_hangs_since,
            ..facts
        })
    };
    assert!(kills(&pass(&mut bench, 14_000, facts)));
    let actions = pass(&mut bench, 14_000 + H, facts);
    assert_eq!(written(&actions), None);
    assert!(actions.contains(&Action::KillNow(Kill::Deadline)), "{actions:?}");
    assert!(!actions.contains(&Action::DisarmFence));
}

#[test]
fn a_crashed_server_whose_files_are_lost_leaves_its_role_to_the_standby_in_sync() {
    for kind in [DirectoryKind::Absent, DirectoryKind::HalfMade] {
        let mut bench = with_standby();
        bench.on(Event::Ended(Ended::Crashed));
        let actions = bench.on(local(kind, Server::Down));
        let (_, record) = written(&actions).expect("it is released");
        let why = record.released.as_ref().map(|released| released.why);
        assert_eq!(why, Some(ReleaseWhy::Crashed));
        assert_eq!((&record.holder, &record.in_sync), (&None, &Some(in_sync("b"))));
    }
}

#[test]
fn a_server_that_was_stopped_in_order_keeps_its_role_whatever_becomes_of_its_files() {
    let mut bench = with_standby();
    let (lsn, timeline) = (crate::failover::lsn::Lsn::NONE, 1);
    bench.on(Event::Ended(Ended::InOrder { lsn, timeline }));
    let actions = pass(&mut bench, 20_000, |_| local(DirectoryKind::Absent, Server::Down));
    let released = actions
        .iter()
        .any(|a| matches!(a, Action::Write { record, .. } if record.holder.is_none()));
    assert!(!released, "an administrator is at work: {actions:?}");
}

#[test]
fn a_server_that_hangs_with_nobody_in_sync_is_killed_and_keeps_its_role() {
    let mut bench = alone();
    let facts = |_| {
        let (stream, hangs_since) = (None, Some(ms(1_000)));
        local(DirectoryKind::Primary, Server::Writable { stream, hangs_since })
    };
    let actions = pass(&mut bench, 12_000, facts);
    assert!(kills(&actions));
    assert_eq!(
        place(&actions, |a| matches!(a, Action::Tell(Notice::StepsAside(_)))),
        None
    );
    bench.on(Event::Ended(Ended::Crashed));
    bench.on(Event::StartWanted);
    assert_eq!(bench.machine.may_start(), Permit::Yes);
}

#[test]
fn nobody_steps_aside_for_a_standby_that_was_lost_before() {
    let mut bench = with_standby();
    bench.now = 4_000;
    let actions = bench.on(writable(None));
    let (ticket, withdrawn) = written(&actions).expect("it withdraws");
    assert_eq!(withdrawn.in_sync, None);
    // It came to nothing, and what it was for is not seen any more.
    let outcome = Outcome::NotDone(RequestError::Authority("refused".into()));
    bench.on(Event::Wrote { ticket, outcome });
    bench.now = 6_000;
    let actions = bench.on(hung(4_100));
    let (_, withdrawn) = written(&actions).expect("it withdraws again");
    assert_eq!(withdrawn.in_sync, None);
}

#[test]
fn the_third_crash_within_a_minute_leaves_the_role_to_the_standby_in_sync() {
    let mut bench = with_standby();
    bench.machine.crashes = vec![ms(1_000), ms(2_000)];
    bench.now = 5_000;
    let actions = bench.on(Event::Ended(Ended::Crashed));
    let (_, record) = written(&actions).expect("it is released");
    assert_eq!(record.released.as_ref().map(|r| r.why), Some(ReleaseWhy::Crashed));
    let mut bench = with_standby();
    bench.machine.crashes = vec![ms(1_000)];
    bench.now = 5_000;
    let actions = bench.on(Event::Ended(Ended::Crashed));
    assert!(written(&actions).is_none_or(|(_, record)| record.released.is_none()));
}
