use super::*;
use crate::cluster::status::Phase;
use crate::cluster::status::PodStatus;
use crate::cluster::topology::Role;
use crate::finding::Area;
use crate::finding::Finding;
use proptest::prelude::*;
use std::time::Duration;

fn status(phase: Phase, reason: &str) -> PodStatus {
    let mut status = PodStatus::unknown("segment-a-0");
    (status.phase, status.reason) = (phase, reason.into());
    status.cluster = "warehouse".into();
    status.preferred_role = Some(Role::Primary);
    status
}

fn shown(notices: &[Notice]) -> String {
    let line = |n: &Notice| format!("{} {}: {}", n.kind.as_str(), n.reason, n.message);
    notices.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_life_of_a_pod() {
    let mut watcher = Watcher::default();
    let mut all = Vec::new();
    let mut see = |status: &PodStatus, now| all.extend(watcher.look(status, now));
    let mut refused = status(Phase::Refused, "no disk");
    refused.findings = vec![
        Finding::error(Area::Storage, "/greenplum", "this is a tmpfs", "mount a disk"),
        Finding::warning(Area::Storage, "/dev/shm", "it is small", "enlarge it"),
        Finding::warning(Area::Kubernetes, "pod", "not allowed", "allow it"),
    ];
    for now in [0, 10, 20] {
        see(&refused, now);
    }
    see(&status(Phase::Bootstrapping, "initdb"), 30);
    see(&status(Phase::Starting, ""), 31);
    let mut running = status(Phase::Running, "");
    running.active_role = Some(Role::Mirror);
    see(&running, 32);
    running.findings = vec![Finding::warning(Area::Hba, "line 7", "too wide", "narrow it")];
    for now in [40, 50] {
        see(&running, now);
    }
    running.active_role = Some(Role::Primary);
    see(&running, 51);
    see(&status(Phase::Crashed, "once"), 60);
    see(&status(Phase::CrashLoop, "the postmaster ended (crash 3 in a row)"), 61);
    see(&running, 62);
    see(&status(Phase::Hung, "no answer for 10 s"), 63);
    insta::assert_snapshot!(shown(&all), @r"
        Warning StorageRefused: /greenplum: this is a tmpfs; mount a disk
        Normal Bootstrapped: the database of cluster warehouse is created, and the mirror runs here
        Warning HbaFinding: line 7: too wide; narrow it
        Normal RoleChanged: was active as mirror, is active as primary now
        Warning CrashLoop: the postmaster ended (crash 3 in a row)
        Warning Hung: no answer for 10 s
        ");
}

#[test]
fn what_lasts_for_a_moment_is_not_told() {
    let mut watcher = Watcher::default();
    let mut found = status(Phase::Running, "");
    let finding = Finding::error(Area::Hba, "segment-b-0", "is refused", "wait");
    for now in 0..100 {
        found.findings = if now % 9 == 0 { vec![] } else { vec![finding.clone()] };
        assert_eq!(watcher.look(&found, now), []);
    }
}

#[test]
fn a_restarted_agent_tells_nothing_of_an_old_database() {
    let mut watcher = Watcher::default();
    assert_eq!(watcher.look(&status(Phase::Starting, ""), 0), []);
    let mut running = status(Phase::Running, "");
    running.active_role = Some(Role::Primary);
    assert_eq!(watcher.look(&running, 1), []);
}

const NOW: Duration = Duration::ZERO;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn notice(reason: &'static str, topic: &str) -> Notice {
    Notice {
        kind: Kind::Warning,
        reason,
        message: format!("about {topic}"),
        topic: topic.into(),
    }
}

fn due(queue: &EventQueue, now: Duration) -> EventUpdate {
    match queue.next(now) {
        Due::Send(update) => *update,
        Due::Wait(wait) => panic!("nothing is due for {wait:?}"),
    }
}

#[test]
fn the_same_again_is_counted_and_not_told_at_once() {
    let mut queue = EventQueue::new(EventLimits::default());
    assert_eq!(queue.next(NOW), Due::Wait(None));
    queue.note(notice("CrashLoop", ""), 100);
    let first = due(&queue, NOW);
    assert_eq!((first.name.as_deref(), first.count), (None, 1));
    queue.sent(&first, "pod.1".into(), NOW);
    assert_eq!(queue.next(NOW), Due::Wait(None));
    queue.note(notice("CrashLoop", ""), 105);
    queue.note(notice("CrashLoop", ""), 110);
    assert_eq!(queue.next(secs(10)), Due::Wait(Some(secs(50))));
    let again = due(&queue, secs(60));
    assert_eq!((again.name.as_deref(), again.count), (Some("pod.1"), 3));
    assert_eq!((again.first, again.last), (100, 110));
    queue.expired(&again);
    let anew = due(&queue, secs(60));
    assert_eq!((anew.name, anew.count, anew.first), (None, 1, 110));
}

#[test]
fn what_happens_while_it_is_sent_is_told_later() {
    let mut queue = EventQueue::new(EventLimits::default());
    queue.note(notice("Hung", ""), 1);
    let update = due(&queue, NOW);
    queue.note(notice("Hung", ""), 2);
    queue.sent(&update, "pod.1".into(), NOW);
    assert_eq!(due(&queue, secs(60)).count, 2);
}

#[test]
fn failures_are_waited_out_and_nothing_is_forgotten() {
    let mut queue = EventQueue::new(EventLimits::default());
    queue.note(notice("HbaFinding", "line 7"), 1);
    queue.failed(false, NOW);
    queue.failed(false, NOW);
    assert_eq!(queue.next(NOW), Due::Wait(Some(secs(2))));
    queue.failed(true, NOW);
    assert_eq!(queue.next(NOW), Due::Wait(Some(secs(300))));
    let update = due(&queue, secs(300));
    queue.sent(&update, "pod.1".into(), secs(300));
    // The next failure is the first one again.
    queue.note(notice("HbaFinding", "line 8"), 2);
    queue.failed(false, secs(400));
    assert_eq!(queue.next(secs(400)), Due::Wait(Some(secs(1))));
}

#[test]
fn what_the_api_never_takes_does_not_keep_back_the_rest() {
    let mut queue = EventQueue::new(EventLimits::default());
    queue.note(notice("Odd", ""), 1);
    queue.note(notice("Hung", ""), 2);
    let odd = due(&queue, NOW);
    queue.refused(&odd, NOW);
    assert_eq!(due(&queue, NOW).reason, "Hung");
}

#[test]
fn a_message_is_as_long_as_the_api_takes() {
    let mut queue = EventQueue::new(EventLimits::default());
    let mut long = notice("HbaFinding", "x");
    long.message = "\u{e4}".repeat(2000);
    queue.note(long, 1);
    let message = due(&queue, NOW).message;
    assert!(message.len() <= 1024 && message.len() > 1000 && message.ends_with("..."));
}

proptest! {
    /// However much happens, an hour costs ten Events and one a minute.
    #[test]
    fn much_ado_is_told_in_moderation(topics in proptest::collection::vec(0u8..200, 0..600)) {
        let mut queue = EventQueue::new(EventLimits::default());
        let (mut sent, mut now) = (0, NOW);
        let mut topics = topics.into_iter();
        while now < secs(3600) {
            if let Some(topic) = topics.next() {
                queue.note(notice("Finding", &topic.to_string()), now.as_secs());
            }
            while let Due::Send(update) = queue.next(now) {
                sent += 1;
                queue.sent(&update, format!("pod.{sent}"), now);
            }
            now += secs(5);
        }
        prop_assert!(sent <= 70, "{} Events", sent);
    }
}
