use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// A decision after the partner had its time to answer, without a memory.
fn decide(role: Role, own: &Directory, partner: &Partner, partner_name: &str) -> Decision {
    super::decide(&Question {
        role,
        own,
        partner,
        partner_name,
        newest_timeline: 0,
        remains: None,
        asked_for: timeouts::PARTNER_SILENT,
    })
}

fn dir(kind: DirectoryKind, timeline: u32) -> Directory {
    Directory {
        kind,
        system_id: (kind != DirectoryKind::Absent).then(|| "7".to_string()),
        timeline,
    }
}
fn answered(kind: DirectoryKind, timeline: u32, writable: bool) -> Partner {
    Partner::Answered {
        directory: dir(kind, timeline),
        writable,
    }
}
use DirectoryKind::*;

#[test]
fn a_fresh_cluster_is_created() {
    let both_empty = answered(Absent, 0, false);
    assert_eq!(
        decide(Role::Primary, &dir(Absent, 0), &both_empty, "m"),
        Decision::Create
    );
    assert!(matches!(
        decide(Role::Mirror, &dir(Absent, 0), &both_empty, "p"),
        Decision::Wait(_)
    ));
    assert_eq!(
        decide(Role::Mirror, &dir(Absent, 0), &answered(Primary, 1, true), "p"),
        Decision::Clone
    );
}

/// By the record a pod without a directory is to follow, whatever it was made for.
#[test]
fn a_copy_is_made_of_a_server_that_writes_alone() {
    let of = |kind| decide(Role::Standby, &dir(Absent, 0), &answered(kind, 1, false), "c-1");
    let words = |decision| match decision {
        Decision::Wait(words) => words,
        other => format!("{other:?}"),
    };
    assert_eq!(
        words(of(Standby)),
        "the volume is empty, and c-1 holds a copy that nobody has promoted; waiting for one that writes"
    );
    assert_eq!(words(of(Primary)), "waiting for c-1 to be up before copying it");
}

#[test]
fn a_lost_primary_volume_is_not_initialised_over_its_mirror() {
    assert!(matches!(
        decide(Role::Coordinator, &dir(Absent, 0), &answered(Standby, 1, false), "m"),
        Decision::Refuse { .. }
    ));
    assert!(matches!(
        decide(Role::Coordinator, &dir(Absent, 0), &Partner::Silent, "m"),
        Decision::Wait(_)
    ));
}

#[test]
fn an_old_primary_does_not_start_beside_a_promoted_mirror() {
    assert!(matches!(
        decide(Role::Primary, &dir(Primary, 1), &answered(Primary, 2, false), "m"),
        Decision::Refuse { .. }
    ));
    assert_eq!(
        decide(Role::Mirror, &dir(Primary, 2), &answered(Primary, 1, false), "p"),
        Decision::Start
    );
}

#[test]
fn a_primary_waits_for_a_mirror_of_a_newer_version_and_not_for_a_dead_one() {
    let why = "m speaks format 3, this agent reads up to 1".to_string();
    let newer = Partner::NotUnderstood { why };
    let decision = decide(Role::Primary, &dir(Primary, 1), &newer, "m");
    assert!(matches!(&decision, Decision::Wait(words) if words.contains("m speaks format 3")));
    let mirror = decide(Role::Mirror, &dir(Standby, 1), &newer, "p");
    assert_eq!(mirror, Decision::Start, "a replica is not written to");
}

#[test]
fn a_cluster_with_a_dead_mirror_starts() {
    assert_eq!(
        decide(Role::Primary, &dir(Primary, 1), &Partner::Silent, "m"),
        Decision::Start
    );
}

#[test]
fn a_refused_old_primary_stays_refused_while_nobody_answers() {
    let own = dir(Primary, 1);
    let ask = |newest_timeline, asked_for| {
        super::decide(&Question {
            role: Role::Primary,
            own: &own,
            partner: &Partner::Silent,
            partner_name: "m",
            newest_timeline,
            remains: None,
            asked_for,
        })
    };
    assert!(matches!(ask(2, Duration::from_secs(3600)), Decision::Refuse { .. }));
    assert_eq!(ask(1, timeouts::PARTNER_SILENT), Decision::Start);
    assert!(matches!(ask(0, Duration::ZERO), Decision::Wait(_)), "not so soon");
}

#[test]
fn the_newest_server_lets_an_older_one_step_down_first() {
    let own = dir(Primary, 2);
    let older = answered(Primary, 1, true);
    let ask = |asked_for| {
        super::decide(&Question {
            role: Role::Mirror,
            own: &own,
            partner: &older,
            partner_name: "p",
            newest_timeline: 1,
            remains: None,
            asked_for,
        })
    };
    assert!(matches!(ask(timeouts::PARTNER_SILENT), Decision::Wait(_)));
    assert_eq!(ask(timeouts::OLDER_STEPS_DOWN), Decision::Start, "it never will");
}

#[test]
fn only_a_newer_timeline_of_the_same_database_stops_a_server() {
    let own = dir(Primary, 1);
    assert!(must_step_down(&own, &answered(Primary, 2, true)));
    assert!(must_step_down(&own, &answered(Primary, 2, false)));
    assert!(!must_step_down(&own, &answered(Standby, 2, false)));
    assert!(!must_step_down(&own, &answered(Primary, 1, true)));
    let mut foreign = dir(Primary, 9);
    foreign.system_id = Some("8".into());
    let foreign = Partner::Answered {
        directory: foreign,
        writable: true,
    };
    assert!(!must_step_down(&own, &foreign));
}

/// A folder too many or too few in storage.path: whatever the partner says, the database that lies beside is named.
#[test]
fn a_database_that_lies_beside_is_never_called_an_empty_volume() {
    let own = dir(Absent, 0);
    let remains = "the volume holds /greenplum/gpseg0";
    let silent_or_not_read = [
        Partner::None,
        Partner::Silent,
        Partner::NotUnderstood { why: "no".into() },
    ];
    let answers = [Absent, HalfMade, Unreadable, Standby, Primary].map(|kind| answered(kind, 1, false));
    let partners: Vec<Partner> = silent_or_not_read.into_iter().chain(answers).collect();
    for (partner, role) in partners.iter().flat_map(|p| [(p, Role::Primary), (p, Role::Mirror)]) {
        let decision = super::decide(&Question {
            role,
            own: &own,
            partner,
            partner_name: "m",
            newest_timeline: 0,
            remains: Some(remains),
            asked_for: timeouts::PARTNER_SILENT,
        });
        let (what, remedy) = match decision {
            Decision::Wait(what) => (what, None),
            Decision::Refuse { what, remedy } => (what, Some(remedy)),
            other => panic!("{partner:?}: {other:?}"),
        };
        assert!(
            what.contains(remains) && !what.contains("empty although"),
            "{partner:?}: {what}"
        );
        assert!(
            remedy.is_none_or(|remedy| remedy.contains("put storage.path back")),
            "{partner:?}"
        );
    }
}

fn kinds() -> impl Strategy<Value = DirectoryKind> {
    prop_oneof![Just(Absent), Just(Primary), Just(Standby), Just(HalfMade)]
}

fn roles() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Coordinator),
        Just(Role::Standby),
        Just(Role::Primary),
        Just(Role::Mirror)
    ]
}

proptest! {
    /// Whatever the directories are: two pods that hear each other never both run writable.
    #[test]
    fn never_two_writable(a in kinds(), ta in 1u32..4, b in kinds(), tb in 1u32..4, same in any::<bool>()) {
        let own = dir(a, ta);
        let mut other = dir(b, tb);
        if !same { other.system_id = Some("8".into()); }
        let view = |d: &Directory| Partner::Answered { directory: d.clone(), writable: false };
        let one = decide(Role::Primary, &own, &view(&other), "m");
        let two = decide(Role::Mirror, &other, &view(&own), "p");
        let runs_writable = |d: &Decision, k: DirectoryKind| matches!(d, Decision::Create)
            || (matches!(d, Decision::Start) && k == Primary);
        prop_assert!(!(runs_writable(&one, a) && runs_writable(&two, b)));
    }

    /// An answer that is not understood allows nothing that silence does not allow, and never a writable server.
    #[test]
    fn what_is_not_understood_is_no_permission(kind in kinds(), timeline in 1u32..4, role in roles()) {
        let own = dir(kind, timeline);
        let why = "m speaks format 3, this agent reads up to 1".to_string();
        let unclear = decide(role, &own, &Partner::NotUnderstood { why: why.clone() }, "m");
        let silent = decide(role, &own, &Partner::Silent, "m");
        match &unclear {
            Decision::Start => prop_assert!(kind == Standby && silent == Decision::Start),
            Decision::Wait(words) => prop_assert!(words.contains(&why)),
            Decision::Refuse { .. } => prop_assert_eq!(&unclear, &silent),
            Decision::Create | Decision::Clone | Decision::Rejoin => prop_assert!(false, "{:?}", unclear),
        }
    }

    /// An empty database is only ever created where no data of that content is known.
    #[test]
    fn create_never_beside_data(a in kinds(), b in kinds(), w in any::<bool>(), t in 1u32..4) {
        if decide(Role::Primary, &dir(a, t), &answered(b, t, w), "m") == Decision::Create {
            prop_assert!(matches!(a, Absent | HalfMade) && matches!(b, Absent | HalfMade));
        }
    }
}
