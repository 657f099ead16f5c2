//! The process of a replica that receives write-ahead log, by its title.

use crate::sys::process;
use crate::sys::process::ProcessInfo;

/// The receiving process among the children of that postmaster.
pub(crate) fn of(postmaster: i32) -> Option<ProcessInfo> {
    let all = process::processes().ok()?;
    let receives = |p: &ProcessInfo| p.ppid == postmaster && is_title(&p.args.join(" "));
    all.into_iter().find(receives)
}

/// `walreceiver` since PostgreSQL 10, `wal receiver process` before (walreceiver.c, postmaster.c).
fn is_title(title: &str) -> bool {
    title.starts_with("postgres: ") && (title.contains("walreceiver") || title.contains("wal receiver"))
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
            assert!(is_title(title), "{title}");
        }
        for title in [
            "postgres: segment-b-0: startup recovering 000000010000000000000003",
            "vi walreceiver.c",
        ] {
            assert!(!is_title(title), "{title}");
        }
    }
}
