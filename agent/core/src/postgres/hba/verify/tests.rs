//! Findings of [`prove`].

use super::*;
use crate::finding::Severity;
use crate::postgres::hba::required_connections::tests::topology;
use crate::postgres::hba::{Interface, needs, parse};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Every pod has 10.0.0.<n>, and its name verifies.
fn resolved() -> ResolvedView {
    let mut resolved = ResolvedView::default();
    for (n, member) in topology(2).members.iter().enumerate() {
        let address = IpAddr::from([10, 0, 0, u8::try_from(n).unwrap() + 1]);
        resolved.addresses.insert(member.pod.clone(), vec![address]);
        resolved.view.set_reverse(address, &member.fqdn);
        resolved.view.set_forward(&member.fqdn, vec![address]);
    }
    resolved.view.interfaces = [("127.0.0.1", "255.0.0.0"), ("10.0.0.1", "255.255.255.0")]
        .map(|(address, mask)| Interface {
            address: ip(address),
            mask: ip(mask),
        })
        .to_vec();
    resolved
}

fn findings(text: &str, resolved: &ResolvedView) -> Vec<Finding> {
    let topology = topology(2);
    let me = topology.member("coordinator-0").unwrap();
    prove(&parse(text), &needs(&topology, me, "gpadmin"), resolved)
}

const GOOD: &str = "local all gpadmin peer\n\
    host all gpadmin 127.0.0.1/32 trust\n\
    host all gpadmin coordinator-0.db.test trust\n\
    host all,replication gpadmin coordinator-1.db.test trust\n";

#[test]
fn a_good_file_has_no_findings() {
    assert_eq!(findings(GOOD, &resolved()), []);
}

#[test]
fn a_wrong_name_is_told_with_what_the_library_says() {
    let mut resolved = resolved();
    resolved.view.set_reverse(ip("10.0.0.2"), "10-0-0-2.other.test");
    let found = findings(GOOD, &resolved);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].severity, Severity::Error);
    assert!(
        found[0].what.contains("line 4 names coordinator-1.db.test"),
        "{}",
        found[0]
    );
    assert!(found[0].what.contains("10.0.0.2 is called 10-0-0-2.other.test here"));
}

#[test]
fn a_wide_line_that_hides_a_wrong_name_is_found() {
    let mut resolved = resolved();
    resolved
        .view
        .set_forward("coordinator-1.db.test", vec![ip("10.0.0.99")]);
    let text = format!("{GOOD}host all,replication all samenet trust\n");
    let found = findings(&text, &resolved);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Warning);
    assert_eq!(found[0].subject, "pg_hba.conf line 5");
    assert!(found[0].what.contains("does not lead to 10.0.0.2"), "{}", found[0]);
}

#[test]
fn a_wide_line_above_a_good_one_does_no_harm() {
    let text = format!("host all,replication all 0.0.0.0/0 trust\n{GOOD}");
    assert_eq!(findings(&text, &resolved()), []);
}

#[test]
fn refusals_and_lines_that_cannot_be_judged() {
    let text = format!("host replication all 10.0.0.2/32 reject\nhost all @f all md5\nhosts x\n{GOOD}");
    let found = findings(&text, &resolved());
    let subjects: Vec<_> = found.iter().map(|f| f.subject.as_str()).collect();
    assert_eq!(subjects, ["pg_hba.conf line 2", "pg_hba.conf line 3", "pg_hba.conf"]);
    assert!(found[1].what.contains("keeps the rules it loaded before"));
    assert!(
        found[2]
            .what
            .contains("line 1 (\"host replication all 10.0.0.2/32 reject\") rejects")
    );
    assert!(!findings("", &resolved()).is_empty());
}

#[test]
fn a_method_that_pods_cannot_answer() {
    let text = format!("host all all 10.0.0.2/32 ldap ldapprefix=x\n{GOOD}");
    let found = findings(&text, &resolved());
    assert_eq!(found.len(), 1);
    assert!(found[0].what.contains("\"ldap\""), "{}", found[0]);
}

#[test]
fn ten_thousand_pods() {
    let n: u32 = 10_000;
    let mut resolved = ResolvedView::default();
    let mut text = String::new();
    let mut needs = Vec::new();
    for i in 0..n {
        let fqdn = format!("p-{i}.db.test");
        let address = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + i));
        resolved.addresses.insert(format!("p-{i}"), vec![address]);
        resolved.view.set_reverse(address, &fqdn);
        resolved.view.set_forward(&fqdn, vec![address]);
        let place = if i % 2 == 0 {
            fqdn.clone()
        } else {
            format!("{address}/32")
        };
        text.push_str(&format!("host all gpadmin {place} trust\n"));
        needs.push(Connection {
            from: format!("p-{i}"),
            fqdn,
            via: Via::Network,
            database: Database::Named("postgres".into()),
            user: "gpadmin".into(),
            purpose: "work",
        });
    }
    assert_eq!(prove(&parse(&text), &needs, &resolved), []);
    text.push_str("host all gpadmin 10.0.0.0/8 trust\nhost all gpadmin all trust\n");
    resolved.view.set_reverse(ip("10.0.0.0"), "other.test");
    assert_eq!(prove(&parse(&text), &needs, &resolved), []);
}
