//! Peers, asked over real connections: `/cluster`, `/status` and `/recheck`.

use crate::support::{Peers, Server, get, ready};
use gp_agent::internals::peers::FanOutLimits;
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer, CatalogReply, CatalogRole, Segment};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::peer_error::{PeerError, PeerFailure};
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::topology::Role;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Of the loopback network, with nobody there.
const DEAD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 255, 0, 1));

async fn ask(cluster: &str, peers: Peers) -> Vec<PodReport> {
    peers.statuses(cluster, FanOutLimits::default()).await
}

fn failure(entry: &PodReport) -> Option<PeerFailure> {
    assert!(entry.status.is_none());
    entry.failure
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
    *asked.agent.peers.lock().unwrap() = Peers::on(mirror.port)
        .and("segment-b-1", &[])
        .and("segment-b-0", &[LOCAL])
        .and("segment-b-2", &[LOCAL]);
    let said = asked.ask_unix(&get("/cluster")).await;
    assert_eq!(said.code, 200);
    let entries: Vec<PodReport> = serde_json::from_str(&said.body).unwrap();
    let pods: Vec<&str> = entries.iter().map(|e| e.pod.as_str()).collect();
    assert_eq!(pods, ["segment-a-0", "segment-b-1", "segment-b-0", "segment-b-2"]);
    assert!(entries[0].ready() && entries[2].ready());
    assert!(why(&entries[1]).contains("segment-b-1.agent, does not resolve"));
    assert_eq!(failure(&entries[1]), Some(PeerFailure::NoName));
    assert_eq!(failure(&entries[3]), Some(PeerFailure::Stranger));
    assert!(why(&entries[3]).contains("answers segment-b-0: an old address"));
}

#[tokio::test]
async fn every_address_of_a_peer_is_tried() {
    let mirror = Server::start();
    mirror.agent.change(|s| s.pod = "segment-b-0".into());
    let addresses = ["::ffff:127.255.0.1".parse().unwrap(), LOCAL];
    let peers = Peers::on(mirror.port).and("segment-b-0", &addresses);
    let entries = ask("warehouse", peers).await;
    assert!(entries[0].ready(), "{:?}", entries[0].error);
}

/// Takes connections, which the kernel does by itself, and says nothing.
async fn hangs(at: IpAddr) -> TcpListener {
    TcpListener::bind((at, 0)).await.unwrap()
}

/// One port at all of these addresses: what is free at the first may be somebody else's at another.
async fn at_one_port<const N: usize>(addresses: [IpAddr; N]) -> (u16, [TcpListener; N]) {
    loop {
        let mut all = vec![TcpListener::bind((addresses[0], 0)).await.unwrap()];
        let port = all[0].local_addr().unwrap().port();
        for at in &addresses[1..] {
            all.extend(TcpListener::bind((*at, port)).await);
        }
        if let Ok(all) = all.try_into() {
            return (port, all);
        }
    }
}

#[tokio::test]
async fn addresses_that_hang_leave_time_for_the_one_that_answers() {
    let addresses = [[127, 0, 78, 1].into(), [127, 0, 78, 2].into(), LOCAL];
    let (port, [_one, _two, agent]) = at_one_port(addresses).await;
    serve_on(agent, |_| (200, promoted_mirror().to_string()));
    let limits = FanOutLimits {
        peer: Duration::from_secs(3),
        all: Duration::from_secs(3),
        in_flight: 1,
    };
    let peers = Peers::on(port).and("segment-b-0", &addresses);
    let entries = peers.statuses("warehouse", limits).await;
    assert!(entries[0].ready(), "{:?}", entries[0].error);
}

#[tokio::test]
async fn a_refused_connection_says_where() {
    let port = hangs(DEAD).await.local_addr().unwrap().port();
    let entries = ask("warehouse", Peers::on(port).and("b", &[DEAD])).await;
    let expected = format!("cannot reach 127.255.0.1:{port}: Connection refused");
    assert!(why(&entries[0]).starts_with(&expected), "{}", why(&entries[0]));
    assert_eq!(failure(&entries[0]), Some(PeerFailure::Unreachable));
}

#[tokio::test]
async fn a_pod_of_another_cluster_is_told() {
    let other = Server::start();
    let peers = || Peers::on(other.port).and("segment-a-0", &[LOCAL]);
    let entries = ask("archive", peers()).await;
    assert!(why(&entries[0]).ends_with("of cluster warehouse"));
    other.agent.change(|s| s.cluster.clear());
    let entries = ask("archive", peers()).await;
    assert!(entries[0].ready());
}

#[tokio::test]
async fn peers_that_hang_cost_their_time_once() {
    let hangs = hangs(LOCAL).await;
    let limits = FanOutLimits {
        peer: Duration::from_millis(100),
        all: Duration::from_millis(300),
        in_flight: 2,
    };
    let mut peers = Peers::on(hangs.local_addr().unwrap().port());
    for i in 0..50 {
        peers = peers.and(&format!("b-{i}"), &[LOCAL]);
    }
    let entries = peers.statuses("warehouse", limits).await;
    assert_eq!(entries.len(), 50);
    assert!(entries.iter().all(|e| why(e).contains("within")));
    assert!(entries.iter().all(|e| failure(e) == Some(PeerFailure::TimedOut)));
}

/// The document of a mirror that was promoted, as a value to be changed.
fn promoted_mirror() -> serde_json::Value {
    serde_json::to_value(Report::new(ready("segment-b-0", Role::Primary), 1000)).unwrap()
}

/// An agent that gives this document to every question; what it is asked.
async fn agent_of(document: serde_json::Value) -> (u16, Arc<Mutex<Vec<String>>>) {
    serve(move |_| (200, document.to_string())).await
}

/// Answers by the first line of the request; what it is asked.
async fn serve(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, serve_on(listener, answer))
}

fn serve_on(listener: TcpListener, answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                question.push(client.read_u8().await.unwrap());
            }
            let question = String::from_utf8(question).unwrap();
            let line = question.lines().next().unwrap().to_string();
            let (code, body) = answer(&line);
            log.lock().unwrap().push(line);
            let head = format!(
                "HTTP/1.1 {code} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = client.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    asked
}

#[tokio::test]
async fn a_peer_of_a_newer_format_is_named_and_not_silent() {
    let mut newer = promoted_mirror();
    newer["format"] = 3.into();
    newer["phase"] = "a word of the future".into();
    let (port, _) = agent_of(newer).await;
    // A dead address says less than an answer.
    let entries = ask("warehouse", Peers::on(port).and("segment-b-0", &[LOCAL, DEAD])).await;
    assert_eq!(
        why(&entries[0]),
        "segment-b-0 speaks format 3, this agent reads up to 1"
    );
    assert_eq!(failure(&entries[0]), Some(PeerFailure::NotUnderstood));
    assert!(entries[0].not_understood().is_some());
}

#[tokio::test]
async fn a_peer_of_version_0_1_0_is_understood() {
    let golden = include_str!("../../core/tests/golden/0.1.0/status-streaming-mirror.json");
    let document: serde_json::Value = serde_json::from_str(golden).unwrap();
    let (port, _) = agent_of(document.clone()).await;
    let mut peers = Peers::on(port).and(document["pod"].as_str().unwrap(), &[LOCAL]);
    peers.members[0].fqdn = document["fqdn"].as_str().unwrap().into();
    let entries = ask("warehouse", peers).await;
    assert!(entries[0].ready(), "{:?}", entries[0].error);
}

/// The catalog of that many contents with mirrors, with names as long as DNS allows (RFC 1035).
fn catalog(contents: i32) -> CatalogAnswer {
    let name = format!("{}.", "x".repeat(62)).repeat(4);
    let segment = |dbid, content, role| Segment {
        dbid,
        content,
        role,
        preferred_role: role,
        in_sync: true,
        up: true,
        port: 40000,
        hostname: name.clone(),
        address: name.clone(),
        datadir: format!("/greenplum/mirror/gpseg{content}").into(),
    };
    let pair = |content| [(content, CatalogRole::Primary), (content, CatalogRole::Mirror)];
    let rows = (-1..contents).flat_map(pair).zip(1..);
    CatalogAnswer::Known(Catalog {
        segments: rows
            .map(|((content, role), dbid)| segment(dbid, ContentId::new(content), role))
            .collect(),
        live: true,
        ..Catalog::default()
    })
}

#[tokio::test]
async fn the_catalog_of_the_largest_cluster_is_read() {
    for (contents, asked) in [(10_000, None), (1, Some(0))] {
        let answer = catalog(contents);
        let reply = CatalogReply::new("warehouse", "coordinator-0.agent", answer.clone());
        let (port, log) = agent_of(serde_json::to_value(reply).unwrap()).await;
        let heard = Peers::on(port)
            .and("coordinator-0", &[LOCAL])
            .catalog(asked.map(ContentId::new))
            .await;
        assert!(heard == Ok(answer), "{contents}: {:?}", heard.err());
        let path = if asked.is_some() { "/catalog/0" } else { "/catalog" };
        assert_eq!(*log.lock().unwrap(), [format!("GET {path} HTTP/1.1")]);
    }
}

#[tokio::test]
async fn a_catalog_is_believed_from_the_pod_that_was_asked_alone() {
    let reply = |cluster: &str, fqdn: &str| {
        let reply = CatalogReply::new(cluster, fqdn, catalog(1));
        serde_json::to_value(reply).unwrap()
    };
    for (cluster, fqdn) in [
        ("archive", "coordinator-0.agent"),
        ("warehouse", "coordinator-0.staging"),
        ("", ""),
    ] {
        let (port, _) = agent_of(reply(cluster, fqdn)).await;
        let heard = Peers::on(port)
            .and("coordinator-0", &[LOCAL])
            .catalog(Some(ContentId::new(0)))
            .await;
        assert!(matches!(heard, Err(PeerError::Stranger { .. })), "{heard:?}");
    }
    let mut newer = reply("warehouse", "coordinator-0.agent");
    newer["format"] = 2.into();
    let (port, _) = agent_of(newer).await;
    let heard = Peers::on(port)
        .and("coordinator-0", &[LOCAL])
        .catalog(Some(ContentId::new(0)))
        .await;
    let words = "coordinator-0 speaks format 2, this agent reads up to 1";
    assert_eq!(heard, Err(PeerError::NotUnderstood(words.into())));
}

#[tokio::test]
async fn a_recheck_reaches_the_agent_once() {
    let server = Server::start();
    let peers = Peers::on(server.port).and("segment-a-0", &[LOCAL]);
    assert_eq!(peers.recheck().await, Ok(()));
    assert_eq!(server.agent.rechecks.load(std::sync::atomic::Ordering::Relaxed), 1);
    let other = Peers::on(server.port).and("segment-b-0", &[LOCAL]);
    let answer = other.recheck().await;
    assert!(matches!(answer, Err(PeerError::Stranger { .. })), "{answer:?}");
}

/// 0.1.0 answers 404 to a path that it does not know, and knows the question as GET /look-again.
#[tokio::test]
async fn an_agent_of_version_0_1_0_is_asked_in_its_own_words() {
    for code in [404, 405] {
        let (port, asked) = serve(move |line| match line {
            "GET /look-again HTTP/1.1" => (200, "soon\n".into()),
            _ => (code, "no such path\n".into()),
        })
        .await;
        let peers = Peers::on(port).and("segment-a-0", &[LOCAL]);
        assert_eq!(peers.recheck().await, Ok(()));
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked, ["POST /recheck HTTP/1.1", "GET /look-again HTTP/1.1"]);
    }
    let (port, asked) = serve(|_| (503, "the agent ends\n".into())).await;
    let answer = Peers::on(port).and("segment-a-0", &[LOCAL]).recheck().await;
    assert!(matches!(answer, Err(PeerError::Refused { code: 503, .. })));
    assert_eq!(
        asked.lock().unwrap().len(),
        1,
        "only who does not know the path is asked again"
    );
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
        // In large parts: a busy machine has the same two seconds.
        let part = times.clamp(1, 1 << 16);
        let body = body.repeat(part);
        for _ in 0..times / part {
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
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", "{}", 1, "no agent"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "", 0, "no HTTP server"),
        ("", "", 0, "127.0.0.1"),
        (
            "HTTP/1.1 200 OK\r\n\r\n",
            "an endless answer ",
            1 << 20,
            "sends more than",
        ),
    ];
    for (head, body, times, words) in cases {
        let port = stranger(head, body, times).await;
        let entries = ask("warehouse", Peers::on(port).and("b", &[LOCAL])).await;
        assert!(why(&entries[0]).contains(words), "{head:?}: {}", why(&entries[0]));
    }
}
