//! Where a peer is in the eyes of DNS, which the agent asks, and in those of the container's libc, which the server asks
//! (/etc/hosts, nsswitch.conf, the search list, nscd): a replica connects to the latter.

use super::name_check::Forward;
use crate::finding::{Area, Finding};
use std::net::IpAddr;

/// How the two differ about a peer that DNS finds at `dns`; nothing while libc has not answered.
///
/// libc may well know fewer addresses: getaddrinfo leaves out IPv6 where the pod has none (AI_ADDRCONFIG).
pub fn difference(dns: &[IpAddr], libc: &Forward) -> Option<String> {
    let listed = match libc {
        Forward::Addresses(listed) => listed,
        Forward::Missing if dns.is_empty() => return None,
        Forward::Missing => {
            return Some(format!(
                "DNS finds it at {}, and this pod's libc does not find it: the server cannot connect to it",
                words(dns)
            ));
        }
        Forward::TimedOut | Forward::Failed(_) => return None,
    };
    let in_dns = |address: &&IpAddr| dns.iter().any(|d| d.to_canonical() == address.to_canonical());
    let (known, strange): (Vec<&IpAddr>, Vec<&IpAddr>) = listed.iter().partition(in_dns);
    if strange.is_empty() {
        return None;
    }
    let strange = words(strange);
    Some(match (dns.is_empty(), known.is_empty()) {
        (true, _) => {
            format!("this pod's libc finds it at {strange}, and DNS does not know it: other pods do not find it")
        }
        (_, true) => format!(
            "this pod's libc finds it at {strange}, and DNS at {}: the server connects to {strange}",
            words(dns)
        ),
        (_, false) => format!(
            "this pod's libc finds it at {strange} besides, and DNS at {} alone: the server may connect to {strange}",
            words(dns)
        ),
    })
}

fn words<'a>(addresses: impl IntoIterator<Item = &'a IpAddr>) -> String {
    let mut words: Vec<String> = addresses.into_iter().map(IpAddr::to_string).collect();
    words.sort_unstable();
    words.dedup();
    words.join(", ")
}

/// What an administrator should know of a difference.
pub fn finding(fqdn: &str, difference: &str) -> Finding {
    Finding::error(
        Area::Dns,
        fqdn,
        difference,
        format!(
            "PostgreSQL goes by libc, see `getent ahosts {fqdn}` in this pod: take the name out of /etc/hosts (Kubernetes: \
             hostAliases, Docker: extra_hosts), or mend the `hosts:` line of /etc/nsswitch.conf, the search list of \
             /etc/resolv.conf, or nscd"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ips(all: &[&str]) -> Vec<IpAddr> {
        all.iter().map(|a| a.parse().unwrap()).collect()
    }

    fn between(dns: &[&str], libc: &[&str]) -> String {
        difference(&ips(dns), &Forward::Addresses(ips(libc))).unwrap_or_default()
    }

    #[test]
    fn where_the_server_would_connect_is_said() {
        assert_eq!(
            between(&["10.0.0.1"], &["10.9.9.9"]),
            "this pod's libc finds it at 10.9.9.9, and DNS at 10.0.0.1: the server connects to 10.9.9.9"
        );
        assert!(between(&["10.0.0.1"], &["10.0.0.1", "fd00::9"]).contains("may connect to fd00::9"));
        assert!(between(&[], &["10.9.9.9"]).contains("DNS does not know it"));
        let missing = difference(&ips(&["10.0.0.1"]), &Forward::Missing).unwrap();
        assert!(missing.contains("libc does not find it"), "{missing}");
    }

    #[test]
    fn less_is_no_difference_and_no_answer_is_none() {
        assert_eq!(between(&["10.0.0.1", "fd00::1"], &["10.0.0.1"]), "");
        assert_eq!(between(&["10.0.0.1"], &["::ffff:10.0.0.1"]), "");
        for nothing in [Forward::TimedOut, Forward::Failed("x".into())] {
            assert_eq!(difference(&ips(&["10.0.0.1"]), &nothing), None);
        }
        assert_eq!(difference(&[], &Forward::Missing), None);
    }

    proptest! {
        #[test]
        fn no_address_that_dns_does_not_have_goes_unsaid(dns in prop::collection::vec(0_u8..6, 0..4), libc in prop::collection::vec(0_u8..6, 1..4)) {
            let ips = |all: &[u8]| -> Vec<IpAddr> { all.iter().map(|n| IpAddr::from([10, 0, 0, *n])).collect() };
            let said = difference(&ips(&dns), &Forward::Addresses(ips(&libc)));
            let strange = libc.iter().any(|n| !dns.contains(n));
            prop_assert_eq!(said.is_some(), strange);
        }
    }
}
