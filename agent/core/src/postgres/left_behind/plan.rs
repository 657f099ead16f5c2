//! What follows when a replica is left behind: a copy by the agent itself, or a word to a person, with what helps.

use super::proof::{Behind, has_room};
use crate::config::quote;
use crate::finding::{Area, Finding};
use crate::postgres::start_decision::{Directory, DirectoryKind, Partner, same_database};

/// What decides whether the agent copies.
#[derive(Clone, Debug)]
pub struct CopyGround {
    /// `recovery.standby` is `auto`.
    pub by_itself: bool,
    /// Whether it is known whom to copy: without a record Greenplum's coordinators may change behind the agent's back.
    pub knows_whom: bool,
    /// An administrator holds the postmaster.
    pub held: bool,
    /// A directory that was set aside before, on this volume: a second one would fill it.
    pub aside: Option<String>,
    /// Bytes of the other's databases; `None` when it did not say.
    pub bytes: Option<u64>,
    /// Bytes that are free on the volume; `None` when it did not answer.
    pub free: Option<u64>,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyPlan {
    /// The directory is set aside and a copy takes its place.
    Copy,
    /// `recovery.standby` is `manual`.
    Manual,
    /// Nobody says whom to copy.
    NobodyNamed,
    /// An administrator holds the postmaster.
    Held,
    /// This was set aside before.
    Aside(String),
    /// The volume has no room for a copy beside the directory.
    NoRoom {
        /// Of the other's databases.
        bytes: u64,
        /// On the volume.
        free: u64,
    },
    /// Nobody knows whether it has.
    RoomUnknown,
}

/// Decides.
pub fn plan(ground: &CopyGround) -> CopyPlan {
    if !ground.by_itself {
        return CopyPlan::Manual;
    }
    if !ground.knows_whom {
        return CopyPlan::NobodyNamed;
    }
    if ground.held {
        return CopyPlan::Held;
    }
    if let Some(aside) = &ground.aside {
        return CopyPlan::Aside(aside.clone());
    }
    match (ground.bytes, ground.free) {
        (Some(bytes), Some(free)) if has_room(bytes, free) => CopyPlan::Copy,
        (Some(bytes), Some(free)) => CopyPlan::NoRoom { bytes, free },
        _ => CopyPlan::RoomUnknown,
    }
}

/// Whether a directory that was marked as left behind makes room for a copy before anything is started: only a replica's, and only
/// while the other server takes writes of the same database. Otherwise it is the best that there is.
pub fn gives_way(marked: bool, own: &Directory, other: &Partner) -> bool {
    let writes = matches!(other, Partner::Answered { directory, writable: true } if same_database(own, directory));
    marked && writes && own.kind == DirectoryKind::Standby
}

/// Which replica, and what it follows, for the texts.
#[derive(Clone, Copy, Debug)]
pub struct Replica<'a> {
    /// The replica's pod.
    pub pod: &'a str,
    /// Its data directory.
    pub dir: &'a str,
    /// The pod that it follows.
    pub source: &'a str,
    /// The replica's host name and port, where a catalog lists it and gpinitstandby makes it.
    pub in_catalog: Option<(&'a str, u16)>,
}

impl Behind {
    /// One line, as a reason.
    pub fn words(&self, source: &str) -> String {
        format!(
            "left behind: it needs write-ahead log from {} on, and the oldest that {source} has is {}",
            self.needs, self.oldest
        )
    }

    /// What an administrator should know.
    pub fn finding(&self, plan: &CopyPlan, place: &Replica<'_>) -> Finding {
        let what = self.words(place.source);
        let what = match plan.hindrance() {
            Some(why) => format!("{what}; it is not copied anew by itself: {why}"),
            None => format!("{what}; it is copied anew"),
        };
        let remedy = plan.remedy(place);
        match plan {
            CopyPlan::Copy => Finding::warning(Area::Ha, place.pod, what, remedy),
            _ => Finding::error(Area::Ha, place.pod, what, remedy),
        }
    }
}

impl CopyPlan {
    /// Why the agent does not copy.
    fn hindrance(&self) -> Option<String> {
        Some(match self {
            CopyPlan::Copy => return None,
            CopyPlan::Manual => "recovery.standby is manual".to_string(),
            CopyPlan::NobodyNamed => "no record of failover says whom to copy".to_string(),
            CopyPlan::Held => "an administrator holds it".to_string(),
            CopyPlan::Aside(path) => format!("{path} was set aside before, and a second one could fill the volume"),
            CopyPlan::NoRoom { bytes, free } => format!(
                "the copy needs {} MiB beside the directory, and {} MiB are free",
                (bytes + bytes / 10) >> 20,
                free >> 20
            ),
            CopyPlan::RoomUnknown => "whether the volume has the room for it is not known yet".to_string(),
        })
    }

    fn remedy(&self, place: &Replica<'_>) -> String {
        let Replica { pod, dir, source, .. } = place;
        match self {
            CopyPlan::Copy => format!(
                "nothing, unless this stays: then the log of {pod} says what keeps the agent from copying {source}"
            ),
            CopyPlan::Held => format!("in {pod}: gp-agent resume; the agent then copies {source}"),
            CopyPlan::Aside(path) => {
                format!(
                    "when you need nothing of it, in {pod}: rm -r {}; the agent then copies {source}",
                    quote::shell(path)
                )
            }
            CopyPlan::RoomUnknown => {
                format!("nothing, unless this stays: is {source} up, and may {pod} connect to it?")
            }
            CopyPlan::NoRoom { .. } => format!(
                "enlarge the volume or free some of it, and the agent copies; or give up the old directory, which has nothing \
                 that {source} has not: {}",
                match place.in_catalog {
                    Some(_) => place.by_hand(""),
                    None => place.by_hand(&format!("rm -r {}", quote::shell(dir))),
                }
            ),
            CopyPlan::Manual | CopyPlan::NobodyNamed => place.by_hand(&format!(
                "mv {} {}",
                quote::shell(dir),
                quote::shell(&format!("{dir}.old"))
            )),
        }
    }
}

impl Replica<'_> {
    /// `clear` takes the directory out of the way, where the agent makes the copy.
    fn by_hand(&self, clear: &str) -> String {
        let Replica { pod, dir, source, .. } = self;
        match self.in_catalog {
            Some((host, port)) => {
                format!(
                    "in {source}: gpinitstandby -a -r, then gpinitstandby -a -s {host} -P {port} -S {}",
                    quote::shell(dir)
                )
            }
            None => format!(
                "in {pod}: gp-agent hold; pg_ctl stop -m fast -D {}; {clear}; gp-agent resume; the agent then copies {source}",
                quote::shell(dir)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::wal_name::WalName;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn ground() -> CopyGround {
        CopyGround {
            by_itself: true,
            knows_whom: true,
            held: false,
            aside: None,
            bytes: Some(1000 * MIB),
            free: Some(1100 * MIB),
        }
    }

    fn told(ground: &CopyGround, in_catalog: Option<(&str, u16)>) -> String {
        let behind = Behind {
            needs: WalName::parse("000000010000000000000003").unwrap(),
            oldest: WalName::parse("000000010000000000000007").unwrap(),
        };
        let place = Replica {
            pod: "coordinator-1",
            dir: "/g/gpseg-1",
            source: "coordinator-0",
            in_catalog,
        };
        behind.finding(&plan(ground), &place).to_string()
    }

    #[test]
    fn each_finding_says_what_helps() {
        let all = [
            told(&ground(), None),
            told(
                &CopyGround {
                    by_itself: false,
                    ..ground()
                },
                None,
            ),
            told(
                &CopyGround {
                    by_itself: false,
                    ..ground()
                },
                Some(("coordinator-1.gp", 5432)),
            ),
            told(
                &CopyGround {
                    knows_whom: false,
                    ..ground()
                },
                Some(("coordinator-1.gp", 5432)),
            ),
            told(&CopyGround { held: true, ..ground() }, None),
            told(
                &CopyGround {
                    aside: Some("/g/gpseg-1.aside-1".into()),
                    ..ground()
                },
                None,
            ),
            told(
                &CopyGround {
                    free: Some(1099 * MIB),
                    ..ground()
                },
                None,
            ),
            told(
                &CopyGround {
                    free: Some(0),
                    ..ground()
                },
                Some(("coordinator-1.gp", 5432)),
            ),
            told(
                &CopyGround {
                    bytes: None,
                    ..ground()
                },
                None,
            ),
        ];
        insta::assert_snapshot!(all.join("\n").replace(
            "left behind: it needs write-ahead log from 000000010000000000000003 on, and the oldest that coordinator-0 has is 000000010000000000000007",
            "LEFT"
        ), @"
        warning ha coordinator-1: LEFT; it is copied anew; nothing, unless this stays: then the log of coordinator-1 says what keeps the agent from copying coordinator-0
        error ha coordinator-1: LEFT; it is not copied anew by itself: recovery.standby is manual; in coordinator-1: gp-agent hold; pg_ctl stop -m fast -D '/g/gpseg-1'; mv '/g/gpseg-1' '/g/gpseg-1.old'; gp-agent resume; the agent then copies coordinator-0
        error ha coordinator-1: LEFT; it is not copied anew by itself: recovery.standby is manual; in coordinator-0: gpinitstandby -a -r, then gpinitstandby -a -s coordinator-1.gp -P 5432 -S '/g/gpseg-1'
        error ha coordinator-1: LEFT; it is not copied anew by itself: no record of failover says whom to copy; in coordinator-0: gpinitstandby -a -r, then gpinitstandby -a -s coordinator-1.gp -P 5432 -S '/g/gpseg-1'
        error ha coordinator-1: LEFT; it is not copied anew by itself: an administrator holds it; in coordinator-1: gp-agent resume; the agent then copies coordinator-0
        error ha coordinator-1: LEFT; it is not copied anew by itself: /g/gpseg-1.aside-1 was set aside before, and a second one could fill the volume; when you need nothing of it, in coordinator-1: rm -r '/g/gpseg-1.aside-1'; the agent then copies coordinator-0
        error ha coordinator-1: LEFT; it is not copied anew by itself: the copy needs 1100 MiB beside the directory, and 1099 MiB are free; enlarge the volume or free some of it, and the agent copies; or give up the old directory, which has nothing that coordinator-0 has not: in coordinator-1: gp-agent hold; pg_ctl stop -m fast -D '/g/gpseg-1'; rm -r '/g/gpseg-1'; gp-agent resume; the agent then copies coordinator-0
        error ha coordinator-1: LEFT; it is not copied anew by itself: the copy needs 1100 MiB beside the directory, and 0 MiB are free; enlarge the volume or free some of it, and the agent copies; or give up the old directory, which has nothing that coordinator-0 has not: in coordinator-0: gpinitstandby -a -r, then gpinitstandby -a -s coordinator-1.gp -P 5432 -S '/g/gpseg-1'
        error ha coordinator-1: LEFT; it is not copied anew by itself: whether the volume has the room for it is not known yet; nothing, unless this stays: is coordinator-0 up, and may coordinator-1 connect to it?
        ");
    }

    fn directory(kind: DirectoryKind, id: &str) -> Directory {
        Directory {
            kind,
            system_id: Some(id.into()),
            timeline: 1,
        }
    }

    #[test]
    fn only_a_marked_replica_beside_a_server_that_writes_gives_way() {
        let other = |id, writable| Partner::Answered {
            directory: directory(DirectoryKind::Primary, id),
            writable,
        };
        let own = directory(DirectoryKind::Standby, "7");
        assert!(gives_way(true, &own, &other("7", true)));
        assert!(!gives_way(false, &own, &other("7", true)));
        assert!(!gives_way(true, &own, &other("8", true)), "another database");
        assert!(!gives_way(true, &own, &other("7", false)));
        for other in [
            Partner::None,
            Partner::Silent,
            Partner::NotUnderstood { why: "x".into() },
        ] {
            assert!(!gives_way(true, &own, &other));
        }
        for kind in [DirectoryKind::Primary, DirectoryKind::Absent, DirectoryKind::HalfMade] {
            assert!(!gives_way(true, &directory(kind, "7"), &other("7", true)), "{kind:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_copied_unless_all_speaks_for_it(
            by_itself: bool, knows_whom: bool, held: bool,
            aside in prop::option::of("[a-z]{1,9}"), bytes in prop::option::of(0u64..1 << 50), free in prop::option::of(0u64..1 << 50)
        ) {
            let ground = CopyGround { by_itself, knows_whom, held, aside, bytes, free };
            let copies = plan(&ground) == CopyPlan::Copy;
            let room = matches!((ground.bytes, ground.free), (Some(bytes), Some(free)) if bytes + bytes / 10 <= free);
            prop_assert_eq!(copies, by_itself && knows_whom && !held && ground.aside.is_none() && room);
            prop_assert_eq!(plan(&ground).hindrance().is_none(), copies);
        }
    }
}
