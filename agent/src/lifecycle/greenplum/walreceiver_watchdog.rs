//! The receiving process of a replica that is stuck: it connects to an address that its primary has left, where nobody
//! answers, and gives up only after two minutes (tcp_syn_retries, tcp(7)). Started anew it looks the name up again.
//!
//! Only where Greenplum's tools write primary_conninfo: a copy that the agent makes has tcp_user_timeout in it.

use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::walreceiver;
use crate::sys::process::Process;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::state::Facts;
use gp_agent_core::process::timeouts;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Longer than a connection takes that is answered.
const STUCK_AFTER: Duration = timeouts::WALRECEIVER_RECEIVES;

/// How often to look.
const EVERY: Duration = Duration::from_secs(1);

/// Ends a process that has received nothing for a while although the partner serves. Runs as long as the pod.
pub(super) async fn keep(pod: &Pod) {
    // The process that receives nothing, and since when.
    let mut silent: Option<(i32, Instant)> = None;
    loop {
        sleep(EVERY).await;
        let deaf = pod.board.read(replays_without_a_stream);
        let Some(pid) = receiver_of(pod).filter(|_| deaf) else {
            silent = None;
            continue;
        };
        match silent {
            Some((known, since)) if known == pid => {
                if since.elapsed() >= STUCK_AFTER && serves(pod).await {
                    silent = None;
                    start_anew(pod, pid);
                }
            }
            _ => silent = Some((pid, Instant::now())),
        }
    }
}

/// A replica does its role only while it receives.
fn replays_without_a_stream(facts: &Facts) -> bool {
    let replica = facts.directory.kind == Some(DirectoryKind::Standby);
    replica && facts.postmaster.serves && facts.active_role.is_none()
}

fn receiver_of(pod: &Pod) -> Option<i32> {
    let postmaster = pod.board.server()?.pid();
    Some(walreceiver::of(postmaster)?.pid)
}

async fn serves(pod: &Pod) -> bool {
    let Some(partner) = pod.partner() else {
        return false;
    };
    let status = client::status_of(pod, partner).await;
    status.is_some_and(|s| s.active_role.is_some_and(|role| role.is_writable()))
}

fn start_anew(pod: &Pod, pid: i32) {
    let Ok(process) = Process::adopt(pid) else {
        return;
    };
    // The same look again, now that the PID stands for one process.
    if receiver_of(pod) != Some(pid) {
        return;
    }
    match process.signal(Signal::TERM) {
        Ok(()) => tracing::warn!(
            pid,
            "the primary serves, and yet no write-ahead log is received; the receiving process is started anew"
        ),
        Err(error) => tracing::debug!(pid, "{error}"),
    }
}
