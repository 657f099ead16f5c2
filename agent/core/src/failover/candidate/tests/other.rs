//! What follows from the other candidate's words, and from its silence.

use super::standby::{watch, watching};
use super::*;
use crate::failover::lsn::Lsn;
use crate::failover::record::{ReleaseWhy, Released};

#[test]
fn an_answer_that_is_not_understood_is_no_silence() {
    let unclear = || Event::Peer(PeerAnswer::NotUnderstood("format 9".into()));
    // Taken by force it is from nobody who answers.
    let mut bench = watching(CommitsWait::Always, record(2, None));
    bench.on(Event::Command(Command::AcceptDataLoss { by: "x".into() }));
    let refused = |actions: &[Action]| actions.iter().any(|a| matches!(a, Action::Tell(Notice::Refused(_))));
    let actions = bench.on(unclear());
    assert!(refused(&actions), "{actions:?}");
    assert_eq!(watch(&mut bench, 60_000), None);
    // Nobody is shown to be dead while its agent answers.
    let mut bench = watching(CommitsWait::Always, record(2, Some(in_sync("b"))));
    bench.on(Event::Peer(PeerAnswer::Silent));
    bench.on(unclear());
    let prove = |actions: &[Action]| actions.iter().any(|a| matches!(a, Action::ProveDeath { .. }));
    assert!((0..20).all(|step| !prove(&bench.at(3_000 + 500 * step))));
}

#[test]
fn nobody_takes_over_from_a_holder_whose_server_nothing_ends() {
    for unable in [Unable::OldAgent, Unable::SwitchedOff, Unable::OtherAuthority] {
        let mut bench = watching(CommitsWait::Always, record(2, Some(in_sync("b"))));
        let words = PeerFacts {
            pod: pod(0, "a"),
            unable: Some(unable.clone()),
            ..peer("b")
        };
        bench.on(Event::Peer(PeerAnswer::Facts(words)));
        bench.on(Event::Peer(PeerAnswer::Silent));
        assert_eq!(watch(&mut bench, 60_000), None, "{unable:?}");
        let lack = bench.machine.view().no_failover;
        assert_eq!(lack, Some(Lack::HolderUnfenced(unable)));
    }
}

/// Somebody else's record is renewed all the while, and is none to go by for as long; one that is gone is so from then on.
#[test]
fn how_long_a_record_is_missing_counts_from_when_it_was_gone() {
    let mut bench = watching(CommitsWait::Always, record(2, None));
    assert_eq!(bench.machine.view().absent_since, None);
    let theirs = |serial| Record {
        cluster: "theirs".into(),
        ..record(serial, None)
    };
    let mut since = Vec::new();
    for (now, serial) in [(4_000, 3), (6_000, 4), (8_000, 5)] {
        let actions = bench.at(now);
        bench.reads(&actions, Seen::Record(theirs(serial)), serial);
        assert_eq!(bench.machine.view().absent_since, None);
        since.push(bench.machine.view().no_failover_since);
    }
    assert!(since.windows(2).all(|two| two[0] == two[1]), "{since:?}");
    for now in [10_000, 12_000] {
        let actions = bench.at(now);
        bench.reads(&actions, Seen::Absent, 0);
        assert_eq!(bench.machine.view().absent_since, Some(ms(10_000)));
    }
}

/// A coordinator that had a standby, lost it, and runs without failover until it starts again has written since it released the
/// record.
#[test]
fn nobody_takes_a_released_role_from_a_pod_that_goes_by_no_record() {
    for why in [ReleaseWhy::Stopped, ReleaseWhy::PodEnds, ReleaseWhy::Switchover] {
        for unable in [None, Some(Unable::SwitchedOff), Some(Unable::OldAgent)] {
            let released = Record {
                holder: None,
                released: Some(Released {
                    by: pod(0, "a"),
                    lsn: Lsn(100),
                    timeline: 1,
                    why,
                }),
                ..record(2, None)
            };
            let mut bench = watching(CommitsWait::WhileStreaming, released);
            let words = PeerFacts {
                pod: pod(0, "a"),
                unable: unable.clone(),
                ..peer("b")
            };
            bench.on(Event::Peer(PeerAnswer::Facts(words)));
            bench.on(Event::Peer(PeerAnswer::Silent));
            let taken = watch(&mut bench, 120_000);
            assert_eq!(taken.is_some(), unable.is_none(), "{why:?} {unable:?} {taken:?}");
        }
    }
}

/// A coordinator's directory, and no record yet.
fn first(timeline: u32) -> (Bench, Vec<Action>) {
    let mut bench = Bench::new(pod(0, "a"), CommitsWait::Always);
    let actions = bench.at(0);
    let mut own = local(DirectoryKind::Primary, Server::Down);
    if let Event::Local(facts) = &mut own {
        facts.directory.timeline = timeline;
    }
    bench.on(own);
    bench.on(Event::StartWanted);
    let actions = bench.reads(&actions, Seen::Absent, 0);
    (bench, actions)
}

fn creates(bench: &mut Bench, actions: Vec<Action>, until: u64) -> bool {
    let mut actions = actions;
    loop {
        if written(&actions).is_some() {
            return true;
        }
        let now = bench.now + 500;
        if now > until {
            return false;
        }
        actions = bench.at(now);
        if actions.iter().any(|a| matches!(a, Action::Read(_))) {
            let more = bench.reads(&actions, Seen::Absent, 0);
            actions.extend(more);
        }
    }
}

#[test]
fn the_first_record_is_written_by_nobody_who_may_be_an_old_coordinator() {
    let other = |directory, timeline| {
        Event::Peer(PeerAnswer::Facts(PeerFacts {
            directory,
            timeline,
            epoch: 0,
            ..peer("b")
        }))
    };
    let primary = Some(DirectoryKind::Primary);
    // Nothing is heard yet.
    let (mut bench, actions) = first(1);
    assert!(!creates(&mut bench, actions, 1_000));
    // A lease of silence is all that can be waited for.
    bench.on(Event::Peer(PeerAnswer::Silent));
    assert!(!creates(&mut bench, Vec::new(), 8_000));
    assert!(creates(&mut bench, Vec::new(), 30_000));
    for (answer, creates_it) in [
        (other(primary, 2), false),
        (other(primary, 1), false),
        (other(Some(DirectoryKind::Standby), 1), true),
        (other(Some(DirectoryKind::Absent), 0), true),
        (other(Some(DirectoryKind::Absent), 2), false),
        (other(Some(DirectoryKind::HalfMade), 1), true),
        (other(Some(DirectoryKind::HalfMade), 2), false),
        (other(Some(DirectoryKind::Unreadable), 2), false),
        (Event::Peer(PeerAnswer::NotUnderstood("format 9".into())), false),
    ] {
        let (mut bench, actions) = first(1);
        let mut all = actions;
        all.extend(bench.on(answer.clone()));
        assert_eq!(creates(&mut bench, all, 30_000), creates_it, "{answer:?}");
        // A wait of which nobody but an administrator can know the end says so.
        let view = bench.machine.view();
        let rivals = matches!(view.doubt, Some(Doubt::NoRecordBeside(..))) && !view.unclaimed;
        assert_eq!(
            rivals,
            answer == other(primary, 1) || answer == other(primary, 2),
            "{answer:?}"
        );
    }
    let (mut bench, mut actions) = first(2);
    actions.extend(bench.on(other(primary, 1)));
    assert!(creates(&mut bench, actions, 1_000), "it is the newer one");
}
