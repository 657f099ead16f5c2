//! A server that works and yet keeps the agent out, told by the SQLSTATE of its refusal (errcodes.txt), and how near its
//! connections are to their end.

use crate::finding::{Area, Finding};

/// Why a new connection of the agent is refused by a server that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptOut {
    /// 53300: no connection is left, not even of those for superusers.
    Full,
    /// 3D000, 55000, 42501: the database does not exist, or takes no connections, or not of this role.
    Closed,
    /// 28000, 28P01: pg_hba.conf or the role does not let the agent in.
    Denied,
}

impl KeptOut {
    /// From the SQLSTATE with which a new connection was refused. `None`: it says nothing of whether the server works. The
    /// postmaster tells first that it starts, recovers or stops (57P03, postmaster.c), so whoever hears one of these hears a
    /// server that is past that.
    pub fn of(sqlstate: &str) -> Option<KeptOut> {
        match sqlstate {
            "53300" => Some(KeptOut::Full),
            "3D000" | "55000" | "42501" => Some(KeptOut::Closed),
            "28000" | "28P01" => Some(KeptOut::Denied),
            _ => None,
        }
    }

    /// What an administrator should know; `words` are the server's, `room` is what it last said of its connections.
    pub fn finding(self, pod: &str, words: &str, room: Option<Room>) -> Finding {
        let (what, remedy) = match self {
            KeptOut::Full => (
                format!(
                    "no connection is left, not even for the agent: {words}{}; the server works, and the pod keeps its role",
                    room.map(|room| format!(" ({})", room.limits())).unwrap_or_default()
                ),
                ROOM_REMEDY,
            ),
            KeptOut::Closed => (
                format!("no database lets the agent in: {words}; the server works, and the pod keeps its role"),
                "ALTER DATABASE postgres WITH ALLOW_CONNECTIONS true, or GRANT CONNECT ON DATABASE postgres TO PUBLIC, in any \
                 database that takes connections; in single-user mode when none does",
            ),
            KeptOut::Denied => (
                format!("the server does not let the agent in: {words}; it works, and the pod keeps its role"),
                "let the cluster's superuser in on the socket: a line `local all <user> peer` first in pg_hba.conf (the agent's \
                 own block has it), and ALTER ROLE <user> WITH LOGIN SUPERUSER",
            ),
        };
        Finding::error(Area::Postgres, pod, what, remedy)
    }
}

const ROOM_REMEDY: &str = "end sessions that nobody uses (select pid, usename, state, state_change from pg_stat_activity), \
     limit roles (ALTER ROLE ... CONNECTION LIMIT) or pool connections; raise max_connections in `parameters`, which needs a restart";

/// Another database than `postgres` had to be used for the agent's questions; `why` are the server's words.
pub fn detour_finding(pod: &str, database: &str, why: &str) -> Finding {
    Finding::warning(
        Area::Postgres,
        pod,
        format!("the agent asks in database {database}, since it cannot in postgres: {why}"),
        "ALTER DATABASE postgres WITH ALLOW_CONNECTIONS true; where it was dropped, CREATE DATABASE postgres: administrators' \
         tools need it too",
    )
}

/// The connections of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Clients that are connected.
    pub used: u32,
    /// max_connections.
    pub max: u32,
    /// superuser_reserved_connections, and reserved_connections since PostgreSQL 16.
    pub reserved: u32,
}

impl Room {
    fn limits(self) -> String {
        let Room { max, reserved, .. } = self;
        format!("max_connections = {max}, of which superuser_reserved_connections keeps {reserved}")
    }

    /// What ordinary clients may use.
    fn for_clients(self) -> u32 {
        self.max.saturating_sub(self.reserved)
    }

    /// Whether ordinary clients are refused. Once they were, that lasts until a tenth is free again: near the limit it changes
    /// with every client that comes or goes.
    pub fn is_full(self, was_full: bool) -> bool {
        let room = self.for_clients();
        let enough = if was_full { room - room / 10 } else { room };
        self.used >= enough
    }

    /// What an administrator should know of a server that [`Room::is_full`].
    pub fn finding(self, pod: &str) -> Finding {
        Finding::error(
            Area::Postgres,
            pod,
            format!(
                "all {} connections for ordinary clients are in use, or nearly ({}): clients are refused with \"too many clients \
                 already\" or \"remaining connection slots are reserved\"",
                self.for_clients(),
                self.limits()
            ),
            ROOM_REMEDY,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_server_that_starts_or_breaks_is_not_taken_for_one_that_works() {
        for (code, kept_out) in [
            ("53300", Some(KeptOut::Full)),
            ("3D000", Some(KeptOut::Closed)),
            ("55000", Some(KeptOut::Closed)),
            ("28000", Some(KeptOut::Denied)),
            // cannot_connect_now, crash_shutdown, query_canceled, out_of_memory, disk_full, io_error, data_corrupted
            ("57P03", None),
            ("57P02", None),
            ("57014", None),
            ("53200", None),
            ("53100", None),
            ("58030", None),
            ("XX001", None),
        ] {
            assert_eq!(KeptOut::of(code), kept_out, "{code}");
        }
    }

    #[test]
    fn what_is_full_says_by_which_parameters() {
        let room = Room {
            used: 98,
            max: 100,
            reserved: 3,
        };
        let text = KeptOut::Full
            .finding("segment-a-0", "sorry, too many clients already", Some(room))
            .what;
        for words in [
            "sorry, too many",
            "max_connections = 100",
            "superuser_reserved_connections keeps 3",
        ] {
            assert!(text.contains(words), "{text}");
        }
        assert!(room.is_full(false) && room.finding("segment-a-0").what.starts_with("all 97 connections"));
    }

    proptest! {
        #[test]
        fn full_is_full_and_half_empty_never_is(max in 1_u32..10_000, reserved in 0_u32..20, used in 0_u32..10_000, was: bool) {
            let room = Room { used, max, reserved };
            if used >= max {
                prop_assert!(room.is_full(was));
            }
            if used + reserved < max / 2 {
                prop_assert!(!room.is_full(was));
            }
            // What is full stays so at least as long as it would become so.
            prop_assert!(!room.is_full(false) || room.is_full(true));
        }
    }
}
