//! Ask before starting: may this pod's data directory be started, and as what?
//!
//! A directory can lie. After a promotion the old primary's directory still has no standby marker and
//! would come up as a second, writable server on its old timeline. So the pods of one content compare
//! their directories before either postmaster starts.

pub use crate::cluster::directory::DirectoryKind;
use crate::cluster::topology::Role;
use std::time::Duration;

/// How long an existing primary waits for its partner's word before it starts alone. A partner whose pod starts at the same
/// time answers well within it.
pub(crate) const PARTNER_SILENT_FOR: Duration = Duration::from_secs(5);

/// How long the newest server waits for an older one that still runs to step down. That takes its agent a look at its peers and
/// a stop; one that never does (version 0.1.0 steps down for a server that runs, not for a directory) must not win.
pub(crate) const OLDER_STEPS_DOWN_WITHIN: Duration = Duration::from_secs(60);

/// The facts about a directory that the decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// What it says it is.
    pub kind: DirectoryKind,
    /// "Database system identifier"; the same on every copy of one database.
    pub system_id: Option<String>,
    /// The newest timeline it knows of; grows with every promotion.
    pub timeline: u32,
}

/// What is known of the pod on the other end of replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partner {
    /// The topology has none.
    None,
    /// It did not answer in time.
    Silent,
    /// It answers, and this agent cannot tell what: it may be of a newer version. That is less than silence: whatever it does,
    /// it does now.
    NotUnderstood {
        /// In words.
        why: String,
    },
    /// It answered.
    Answered {
        /// Its directory.
        directory: Directory,
        /// Whether its server is running writable at this moment.
        writable: bool,
    },
}

/// What to do with this pod's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Create an empty database here.
    Create,
    /// Copy the partner's database and follow it.
    Clone,
    /// Start what is there.
    Start,
    /// Ask again later; the text says what is waited for.
    Wait(String),
    /// A person must decide.
    Refuse {
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: String,
    },
}

impl Partner {
    /// Why its answer cannot be read, if there is such a one.
    pub fn not_understood(&self) -> Option<&str> {
        match self {
            Partner::NotUnderstood { why } => Some(why),
            _ => None,
        }
    }
}

fn refuse(what: impl Into<String>, remedy: impl Into<String>) -> Decision {
    Decision::Refuse {
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// What a pod knows when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The role that the pod was made for.
    pub role: Role,
    /// Its directory.
    pub own: &'a Directory,
    /// The pod on the other end of replication.
    pub partner: &'a Partner,
    /// That pod's name, for the texts.
    pub partner_name: &'a str,
    /// The newest timeline of this database that this pod ever heard of; 0 when of none.
    pub newest_timeline: u32,
    /// How long the partner has been asked without a decision.
    pub asked_for: Duration,
}

/// Decides. What a pod once heard counts also while nobody is there to repeat it.
pub fn decide(q: &Question<'_>) -> Decision {
    if q.own.kind == DirectoryKind::Primary {
        if q.newest_timeline > q.own.timeline {
            return overtaken(q);
        }
        if *q.partner == Partner::Silent && q.asked_for < PARTNER_SILENT_FOR {
            let name = q.partner_name;
            return Decision::Wait(format!(
                "asking {name} about its data directory before starting this one"
            ));
        }
        if runs_behind(q.own, q.partner) && q.asked_for < OLDER_STEPS_DOWN_WITHIN {
            let name = q.partner_name;
            return Decision::Wait(format!(
                "waiting for {name}, which runs on an older timeline, to step down"
            ));
        }
    }
    compare(q.role, q.own, q.partner, q.partner_name)
}

fn overtaken(q: &Question<'_>) -> Decision {
    refuse(
        format!(
            "{} was promoted: this pod has heard of timeline {}, and this directory is on {}; starting it would make two writable copies",
            q.partner_name, q.newest_timeline, q.own.timeline
        ),
        "set this data directory aside (gp-agent hold; mv it; gp-agent resume): the pod then copies the promoted one and follows it; only if this older copy is to be the database from now on, set the newer one aside and remove .gp-agent/newest-timeline here",
    )
}

/// By both directories alone.
fn compare(role: Role, own: &Directory, partner: &Partner, partner_name: &str) -> Decision {
    let decision = match own.kind {
        DirectoryKind::Absent | DirectoryKind::HalfMade => empty(role, partner, partner_name),
        DirectoryKind::Standby => standby(role, own, partner, partner_name),
        DirectoryKind::Primary => writable(role, own, partner, partner_name),
    };
    decision.withheld(own.kind, partner.not_understood())
}

fn empty(role: Role, partner: &Partner, name: &str) -> Decision {
    match (role.is_writable(), partner) {
        (true, Partner::None) => Decision::Create,
        (true, Partner::Silent | Partner::NotUnderstood { .. }) => Decision::Wait(format!(
            "the volume is empty; waiting for {name} to say that it holds no data either"
        )),
        (_, Partner::Answered { writable: true, .. }) => Decision::Clone,
        (true, Partner::Answered { directory, .. }) => match directory.kind {
            DirectoryKind::Absent | DirectoryKind::HalfMade => Decision::Create,
            DirectoryKind::Primary => Decision::Wait(format!(
                "the volume is empty and {name} holds the data; waiting for its server to start"
            )),
            DirectoryKind::Standby => refuse(
                format!("the volume is empty although {name} holds a copy of this database"),
                format!(
                    "bring the lost volume back, or promote the copy (in {name}: pg_ctl promote -D <data directory>); this pod then follows it"
                ),
            ),
        },
        (false, _) => Decision::Wait(format!("waiting for {name} to be up before copying it")),
    }
}

fn standby(role: Role, own: &Directory, partner: &Partner, name: &str) -> Decision {
    match partner {
        Partner::Answered { directory, .. } if foreign(own, directory) => other_database(name),
        Partner::Answered { writable: true, .. } => Decision::Start,
        _ if !role.is_writable() => Decision::Start,
        Partner::Answered { directory, .. } if directory.kind == DirectoryKind::Primary => {
            Decision::Wait(format!("waiting for {name}, which was promoted, to start"))
        }
        Partner::Silent | Partner::NotUnderstood { .. } => Decision::Wait(format!(
            "the data directory is a standby's; waiting for {name} to say whether it was promoted"
        )),
        _ => refuse(
            format!("this pod is a {role}, but its data directory is a standby's and {name} is no primary"),
            "mount the right volume, or promote this directory by hand (pg_ctl promote) once it runs as the newest copy",
        ),
    }
}

fn writable(role: Role, own: &Directory, partner: &Partner, name: &str) -> Decision {
    let Partner::Answered { directory, writable } = partner else {
        return Decision::Start;
    };
    if foreign(own, directory) {
        return other_database(name);
    }
    if directory.kind != DirectoryKind::Primary {
        return Decision::Start;
    }
    if directory.timeline > own.timeline {
        return refuse(
            format!(
                "{name} was promoted: it is on timeline {}, this directory on {}; starting it would make two writable copies",
                directory.timeline, own.timeline
            ),
            "set this data directory aside (gp-agent hold; mv it; gp-agent resume): the pod then copies the promoted one and follows it",
        );
    }
    if directory.timeline == own.timeline && (*writable || !role.is_writable()) {
        return refuse(
            format!(
                "this directory and that of {name} both say that they are primary, on the same timeline {}",
                own.timeline
            ),
            format!("a {role} should hold a standby.signal: find out who removed it; set one of the two aside"),
        );
    }
    Decision::Start
}

/// Whether both directories are known to belong to databases with different system identifiers.
pub(crate) fn foreign(own: &Directory, other: &Directory) -> bool {
    matches!((&own.system_id, &other.system_id), (Some(a), Some(b)) if a != b)
}

/// Refuses a directory whose database is another one than that of the pod called `name`.
pub(crate) fn other_database(name: &str) -> Decision {
    refuse(
        format!("this data directory and that of {name} are copies of different databases (system identifiers differ)"),
        "mount the volumes that belong together, or set the wrong data directory aside",
    )
}

/// Whether both directories are known to hold the same database.
pub fn same_database(own: &Directory, other: &Directory) -> bool {
    own.system_id.is_some() && own.system_id == other.system_id
}

/// Whether the partner's server runs writable on an older timeline of the same database.
pub(crate) fn runs_behind(own: &Directory, partner: &Partner) -> bool {
    matches!(partner, Partner::Answered { directory, writable: true }
        if same_database(own, directory) && directory.timeline < own.timeline)
}

/// While running: whether this server must step down because its partner was promoted to a newer timeline of the same
/// database, also when that server does not run at the moment. Nothing else is a reason: a foreign directory over there is
/// that pod's own trouble.
pub fn must_step_down(own: &Directory, partner: &Partner) -> bool {
    matches!(partner, Partner::Answered { directory, .. }
        if directory.kind == DirectoryKind::Primary
            && same_database(own, directory)
            && directory.timeline > own.timeline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A decision after the partner had its time to answer, without a memory.
    fn decide(role: Role, own: &Directory, partner: &Partner, partner_name: &str) -> Decision {
        super::decide(&Question {
            role,
            own,
            partner,
            partner_name,
            newest_timeline: 0,
            asked_for: PARTNER_SILENT_FOR,
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
                asked_for,
            })
        };
        assert!(matches!(ask(2, Duration::from_secs(3600)), Decision::Refuse { .. }));
        assert_eq!(ask(1, PARTNER_SILENT_FOR), Decision::Start);
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
                asked_for,
            })
        };
        assert!(matches!(ask(PARTNER_SILENT_FOR), Decision::Wait(_)));
        assert_eq!(ask(OLDER_STEPS_DOWN_WITHIN), Decision::Start, "it never will");
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
                Decision::Create | Decision::Clone => prop_assert!(false, "{:?}", unclear),
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
}
