//! A look at one other pod: is it silent, its agent and its server alike?

use super::client::PeerClient;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::silence::silence;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::greenplum::lost_pods::Silence;
use gp_agent_core::process::timeouts;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For its agent, and for its server.
const ANSWERS_WITHIN: Duration = timeouts::PEER_LOOKED_AT;
/// Whoever asks within this time is told what was seen last.
const FRESH: Duration = Duration::from_millis(500);

/// How it is silent, if neither its agent nor its server answers by so much as a refusal. Where its address is not known nobody can
/// say.
pub(crate) async fn finds_silent(pod: &Pod, member: &Member) -> Option<Silence> {
    let known = pod.peers.borrow().get(&member.pod).map(|peer| peer.addresses.clone());
    let addresses = known.unwrap_or_default();
    if addresses.is_empty() {
        return None;
    }
    let client = PeerClient::of(pod);
    let (agent, server) = tokio::join!(
        client.status(member, ANSWERS_WITHIN),
        silence(&addresses, member.port, ANSWERS_WITHIN)
    );
    server.filter(|_| agent.is_err_and(|error| error.is_silence()))
}

/// What one look showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartnerSeen {
    /// How the other one is silent, if it is.
    pub(crate) silence: Option<Silence>,
}

/// What this pod saw of its partner last, and when: anybody on the network may ask, and makes it look twice a second at most.
#[derive(Debug, Default)]
pub(crate) struct PartnerLooks(Mutex<Option<(Instant, PartnerSeen)>>);

impl PartnerLooks {
    /// How the partner is silent now, if it is; `None` without one.
    pub(crate) async fn look(&self, pod: &Pod) -> Option<PartnerSeen> {
        let partner = pod.partner()?;
        let mut last = self.0.lock().await;
        if let Some((at, seen)) = *last
            && at.elapsed() < FRESH
        {
            return Some(seen);
        }
        let silence = finds_silent(pod, partner).await;
        let seen = PartnerSeen { silence };
        *last = Some((Instant::now(), seen));
        Some(seen)
    }
}
