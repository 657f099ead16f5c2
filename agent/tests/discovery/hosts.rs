//! The pods' addresses in the container's /etc/hosts, in the eyes of the real libc.

use super::*;
use gp_agent::internals::discovery::{HostsFile, HostsKeeper};

const PARTNER: &str = "segment-b-0";

fn kept(c: &Contained) -> Discovery {
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    let keeper = HostsKeeper::new(&topology, me, HostsFile::at(c.dir.path().join("hosts")));
    Discovery::start(&topology, me, resolver(&c.dns), c.names(), quick(), Some(keeper))
}

async fn verified(discovery: &Discovery, address: &str) {
    until(discovery, PARTNER, |p| {
        p.addresses == ips(&[address]) && matches!(p.verdict, NameVerdict::Verified(_))
    })
    .await;
}

#[tokio::test]
async fn names_outlive_dns_and_lead_back() {
    let Some(c) = Contained::new("10.0.7.7 somebody\n").await else {
        return;
    };
    // DNS knows no reverse name, or another one: the file's counts.
    set_all(&c.dns);
    let discovery = kept(&c);
    discovery.set_in_hba([PARTNER.to_string()].into()).await;
    verified(&discovery, "10.0.0.4").await;
    c.dns.set_everything(Some(Says::Silence));
    until(&discovery, PARTNER, |p| p.error.is_some()).await;
    let name = fqdn(PARTNER);
    let forward = c.names().forward(std::slice::from_ref(&name)).await;
    assert_eq!(forward[&name], Forward::Addresses(ips(&["10.0.0.4"])));
    let address = ips(&["10.0.0.4", "10.0.7.7"]);
    let reverse = c.names().reverse(&address).await;
    assert_eq!(reverse[&address[0]], Reverse::Names(vec![name, PARTNER.into()]));
    assert_eq!(reverse[&address[1]], Reverse::Names(vec!["somebody".into()]));
}

#[tokio::test]
async fn a_new_address_replaces_the_old_one_before_libc_is_asked() {
    let Some(c) = Contained::new("").await else {
        return;
    };
    set_all(&c.dns);
    let discovery = kept(&c);
    discovery.set_in_hba([PARTNER.to_string()].into()).await;
    verified(&discovery, "10.0.0.4").await;
    for address in ["10.0.9.9", "10.0.9.10", "10.0.0.4"] {
        c.dns.set_addresses(&fqdn(PARTNER), &[address]);
        let peer = until(&discovery, PARTNER, |p| p.addresses == ips(&[address])).await;
        assert_eq!(peer.libc_differs, None);
        verified(&discovery, address).await;
    }
}

#[tokio::test]
async fn a_name_that_is_no_more_goes_when_nobody_answers_there() {
    let Some(c) = Contained::new("").await else {
        return;
    };
    set_all(&c.dns);
    let discovery = kept(&c);
    discovery.set_in_hba([PARTNER.to_string()].into()).await;
    verified(&discovery, "10.0.0.4").await;
    c.dns.set(&fqdn(PARTNER), Says::Code(ResponseCode::NXDomain));
    until(&discovery, PARTNER, |p| p.error.is_some() && !p.gone).await;
    discovery.doubts().about(PARTNER);
    until(&discovery, PARTNER, |p| p.gone).await;
    let hosts = c.dir.path().join("hosts");
    let line = format!("10.0.0.4{}{} ", " ".repeat(32), fqdn(PARTNER));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(&hosts).unwrap().contains(&line) {
        assert!(tokio::time::Instant::now() < deadline, "the line stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_said_and_stops_nothing() {
    let Some(c) = Contained::new("").await else {
        return;
    };
    set_all(&c.dns);
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    let keeper = HostsKeeper::new(&topology, me, HostsFile::at(c.dir.path().join("none")));
    let discovery = Discovery::start(&topology, me, resolver(&c.dns), c.names(), quick(), Some(keeper));
    discovery.all_found().await;
    discovery.set_in_hba([PARTNER.to_string()].into()).await;
    discovery.names_checked().await;
    let findings = discovery.findings();
    let told = |f: &gp_agent_core::finding::Finding| f.what.contains("the pods' addresses cannot be written");
    assert!(findings.iter().any(told), "{findings:?}");
}
