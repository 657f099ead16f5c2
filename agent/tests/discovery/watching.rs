//! The watch over all peers.

use super::*;

#[tokio::test]
async fn waits_for_exactly_the_peers() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    let late = fqdn("segment-b-1");
    dns.set(&late, Says::Code(ResponseCode::NXDomain));
    let discovery = discover(&dns, no_names(), quick());
    until(&discovery, "segment-b-1", |p| p.error.is_some()).await;
    for pod in PEERS.iter().filter(|p| **p != "segment-b-1") {
        until(&discovery, pod, PeerView::found).await;
    }
    let line = discovery.progress();
    let start = "4 of 5 peers; waiting for segment-b-1: NXDOMAIN since ";
    assert!(line.starts_with(start), "{line}");
    assert_eq!(discovery.status().found, 4);
    dns.set(&late, Says::Code(ResponseCode::ServFail));
    let error = format!("SERVFAIL from {}", dns.address);
    until(&discovery, "segment-b-1", |p| p.error.as_ref() == Some(&error)).await;
    dns.set(&late, Says::Silence);
    let error = format!("no answer from {} within 0.3 s", dns.address);
    until(&discovery, "segment-b-1", |p| p.error.as_ref() == Some(&error)).await;
    dns.set_addresses(&late, &["10.0.0.6", "10.0.0.5"]);
    discovery.all_found().await;
    let peer = until(&discovery, "segment-b-1", PeerView::found).await;
    assert_eq!((peer.addresses, peer.error), (ips(&["10.0.0.5", "10.0.0.6"]), None));
    assert_eq!(discovery.progress(), "5 of 5 peers");
    assert!(discovery.findings().is_empty());
    assert_eq!(
        dns.asked(&format!("{} A", fqdn("segment-a-0"))),
        0,
        "its own name is not asked for"
    );
}

#[tokio::test]
async fn a_changed_address_is_noticed_and_failures_keep_the_old_one() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    let discovery = discover(&dns, no_names(), quick());
    discovery.all_found().await;
    for pod in ["segment-b-0", "coordinator-1"] {
        dns.set_addresses(&fqdn(pod), &["10.0.9.9", "fd00::9"]);
        until(&discovery, pod, |p| p.addresses == ips(&["10.0.9.9", "fd00::9"])).await;
        dns.set_addresses(&fqdn(pod), &["fd00::8"]);
        until(&discovery, pod, |p| p.addresses == ips(&["fd00::8"])).await;
    }
    dns.set_everything(Some(Says::Code(ResponseCode::ServFail)));
    let peer = until(&discovery, "segment-b-0", |p| p.error.is_some()).await;
    assert_eq!(peer.addresses, ips(&["fd00::8"]));
    let findings = discovery.findings();
    assert!(
        findings[0].what.contains("SERVFAIL") && findings[0].what.contains("kept"),
        "{findings:?}"
    );
    dns.set_everything(None);
    for pod in PEERS {
        until(&discovery, pod, |p| p.error.is_none()).await;
    }
    assert!(discovery.findings().is_empty());
}

#[tokio::test]
async fn a_recheck_asks_at_once() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    let slow = LookupIntervals {
        near: (Duration::from_secs(3600), Duration::ZERO),
        far: (Duration::from_secs(3600), Duration::ZERO),
        ..quick()
    };
    let discovery = discover(&dns, no_names(), slow);
    discovery.all_found().await;
    dns.set_addresses(&fqdn("segment-a-1"), &["10.0.7.7"]);
    discovery.doubts().about("segment-a-1");
    discovery.doubts().about("nobody");
    until(&discovery, "segment-a-1", |p| p.addresses == ips(&["10.0.7.7"])).await;
}

#[tokio::test]
async fn rechecks_are_no_storm() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    let hour = Duration::from_secs(3600);
    let slow = LookupIntervals {
        far: (hour, Duration::ZERO),
        recheck: hour,
        ..quick()
    };
    let discovery = discover(&dns, no_names(), slow);
    discovery.all_found().await;
    for _ in 0..1000 {
        discovery.doubts().about("segment-a-1");
    }
    // What is sent later is done later.
    discovery.set_in_hba(BTreeSet::new()).await;
    let near = format!("{} A", fqdn("segment-b-0"));
    dns.wait_asked(&near, dns.asked(&near) + 3).await;
    assert_eq!(dns.asked(&format!("{} A", fqdn("segment-a-1"))), 1);
}

#[tokio::test]
async fn idle_watching_asks_one_request_for_each_peer() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    let discovery = discover(&dns, no_names(), quick());
    discovery.all_found().await;
    for pod in PEERS {
        dns.wait_asked(&format!("{} A", fqdn(pod)), 5).await;
        assert_eq!(dns.asked(&format!("{} AAAA", fqdn(pod))), 1, "no IPv6, no further AAAA");
    }
}

#[tokio::test]
async fn an_address_family_that_cannot_be_asked_is_kept() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    dns.set_addresses(&fqdn("segment-b-0"), &["10.0.0.4", "fd00::4"]);
    let discovery = discover(&dns, no_names(), quick());
    discovery.all_found().await;
    dns.set(&fqdn("segment-b-0"), Says::BrokenV6(ips(&["10.0.0.44"])));
    let new = ips(&["10.0.0.44", "fd00::4"]);
    until(&discovery, "segment-b-0", |p| p.addresses == new).await;
    dns.set_addresses(&fqdn("segment-b-0"), &["10.0.0.44"]);
    until(&discovery, "segment-b-0", |p| p.addresses == new[..1]).await;
}
