//! What holds of any directories, partners and catalogs.

use super::*;
use proptest::prelude::*;

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
            unnamed_coordinator: 0,
            not_understood: None,
            segments_answered: 1,
            remains: None,
            memory_lost: None,
            record: false,
            asked_for: timeouts::PARTNER_SILENT,
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
            Decision::Create | Decision::Clone | Decision::Rejoin => prop_assert!(false, "{:?}", decision),
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
