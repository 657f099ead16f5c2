//! A mirror or standby of Greenplum refuses SQL while it is healthy (hot_standby = off). What it does shows in the titles
//! of its processes.

use crate::domain::observation::Receiver;
use crate::sys::postgres::receivers;
use crate::sys::process;

/// What the receiving process among the children of this postmaster, a replica's, does.
pub fn receiver(postmaster: i32) -> Receiver {
    let titles = process::processes()
        .unwrap_or_default()
        .into_iter()
        .filter(|p| p.ppid == postmaster)
        .map(|p| p.args.join(" "));
    from_titles(titles)
}

/// `streaming X/Y` follows the name when write-ahead log is flushed (walreceiver.c).
fn from_titles(titles: impl Iterator<Item = String>) -> Receiver {
    titles
        .filter(|t| receivers::is_title(t))
        .map(|t| match t.contains("streaming ") {
            true => Receiver::Streaming,
            false => Receiver::Present,
        })
        .max()
        .unwrap_or(Receiver::Absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wal_receiver_is_seen_among_other_processes() {
        let see = |titles: &[&str]| from_titles(titles.iter().map(|t| t.to_string()));
        let startup = "postgres:  7000, startup   recovering 000000010000000000000003";
        let streaming = "postgres:  7000, walreceiver   streaming 0/C000158";
        assert_eq!(see(&[startup, streaming]), Receiver::Streaming);
        let before_10 = "postgres: 7000, wal receiver process   streaming 0/C000158";
        assert_eq!(see(&[before_10]), Receiver::Streaming);
        let idle = "postgres:  7000, walreceiver";
        assert_eq!(see(&[startup, idle]), Receiver::Present);
        assert_eq!(see(&["postgres:  7000, checkpointer"]), Receiver::Absent);
    }
}
