use super::*;
use crate::cluster::content::ContentId;
use DirectoryKind::{Absent, HalfMade, Primary, Standby};
use proptest::prelude::*;

fn dir(kind: DirectoryKind, timeline: u32) -> Directory {
    Directory {
        kind,
        system_id: (kind != Absent).then(|| "7".to_string()),
        timeline,
    }
}

fn answered(kind: DirectoryKind, timeline: u32, writable: bool) -> Partner {
    Partner::Answered {
        directory: dir(kind, timeline),
        writable,
    }
}

fn member(role: Role) -> Member {
    let (pod, content) = match role {
        Role::Coordinator => ("coordinator-0", ContentId::COORDINATOR),
        Role::Standby => ("coordinator-1", ContentId::COORDINATOR),
        Role::Primary => ("segment-a-0", ContentId::new(0)),
        Role::Mirror => ("segment-b-0", ContentId::new(0)),
    };
    Member {
        pod: pod.into(),
        fqdn: format!("{pod}.gp"),
        role,
        content,
        port: 1,
        data_dir: "/g".into(),
    }
}

/// The pair of content 0; `a_is_primary` tells who the catalog says is written to.
fn catalog(a_is_primary: bool, live: bool) -> CatalogAnswer {
    let segment = |pod: &str, role, preferred_role| Segment {
        dbid: 2,
        content: ContentId::new(0),
        role,
        preferred_role,
        in_sync: true,
        up: true,
        port: 1,
        hostname: format!("{pod}.gp"),
        address: format!("{pod}.gp"),
        datadir: "/g".into(),
    };
    let (a, b) = if a_is_primary {
        (CatalogRole::Primary, CatalogRole::Mirror)
    } else {
        (CatalogRole::Mirror, CatalogRole::Primary)
    };
    CatalogAnswer::Known(Catalog {
        segments: vec![
            segment("segment-a-0", a, CatalogRole::Primary),
            segment("segment-b-0", b, CatalogRole::Mirror),
        ],
        coordinator: "coordinator-0".into(),
        timeline: 1,
        read_at: 1,
        live,
    })
}

fn ask(role: Role, own: &Directory, partner: &Partner, catalog: Option<&CatalogAnswer>) -> Decision {
    decide(&Question {
        me: &member(role),
        own,
        partner,
        partner_name: "the other",
        catalog,
        newest_coordinator: 0,
        not_understood: None,
        segments_answered: 0,
        remains: None,
        memory_lost: None,
        asked_for: PARTNER_SILENT_FOR,
    })
}

fn refused(decision: &Decision) -> bool {
    matches!(decision, Decision::Refuse { .. })
}

fn waits(decision: &Decision) -> bool {
    matches!(decision, Decision::Wait(_))
}

#[test]
fn a_healthy_cluster_starts_from_its_snapshot() {
    let snapshot = catalog(true, false);
    let mirror = answered(Standby, 1, false);
    let primary = answered(Primary, 1, false);
    assert_eq!(
        ask(Role::Primary, &dir(Primary, 1), &mirror, Some(&snapshot)),
        Decision::Start
    );
    assert_eq!(
        ask(Role::Mirror, &dir(Standby, 1), &primary, None),
        Decision::Start,
        "a mirror asks nobody"
    );
}

#[test]
fn a_primary_asks_before_it_starts() {
    let own = dir(Primary, 1);
    assert!(waits(&ask(Role::Primary, &own, &Partner::Silent, None)));
    let unknown = CatalogAnswer::Unknown { why: "x".into() };
    assert!(waits(&ask(Role::Primary, &own, &Partner::Silent, Some(&unknown))));
}

#[test]
fn an_old_primary_waits_for_recovery() {
    let promoted = answered(Primary, 2, true);
    let own = dir(Primary, 1);
    for live in [true, false] {
        let decision = ask(Role::Primary, &own, &promoted, Some(&catalog(false, live)));
        assert!(refused(&decision), "{decision:?}");
    }
    let promoted_mirror = ask(
        Role::Mirror,
        &dir(Primary, 2),
        &answered(Primary, 1, false),
        Some(&catalog(false, true)),
    );
    assert_eq!(promoted_mirror, Decision::Start);
}

#[test]
fn a_snapshot_older_than_the_failover_is_not_believed() {
    let stale = catalog(true, false);
    let old = ask(
        Role::Primary,
        &dir(Primary, 1),
        &answered(Primary, 2, false),
        Some(&stale),
    );
    assert!(waits(&old), "{old:?}");
    let promoted = ask(
        Role::Mirror,
        &dir(Primary, 2),
        &answered(Primary, 1, false),
        Some(&stale),
    );
    assert_eq!(promoted, Decision::Start, "or the coordinator would wait for ever");
}

#[test]
fn an_empty_volume_is_filled_by_gprecoverseg_alone() {
    for own in [dir(Absent, 0), dir(HalfMade, 0)] {
        let decision = ask(
            Role::Mirror,
            &own,
            &answered(Primary, 1, true),
            Some(&catalog(true, true)),
        );
        assert!(refused(&decision));
        let none = CatalogAnswer::NotCreated { what: "x".into() };
        assert!(waits(&ask(Role::Mirror, &own, &Partner::Silent, Some(&none))));
    }
}

#[test]
fn a_cluster_is_created_only_where_nobody_holds_data() {
    let none = CatalogAnswer::NotCreated { what: "x".into() };
    let empty = dir(Absent, 0);
    let create = |partner: &Partner| ask(Role::Coordinator, &empty, partner, Some(&none));
    assert_eq!(create(&Partner::None), Decision::Create);
    assert_eq!(create(&answered(Absent, 0, false)), Decision::Create);
    assert!(waits(&create(&Partner::Silent)));
    assert!(refused(&create(&answered(Standby, 1, false))));
    let seen = decide(&Question {
        me: &member(Role::Coordinator),
        own: &empty,
        partner: &Partner::None,
        partner_name: "nobody",
        catalog: Some(&none),
        newest_coordinator: 1,
        not_understood: None,
        segments_answered: 1,
        remains: None,
        memory_lost: None,
        asked_for: PARTNER_SILENT_FOR,
    });
    assert!(refused(&seen), "segments belong to a cluster");
}

#[test]
fn an_old_coordinator_is_fenced() {
    let own = dir(Primary, 1);
    let activated = answered(Primary, 2, true);
    assert!(refused(&ask(Role::Coordinator, &own, &activated, None)));
    let mut question = Question {
        me: &member(Role::Coordinator),
        own: &own,
        partner: &Partner::Silent,
        partner_name: "coordinator-1",
        catalog: None,
        newest_coordinator: 2,
        not_understood: None,
        segments_answered: 1,
        remains: None,
        memory_lost: None,
        asked_for: PARTNER_SILENT_FOR,
    };
    assert!(refused(&decide(&question)), "the segments remember");
    assert!(must_step_down(&question).is_some());
    question.newest_coordinator = 1;
    assert_eq!(decide(&question), Decision::Start);
    assert!(must_step_down(&question).is_none());
    question.segments_answered = 0;
    question.asked_for = Duration::from_secs(3600);
    assert!(waits(&decide(&question)), "silence of everybody is no permission");
    question.memory_lost = Some("input/output error");
    assert!(refused(&decide(&question)), "an unreadable memory is no zero");
    assert_eq!(
        ask(Role::Standby, &dir(Primary, 2), &answered(Primary, 1, false), None),
        Decision::Start,
        "the activated standby"
    );
}

#[test]
fn a_foreign_directory_over_there_stops_no_coordinator() {
    let (me, own) = (member(Role::Coordinator), dir(Primary, 1));
    let stops = |system_id: &str, timeline| {
        let directory = Directory {
            kind: Primary,
            system_id: Some(system_id.into()),
            timeline,
        };
        let partner = Partner::Answered {
            directory,
            writable: true,
        };
        must_step_down(&Question {
            me: &me,
            own: &own,
            partner: &partner,
            partner_name: "coordinator-1",
            catalog: None,
            newest_coordinator: 1,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            asked_for: PARTNER_SILENT_FOR,
        })
    };
    assert_eq!(stops("8", 9), None);
    assert_eq!(stops("7", 1), None, "both say so, and nobody knows who is wrong");
    assert!(stops("7", 2).is_some());
}

#[test]
fn a_running_primary_steps_down_for_a_live_catalog_alone() {
    let own = dir(Primary, 1);
    let me = member(Role::Primary);
    let step = |catalog: &CatalogAnswer| {
        must_step_down(&Question {
            me: &me,
            own: &own,
            partner: &Partner::Silent,
            partner_name: "segment-b-0",
            catalog: Some(catalog),
            newest_coordinator: 0,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            asked_for: PARTNER_SILENT_FOR,
        })
    };
    assert!(step(&catalog(false, true)).is_some());
    assert!(step(&catalog(false, false)).is_none());
    assert!(step(&catalog(true, true)).is_none());
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

fn partners() -> impl Strategy<Value = Partner> {
    (kinds(), 1u32..4, any::<bool>()).prop_map(|(kind, timeline, writable)| answered(kind, timeline, writable))
}

fn catalogs() -> impl Strategy<Value = Option<CatalogAnswer>> {
    prop_oneof![
        Just(None),
        Just(Some(CatalogAnswer::Unknown { why: "x".into() })),
        Just(Some(CatalogAnswer::NotCreated { what: "x".into() })),
        (any::<bool>(), any::<bool>()).prop_map(|(a_is_primary, live)| Some(catalog(a_is_primary, live)))
    ]
}

proptest! {
    /// Two pods of one content that hear each other and the same catalog never both start writable.
    #[test]
    fn never_two_writable(a in kinds(), ta in 1u32..4, b in kinds(), tb in 1u32..4, a_is_primary in any::<bool>(), live in any::<bool>()) {
        let (own, other) = (dir(a, ta), dir(b, tb));
        let view = |d: &Directory| Partner::Answered { directory: d.clone(), writable: false };
        let answer = catalog(a_is_primary, live);
        let one = ask(Role::Primary, &own, &view(&other), Some(&answer));
        let two = ask(Role::Mirror, &other, &view(&own), Some(&answer));
        let runs = |d: &Decision, k| *d == Decision::Start && k == Primary;
        prop_assert!(!(runs(&one, a) && runs(&two, b)));
        // And when both directories are primaries', one of the two starts: the coordinator would wait for ever otherwise.
        if a == Primary && b == Primary && ta != tb && !live {
            prop_assert!(runs(&one, a) || runs(&two, b));
        }
    }

    /// An answer that is not understood, be it the partner's or another pod's, allows nothing that silence does not allow, and
    /// never a writable server. It does not keep a server from stepping down either.
    #[test]
    fn what_is_not_understood_is_no_permission(
        role in roles(), kind in kinds(), timeline in 1u32..4, catalog in catalogs(), newest in 0u32..4,
        partner in prop_oneof![Just(Partner::None), Just(Partner::Silent), partners()], partners_own in any::<bool>(),
    ) {
        let (me, own) = (member(role), dir(kind, timeline));
        let why = "x speaks format 3, this agent reads up to 1";
        let clear = Question {
            me: &me,
            own: &own,
            partner: if partners_own { &Partner::Silent } else { &partner },
            partner_name: "x",
            catalog: catalog.as_ref(),
            newest_coordinator: newest,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            asked_for: PARTNER_SILENT_FOR,
        };
        let newer = Partner::NotUnderstood { why: why.into() };
        let unclear = if partners_own {
            Question { partner: &newer, ..clear }
        } else {
            Question { not_understood: Some(why), ..clear }
        };
        let decision = decide(&unclear);
        match &decision {
            Decision::Start => prop_assert!(kind == Standby && decide(&clear) == Decision::Start),
            Decision::Wait(words) => prop_assert!(words.contains(why)),
            Decision::Refuse { .. } => prop_assert_eq!(&decision, &decide(&clear)),
            Decision::Create | Decision::Clone => prop_assert!(false, "{:?}", decision),
        }
        prop_assert_eq!(must_step_down(&unclear), must_step_down(&clear));
    }

    /// Two coordinators that hear each other never both start writable.
    #[test]
    fn never_two_coordinators(a in kinds(), ta in 1u32..4, b in kinds(), tb in 1u32..4) {
        let (own, other) = (dir(a, ta), dir(b, tb));
        let view = |d: &Directory| Partner::Answered { directory: d.clone(), writable: false };
        let one = ask(Role::Coordinator, &own, &view(&other), None);
        let two = ask(Role::Standby, &other, &view(&own), None);
        let runs = |d: &Decision, k| *d == Decision::Create || (*d == Decision::Start && k == Primary);
        prop_assert!(!(runs(&one, a) && runs(&two, b)));
    }
}
