//! The agent's block: exactly the hosts that have to connect here.

use super::evaluate::Database;
use super::grammar::Grammar;
use super::managed_block::{BEGIN_MARKER, END_MARKER};
use super::parse::parse_as;
use super::required_connections;
use super::required_connections::Source;
use crate::cluster::topology::{Member, Topology};
use crate::config::Auth;
use crate::config::quote;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use thiserror::Error;

/// How a pod is written in the address column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// By a name that the server's C library was seen to give for the pod's address and to resolve back to it.
    Name(String),
    /// By its addresses, one line each.
    Addresses(Vec<IpAddr>),
    /// By such a name, and by its addresses for when that stops being the first that they have.
    NameAndAddresses(String, Vec<IpAddr>),
    /// Not at all, for now.
    Unknown,
}

/// A pod (this one too) and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HbaPeer {
    /// The short pod name of the topology.
    pub pod: String,
    /// How it is written.
    pub address: PeerAddress,
}

/// What a block is made from.
#[derive(Clone, Copy, Debug)]
pub struct BlockRequest<'a> {
    /// The cluster.
    pub topology: &'a Topology,
    /// The pod whose file it is.
    pub me: &'a Member,
    /// The pods' database user, such as `gpadmin`.
    pub user: &'a str,
    /// How the pods prove themselves.
    pub auth: Auth,
    /// The pods, in any order; one that is missing counts as unknown.
    pub peers: &'a [HbaPeer],
    /// Lines for everybody else (`hba.extra`), copied as they are.
    pub extra: &'a [String],
    /// What the server knows.
    pub grammar: Grammar,
}

/// What was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The block with its markers, every line ended with a newline.
    pub text: String,
    /// The extra lines that it lacks, since the server would refuse the whole file for them.
    pub left_out: Vec<ExtraLineError>,
}

/// An extra line that PostgreSQL, or this agent, would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("hba.extra[{index}] \"{line}\": {why}; correct or remove this line of the configuration")]
pub struct ExtraLineError {
    /// Its position in `hba.extra`, from 0.
    pub index: usize,
    /// The line.
    pub line: String,
    /// What is wrong.
    pub why: String,
}

/// The agent's own lines, whatever is wrong with the extra ones, and the extra lines that the server takes. The same request
/// always gives the same text, and no line twice. All wrong extra lines are reported together.
///
/// Greenplum 6 has no SCRAM; `md5` asks for the same password there.
pub fn render_block(request: &BlockRequest<'_>) -> Block {
    let left_out = judge_extra(request.extra, request.grammar);
    let user = quote::hba_word(request.user);
    let method = match request.auth {
        Auth::ScramSha256 if !request.grammar.knows_scram() => "md5",
        auth => auth.method(),
    };
    let mut lines = vec![format!("local all {user} peer")];
    for loopback in ["127.0.0.1/32", "::1/128"] {
        lines.push(format!("host all {user} {loopback} {method}"));
    }
    let peers: HashMap<&str, &PeerAddress> = request
        .peers
        .iter()
        .map(|peer| (peer.pod.as_str(), &peer.address))
        .collect();
    for Source { member, database, .. } in required_connections::sources(request.topology, request.me) {
        let database = match database {
            Database::PhysicalReplication => "replication",
            Database::Named(_) => "all",
        };
        let known = peers.get(member.pod.as_str()).copied();
        for address in addresses(known.unwrap_or(&PeerAddress::Unknown)) {
            lines.push(format!("host {database} {user} {address} {method}"));
        }
    }
    let extra = request.extra.iter().enumerate();
    let good = extra.filter(|(index, _)| left_out.iter().all(|error| error.index != *index));
    lines.extend(good.map(|(_, line)| line.trim_end().to_string()));
    let mut seen = HashSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    let text = format!("{BEGIN_MARKER}\n{}\n{END_MARKER}\n", lines.join("\n"));
    Block { text, left_out }
}

fn addresses(peer: &PeerAddress) -> Vec<String> {
    match peer {
        PeerAddress::Name(name) => vec![by_name(name)],
        PeerAddress::Addresses(addresses) => by_address(addresses),
        PeerAddress::NameAndAddresses(name, addresses) => {
            let mut all = vec![by_name(name)];
            all.extend(by_address(addresses));
            all
        }
        PeerAddress::Unknown => Vec::new(),
    }
}

fn by_name(name: &str) -> String {
    quote::hba_word(&name.to_ascii_lowercase())
}

fn by_address(addresses: &[IpAddr]) -> Vec<String> {
    let mut sorted = addresses.to_vec();
    sorted.sort_unstable();
    let line = |address: &IpAddr| match address {
        IpAddr::V4(v4) => format!("{v4}/32"),
        IpAddr::V6(v6) => format!("{v6}/128"),
    };
    sorted.iter().map(line).collect()
}

/// The extra lines that a server of this grammar refuses, or that this agent does not copy.
pub fn judge_extra(extra: &[String], grammar: Grammar) -> Vec<ExtraLineError> {
    let wrong = |(index, line): (usize, &String)| {
        let why = extra_error(line, grammar)?;
        Some(ExtraLineError {
            index,
            line: line.clone(),
            why,
        })
    };
    extra.iter().enumerate().filter_map(wrong).collect()
}

fn extra_error(line: &str, grammar: Grammar) -> Option<String> {
    if line.trim_end().contains(['\n', '\r', '\0']) {
        return Some("it holds more than one line".to_string());
    }
    if line.trim_end().ends_with('\\') {
        return Some("its backslash would swallow the next line".to_string());
    }
    let file = parse_as(line, grammar);
    match (file.errors.first(), file.rules.len()) {
        (Some(error), _) => Some(error.what.clone()),
        (None, 0) => Some("it holds no rule".to_string()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::hba::breadth::{Width, width};
    use crate::postgres::hba::required_connections::tests::topology;
    use crate::postgres::hba::{parse, splice};
    use proptest::prelude::*;

    fn peers(topology: &Topology) -> Vec<HbaPeer> {
        topology
            .members
            .iter()
            .map(|member| HbaPeer {
                pod: member.pod.clone(),
                address: PeerAddress::Name(member.fqdn.clone()),
            })
            .collect()
    }

    fn render(pod: &str, user: &str, peers: &[HbaPeer], extra: &[&str]) -> Block {
        let topology = topology(2);
        let extra: Vec<String> = extra.iter().map(ToString::to_string).collect();
        render_block(&BlockRequest {
            topology: &topology,
            me: topology.member(pod).unwrap(),
            user,
            auth: Auth::Trust,
            peers,
            extra: &extra,
            grammar: Grammar::default(),
        })
    }

    #[test]
    fn a_primary_admits_coordinator_standby_mirror_and_itself() {
        let mut peers = peers(&topology(2));
        let address = vec!["10.0.0.1".parse().unwrap()];
        peers[0].address = PeerAddress::NameAndAddresses("coordinator-0.db.test".to_string(), address);
        peers[1].address = PeerAddress::Unknown;
        let mirror = peers.iter_mut().find(|p| p.pod == "segment-b-1").unwrap();
        mirror.address = PeerAddress::Addresses(vec!["fd00::9".parse().unwrap(), "10.0.0.9".parse().unwrap()]);
        let block = render(
            "segment-a-1",
            "gpadmin",
            &peers,
            &["host all ann 10.0.0.0/8 scram-sha-256"],
        );
        assert_eq!(
            block.text,
            format!(
                "{BEGIN_MARKER}\n\
                 local all gpadmin peer\n\
                 host all gpadmin 127.0.0.1/32 trust\n\
                 host all gpadmin ::1/128 trust\n\
                 host all gpadmin segment-a-1.db.test trust\n\
                 host replication gpadmin 10.0.0.9/32 trust\n\
                 host replication gpadmin fd00::9/128 trust\n\
                 host all gpadmin 10.0.0.9/32 trust\n\
                 host all gpadmin fd00::9/128 trust\n\
                 host all gpadmin coordinator-0.db.test trust\n\
                 host all gpadmin 10.0.0.1/32 trust\n\
                 host all ann 10.0.0.0/8 scram-sha-256\n\
                 {END_MARKER}\n"
            )
        );
    }

    #[test]
    fn wrong_extra_lines_are_named_and_left_out_alone() {
        let extra = [
            "host all all 10.0.0.0/8 md5",
            "host all all 10.0.0.0/40 md5",
            "# only words",
            "host all all all md5 \\",
            "host a all all md5\nhost b all all md5",
            "host @dbs all all md5",
        ];
        let block = render("coordinator-0", "gpadmin", &[], &extra);
        let wrong: Vec<usize> = block.left_out.iter().map(|error| error.index).collect();
        assert_eq!(wrong, [1, 2, 3, 4, 5]);
        assert!(block.left_out[0].to_string().contains("invalid CIDR mask"));
        let good = render("coordinator-0", "gpadmin", &[], &extra[..1]);
        assert_eq!((block.text, good.left_out), (good.text, Vec::new()));
    }

    #[test]
    fn greenplum_6_is_asked_for_the_password_in_its_own_way() {
        let topology = topology(2);
        let extra = ["host all all 10.0.0.0/8 scram-sha-256".to_string()];
        let block = render_block(&BlockRequest {
            topology: &topology,
            me: topology.member("segment-a-0").unwrap(),
            user: "gpadmin",
            auth: Auth::ScramSha256,
            peers: &peers(&topology),
            extra: &extra,
            grammar: Grammar::of("9.4"),
        });
        assert_eq!(block.left_out.len(), 1);
        assert!(block.text.contains("coordinator-0.db.test md5\n") && !block.text.contains("scram"));
    }

    #[test]
    fn a_user_that_looks_like_a_keyword_is_quoted() {
        for user in ["all", "+x", "a b", "a\"b", "@f", "a,b", "a#b", "a\\"] {
            let file = parse(&render("coordinator-0", user, &[], &[]).text);
            assert_eq!(file.errors, []);
            assert!(file.rules.iter().all(|rule| rule.users[0].text == user), "{user}");
            assert!(file.rules[0].users[0].quoted, "{user}");
        }
    }

    proptest! {
        #[test]
        fn the_block_is_deterministic_exact_and_free_of_repetition(
            pod in "coordinator-[01]|segment-[ab]-[01]",
            order in any::<prop::sample::Index>(),
            octets in proptest::collection::vec(1u8..250, 6),
            foreign in "[a-z \n]{0,40}",
        ) {
            let mut peers = peers(&topology(2));
            for (peer, octet) in peers.iter_mut().zip(&octets) {
                if octet % 2 == 0 {
                    peer.address = PeerAddress::Addresses(vec![IpAddr::from([10, 0, 0, *octet])]);
                }
            }
            let block = render(&pod, "gpadmin", &peers, &[]).text;
            let middle = order.index(peers.len());
            peers.rotate_left(middle);
            prop_assert_eq!(&block, &render(&pod, "gpadmin", &peers, &[]).text);
            let file = parse(&block);
            prop_assert!(file.errors.is_empty() && !file.rules.is_empty());
            prop_assert!(file.rules.iter().all(|rule| width(rule) == Width::Exact));
            let lines: Vec<_> = block.lines().collect();
            let unique: HashSet<_> = lines.iter().collect();
            prop_assert_eq!(lines.len(), unique.len());
            let spliced = splice(foreign.as_bytes(), &block);
            prop_assert_eq!(&splice(&spliced, &block), &spliced);
        }
    }
}
