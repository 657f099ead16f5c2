//! Asking the pod on the other end of replication about its directory.

use super::fan_out::{self, FanOutLimits, PeerAddress};
use crate::lifecycle::pod::Pod;
use crate::sys::http::client;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::postgres::start_decision::{Directory, Partner};
use std::net::SocketAddr;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What the partner says, or that it is silent.
pub async fn ask(pod: &Pod) -> Partner {
    let Some(partner) = pod.partner() else {
        return Partner::None;
    };
    let Some(status) = status_of(pod, partner).await else {
        return Partner::Silent;
    };
    // Until it has looked at its own volume a partner knows nothing.
    let Some(kind) = status.directory.kind() else {
        return Partner::Silent;
    };
    Partner::Answered {
        writable: status.active_role.is_some_and(|role| role.is_writable()),
        directory: Directory {
            kind,
            system_id: status.directory.system_id,
            timeline: status.directory.timeline.unwrap_or(0),
        },
    }
}

/// What that pod's agent says of it, when it answers.
pub async fn status_of(pod: &Pod, member: &Member) -> Option<PodStatus> {
    status_within(pod, member, ANSWER_WITHIN).await
}

/// The same, each of its addresses within this time.
pub async fn status_within(pod: &Pod, member: &Member, limit: Duration) -> Option<PodStatus> {
    let addresses = pod.peers.borrow().get(&member.pod)?.addresses.clone();
    let port = pod.config.borrow().http.port;
    for address in addresses {
        let body = client::get(SocketAddr::new(address, port), "/status", limit).await;
        match body.map(|body| serde_json::from_slice::<PodStatus>(&body)) {
            Ok(Ok(status)) => match status.stranger(&pod.topology.cluster, member) {
                None => return Some(status),
                Some(stranger) => tracing::debug!(asked = member.pod, "answers {stranger}"),
            },
            Ok(Err(error)) => tracing::debug!(pod = member.pod, "not a status document: {error}"),
            Err(error) => tracing::debug!(pod = member.pod, "{error}"),
        }
    }
    pod.doubts.about(&member.pod);
    None
}

/// Has that pod's agent ask the coordinator pods again, if it answers.
pub async fn look_again(pod: &Pod, member: &Member) {
    let known = pod.peers.borrow().get(&member.pod).map(|p| p.addresses.clone());
    let port = pod.config.borrow().http.port;
    for address in known.unwrap_or_default() {
        let at = SocketAddr::new(address, port);
        if client::get(at, "/look-again", ANSWER_WITHIN).await.is_ok() {
            return;
        }
    }
}

/// What the agents of these pods say, in the same order.
pub async fn ask_each(pod: &Pod, members: impl Iterator<Item = &Member>, pace: FanOutLimits) -> Vec<PodReport> {
    let asked = {
        let known = pod.peers.borrow();
        let address = |member: &Member| PeerAddress {
            member: member.clone(),
            addresses: known.get(&member.pod).map(|p| p.addresses.clone()).unwrap_or_default(),
        };
        members.map(address).collect()
    };
    let port = pod.config.borrow().http.port;
    let entries = fan_out::gather(&pod.topology.cluster, asked, port, pace).await;
    for silent in entries.iter().filter(|entry| entry.status.is_none()) {
        pod.doubts.about(&silent.pod);
    }
    entries
}
