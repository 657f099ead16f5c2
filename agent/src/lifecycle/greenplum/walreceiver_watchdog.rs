//! The receiving process of a replica that is stuck: it connects to an address that its primary has left, where nobody
//! answers, and gives up only after two minutes (tcp_syn_retries, tcp(7)). Started anew it looks the name up again.
//!
//! Only where Greenplum's tools write primary_conninfo: a copy that the agent makes has tcp_user_timeout in it.

use crate::engine::Making;
use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::walreceiver;
use crate::sys::process::Process;
use gp_agent_core::postgres::observation::Observation;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Longer than a connection takes that is answered.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// What is remembered of it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The process that receives nothing, and since when.
    silent: Option<(i32, Instant)>,
}

impl Watch {
    /// After each look at the server: ends a process that has received nothing for a while although the partner serves.
    pub(crate) async fn look(&mut self, pod: &Pod, seen: Option<&Observation>) {
        let deaf = |seen: &&Observation| seen.in_recovery && !seen.receiving;
        let ours = matches!(pod.engine.making(), Making::EachPod(_));
        let found = seen.filter(deaf).filter(|_| !ours);
        let Some(pid) = found.and_then(|_| receiver_of(pod)) else {
            self.silent = None;
            return;
        };
        match self.silent {
            Some((known, since)) if known == pid => {
                if since.elapsed() >= STUCK_AFTER && serves(pod).await {
                    self.silent = None;
                    start_anew(pod, pid);
                }
            }
            _ => self.silent = Some((pid, Instant::now())),
        }
    }
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
