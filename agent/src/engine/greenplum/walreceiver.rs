//! A mirror or standby of Greenplum refuses SQL while it is healthy (hot_standby = off). What it does shows in the title of
//! its receiving process.

use crate::sys::postgres::walreceiver;
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::postgres::observation::Receiver;

/// What the receiving process among the children of this postmaster, a replica's, does.
pub(crate) fn receiver(postmaster: i32) -> Receiver {
    match walreceiver::of(postmaster) {
        None => Receiver::Absent,
        Some(process) if streams(&process.args.join(" ")) => Receiver::Streaming,
        Some(_) => Receiver::Present,
    }
}

/// The receiving process among the children of this postmaster, and up to where it has flushed; `None` while it does not stream.
pub(crate) fn streaming(postmaster: i32) -> Option<(i32, Lsn)> {
    let process = walreceiver::of(postmaster)?;
    Some((process.pid, flushed(&process.args.join(" "))?))
}

fn flushed(title: &str) -> Option<Lsn> {
    let (_, place) = title.split_once("streaming ")?;
    place.split_whitespace().next()?.parse().ok()
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
        assert_eq!(
            flushed("postgres:  5432, walreceiver   streaming 0/C000158"),
            "0/C000158".parse().ok()
        );
        assert_eq!(flushed("postgres:  5432, walreceiver   "), None);
    }
}
