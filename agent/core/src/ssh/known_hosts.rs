//! Which host key belongs to which pod: rendering known_hosts, reading it back, and pinning what a scan found.

use super::public_key::PublicKey;
use crate::cluster::topology::{Member, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The port that ssh asks without brackets in known_hosts.
const SSH_PORT: u16 = 22;

/// The names under which ssh looks a pod up: short and full, and `[name]:port` when the port is not 22.
pub(crate) fn names(member: &Member, port: u16) -> Vec<String> {
    with_port(vec![member.pod.clone(), member.fqdn.clone()], port)
}

/// Patterns (ssh_config(5), PATTERNS) that fit the short names of all pods and every name below the domain, and little else:
/// one `?` for each digit of an ordinal.
pub fn patterns(topology: &Topology) -> Vec<String> {
    let mut found = BTreeSet::new();
    for member in &topology.members {
        found.insert(match member.pod.rsplit_once('-') {
            Some((group, ordinal)) => format!("{group}-{}", "?".repeat(ordinal.len())),
            None => member.pod.clone(),
        });
    }
    let mut patterns: Vec<String> = found.into_iter().collect();
    if !topology.domain.is_empty() {
        patterns.push(format!("*.{}", topology.domain));
    }
    patterns
}

fn with_port(mut names: Vec<String>, port: u16) -> Vec<String> {
    if port != SSH_PORT {
        let bracketed: Vec<String> = names.iter().map(|n| format!("[{n}]:{port}")).collect();
        names.extend(bracketed);
    }
    names
}

/// known_hosts for a cluster whose pods all have the same host keys: one line for each key.
pub fn render_cluster(topology: &Topology, port: u16, keys: &[PublicKey]) -> String {
    let names = with_port(patterns(topology), port).join(",");
    keys.iter().map(|key| format!("{names} {key}\n")).collect()
}

/// The host keys that were seen first, by short name of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<String, Vec<PublicKey>>);

/// What a scan of one pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// No key was pinned so far; now this one is.
    Pinned,
    /// The pinned key, or no answer that could be compared.
    Same,
    /// Another key than the pinned one. Nothing was changed.
    Changed {
        /// The key that is trusted.
        pinned: PublicKey,
        /// The key that was offered.
        offered: PublicKey,
    },
}

impl Pins {
    /// Reads a known_hosts file: the keys of every pod of the topology that one of its names stands for. Comments, hashed names,
    /// markers and strangers are passed over.
    pub fn parse(text: &str, topology: &Topology) -> Pins {
        let mut pins = Pins::default();
        for line in text.lines() {
            let Some((names, key)) = line.trim().split_once([' ', '\t']) else {
                continue;
            };
            let Ok(key) = PublicKey::parse(key) else {
                continue;
            };
            if let Some(member) = names.split(',').find_map(|name| topology.member(name)) {
                pins.add(&member.pod, key);
            }
        }
        pins
    }

    /// One line for each key, in the topology's order; pods that are not in it are left out.
    pub fn render(&self, topology: &Topology, port: u16) -> String {
        let mut text = String::new();
        for member in &topology.members {
            for key in self.of(&member.pod) {
                text += &format!("{} {key}\n", names(member, port).join(","));
            }
        }
        text
    }

    /// Trusts a key of a pod.
    pub fn add(&mut self, pod: &str, key: PublicKey) {
        let keys = self.0.entry(pod.to_string()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
            keys.sort();
        }
    }

    /// The trusted keys of a pod.
    pub fn of(&self, pod: &str) -> &[PublicKey] {
        self.0.get(pod).map_or(&[], Vec::as_slice)
    }

    /// Takes note of the keys that a pod offered. The first ones are pinned; a pod that is known must show a key that is pinned.
    pub fn observe(&mut self, pod: &str, offered: &[PublicKey]) -> Observed {
        let Some(first) = offered.first() else {
            return Observed::Same;
        };
        let pinned = self.of(pod);
        if pinned.is_empty() {
            for key in offered {
                self.add(pod, key.clone());
            }
            return Observed::Pinned;
        }
        let other = |key: &&PublicKey| !pinned.contains(key);
        let contradicts = |key: &&PublicKey| other(key) && pinned.iter().any(|p| p.algorithm() == key.algorithm());
        let stranger = offered.iter().find(contradicts);
        match stranger.or_else(|| offered.iter().all(|k| other(&k)).then_some(first)) {
            None => Observed::Same,
            Some(key) => Observed::Changed {
                pinned: pinned[0].clone(),
                offered: key.clone(),
            },
        }
    }
}

/// Reads what ssh-keyscan printed for addresses: `<address> <key>` or `[<address>]:<port> <key>`.
pub fn parse_scan(output: &str) -> Vec<(IpAddr, PublicKey)> {
    let line = |line: &str| {
        let (host, key) = line.split_once(' ')?;
        let address = match host.strip_prefix('[') {
            Some(rest) => rest.rsplit_once("]:")?.0,
            None => host,
        };
        Some((address.parse().ok()?, PublicKey::parse(key).ok()?))
    };
    output.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::topology::Role;
    use crate::fixtures::key;
    use proptest::prelude::*;

    pub(crate) fn topology(pods: &[&str]) -> Topology {
        let member = |pod: &&str| Member {
            pod: pod.to_string(),
            fqdn: format!("{pod}.gp.local"),
            role: Role::Primary,
            content: crate::cluster::content::ContentId::new(0),
            port: 5432,
            data_dir: "/greenplum/gpseg0".into(),
        };
        Topology {
            cluster: "test".into(),
            domain: "gp.local".into(),
            members: pods.iter().map(member).collect(),
        }
    }

    #[test]
    fn one_line_serves_the_whole_cluster() {
        let cluster = topology(&["coordinator-0", "coordinator-1", "seg-9", "seg-10"]);
        assert_eq!(
            render_cluster(&cluster, 22, &[key(1)]),
            format!("coordinator-?,seg-?,seg-??,*.gp.local {}\n", key(1))
        );
        assert_eq!(
            render_cluster(&topology(&["a-0"]), 2222, &[key(1)]),
            format!("a-?,*.gp.local,[a-?]:2222,[*.gp.local]:2222 {}\n", key(1))
        );
    }

    #[test]
    fn a_pinned_pod_has_all_its_names() {
        let cluster = topology(&["a-1", "a-0"]);
        let mut pins = Pins::default();
        assert_eq!(pins.observe("a-0", &[key(7)]), Observed::Pinned);
        assert_eq!(
            pins.render(&cluster, 2222),
            format!("a-0,a-0.gp.local,[a-0]:2222,[a-0.gp.local]:2222 {}\n", key(7))
        );
        assert_eq!(pins.render(&cluster, 22), format!("a-0,a-0.gp.local {}\n", key(7)));
    }

    #[test]
    fn a_changed_key_is_refused_and_changes_nothing() {
        let mut pins = Pins::default();
        pins.observe("a-0", &[key(1)]);
        let before = pins.clone();
        assert_eq!(
            pins.observe("a-0", &[key(2)]),
            Observed::Changed {
                pinned: key(1),
                offered: key(2)
            }
        );
        assert_eq!(pins.observe("a-0", &[]), Observed::Same);
        assert_eq!(pins.observe("a-0", &[key(1)]), Observed::Same);
        assert_eq!(pins, before);
    }

    #[test]
    fn comments_markers_hashes_and_strangers_are_passed_over() {
        let text = format!(
            "# a-0 {k}\n@revoked a-0 {k}\n|1|abc=|def= {k}\nz-0 {k}\na-0\n\n",
            k = key(1)
        );
        assert_eq!(Pins::parse(&text, &topology(&["a-0"])), Pins::default());
    }

    #[test]
    fn a_scan_names_addresses_with_and_without_port() {
        let text = format!(
            "10.0.0.1 {a}\n# 10.0.0.1:22 SSH-2.0\n[10.0.0.2]:2222 {b}\n[fd00::1]:2222 {a}\nx {a}\n",
            a = key(1),
            b = key(2)
        );
        let expected = [("10.0.0.1", key(1)), ("10.0.0.2", key(2)), ("fd00::1", key(1))];
        let found = parse_scan(&text);
        assert_eq!(found, expected.map(|(a, k)| (a.parse().unwrap(), k)));
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_whatever_the_order_of_observation(
            seen in proptest::collection::vec((0usize..5, any::<u8>()), 0..20),
            port in prop_oneof![Just(22u16), 1u16..],
        ) {
            let pods = ["a-0", "a-1", "b-0", "b-10", "c-0"];
            let cluster = topology(&pods);
            let mut firsts = BTreeMap::new();
            let mut pins = Pins::default();
            for (pod, byte) in &seen {
                firsts.entry(*pod).or_insert(*byte);
                pins.observe(pods[*pod], &[key(*byte)]);
            }
            let mut other_order = Pins::default();
            for (pod, byte) in firsts.iter().rev() {
                other_order.observe(pods[*pod], &[key(*byte)]);
            }
            prop_assert_eq!(&pins, &other_order);
            let text = pins.render(&cluster, port);
            prop_assert_eq!(Pins::parse(&text, &cluster), pins);
            prop_assert_eq!(text.lines().count(), firsts.len());
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(.{0,40}\n){0,5}") {
            let _ = Pins::parse(&text, &topology(&["a-0"]));
            let _ = parse_scan(&text);
        }
    }
}
