//! Names in the eyes of the real libc.

use super::*;

#[tokio::test]
async fn libc_answers_for_many_keys_at_once() {
    let Some(c) = Contained::new("10.0.0.77 listed.gp.svc listed\n").await else {
        return;
    };
    c.good("a", "10.0.0.1");
    c.good("b", "10.0.0.2");
    c.dns.set_addresses(&fqdn("b"), &["10.0.0.2", "10.0.0.22"]);
    let keys = ips(&["10.0.0.9", "10.0.0.1", "10.0.0.8", "10.0.0.2", "10.0.0.77", "fd00::1"]);
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
    let limits = LookupLimits {
        call: Duration::from_secs(3),
        ..LookupLimits::default()
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
    let names = NssResolver::with_command(vec!["sh".into(), path.into()]);
    let keys = ips(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
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
        Reverse::Failed(
            "/nonexistent/getent is not in this image; add it (Debian, Ubuntu: libc-bin; RHEL: \
             glibc-common; Alpine: musl-utils)"
                .into()
        )
    );
}

fn in_hba(pods: &[&str]) -> BTreeSet<String> {
    pods.iter().map(ToString::to_string).collect()
}

fn reason(peer: &PeerView) -> &str {
    match &peer.verdict {
        NameVerdict::Unverified { reason, .. } => reason,
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
    c.dns.set_reverse("10.0.0.4", Says::Code(ResponseCode::NXDomain));
    until(&discovery, "segment-b-0", |p| {
        reason(p) == "no reverse name for 10.0.0.4"
    })
    .await;
    let finding = &discovery.findings()[0];
    assert_eq!(
        finding.what,
        "pg_hba.conf uses the IP 10.0.0.4 instead of the name: no reverse name for 10.0.0.4"
    );
    c.dns.set_reverse("10.0.0.4", Says::Names(vec![fqdn("segment-b-0")]));
    until(&discovery, "segment-b-0", |p| {
        reason(p).ends_with("it has to be right 5 times in a row")
    })
    .await;
    until(&discovery, "segment-b-0", |p| {
        p.verdict == NameVerdict::Verified(fqdn("segment-b-0"))
    })
    .await;

    // A new pod of the same name, whose new address belongs to another service as well.
    let other = "10-0-9-9.clients.prod.svc.cluster.local";
    c.dns.set_reverse("10.0.9.9", Says::Names(vec![other.into()]));
    c.dns.set_addresses(&fqdn("segment-b-0"), &["10.0.9.9"]);
    let words = format!("reverse of 10.0.9.9 is {other} (another service's PTR)");
    until(&discovery, "segment-b-0", |p| reason(p) == words).await;

    // It stays with the IP while the order of the two names changes with every request.
    c.dns
        .set_reverse("10.0.9.9", Says::RotatedNames(vec![other.into(), fqdn("segment-b-0")]));
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
    c.dns.set_addresses(&fqdn("segment-b-0"), &["10.0.0.4", "fd00::4"]);
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    let pods = in_hba(&PEERS);
    let (peers, findings) = look(&topology, me, &pods, &resolver(&c.dns), &c.names()).await;
    assert_eq!(peers.len(), PEERS.len());
    assert_eq!(
        peers["coordinator-0"].verdict,
        NameVerdict::Verified(fqdn("coordinator-0"))
    );
    let words = |i: usize| format!("{} {}: {}", findings[i].severity, findings[i].subject, findings[i].what);
    let lost = words(0);
    assert!(
        lost.starts_with(&format!("error {}: cannot be looked up since ", fqdn("segment-b-1"))),
        "{lost}"
    );
    assert!(lost.ends_with(": NXDOMAIN"), "{lost}");
    for (i, pod, list, why) in [
        (1, "segment-a-1", "10.0.0.3", "10.0.0.3"),
        (2, "segment-b-0", "10.0.0.4, fd00::4", "fd00::4"),
    ] {
        let expected = format!(
            "warning {}: pg_hba.conf uses the IP {list} instead of the name: no reverse name for {why}",
            fqdn(pod)
        );
        assert_eq!(words(i), expected);
    }
    assert_eq!(findings.len(), 3);
}

#[tokio::test]
async fn a_name_that_libc_finds_elsewhere_is_said() {
    let hosts = format!("10.9.9.9 {}\n10.8.8.8 {}\n", fqdn("segment-b-0"), fqdn("segment-b-1"));
    let Some(c) = Contained::new(&hosts).await else {
        return;
    };
    for (i, pod) in PEERS.iter().enumerate() {
        c.good(pod, &format!("10.0.0.{}", i + 1));
    }
    // One look at all peers, as `check` does.
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    let (_, findings) = look(&topology, me, &in_hba(&["segment-b-0"]), &c.resolver(), &c.names()).await;
    let said = |pod: &str| {
        let finding = findings
            .iter()
            .find(|f| f.subject == fqdn(pod) && f.what.contains("libc"));
        finding.map(|f| f.what.clone()).unwrap_or_default()
    };
    assert_eq!(
        said("segment-b-0"),
        "this pod's libc finds it at 10.9.9.9, and DNS at 10.0.0.4: the server connects to 10.9.9.9"
    );
    assert!(
        said("segment-b-1").contains("the server connects to 10.8.8.8"),
        "{findings:?}"
    );
    assert_eq!(said("segment-a-1"), "");
    // The agent, of the pods that its server has to do with.
    let discovery = discover(&c.dns, c.names(), quick());
    discovery.set_in_hba(in_hba(&["segment-b-0"])).await;
    let peer = until(&discovery, "segment-b-0", |p| p.libc_differs.is_some()).await;
    assert!(peer.libc_differs.unwrap().contains("the server connects to 10.9.9.9"));
    let told = discovery.findings();
    assert!(
        told.iter().any(|f| f.what.contains("libc finds it at 10.9.9.9")),
        "{told:?}"
    );
    // What the finding says to do.
    c.set_hosts("");
    until(&discovery, "segment-b-0", |p| p.libc_differs.is_none()).await;
}
