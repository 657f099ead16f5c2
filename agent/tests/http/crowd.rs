//! More connections than there are places. What is awaited comes while they stand; nothing is timed.

use crate::support::{Fake, Peers, Server, answer, get, ready, talk, until_closed};
use gp_agent::internals::http::HttpLimits;
use gp_agent_core::cluster::topology::Role;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// As many descriptors as the tests of a crowd need, which are more than a shell usually has.
fn many_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A connection from 127.0.0.`last`, which the server takes for a client of its own.
async fn from(last: u8, port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))
        .unwrap();
    socket
        .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .await
        .unwrap()
}

/// Never ends one of its connections by itself: the server's own times are far longer than any test.
fn patient() -> Server {
    let long = Duration::from_secs(3600);
    Server::with(HttpLimits {
        header: long,
        connection: long,
        ..HttpLimits::default()
    })
}

/// What kubelet and the other pods ask, each with a connection of its own.
async fn everybody_is_answered(server: &Server, kubelet: u8) {
    for path in ["/readyz", "/livez", "/status", "/catalog", "/metrics"] {
        let probe = from(kubelet, server.port).await;
        assert_eq!(talk(probe, get(path).as_bytes()).await.code, 200, "{path}");
    }
    let peer = Peers::on(server.port).and("segment-a-0", &[IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    let answers = peer.statuses("warehouse", Default::default()).await;
    assert!(answers[0].status.is_some(), "{answers:?}");
}

/// A pod's own name, so that a peer's client knows it.
fn is_segment(agent: &Fake) {
    agent.change(|status| {
        *status = ready("segment-a-0", Role::Primary);
        status.fqdn = "segment-a-0.agent".into();
    });
}

#[tokio::test]
async fn a_thousand_half_open_connections_from_one_address_keep_nobody_out() {
    many_descriptors();
    let server = patient();
    is_segment(&server.agent);
    let mut crowd = Vec::new();
    for n in 0..1000 {
        let mut half = from(7, server.port).await;
        // Every other one says something, but never all of it.
        if n % 2 == 0 {
            half.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        }
        crowd.push(half);
    }
    everybody_is_answered(&server, 1).await;
    // From the crowd's own address as well: the node of a pod may be where a client of its NodePort seems to be.
    everybody_is_answered(&server, 7).await;
    // Sixteen are left to it, the newest; the others were told so.
    let left = crowd.split_off(1000 - 16 + 8);
    for gone in crowd.drain(..900) {
        assert!(until_closed(gone, b"").await.is_empty());
    }
    let kept = left.into_iter().next_back().unwrap();
    let rest = b"connection: close\r\n\r\n";
    let said = until_closed(kept, [&b"GET /livez HTTP/1.1\r\n"[..], rest].concat().as_slice()).await;
    assert_eq!(answer(&said).code, 200);
}

#[tokio::test]
async fn a_thousand_half_open_connections_from_many_addresses_keep_nobody_out() {
    many_descriptors();
    let server = patient();
    is_segment(&server.agent);
    let mut crowd = Vec::new();
    for n in 0..1000_u32 {
        crowd.push(from(u8::try_from(2 + n % 200).unwrap(), server.port).await);
    }
    everybody_is_answered(&server, 1).await;
    drop(crowd);
}

#[tokio::test]
async fn a_crowd_that_comes_back_keeps_nobody_out() {
    many_descriptors();
    let server = patient();
    is_segment(&server.agent);
    let port = server.port;
    let crowd: Vec<_> = (0..200)
        .map(|n: u8| {
            tokio::spawn(async move {
                loop {
                    let mut half = from(2 + n % 50, port).await;
                    // Until it is thrown out.
                    let _ = half.read(&mut [0; 64]).await;
                }
            })
        })
        .collect();
    for _ in 0..5 {
        everybody_is_answered(&server, 1).await;
    }
    for one in crowd {
        one.abort();
    }
}

/// Requests that are answered into nowhere: the answers fill the sockets' buffers, and the connection waits.
#[tokio::test]
async fn clients_that_never_read_keep_nobody_out() {
    many_descriptors();
    let server = patient();
    is_segment(&server.agent);
    server.agent.change(|status| status.reason = "x".repeat(64 << 10));
    let pipelined = get("/status").replace("connection: close\r\n", "").repeat(90);
    let mut crowd = Vec::new();
    for n in 0..20 {
        let mut deaf = from(2 + n % 2, server.port).await;
        // Late ones find their connection closed again before they have said all.
        let _ = deaf.write_all(pipelined.as_bytes()).await;
        crowd.push(deaf);
    }
    everybody_is_answered(&server, 1).await;
    drop(crowd);
}

#[tokio::test]
async fn the_unix_socket_has_places_of_its_own_and_gives_them_to_newcomers() {
    many_descriptors();
    let server = patient();
    let mut on_the_network = Vec::new();
    let mut inside = Vec::new();
    for _ in 0..200 {
        on_the_network.push(server.tcp().await);
        inside.push(server.unix().await);
    }
    assert_eq!(server.ask_unix(&get("/livez")).await.code, 200);
    assert_eq!(server.ask_unix(&get("/cluster")).await.code, 200);
    // The oldest had to go, none of the newest.
    assert!(until_closed(inside.remove(0), b"").await.is_empty());
    let newest = inside.pop().unwrap();
    assert_eq!(talk(newest, get("/livez").as_bytes()).await.code, 200);
}

/// A request that is under way is answered, however many come meanwhile.
#[tokio::test]
async fn who_is_being_answered_is_not_cut_off() {
    many_descriptors();
    let server = patient();
    let half = "POST /hold HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    let mut slow = server.unix().await;
    slow.write_all(half.as_bytes()).await.unwrap();
    // Its header has been read when a later request of the same side has been answered.
    assert_eq!(server.ask_unix(&get("/livez")).await.code, 200);
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(server.unix().await);
    }
    assert_eq!(talk(slow, b"work").await.code, 200);
    assert_eq!(*server.agent.held.lock().unwrap(), ["hold work"]);
}
