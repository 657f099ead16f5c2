//! Discovery against a real DNS server, its faults, and the real libc.

mod fake_dns;

use fake_dns::{FakeDns, Says};
use gp_agent::domain::names::{Forward, NameVerdict, Reverse};
use gp_agent::domain::pace::Pace;
use gp_agent::domain::peers::{PeerMap, PeerView};
use gp_agent::domain::topology::{Member, Role, Topology};
use gp_agent::lifecycle::discover::{Discovery, check};
use gp_agent::sys::dns::{DnsError, Families, Resolver};
use gp_agent::sys::names::{Limits, Names};
use hickory_server::proto::op::ResponseCode;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const DOMAIN: &str = "agent.prod.svc.cluster.local";

fn fqdn(pod: &str) -> String {
    format!("{pod}.{DOMAIN}")
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|a| a.parse().unwrap()).collect()
}

fn member(pod: &str, role: Role, content: i32) -> Member {
    Member {
        pod: pod.into(),
        fqdn: fqdn(pod),
        role,
        content,
        port: 5432,
        data_dir: "/greenplum/gpseg".into(),
    }
}

/// Six pods; "me" is segment-a-0, its partner segment-b-0.
fn topology() -> Topology {
    Topology {
        cluster: "test".into(),
        domain: DOMAIN.into(),
        members: vec![
            member("coordinator-0", Role::Coordinator, -1),
            member("coordinator-1", Role::Standby, -1),
            member("segment-a-0", Role::Primary, 0),
            member("segment-a-1", Role::Primary, 1),
            member("segment-b-0", Role::Mirror, 0),
            member("segment-b-1", Role::Mirror, 1),
        ],
    }
}

const PEERS: [&str; 5] = [
    "coordinator-0",
    "coordinator-1",
    "segment-a-1",
    "segment-b-0",
    "segment-b-1",
];

fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace {
        first_retry: ms(10),
        longest_retry: ms(50),
        near: (ms(50), ms(0)),
        far: (ms(50), ms(0)),
        names: (ms(50), ms(0)),
        names_longest: ms(50),
        names_recovering: ms(20),
        progress: ms(10),
        ..Pace::default()
    }
}

fn resolver(dns: &FakeDns) -> Resolver {
    Resolver::from_server(dns.address).with_timeout(Duration::from_millis(300))
}

fn no_names() -> Names {
    Names::with_command(vec!["/nonexistent/getent".into()])
}

fn discover(dns: &FakeDns, names: Names, pace: Pace) -> Discovery {
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    Discovery::start(&topology, me, resolver(dns), names, pace)
}

fn set_all(dns: &FakeDns) {
    for (i, pod) in PEERS.iter().enumerate() {
        dns.set_addresses(&fqdn(pod), &[&format!("10.0.0.{}", i + 1)]);
    }
}

async fn until(discovery: &Discovery, pod: &str, good: impl Fn(&PeerView) -> bool) -> PeerView {
    let seen = |map: &PeerMap| map.get(pod).is_some_and(&good);
    let mut peers = discovery.peers();
    let wait = peers.wait_for(seen);
    match tokio::time::timeout(Duration::from_secs(60), wait).await {
        Ok(map) => map.unwrap()[pod].clone(),
        Err(_) => panic!(
            "{pod} never came so far: {:?}",
            discovery.peers().borrow()[pod]
        ),
    }
}

#[tokio::test]
async fn errors_are_told_apart() {
    let dns = FakeDns::local().await;
    let resolver = resolver(&dns);
    let here = dns.address.to_string();
    dns.set("empty.x", Says::Nothing);
    dns.set("broken.x", Says::Code(ResponseCode::ServFail));
    dns.set("closed.x", Says::Code(ResponseCode::Refused));
    dns.set("silent.x", Says::Silence);
    let cases = [
        ("none.x", DnsError::NoSuchName, "NXDOMAIN".to_string()),
        (
            "empty.x",
            DnsError::NoAddress,
            "no address (the name exists)".into(),
        ),
        (
            "broken.x",
            DnsError::ServerFailure {
                servers: here.clone(),
            },
            format!("SERVFAIL from {here}"),
        ),
        (
            "closed.x",
            DnsError::Refused {
                servers: here.clone(),
            },
            format!("REFUSED by {here}"),
        ),
        (
            "silent.x",
            DnsError::NoAnswer {
                servers: here.clone(),
                within: Duration::from_millis(300),
            },
            format!("no answer from {here} within 0.3 s"),
        ),
    ];
    for (name, error, words) in cases {
        let got = resolver.addresses(name, Families::Both).await.unwrap_err();
        assert_eq!((got.to_string(), got), (words, error));
    }
    assert!(matches!(
        resolver.addresses("a..b", Families::Both).await,
        Err(DnsError::BadName { .. })
    ));
}

#[tokio::test]
async fn names_are_absolute_and_both_families_are_asked() {
    let dns = FakeDns::local().await;
    dns.set_addresses("short", &["10.0.0.9", "fd00::9", "10.0.0.1"]);
    dns.set_addresses("v6.x", &["fd00::6"]);
    let resolver = resolver(&dns);
    let answer = resolver.addresses("short", Families::Both).await.unwrap();
    assert_eq!(
        (answer.addresses, answer.unsure),
        (ips(&["10.0.0.1", "10.0.0.9", "fd00::9"]), None)
    );
    let answer = resolver.addresses("v6.x", Families::Both).await.unwrap();
    assert_eq!(answer.addresses, ips(&["fd00::6"]));
    assert_eq!((dns.asked("short A"), dns.asked("short AAAA")), (1, 1));
    resolver
        .addresses("none", Families::Both)
        .await
        .unwrap_err();
    assert_eq!(
        (dns.asked("none A"), dns.asked("none AAAA")),
        (1, 0),
        "NXDOMAIN holds for all types"
    );
    // Nothing is kept.
    dns.set_addresses("none", &["10.0.0.3"]);
    assert_eq!(
        resolver
            .addresses("none", Families::V4)
            .await
            .unwrap()
            .addresses,
        ips(&["10.0.0.3"])
    );
}

#[tokio::test]
async fn files_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (resolv, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
    let resolver = Resolver::from_files(resolv.clone(), hosts.clone())
        .with_timeout(Duration::from_millis(300));
    let missing = resolver.addresses("a.x", Families::Both).await.unwrap_err();
    assert!(missing.to_string().starts_with(&format!(
        "{} cannot be used: No such file",
        resolv.display()
    )));
    std::fs::write(&resolv, "search x\n").unwrap();
    let empty = resolver.addresses("a.x", Families::Both).await.unwrap_err();
    assert!(
        empty.to_string().contains("no nameservers found"),
        "{empty}"
    );
    std::fs::write(&hosts, "10.0.0.7 A.x a # mine\nfd00::7 a.x\n").unwrap();
    let answer = resolver.addresses("a.X", Families::Both).await.unwrap();
    assert_eq!(
        answer.addresses,
        ips(&["10.0.0.7", "fd00::7"]),
        "hosts, although there is no name server"
    );
}

#[tokio::test]
async fn the_name_server_of_resolv_conf_is_asked() {
    let Some(dns) = privileged_dns().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let resolv = dir.path().join("resolv.conf");
    std::fs::write(
        &resolv,
        format!(
            "search wrong.x\nnameserver {}\noptions ndots:5\n",
            dns.address.ip()
        ),
    )
    .unwrap();
    dns.set_addresses("a.x", &["10.0.0.1"]);
    let resolver = Resolver::from_files(resolv, dir.path().join("hosts"));
    assert_eq!(
        resolver
            .addresses("a.x", Families::Both)
            .await
            .unwrap()
            .addresses,
        ips(&["10.0.0.1"])
    );
    assert_eq!(dns.asked("a.x.wrong.x A"), 0);
    dns.set("a.x", Says::Code(ResponseCode::ServFail));
    let error = resolver.addresses("a.x", Families::Both).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("SERVFAIL from {}", dns.address.ip())
    );
}

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
    until(&discovery, "segment-b-1", |p| {
        p.error.as_ref() == Some(&error)
    })
    .await;
    dns.set(&late, Says::Silence);
    let error = format!("no answer from {} within 0.3 s", dns.address);
    until(&discovery, "segment-b-1", |p| {
        p.error.as_ref() == Some(&error)
    })
    .await;
    dns.set_addresses(&late, &["10.0.0.6", "10.0.0.5"]);
    discovery.all_found().await;
    let peer = until(&discovery, "segment-b-1", PeerView::found).await;
    assert_eq!(
        (peer.addresses, peer.error),
        (ips(&["10.0.0.5", "10.0.0.6"]), None)
    );
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
        until(&discovery, pod, |p| {
            p.addresses == ips(&["10.0.9.9", "fd00::9"])
        })
        .await;
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
    let slow = Pace {
        near: (Duration::from_secs(3600), Duration::ZERO),
        far: (Duration::from_secs(3600), Duration::ZERO),
        ..quick()
    };
    let discovery = discover(&dns, no_names(), slow);
    discovery.all_found().await;
    dns.set_addresses(&fqdn("segment-a-1"), &["10.0.7.7"]);
    discovery.recheck("segment-a-1");
    discovery.recheck("nobody");
    until(&discovery, "segment-a-1", |p| {
        p.addresses == ips(&["10.0.7.7"])
    })
    .await;
}

#[tokio::test]
async fn idle_watching_asks_one_request_for_each_peer() {
    let dns = FakeDns::local().await;
    set_all(&dns);
    let discovery = discover(&dns, no_names(), quick());
    discovery.all_found().await;
    for pod in PEERS {
        dns.wait_asked(&format!("{} A", fqdn(pod)), 5).await;
        assert_eq!(
            dns.asked(&format!("{} AAAA", fqdn(pod))),
            1,
            "no IPv6, no further AAAA"
        );
    }
}

/// A server on port 53 of some loopback address: libc's resolv.conf has no ports.
async fn privileged_dns() -> Option<FakeDns> {
    for _ in 0..20 {
        let [a, b] = rand::random::<[u8; 2]>();
        let address: SocketAddr = ([127, 53, a, b.clamp(1, 254)], 53).into();
        match FakeDns::start(address).await {
            Ok(dns) => return Some(dns),
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(e) => {
                println!("SKIPPED: cannot listen on port 53 ({e}); run as root");
                return None;
            }
        }
    }
    println!("SKIPPED: no free loopback address with port 53");
    None
}

/// `getent` as a container would see it: own resolv.conf, hosts and nsswitch.conf, through mounts of its own.
fn contained_getent(dir: &Path, server: IpAddr, hosts: &str) -> Option<Vec<OsString>> {
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).unwrap();
    write(
        "resolv.conf",
        format!("nameserver {server}\noptions timeout:5 attempts:1\n"),
    );
    write("hosts", format!("127.0.0.1 localhost\n{hosts}"));
    write("nsswitch.conf", "passwd: files\nhosts: files dns\n".into());
    let script = "for f in resolv.conf hosts nsswitch.conf; do mount --bind \"$0/$f\" \"/etc/$f\" || exit 99; done; exec getent \"$@\"";
    let command: Vec<OsString> = vec![
        "unshare".into(),
        "-m".into(),
        "sh".into(),
        "-c".into(),
        script.into(),
        dir.into(),
    ];
    let mut probe = std::process::Command::new(&command[0]);
    let probe = probe
        .args(&command[1..])
        .args(["hosts", "127.0.0.1"])
        .output();
    if probe.is_ok_and(|out| out.status.success()) {
        return Some(command);
    }
    println!("SKIPPED: no mount namespace for getent; run as root with unshare(1)");
    None
}

struct Contained {
    dns: FakeDns,
    command: Vec<OsString>,
    _dir: tempfile::TempDir,
}

impl Contained {
    async fn new(hosts: &str) -> Option<Contained> {
        let dns = privileged_dns().await?;
        let dir = tempfile::tempdir().unwrap();
        let command = contained_getent(dir.path(), dns.address.ip(), hosts)?;
        Some(Contained {
            dns,
            command,
            _dir: dir,
        })
    }

    fn names(&self) -> Names {
        Names::with_command(self.command.clone())
    }

    fn good(&self, pod: &str, address: &str) {
        self.dns.set_addresses(&fqdn(pod), &[address]);
        self.dns.set_reverse(address, Says::Names(vec![fqdn(pod)]));
    }
}

#[tokio::test]
async fn libc_answers_for_many_keys_at_once() {
    let Some(c) = Contained::new("10.0.0.77 listed.gp.svc listed\n").await else {
        return;
    };
    c.good("a", "10.0.0.1");
    c.good("b", "10.0.0.2");
    c.dns.set_addresses(&fqdn("b"), &["10.0.0.2", "10.0.0.22"]);
    let keys = ips(&[
        "10.0.0.9",
        "10.0.0.1",
        "10.0.0.8",
        "10.0.0.2",
        "10.0.0.77",
        "fd00::1",
    ]);
    let reverse = c.names().reverse(&keys).await;
    assert_eq!(reverse[&keys[0]], Reverse::Missing);
    assert_eq!(reverse[&keys[1]], Reverse::Names(vec![fqdn("a")]));
    assert_eq!(reverse[&keys[2]], Reverse::Missing);
    assert_eq!(reverse[&keys[3]], Reverse::Names(vec![fqdn("b")]));
    assert_eq!(
        reverse[&keys[4]],
        Reverse::Names(vec!["listed.gp.svc".into(), "listed".into()]),
        "hosts file"
    );
    assert_eq!(reverse[&keys[5]], Reverse::Missing);
    let forward = c.names().forward(&["none", "b", "a"].map(fqdn)).await;
    assert_eq!(forward[&fqdn("none")], Forward::Missing);
    assert_eq!(forward[&fqdn("a")], Forward::Addresses(ips(&["10.0.0.1"])));
    let Forward::Addresses(mut b) = forward[&fqdn("b")].clone() else {
        panic!("{forward:?}")
    };
    b.sort();
    assert_eq!(b, ips(&["10.0.0.2", "10.0.0.22"]));
}

#[tokio::test]
async fn silence_costs_only_the_names_it_concerns() {
    let Some(c) = Contained::new("").await else {
        return;
    };
    c.good("a", "10.0.0.1");
    c.good("b", "10.0.0.2");
    c.dns.set_reverse("10.0.0.3", Says::Silence);
    let limits = Limits {
        call: Duration::from_secs(3),
        ..Limits::default()
    };
    let keys = ips(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    let reverse = c.names().with_limits(limits).reverse(&keys).await;
    assert_eq!(reverse[&keys[0]], Reverse::Names(vec![fqdn("a")]));
    assert_eq!(reverse[&keys[1]], Reverse::Names(vec![fqdn("b")]));
    assert_eq!(reverse[&keys[2]], Reverse::TimedOut);
}

/// musl's getent stops at the first key that it does not find, has no --version, and prints digits for a missing name.
#[tokio::test]
async fn a_getent_that_stops_early_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("getent");
    let script = "db=$1; [ $db = hosts ] || exit 1; shift\nfor k; do case $k in\n10.0.0.2|10.0.0.4) exit 2;;\n10.0.0.5) echo \"$k  $k\";;\n*) echo \"$k  n$k.x\";;\nesac; done\n";
    std::fs::write(&path, script).unwrap();
    let names = Names::with_command(vec!["sh".into(), path.into()]);
    let keys = ips(&[
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6",
    ]);
    let reverse = names.reverse(&keys).await;
    for (i, key) in keys.iter().enumerate() {
        let expected = match i {
            1 | 3 | 4 => Reverse::Missing,
            _ => Reverse::Names(vec![format!("n{key}.x")]),
        };
        assert_eq!(reverse[key], expected, "{key}");
    }
}

#[tokio::test]
async fn an_image_without_getent_is_said_so() {
    let key = ips(&["10.0.0.1"]);
    let reverse = no_names().reverse(&key).await;
    assert_eq!(
        reverse[&key[0]],
        Reverse::Failed("/nonexistent/getent is not in this image".into())
    );
}

fn in_hba(pods: &[&str]) -> BTreeSet<String> {
    pods.iter().map(|p| p.to_string()).collect()
}

fn reason(peer: &PeerView) -> &str {
    match &peer.verdict {
        NameVerdict::Unverified { reason } => reason,
        _ => "",
    }
}

#[tokio::test]
async fn names_are_verified_lost_and_won_back() {
    let Some(c) = Contained::new("").await else {
        return;
    };
    for (i, pod) in PEERS.iter().enumerate() {
        c.good(pod, &format!("10.0.0.{}", i + 1));
    }
    let discovery = discover(&c.dns, c.names(), quick());
    discovery
        .set_in_hba(in_hba(&["coordinator-0", "segment-b-0", "nobody"]))
        .await;
    discovery.all_found().await;
    discovery.names_checked().await;
    for pod in ["coordinator-0", "segment-b-0"] {
        let peer = until(&discovery, pod, |p| p.verdict != NameVerdict::Unchecked).await;
        assert_eq!(peer.verdict, NameVerdict::Verified(fqdn(pod)));
    }
    assert_eq!(
        discovery.peers().borrow()["segment-b-1"].verdict,
        NameVerdict::Unchecked,
        "not in pg_hba.conf"
    );
    assert!(discovery.findings().is_empty());

    // The reverse name goes away and comes back.
    c.dns
        .set_reverse("10.0.0.4", Says::Code(ResponseCode::NXDomain));
    until(&discovery, "segment-b-0", |p| {
        reason(p) == "no reverse name for 10.0.0.4"
    })
    .await;
    let finding = &discovery.findings()[0];
    assert_eq!(
        finding.what,
        "pg_hba.conf uses the IP 10.0.0.4 instead of the name: no reverse name for 10.0.0.4"
    );
    c.dns
        .set_reverse("10.0.0.4", Says::Names(vec![fqdn("segment-b-0")]));
    until(&discovery, "segment-b-0", |p| {
        reason(p).starts_with("good in 1 of 5 checks since: no reverse")
    })
    .await;
    until(&discovery, "segment-b-0", |p| {
        p.verdict == NameVerdict::Verified(fqdn("segment-b-0"))
    })
    .await;

    // A new pod of the same name, whose new address belongs to another service as well.
    let other = "10-0-9-9.clients.prod.svc.cluster.local";
    c.dns
        .set_reverse("10.0.9.9", Says::Names(vec![other.into()]));
    c.dns.set_addresses(&fqdn("segment-b-0"), &["10.0.9.9"]);
    let words = format!("reverse of 10.0.9.9 is {other} (another service's PTR)");
    until(&discovery, "segment-b-0", |p| reason(p) == words).await;

    // It stays with the IP while the order of the two names changes with every request.
    c.dns.set_reverse(
        "10.0.9.9",
        Says::RotatedNames(vec![other.into(), fqdn("segment-b-0")]),
    );
    let arpa = "9.9.0.10.in-addr.arpa PTR";
    c.dns.wait_asked(arpa, c.dns.asked(arpa) + 6).await;
    let peer = discovery.peers().borrow()["segment-b-0"].clone();
    assert!(!reason(&peer).is_empty(), "{peer:?}");
}

#[tokio::test]
async fn the_doctor_names_each_problem() {
    let Some(c) = Contained::new("").await else {
        return;
    };
    c.good("coordinator-0", "10.0.0.1");
    c.good("coordinator-1", "10.0.0.2");
    c.dns.set_addresses(&fqdn("segment-a-1"), &["10.0.0.3"]);
    c.good("segment-b-0", "10.0.0.4");
    c.dns
        .set_addresses(&fqdn("segment-b-0"), &["10.0.0.4", "fd00::4"]);
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    let findings = check(&topology, me, &resolver(&c.dns), &c.names()).await;
    let lines: Vec<String> = findings
        .iter()
        .map(|f| format!("{} {}: {}", f.severity, f.subject, f.what))
        .collect();
    assert_eq!(
        lines,
        [
            format!(
                "warning {}: pg_hba.conf uses the IP 10.0.0.3 instead of the name: no reverse name for 10.0.0.3",
                fqdn("segment-a-1")
            ),
            format!(
                "warning {}: pg_hba.conf uses the IP 10.0.0.4, fd00::4 instead of the name: no reverse name for fd00::4",
                fqdn("segment-b-0")
            ),
            format!(
                "error {}: cannot be looked up: NXDOMAIN",
                fqdn("segment-b-1")
            ),
        ]
    );
}
