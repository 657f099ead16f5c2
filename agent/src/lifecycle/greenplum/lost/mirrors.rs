//! Beside a primary: has it give up soon on its mirror, when the node of that is lost; see [`gp_agent_core::greenplum::hurry`].
//!
//! One observer is enough: what the primary does not reach it cannot replicate to. FTS decides what follows from that. If it is the
//! primary that is cut off, FTS promotes the mirror, since only FTS has a primary wait for nobody.

use super::hurry;
use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::peers::look::finds_silent;
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::quote;
use gp_agent_core::greenplum::hurry::ON_A_MIRROR;
use gp_agent_core::greenplum::lost_pods::{LostPods, Silence};
use gp_agent_core::process::timeouts;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const EVERY: Duration = Duration::from_millis(500);
const AGENT_ANSWERS_WITHIN: Duration = timeouts::PEER_LOOKED_AT;
const SERVER_ANSWERS_WITHIN: Duration = timeouts::SENDER_ENDS;

/// Runs as long as the pod.
pub(crate) async fn keep(pod: &Pod) {
    let Some(mirror) = pod.partner().filter(|_| pod.me.content.is_segment()) else {
        return std::future::pending().await;
    };
    let begin = Instant::now();
    let mut watch = LostPods::default();
    let mut hurries = false;
    loop {
        sleep(EVERY).await;
        let now = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let silent = match sends(pod) {
            true => silence(pod, mirror).await,
            false => None,
        };
        let silent = silent.map(|how| (mirror.pod.clone(), how)).into_iter().collect();
        let lost = watch.look(&silent, now).is_some();
        if hurries != lost {
            tell(&mirror.pod, lost);
        }
        hurries = lost;
        hurry::set(pod, lost.then_some(ON_A_MIRROR)).await;
        if lost {
            end_stream(pod, mirror).await;
        }
    }
}

/// A sender of Greenplum 6 that waits does not hear of another time-out before the old one is half over.
async fn end_stream(pod: &Pod, mirror: &Member) {
    let name = quote::sql_literal(pod.engine.stream_of(&mirror.pod));
    let sql = format!("select pg_terminate_backend(pid) from pg_stat_replication where application_name = {name}");
    if let Err(error) = pod.session(SERVER_ANSWERS_WITHIN).ask(&sql).await {
        tracing::debug!("the sender for {} is not ended: {error}", mirror.pod);
    }
}

/// A server that stops has its own order.
fn sends(pod: &Pod) -> bool {
    let primary = |runs: bool, kind| runs && kind == Some(DirectoryKind::Primary);
    !*pod.shutdown.borrow() && pod.board.read(|s| primary(s.postmaster.runs(), s.directory.kind))
}

/// Its server is asked only where its agent says nothing.
async fn silence(pod: &Pod, mirror: &Member) -> Option<Silence> {
    let agent = PeerClient::of(pod).status(mirror, AGENT_ANSWERS_WITHIN).await;
    match agent.is_err_and(|error| error.is_silence()) {
        true => finds_silent(pod, mirror).await,
        false => None,
    }
}

fn tell(mirror: &str, lost: bool) {
    match lost {
        true => tracing::warn!("{mirror} is silent, its agent and its server alike: this primary gives up on it soon"),
        false => tracing::info!("{mirror} answers again: its usual time-outs apply"),
    }
}
