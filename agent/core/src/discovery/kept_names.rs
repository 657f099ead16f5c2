//! Names that an earlier agent wrote into the block, kept until discovery has found their pods again.
//!
//! A line with a name is safe to keep: PostgreSQL asks DNS for it at every connection (hba.c, check_hostname). A line
//! with an address is not: by now the address may be a stranger's.

use super::name_check::same_name;
use crate::cluster::topology::Topology;
use crate::postgres::hba::managed_block::blocks;
use crate::postgres::hba::{Address, ConnType, HbaPeer, PeerAddress, Rule, parse};

/// Writes every pod that is still unknown by its name where the agent's block in `existing` has a line for that name and
/// `user`. Nothing else changes; pods that have left the topology are not kept.
pub fn keep_names(existing: &str, topology: &Topology, user: &str, peers: &mut [HbaPeer]) {
    let block = parse(&blocks(existing));
    for peer in peers {
        let Some(member) = topology.member(&peer.pod) else {
            continue;
        };
        let is_named = |rule: &Rule| names(rule, user).is_some_and(|n| same_name(n, &member.fqdn));
        if peer.address == PeerAddress::Unknown && block.rules.iter().any(is_named) {
            peer.address = PeerAddress::Name(member.fqdn.clone());
        }
    }
}

/// The name on a line for `user` alone, as the agent writes it.
fn names<'a>(rule: &'a Rule, user: &str) -> Option<&'a str> {
    let for_user = matches!(rule.users.as_slice(), [only] if only.text == user && !only.is_keyword("all"));
    match &rule.address {
        Some(Address::Name(name)) if for_user && rule.kind == ConnType::Host => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Auth;
    use crate::postgres::hba::breadth::{Width, width};
    use crate::postgres::hba::managed_block::{BEGIN_MARKER, END_MARKER};
    use crate::postgres::hba::required_connections::tests::topology;
    use crate::postgres::hba::{BlockRequest, Grammar, render_block, splice};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    const ME: &str = "segment-a-1";
    const MIRROR: &str = "segment-b-1.db.test";

    fn unknown() -> Vec<HbaPeer> {
        let unknown = |pod: String| HbaPeer {
            pod,
            address: PeerAddress::Unknown,
        };
        let members = topology(2).members;
        members.into_iter().map(|m| unknown(m.pod)).collect()
    }

    /// What the next agent writes over `existing`.
    fn written(existing: &str, mut peers: Vec<HbaPeer>) -> String {
        let topology = topology(2);
        keep_names(existing, &topology, "gpadmin", &mut peers);
        let block = render_block(&BlockRequest {
            topology: &topology,
            me: topology.member(ME).unwrap(),
            user: "gpadmin",
            auth: Auth::Trust,
            peers: &peers,
            extra: &[],
            grammar: Grammar::default(),
        });
        String::from_utf8(splice(existing.as_bytes(), &block.text)).unwrap()
    }

    fn block(lines: &[String]) -> String {
        format!("{BEGIN_MARKER}\n{}\n{END_MARKER}\n", lines.join("\n"))
    }

    #[test]
    fn a_mirror_that_is_not_found_yet_keeps_its_lines() {
        let line = |database| format!("host {database} gpadmin {MIRROR} trust");
        let old = block(&[line("replication"), line("all")]);
        let new = written(&old, unknown());
        assert!(new.contains(&line("replication")) && new.contains(&line("all")));
        // Known again, by address: that counts and not what was.
        let mut peers = unknown();
        let mirror = peers.iter_mut().find(|p| p.pod == "segment-b-1").unwrap();
        mirror.address = PeerAddress::Addresses(vec![IpAddr::from([10, 0, 0, 9])]);
        let new = written(&old, peers);
        assert!(!new.contains(MIRROR) && new.contains("replication gpadmin 10.0.0.9/32"));
    }

    #[test]
    fn only_the_agents_own_lines_count() {
        let base = written("", unknown());
        for existing in [
            // Somebody else's line, below the block.
            base.clone() + &format!("host all gpadmin {MIRROR} trust\n"),
            // A line of hba.extra for somebody else, or for more than the pods' user.
            block(&[format!("host all ann {MIRROR} trust")]),
            block(&[format!("host all gpadmin,ann {MIRROR} trust")]),
            block(&[format!("hostssl all gpadmin {MIRROR} trust")]),
            // A suffix, a stranger, an address.
            block(&["host all gpadmin .db.test trust".into()]),
            block(&["host all gpadmin segment-b-9.db.test trust".into()]),
            block(&["host all gpadmin 10.0.0.9/32 trust".into()]),
            // A block that lost its end: whose lines are they?
            format!("{BEGIN_MARKER}\nhost all gpadmin {MIRROR} trust\n"),
        ] {
            let new = written(&existing, unknown());
            assert!(new.starts_with(&base), "{existing}\nbecame\n{new}");
        }
    }

    fn addresses() -> impl Strategy<Value = String> {
        let pods = prop::sample::select(topology(2).members);
        prop_oneof![
            pods.prop_map(|m| m.fqdn),
            Just("stranger.db.test".to_string()),
            Just(".db.test".to_string()),
            Just("samenet".to_string()),
            (1u8..250).prop_map(|n| format!("10.0.0.{n}/32")),
        ]
    }

    fn known() -> impl Strategy<Value = PeerAddress> {
        let address = |n| PeerAddress::Addresses(vec![IpAddr::from([192, 168, 0, n])]);
        prop_oneof![Just(PeerAddress::Unknown), (1u8..250).prop_map(address),]
    }

    proptest! {
        /// Whatever an earlier agent left: no address comes back, no line gets wider, known pods are as without it, and
        /// names only come from the topology and from that block.
        #[test]
        fn nothing_but_names_is_kept(
            old in prop::collection::vec((prop::sample::select(vec!["all", "replication"]), addresses()), 0..8),
            known in prop::collection::vec(known(), 6),
            foreign in "[a-z #\n]{0,30}",
        ) {
            let lines: Vec<String> = old
                .iter()
                .map(|(database, address)| format!("host {database} gpadmin {address} trust"))
                .collect();
            let mut peers = unknown();
            for (peer, address) in peers.iter_mut().zip(known) {
                peer.address = address;
            }
            let existing = block(&lines) + &foreign;
            let new = written(&existing, peers.clone());
            prop_assert_eq!(&written(&new, peers.clone()), &new, "it is stable");
            let rules = |text: &str| -> BTreeSet<String> {
                parse(&blocks(text)).rules.into_iter().map(|r| r.text).collect()
            };
            let without = written(&foreign, peers.clone());
            prop_assert!(rules(&new).is_superset(&rules(&without)));
            let topology = topology(2);
            let before: BTreeSet<&str> = old.iter().map(|(_, address)| address.as_str()).collect();
            for rule in parse(&blocks(&new)).rules {
                prop_assert_eq!(width(&rule), Width::Exact);
                if rules(&without).contains(&rule.text) {
                    continue;
                }
                let Some(Address::Name(name)) = &rule.address else {
                    return Err(TestCaseError::fail(rule.text));
                };
                prop_assert!(before.contains(name.as_str()));
                let member = topology.members.iter().find(|m| m.fqdn == *name);
                let peer = peers.iter().find(|p| Some(&p.pod) == member.map(|m| &m.pod));
                prop_assert_eq!(peer.map(|p| &p.address), Some(&PeerAddress::Unknown));
            }
        }
    }
}
