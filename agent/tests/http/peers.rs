//! `/cluster`: every peer asked over real connections.

use crate::support::{Server, get, member, ready};
use gp_agent::internals::peers::{FanOutLimits, PeerAddress, gather};
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::topology::Role;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Of the loopback network, with nobody there.
const DEAD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 255, 0, 1));

fn peer(pod: &str, addresses: &[IpAddr]) -> PeerAddress {
    PeerAddress {
        member: member(pod, Role::Mirror),
        addresses: addresses.to_vec(),
    }
}

async fn ask(cluster: &str, port: u16, peers: Vec<PeerAddress>) -> Vec<PodReport> {
    gather(cluster, peers, port, FanOutLimits::default()).await
}

fn why(entry: &PodReport) -> &str {
    assert!(entry.status.is_none());
    entry.error.as_deref().unwrap()
}

#[tokio::test]
async fn a_dead_peer_is_an_entry_with_its_error() {
    let asked = Server::start();
    let mirror = Server::start();
    mirror.agent.change(|s| *s = ready("segment-b-0", Role::Primary));
    *asked.agent.peers.lock().unwrap() = (
        vec![
            peer("segment-b-1", &[]),
            peer("segment-b-0", &[LOCAL]),
            peer("segment-b-2", &[LOCAL]),
        ],
        mirror.port,
    );
    let said = asked.ask_unix(&get("/cluster")).await;
    assert_eq!(said.code, 200);
    let entries: Vec<PodReport> = serde_json::from_str(&said.body).unwrap();
    let pods: Vec<&str> = entries.iter().map(|e| e.pod.as_str()).collect();
    assert_eq!(pods, ["segment-a-0", "segment-b-1", "segment-b-0", "segment-b-2"]);
    assert!(entries[0].ready() && entries[2].ready());
    assert!(why(&entries[1]).contains("segment-b-1.agent, does not resolve"));
    assert!(why(&entries[3]).contains("answers segment-b-0: an old address"));
}

#[tokio::test]
async fn every_address_of_a_peer_is_tried() {
    let mirror = Server::start();
    mirror.agent.change(|s| s.pod = "segment-b-0".into());
    let peers = vec![peer("segment-b-0", &["::ffff:127.255.0.1".parse().unwrap(), LOCAL])];
    let entries = ask("warehouse", mirror.port, peers).await;
    assert!(entries[0].ready(), "{:?}", entries[0].error);
}

#[tokio::test]
async fn a_refused_connection_says_where() {
    let free = TcpListener::bind((DEAD, 0)).await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let entries = ask("warehouse", port, vec![peer("b", &[DEAD])]).await;
    let expected = format!("cannot reach 127.255.0.1:{port}: Connection refused");
    assert!(why(&entries[0]).starts_with(&expected), "{}", why(&entries[0]));
}

#[tokio::test]
async fn a_pod_of_another_cluster_is_told() {
    let other = Server::start();
    let peers = || vec![peer("segment-a-0", &[LOCAL])];
    let entries = ask("archive", other.port, peers()).await;
    assert!(why(&entries[0]).ends_with("of cluster warehouse"));
    other.agent.change(|s| s.cluster.clear());
    let entries = ask("archive", other.port, peers()).await;
    assert!(entries[0].ready());
}

#[tokio::test]
async fn peers_that_hang_cost_their_time_once() {
    let hangs = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let port = hangs.local_addr().unwrap().port();
    let pace = FanOutLimits {
        peer: Duration::from_millis(100),
        all: Duration::from_millis(300),
        in_flight: 2,
    };
    let peers = (0..50).map(|i| peer(&format!("b-{i}"), &[LOCAL]));
    let entries = gather("warehouse", peers.collect(), port, pace).await;
    assert_eq!(entries.len(), 50);
    assert!(entries.iter().all(|e| why(e).contains("within")));
}

/// Answers every connection with these bytes, as often as the client reads them.
async fn stranger(head: &'static str, body: &'static str, times: usize) -> u16 {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(head.as_bytes()).await;
        for _ in 0..times {
            if stream.write_all(body.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    port
}

#[tokio::test]
async fn strangers_at_a_peers_address_are_told() {
    let cases = [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "", 0, "HTTP 404"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            "{}",
            1,
            "something else than a status",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "", 0, "127.0.0.1"),
        ("", "", 0, "127.0.0.1"),
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            "an endless answer ",
            1 << 20,
            "length limit exceeded",
        ),
    ];
    for (head, body, times, words) in cases {
        let port = stranger(head, body, times).await;
        let entries = ask("warehouse", port, vec![peer("b", &[LOCAL])]).await;
        assert!(why(&entries[0]).contains(words), "{head:?}: {}", why(&entries[0]));
    }
}
