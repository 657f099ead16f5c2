//! The process of a replica that receives write-ahead log, by its title.

use crate::sys::process;
use crate::sys::process::ProcessInfo;
use gp_agent_core::postgres::walreceiver_title::is_walreceiver;

/// The receiving process among the children of that postmaster.
pub(crate) fn of(postmaster: i32) -> Option<ProcessInfo> {
    let all = process::processes().ok()?;
    let receives = |p: &ProcessInfo| p.ppid == postmaster && is_walreceiver(&p.args.join(" "));
    all.into_iter().find(receives)
}
