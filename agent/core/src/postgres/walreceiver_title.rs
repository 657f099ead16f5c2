//! What a replica receives, as the title of its receiving process tells.

use crate::failover::lsn::Lsn;

/// `walreceiver` since PostgreSQL 10, `wal receiver process` before (walreceiver.c, postmaster.c).
pub fn is_walreceiver(title: &str) -> bool {
    title.starts_with("postgres: ") && (title.contains("walreceiver") || title.contains("wal receiver"))
}

/// Up to where it has flushed: `streaming X/Y` follows its name from then on (walreceiver.c). `None` while it does not stream.
///
/// It is the end of the title: the name of the cluster, which may hold any words, stands before.
pub fn flushed(title: &str) -> Option<Lsn> {
    let (before, place) = title.trim_end().rsplit_once(' ')?;
    let name = before.trim_end().strip_suffix("streaming")?;
    place.parse().ok().filter(|_| is_walreceiver(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_told_from_its_neighbours() {
        for title in [
            "postgres: segment-b-0: walreceiver ",
            "postgres:  7000, walreceiver   streaming 0/C000158",
            "postgres: 7000, wal receiver process   ",
        ] {
            assert!(is_walreceiver(title), "{title}");
        }
        for title in [
            "postgres: segment-b-0: startup recovering 000000010000000000000003",
            "vi walreceiver.c",
        ] {
            assert!(!is_walreceiver(title), "{title}");
        }
    }

    #[test]
    fn a_title_tells_whether_log_has_arrived() {
        let place = "0/C000158".parse().ok();
        for title in [
            "postgres: segment-b-0: walreceiver streaming 0/C000158",
            "postgres:  7000, walreceiver   streaming 0/C000158  ",
            "postgres: 7000, wal receiver process   streaming 0/C000158",
            "postgres: streaming 1/2: walreceiver streaming 0/C000158",
        ] {
            assert_eq!(flushed(title), place, "{title}");
        }
        for title in [
            "postgres:  7000, walreceiver",
            "postgres:  7000, walreceiver   ",
            "postgres: streaming 0/C000158: walreceiver ",
            "postgres: walreceiver streaming ",
            "postgres: walsender gpadmin 10.0.0.7(40000) streaming 0/C000158",
            "",
        ] {
            assert_eq!(flushed(title), None, "{title}");
        }
    }
}
