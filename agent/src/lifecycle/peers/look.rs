//! A look at one other pod: is it silent, its agent and its server alike?

use super::client::PeerClient;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::silence::is_silent;
use gp_agent_core::cluster::topology::Member;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For its agent, and for its server.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// Whoever asks within this time is told what was seen last.
const FRESH: Duration = Duration::from_millis(500);

/// Whether neither its agent nor its server answers, by so much as a refusal. Where its address is not known nobody can say.
pub(crate) async fn finds_silent(pod: &Pod, member: &Member) -> bool {
    let known = pod.peers.borrow().get(&member.pod).map(|peer| peer.addresses.clone());
    let addresses = known.unwrap_or_default();
    if addresses.is_empty() {
        return false;
    }
    let client = PeerClient::of(pod);
    let (agent, server) = tokio::join!(
        client.status(member, ANSWERS_WITHIN),
        is_silent(&addresses, member.port, ANSWERS_WITHIN)
    );
    server && agent.is_err_and(|error| error.is_silence())
}

/// What this pod saw of its partner last, and when: anybody on the network may ask, and makes it look twice a second at most.
#[derive(Debug, Default)]
pub(crate) struct PartnerLooks(Mutex<Option<(Instant, bool)>>);

impl PartnerLooks {
    /// Whether the partner is silent now; `None` without one.
    pub(crate) async fn look(&self, pod: &Pod) -> Option<bool> {
        let partner = pod.partner()?;
        let mut last = self.0.lock().await;
        if let Some((at, silent)) = *last
            && at.elapsed() < FRESH
        {
            return Some(silent);
        }
        let silent = finds_silent(pod, partner).await;
        *last = Some((Instant::now(), silent));
        Some(silent)
    }
}
