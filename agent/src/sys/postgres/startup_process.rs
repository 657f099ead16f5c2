//! The process of a replica that replays write-ahead log, by its title.

use crate::sys::process;
use gp_agent_core::postgres::left_behind::replays;
use gp_agent_core::postgres::wal_name::WalName;

/// The segment that the replica of that postmaster is in or waits for. `None` where no title tells, as with
/// `update_process_title = off`.
pub(crate) fn segment(postmaster: i32) -> Option<WalName> {
    let all = process::processes().ok()?;
    let mut children = all.into_iter().filter(|p| p.ppid == postmaster);
    children.find_map(|child| replays(&child.args.join(" ")))
}
