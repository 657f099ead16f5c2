//! Asking all peers' agents at once.

use crate::sys::http::client;
use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::topology::Member;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A peer and where it was last found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// Who it is.
    pub member: Member,
    /// Its addresses; empty while its name does not resolve.
    pub addresses: Vec<IpAddr>,
}

/// How long, and how many at once.
#[derive(Clone, Copy, Debug)]
pub struct FanOutLimits {
    /// For one peer, all its addresses together.
    pub peer: Duration,
    /// For all peers; those that have not been asked by then count as silent.
    pub all: Duration,
    /// Questions under way at once.
    pub in_flight: usize,
}

impl Default for FanOutLimits {
    fn default() -> Self {
        FanOutLimits {
            peer: Duration::from_secs(2),
            all: Duration::from_secs(15),
            in_flight: 64,
        }
    }
}

/// What each peer's agent of `cluster` says on `port`, in the peers' order. A peer that does not answer, or where another
/// pod answers, is an entry with an error.
pub async fn gather(cluster: &str, peers: Vec<PeerAddress>, port: u16, pace: FanOutLimits) -> Vec<PodReport> {
    let end = Instant::now() + pace.all;
    let asked: Vec<_> = peers
        .into_iter()
        .map(|peer| async move {
            let within = end.min(Instant::now() + pace.peer);
            let answer = match timeout_at(within, ask(cluster, &peer, port, pace.peer)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {:?}", pace.peer)),
            };
            PodReport::of(&peer.member, answer)
        })
        .collect();
    stream::iter(asked).buffered(pace.in_flight.max(1)).collect().await
}

async fn ask(cluster: &str, peer: &PeerAddress, port: u16, limit: Duration) -> Result<Report, String> {
    let mut error = format!("its name, {}, does not resolve", peer.member.fqdn);
    // A dead address must not use up the time of the next one.
    let each = limit / u32::try_from(peer.addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in &peer.addresses {
        let at = SocketAddr::new(*address, port);
        match ask_at(cluster, &peer.member, at, each).await {
            Ok(report) => return Ok(report),
            Err(words) => error = words,
        }
    }
    Err(error)
}

async fn ask_at(cluster: &str, member: &Member, at: SocketAddr, limit: Duration) -> Result<Report, String> {
    let body = client::get(at, "/status", limit).await.map_err(|e| e.to_string())?;
    let report: Report =
        serde_json::from_slice(&body).map_err(|e| format!("{at} answers with something else than a status: {e}"))?;
    match report.status.stranger(cluster, member) {
        Some(stranger) => Err(format!("at {at} answers {stranger}")),
        None => Ok(report),
    }
}
