//! One lookup.

use super::*;

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
        ("empty.x", DnsError::NoAddress, "no address (the name exists)".into()),
        (
            "broken.x",
            DnsError::ServerFailure { servers: here.clone() },
            format!("SERVFAIL from {here}"),
        ),
        (
            "closed.x",
            DnsError::Refused { servers: here.clone() },
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
    resolver.addresses("none", Families::Both).await.unwrap_err();
    assert_eq!(
        (dns.asked("none A"), dns.asked("none AAAA")),
        (1, 0),
        "NXDOMAIN holds for all types"
    );
    // Nothing is kept.
    dns.set_addresses("none", &["10.0.0.3"]);
    assert_eq!(
        resolver.addresses("none", Families::V4).await.unwrap().addresses,
        ips(&["10.0.0.3"])
    );
}

#[tokio::test]
async fn files_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (resolv, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
    let resolver = Resolver::from_files(resolv.clone(), hosts.clone()).with_timeout(Duration::from_millis(300));
    let missing = resolver.addresses("a.x", Families::Both).await.unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with(&format!("{} cannot be used: No such file", resolv.display()))
    );
    std::fs::write(&resolv, "search x\n").unwrap();
    let empty = resolver.addresses("a.x", Families::Both).await.unwrap_err();
    assert!(empty.to_string().contains("no nameservers found"), "{empty}");
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
        format!("search wrong.x\nnameserver {}\noptions ndots:5\n", dns.address.ip()),
    )
    .unwrap();
    dns.set_addresses("a.x", &["10.0.0.1"]);
    let resolver = Resolver::from_files(resolv, dir.path().join("hosts"));
    assert_eq!(
        resolver.addresses("a.x", Families::Both).await.unwrap().addresses,
        ips(&["10.0.0.1"])
    );
    assert_eq!(dns.asked("a.x.wrong.x A"), 0);
    dns.set("a.x", Says::Code(ResponseCode::ServFail));
    let error = resolver.addresses("a.x", Families::Both).await.unwrap_err();
    assert_eq!(error.to_string(), format!("SERVFAIL from {}", dns.address.ip()));
}
