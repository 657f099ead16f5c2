mod properties;

use super::*;
use crate::cluster::content::ContentId;
use DirectoryKind::{Absent, HalfMade, Primary, Standby};

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
        system_id: None,
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
        unnamed_coordinator: 0,
        not_understood: None,
        segments_answered: 0,
        remains: None,
        memory_lost: None,
        record: false,
        asked_for: timeouts::PARTNER_SILENT,
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
        unnamed_coordinator: 0,
        not_understood: None,
        segments_answered: 1,
        remains: None,
        memory_lost: None,
        record: false,
        asked_for: timeouts::PARTNER_SILENT,
    });
    assert!(refused(&seen), "segments belong to a cluster");
}

/// gpactivatestandby is no way where failover runs: what it promotes beside a coordinator that has the role is killed.
#[test]
fn a_lost_coordinator_says_what_its_standby_can_do() {
    let (me, own, standby) = (member(Role::Coordinator), dir(Absent, 0), answered(Standby, 1, false));
    let remedy = |record: bool| {
        let decision = decide(&Question {
            me: &me,
            own: &own,
            partner: &standby,
            partner_name: "coordinator-1",
            catalog: None,
            newest_coordinator: 1,
            unnamed_coordinator: 0,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            record,
            asked_for: timeouts::PARTNER_SILENT,
        });
        match decision {
            Decision::Refuse { remedy, .. } => remedy,
            other => panic!("{other:?}"),
        }
    };
    assert!(remedy(false).contains("in coordinator-1: gpactivatestandby -a -d /g"));
    let told = remedy(true);
    assert!(
        told.contains("takes over by itself") && told.contains("gp-agent failover --accept-data-loss"),
        "{told}"
    );
    assert!(!told.contains("gpactivatestandby"), "{told}");
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
        unnamed_coordinator: 0,
        not_understood: None,
        segments_answered: 1,
        remains: None,
        memory_lost: None,
        record: false,
        asked_for: timeouts::PARTNER_SILENT,
    };
    assert!(refused(&decide(&question)), "the segments remember");
    assert!(must_step_down(&question).is_some());
    question.newest_coordinator = 1;
    assert_eq!(decide(&question), Decision::Start);
    assert!(must_step_down(&question).is_none());
    question.unnamed_coordinator = 2;
    assert!(waits(&decide(&question)), "whose it is, nobody says");
    assert!(must_step_down(&question).is_none());
    question.record = true;
    assert_eq!(decide(&question), Decision::Start, "the record knows better");
    (question.record, question.unnamed_coordinator) = (false, 0);
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
            unnamed_coordinator: 0,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            record: false,
            asked_for: timeouts::PARTNER_SILENT,
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
            unnamed_coordinator: 0,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            record: false,
            asked_for: timeouts::PARTNER_SILENT,
        })
    };
    assert!(step(&catalog(false, true)).is_some());
    assert!(step(&catalog(false, false)).is_none());
    assert!(step(&catalog(true, true)).is_none());
}
