//! A mirror or standby of Greenplum refuses SQL while it is healthy (hot_standby = off). What it does shows in the title of
//! its receiving process.

use crate::sys::postgres::walreceiver;
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::postgres::observation::Receiver;
use gp_agent_core::postgres::walreceiver_title::flushed;

/// What the receiving process among the children of this postmaster, a replica's, does.
pub(crate) fn receiver(postmaster: i32) -> Receiver {
    match walreceiver::of(postmaster) {
        None => Receiver::Absent,
        Some(process) if flushed(&process.args.join(" ")).is_some() => Receiver::Streaming,
        Some(_) => Receiver::Present,
    }
}

/// The receiving process among the children of this postmaster, and up to where it has flushed; `None` while it does not stream.
pub(crate) fn streaming(postmaster: i32) -> Option<(i32, Lsn)> {
    let process = walreceiver::of(postmaster)?;
    Some((process.pid, flushed(&process.args.join(" "))?))
}
