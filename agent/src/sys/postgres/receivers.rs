//! The process of a replica that receives write-ahead log, by its title.

use crate::sys::process::{self, ProcessInfo};

/// The PID of the receiving process among the children of that postmaster.
pub fn of(postmaster: i32) -> Option<i32> {
    let all = process::processes().ok()?;
    let found = all
        .iter()
        .find(|p| p.ppid == postmaster && is_receiver(p))?;
    Some(found.pid)
}

/// `walreceiver` since PostgreSQL 10, `wal receiver process` before (walreceiver.c, postmaster.c).
pub fn is_receiver(p: &ProcessInfo) -> bool {
    is_title(&p.args.join(" "))
}

/// The same of a title.
pub fn is_title(title: &str) -> bool {
    title.starts_with("postgres: ")
        && (title.contains("walreceiver") || title.contains("wal receiver"))
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
