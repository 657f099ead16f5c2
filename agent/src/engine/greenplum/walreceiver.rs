//! A mirror or standby of Greenplum refuses SQL while it is healthy (hot_standby = off). What it does shows in the title of
//! its receiving process.

use crate::sys::postgres::walreceiver;
use gp_agent_core::postgres::observation::Receiver;

/// What the receiving process among the children of this postmaster, a replica's, does.
pub(crate) fn receiver(postmaster: i32) -> Receiver {
    match walreceiver::of(postmaster) {
        None => Receiver::Absent,
        Some(process) if streams(&process.args.join(" ")) => Receiver::Streaming,
        Some(_) => Receiver::Present,
    }
}

/// `streaming X/Y` follows the name when write-ahead log is flushed (walreceiver.c).
fn streams(title: &str) -> bool {
    title.contains("streaming ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_tells_whether_log_has_arrived() {
        assert!(streams("postgres:  7000, walreceiver   streaming 0/C000158"));
        assert!(streams("postgres: 7000, wal receiver process   streaming 0/C000158"));
        assert!(!streams("postgres:  7000, walreceiver"));
    }
}
