//! Asking many peers at once, each at all its addresses.

use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::process::timeouts;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::Instant;

/// A peer and where it was last found.
#[derive(Clone, Debug)]
pub(super) struct PeerAddress {
    /// Who it is.
    pub(super) member: Member,
    /// Its addresses; empty while its name does not resolve.
    pub(super) addresses: Vec<IpAddr>,
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
            peer: timeouts::PEER_ANSWERS,
            all: timeouts::CLUSTER_ANSWERS,
            in_flight: 64,
        }
    }
}

/// What `ask`, which is given a peer and its time, says of each of them, in their order.
pub(super) async fn each_peer<T, F>(
    peers: impl IntoIterator<Item = PeerAddress>,
    limits: FanOutLimits,
    ask: impl Fn(PeerAddress, Duration) -> F,
) -> Vec<T>
where
    F: Future<Output = T>,
{
    let end = Instant::now() + limits.all;
    let asked: Vec<_> = peers
        .into_iter()
        .map(|peer| {
            let ask = &ask;
            async move {
                let left = end.saturating_duration_since(Instant::now());
                ask(peer, left.min(limits.peer)).await
            }
        })
        .collect();
    stream::iter(asked).buffered(limits.in_flight.max(1)).collect().await
}

/// The first answer that `ask`, which is given an address and its time, gets at one of the peer's addresses; else what says
/// most of why there is none. A dead address must not use up the time of the next one, and one that fails at once leaves its
/// share to the others.
pub(super) async fn each_address<T, F>(
    peer: &PeerAddress,
    port: u16,
    limit: Duration,
    ask: impl Fn(SocketAddr, Duration) -> F,
) -> Result<T, PeerError>
where
    F: Future<Output = Result<T, PeerError>>,
{
    let end = Instant::now() + limit;
    let mut worst = PeerError::NoName(peer.member.fqdn.clone());
    let mut still_to_ask = u32::try_from(peer.addresses.len()).unwrap_or(u32::MAX);
    for address in &peer.addresses {
        let left = end.saturating_duration_since(Instant::now());
        let share = left / still_to_ask.max(1);
        still_to_ask = still_to_ask.saturating_sub(1);
        match ask(SocketAddr::new(*address, port), share).await {
            Ok(answer) => return Ok(answer),
            Err(error) => worst = worst.or(error),
        }
    }
    Err(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::topology::Role;
    use std::cell::RefCell;

    fn peer(addresses: &[[u8; 4]]) -> PeerAddress {
        PeerAddress {
            member: Member {
                pod: "segment-a-0".into(),
                fqdn: "segment-a-0.gp".into(),
                role: Role::Primary,
                content: gp_agent_core::cluster::content::ContentId::new(0),
                port: 1,
                data_dir: "/g".into(),
            },
            addresses: addresses.iter().map(|a| IpAddr::from(*a)).collect(),
        }
    }

    const LIMIT: Duration = Duration::from_secs(60);

    fn unreachable(at: SocketAddr) -> PeerError {
        PeerError::Unreachable { at, why: "x".into() }
    }

    #[tokio::test]
    async fn the_time_is_divided_among_the_addresses_that_are_left() {
        let shares = RefCell::new(Vec::new());
        let three = peer(&[[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 0, 3]]);
        let answer = each_address(&three, 1, LIMIT, |at, share| {
            shares.borrow_mut().push(share);
            async move { Err::<(), _>(unreachable(at)) }
        });
        assert!(answer.await.is_err());
        let shares = shares.into_inner();
        // Refused at once, an address leaves nearly all of its time to the others.
        assert!(
            shares[0] <= LIMIT / 3 && shares[1] > LIMIT / 3 && shares[2] > LIMIT / 2,
            "{shares:?}"
        );
    }

    #[tokio::test]
    async fn the_first_answer_counts_else_what_says_most() {
        let two = peer(&[[10, 0, 0, 1], [10, 0, 0, 2]]);
        let answer = each_address(&two, 1, LIMIT, |at, _| async move {
            match at.ip() {
                ip if ip == IpAddr::from([10, 0, 0, 2]) => Ok(at),
                _ => Err(unreachable(at)),
            }
        });
        assert_eq!(answer.await, Ok(SocketAddr::from(([10, 0, 0, 2], 1))));
        let newer = || PeerError::NotUnderstood("newer".into());
        let answer = each_address(&two, 1, LIMIT, |at, _| async move {
            match at.ip() {
                ip if ip == IpAddr::from([10, 0, 0, 1]) => Err::<(), _>(newer()),
                _ => Err(unreachable(at)),
            }
        });
        assert_eq!(answer.await, Err(newer()));
        let nowhere = each_address(&peer(&[]), 1, LIMIT, |at, _| async move { Ok(at) }).await;
        assert_eq!(nowhere, Err(PeerError::NoName("segment-a-0.gp".into())));
    }
}
