//! Lines of `hba.extra` by which strangers get in, or hear passwords: written as they are, and named.

use super::address::prefix_length;
use super::grammar::Grammar;
use super::model::{Address, ConnType, Method, Rule};
use super::parse::parse_as;
use crate::finding::{Area, Finding};
use std::net::IpAddr;

/// Shortest IPv4 prefix whose hosts one may know: 192.168.0.0/16 is the largest network of its kind (RFC 1918), and a cluster's
/// pods or a provider's customers share the larger ones.
const SHORTEST_V4: u32 = 16;
/// Shortest IPv6 prefix of the same kind: the most that one site is given (RFC 6177).
const SHORTEST_V6: u32 = 48;

/// A warning for each line that admits, from more addresses than anybody has a list of, whoever asks, or that has passwords sent
/// in clear text from there. Lines that the server does not take are none of these.
pub fn open_lines(extra: &[String], grammar: Grammar) -> Vec<Finding> {
    let judged = |(index, line): (usize, &String)| {
        let file = parse_as(line, grammar);
        let rule = file.rules.first().filter(|_| file.errors.is_empty())?;
        let what = danger(rule)?;
        let method = if grammar.knows_scram() { "scram-sha-256" } else { "md5" };
        Some(Finding::warning(
            Area::Hba,
            format!("hba.extra[{index}]"),
            format!("\"{line}\": {what}"),
            format!(
                "in cluster.yaml name the networks or hosts of your clients in its place, with the method {method}"
            ),
        ))
    };
    extra.iter().enumerate().filter_map(judged).collect()
}

fn danger(rule: &Rule) -> Option<String> {
    let whence = from_where(rule.address.as_ref()?)?;
    match rule.method {
        Method::Trust if !asks_for_certificate(rule) => {
            Some(format!("it admits whoever connects from {whence}, without a password"))
        }
        Method::Ident => Some(format!(
            "it admits from {whence} whoever the client's own machine says it is, without a password"
        )),
        Method::Password if !is_encrypted(rule.kind) => Some(format!(
            "whoever connects from {whence} without TLS sends the password in clear text"
        )),
        _ => None,
    }
}

/// Where a line's clients may be, when these are more than anybody has a list of.
fn from_where(address: &Address) -> Option<String> {
    match address {
        Address::All => Some("any address".into()),
        Address::SameNet => Some("any network that this pod's node happens to be in".into()),
        // A name has to lead to the client's address and back.
        Address::SameHost | Address::Name(_) => None,
        Address::Net { address, mask } => {
            let length = prefix_length(*mask);
            let (shortest, is_own) = match address {
                IpAddr::V4(v4) => (SHORTEST_V4, v4.is_loopback() && length >= 8),
                IpAddr::V6(_) => (SHORTEST_V6, false),
            };
            match length {
                0 => Some("any address".into()),
                _ if length < shortest && !is_own => Some(format!("the whole of {address}/{length}")),
                _ => None,
            }
        }
    }
}

/// Whoever has no certificate of an issuer in ssl_ca_file does not come in (`clientcert`, "1" before PostgreSQL 14).
fn asks_for_certificate(rule: &Rule) -> bool {
    let asks = |value: &str| matches!(value, "1" | "verify-ca" | "verify-full");
    rule.options
        .iter()
        .any(|(name, value)| name == "clientcert" && asks(value))
}

fn is_encrypted(kind: ConnType) -> bool {
    matches!(kind, ConnType::HostSsl | ConnType::HostGssEnc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(line: &str, grammar: Grammar) -> Vec<String> {
        let findings = open_lines(&[line.to_string()], grammar);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_by_which_strangers_get_in_are_named() {
        for line in [
            "host all all 0.0.0.0/0 trust",
            "host all all ::/0 trust",
            "host all all all trust",
            "host all all samenet trust",
            "host app app 10.0.0.0/8 trust",
            "host all all 10.0.0.0 255.0.0.0 trust",
            "host replication all 172.16.0.0/12 trust",
            "host all all 192.0.0.0/15 trust",
            "host all all 127.0.0.0/7 trust",
            "host all all 10.0.0.0 0.255.255.255 trust",
            "host all all fd00::/47 trust",
            "hostssl all all 0.0.0.0/0 trust",
            "hostnossl all all 0.0.0.0/0 trust",
            "host all all 10.0.0.0/8 ident",
            "host all all 10.0.0.0/8 password",
            "hostnogssenc all all 10.0.0.0/8 password",
        ] {
            assert_eq!(found(line, Grammar::default()).len(), 1, "{line}");
        }
        let asks_nobody = "hostssl all all 0.0.0.0/0 trust clientcert=no-verify";
        assert_eq!(found(asks_nobody, Grammar::of("13")).len(), 1);
    }

    #[test]
    fn lines_that_ask_or_whose_hosts_are_known_are_not() {
        for line in [
            "local all all trust",
            "host all all 10.1.0.0/16 trust",
            "host all all 127.0.0.0/8 trust",
            "host all all 127.0.0.1/32 trust",
            "host all all ::1/128 trust",
            "host all all samehost trust",
            "host all all fd00:1:2::/48 trust",
            "host all all .example.org trust",
            "host all all client.example.org trust",
            "host all all 0.0.0.0/0 scram-sha-256",
            "host all all all md5",
            "host all all all reject",
            "hostssl all all all cert",
            "hostssl all all all trust clientcert=verify-ca",
            "hostssl all all 0.0.0.0/0 trust clientcert=verify-full",
            "hostssl all all 0.0.0.0/0 password",
            "hostgssenc all all 0.0.0.0/0 password",
            // Left out by the server's grammar, and named for that.
            "host all all 0.0.0.0/40 trust",
        ] {
            assert_eq!(found(line, Grammar::default()), [""; 0], "{line}");
        }
    }

    #[test]
    fn the_remedy_is_one_that_the_server_knows() {
        let line = "host all all 0.0.0.0/0 trust";
        assert_eq!(
            found(line, Grammar::default()),
            [
                "warning hba hba.extra[0]: \"host all all 0.0.0.0/0 trust\": it admits whoever connects from any address, without a password; in cluster.yaml name the networks or hosts of your clients in its place, with the method scram-sha-256"
            ]
        );
        assert!(found(line, Grammar::of("9.4"))[0].ends_with("with the method md5"));
    }

    proptest! {
        /// A line is not made harmless by a network that lies in a warned one: what is wider is never less of a danger.
        #[test]
        fn a_wider_network_is_no_less_of_a_danger(bits in any::<u32>(), length in 1u32..=32, less in 1u32..=32) {
            let line = |length: u32| format!("host all all {}/{length} trust", std::net::Ipv4Addr::from(bits));
            let [narrow, wide] = [length, length.saturating_sub(less)].map(|length| found(&line(length), Grammar::default()).len());
            prop_assert!(narrow <= wide, "{length} {less}");
        }
    }
}
