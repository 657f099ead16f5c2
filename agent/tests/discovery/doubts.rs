//! A peer that moved is looked up again because it does not answer, long before its turn.

use super::*;
use gp_agent::internals::engine;
use gp_agent::internals::kubernetes::RoleLabel;
use gp_agent::internals::peers::catalog;
use gp_agent::internals::peers::{FanOutLimits, client};
use gp_agent::internals::pod::Leadership;
use gp_agent::internals::pod::Pod;
use gp_agent::internals::pod::StatusBoard;
use gp_agent::internals::process::current_account;
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::report::Report;
use gp_agent_core::cluster::state::PodState;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::config;
use gp_agent_core::config::{Config, UseApi};
use gp_agent_core::postgres::start_decision::Partner;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

const PARTNER: &str = "segment-b-0";

/// An agent that gives `body` to every question.
async fn answers(at: SocketAddr, body: String) -> SocketAddr {
    let listener = TcpListener::bind(at).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                let byte = client.read_u8().await;
                question.push(byte.unwrap());
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
            let answer = format!("{head}connection: close\r\n\r\n{body}");
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    at
}

fn status_of(pod: &str) -> String {
    let mut status = PodStatus::unknown(pod);
    status.cluster = "test".into();
    status.directory.kind = "standby".into();
    serde_json::to_string(&Report::new(status, 1)).unwrap()
}

fn config(port: u16) -> Config {
    let text = format!(
        "cluster: test\nengine: postgres\ndomain: {DOMAIN}\nhttp: {{ port: {port} }}\n\
         coordinator: {{ standby: true }}\nsegments: {{ count: 2, mirrors: segment-b }}\n"
    );
    config::load(&text, "cluster.yaml", std::iter::empty()).unwrap()
}

/// A pod that asks peers on `port` and looks nobody up in this hour, unless somebody is doubted.
async fn pod(dns: &FakeDns, port: u16) -> Option<(Pod, Discovery)> {
    let config = config(port);
    let Ok(engine) = engine::find(&config).await else {
        skipped("doubts of a pod need PostgreSQL's programs");
        return None;
    };
    let hour = (Duration::from_secs(3600), Duration::ZERO);
    let slow = LookupIntervals {
        near: hour,
        far: hour,
        ..quick()
    };
    let discovery = discover(dns, no_names(), slow);
    discovery.all_found().await;
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap().clone();
    let board = Arc::new(StatusBoard::new(PodState::new("segment-a-0", 0, 0)));
    let shutdown = watch::channel(false).1;
    let pod = Pod {
        label: RoleLabel::start(None, UseApi::Off, Default::default(), &board, shutdown.clone()),
        config: watch::channel(Arc::new(config)).1,
        me,
        topology: Arc::new(topology),
        account: current_account().unwrap(),
        engine,
        board,
        peers: discovery.peers(),
        doubts: discovery.doubts(),
        shutdown,
        leadership: Leadership::new(Some("a test")),
        settings: Default::default(),
        unproven: Default::default(),
        volume: Default::default(),
        settings_changed: Default::default(),
        catalog: catalog::unknown("a test"),
        recheck: Default::default(),
        silent_primaries: Default::default(),
    };
    Some((pod, discovery))
}

/// Asks until there is an answer, each time after the address has changed or some time has passed.
async fn insist<T>(discovery: &Discovery, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        let mut peers = discovery.peers();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), peers.changed()).await;
        }
    };
    let patience = Duration::from_secs(60);
    let answer = tokio::time::timeout(patience, asking).await;
    answer.expect("the old address is no longer believed")
}

/// Both ports are the same on two loopback addresses: the old one, where `old` answers or nobody, and the new one.
async fn moved(dns: &FakeDns, old: Option<String>, new: String) -> Option<(Pod, Discovery)> {
    let there = answers(([127, 0, 77, 2], 0).into(), new).await;
    if let Some(old) = old {
        answers(([127, 0, 77, 1], there.port()).into(), old).await;
    }
    set_all(dns);
    for head_or_partner in ["coordinator-0", PARTNER] {
        dns.set_addresses(&fqdn(head_or_partner), &["127.0.77.1"]);
    }
    let pod = pod(dns, there.port()).await?;
    for head_or_partner in ["coordinator-0", PARTNER] {
        dns.set_addresses(&fqdn(head_or_partner), &["127.0.77.2"]);
    }
    Some(pod)
}

/// The partner is found at its new address, whoever answers at the old one.
async fn finds_its_partner(at_the_old_address: Option<String>) {
    let dns = FakeDns::local().await;
    let Some((pod, discovery)) = moved(&dns, at_the_old_address, status_of(PARTNER)).await else {
        return;
    };
    insist(&discovery, async || match client::ask(&pod).await {
        Partner::Silent => None,
        other => Some(other),
    })
    .await;
}

#[tokio::test]
async fn a_partner_that_does_not_answer_is_looked_up_again() {
    finds_its_partner(None).await;
}

#[tokio::test]
async fn a_partner_whose_address_another_pod_has_now_is_looked_up_again() {
    finds_its_partner(Some(status_of("segment-b-1"))).await;
}

fn told(fqdn: String, answer: CatalogAnswer) -> String {
    serde_json::to_string(&CatalogReply::new("test", fqdn, answer)).unwrap()
}

fn on_timeline(timeline: u32) -> CatalogAnswer {
    CatalogAnswer::Known(Catalog {
        timeline,
        ..Catalog::default()
    })
}

/// One that is believed fences this cluster's own coordinator for good.
#[tokio::test]
async fn a_coordinator_of_another_namespace_is_not_believed() {
    let dns = FakeDns::local().await;
    let foreign = "coordinator-0.agent.staging.svc.cluster.local".to_string();
    let foreign = told(foreign, on_timeline(9));
    let own = told(fqdn("coordinator-0"), on_timeline(1));
    let Some((pod, discovery)) = moved(&dns, Some(foreign), own).await else {
        return;
    };
    let answer = insist(&discovery, async || catalog::ask(&pod).await.best).await;
    assert!(
        matches!(&answer, CatalogAnswer::Known(c) if c.timeline == 1),
        "{answer:?}"
    );
}

#[tokio::test]
async fn gathering_the_cluster_looks_silent_pods_up_again() {
    let dns = FakeDns::local().await;
    let Some((pod, discovery)) = moved(&dns, None, status_of(PARTNER)).await else {
        return;
    };
    insist(&discovery, async || {
        let asked = pod.topology.member(PARTNER).into_iter();
        let entries = client::ask_each(&pod, asked, FanOutLimits::default()).await;
        entries.into_iter().find_map(|entry| entry.status)
    })
    .await;
}

#[tokio::test]
async fn a_coordinator_whose_catalog_cannot_be_read_is_looked_up_again() {
    let dns = FakeDns::local().await;
    let unknown = catalog::unknown("not yet").borrow().clone();
    let unknown = told(fqdn("coordinator-0"), unknown);
    let Some((pod, discovery)) = moved(&dns, None, unknown).await else {
        return;
    };
    insist(&discovery, async || catalog::ask(&pod).await.best).await;
}

fn in_a_newer_format(document: &str) -> String {
    let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
    document["format"] = 3.into();
    document.to_string()
}

#[tokio::test]
async fn a_partner_of_a_newer_version_is_a_finding_and_not_silent() {
    let dns = FakeDns::local().await;
    let newer = in_a_newer_format(&status_of(PARTNER));
    let Some((pod, discovery)) = moved(&dns, None, newer).await else {
        return;
    };
    let partner = insist(&discovery, async || match client::ask(&pod).await {
        Partner::Silent => None,
        other => Some(other),
    })
    .await;
    let why = "segment-b-0 speaks format 3, this agent reads up to 1".to_string();
    assert_eq!(partner, Partner::NotUnderstood { why: why.clone() });
    let found = |pod: &Pod| pod.board.snapshot().findings.iter().any(|f| f.what == why);
    assert!(found(&pod));
}

/// What the other coordinator pod says may be older than what this one says.
#[tokio::test]
async fn a_coordinator_of_a_newer_version_is_told_apart_from_a_silent_one() {
    let dns = FakeDns::local().await;
    let newer = in_a_newer_format(&told(fqdn("coordinator-0"), on_timeline(2)));
    let Some((pod, discovery)) = moved(&dns, None, newer).await else {
        return;
    };
    let why = insist(&discovery, async || catalog::ask(&pod).await.not_understood).await;
    assert_eq!(why, "coordinator-0 speaks format 3, this agent reads up to 1");
    assert_eq!(catalog::ask(&pod).await.best, None);
}
