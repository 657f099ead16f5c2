//! Reads what `getent` prints.

use std::collections::HashMap;
use std::net::IpAddr;

/// What one call's output says.
pub struct Parsed<T> {
    /// The answer to each key that has one.
    pub found: HashMap<String, T>,
    /// Whether there were answers that could not be told apart by key.
    pub unclaimed: bool,
}

/// `getent hosts IP...`: one line `IP  name alias...` for each key that was found.
///
/// musl calls an address without a name by its digits; that is no name.
pub fn parse_hosts(text: &str, keys: &[String]) -> Parsed<Vec<String>> {
    let wanted: HashMap<IpAddr, &String> = keys
        .iter()
        .filter_map(|k| Some((k.parse::<IpAddr>().ok()?.to_canonical(), k)))
        .collect();
    let mut found = HashMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|w| w.parse::<IpAddr>().ok());
        let Some(key) = address.and_then(|a| wanted.get(&a.to_canonical())) else {
            continue;
        };
        let names: Vec<String> = words.map(str::to_string).collect();
        let is_name = names.first().is_some_and(|n| n.parse::<IpAddr>().is_err());
        if is_name {
            found.entry((*key).clone()).or_insert(names);
        }
    }
    Parsed {
        found,
        unclaimed: false,
    }
}

/// `getent ahosts NAME...`: for each address a STREAM line (and DGRAM and RAW ones); the canonical name stands in the
/// first line of a key (glibc) or in every line (musl).
///
/// The canonical name is the key, unless an alias or the search list changed it. The answer to a single key is its own
/// whatever the name.
pub fn parse_ahosts(text: &str, keys: &[String]) -> Parsed<Vec<IpAddr>> {
    let mut blocks: Vec<(String, Vec<IpAddr>)> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|w| w.parse::<IpAddr>().ok()) else {
            continue;
        };
        if words.next() != Some("STREAM") {
            continue;
        }
        match (words.next(), blocks.last_mut()) {
            (None, Some((_, list))) => list.push(address),
            (Some(name), Some((last, list))) if last == name => list.push(address),
            (name, _) => blocks.push((name.unwrap_or_default().to_string(), vec![address])),
        }
    }
    if let [key] = keys {
        let list: Vec<IpAddr> = blocks.into_iter().flat_map(|(_, list)| list).collect();
        let found = (!list.is_empty()).then(|| (key.clone(), list));
        return Parsed {
            found: found.into_iter().collect(),
            unclaimed: false,
        };
    }
    claim(blocks, keys)
}

fn claim(blocks: Vec<(String, Vec<IpAddr>)>, keys: &[String]) -> Parsed<Vec<IpAddr>> {
    let mut by_name: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for (name, list) in blocks {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        by_name.entry(name).or_default().extend(list);
    }
    let mut found = HashMap::new();
    for key in keys {
        let name = key.trim_end_matches('.').to_ascii_lowercase();
        if let Some(list) = by_name.remove(&name) {
            found.insert(key.clone(), list);
        }
    }
    Parsed {
        found,
        unclaimed: !by_name.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|k| k.parse().unwrap()).collect()
    }

    #[test]
    fn reverse_lines_belong_to_their_address() {
        let text =
            "10.0.0.1        a.gp.svc a\nfd00::2         b.gp.svc\n10.0.0.9  stranger\n10.0.0.3          10.0.0.3\n";
        let keys = keys(&["10.0.0.1", "fd00:0:0::2", "10.0.0.3", "10.0.0.4"]);
        let parsed = parse_hosts(text, &keys);
        assert_eq!(parsed.found.len(), 2, "{:?}", parsed.found);
        assert_eq!(parsed.found["10.0.0.1"], ["a.gp.svc", "a"]);
        assert_eq!(parsed.found["fd00:0:0::2"], ["b.gp.svc"]);
    }

    #[test]
    fn forward_blocks_of_glibc() {
        let text = "10.0.0.1        STREAM a.gp.svc\n10.0.0.1        DGRAM  \n10.0.0.1        RAW    \nfd00::1         STREAM \n\
                    fd00::1         DGRAM  \n10.0.0.2        STREAM B.gp.svc\n10.0.0.2        DGRAM  \n";
        let parsed = parse_ahosts(text, &keys(&["a.gp.svc", "b.gp.svc", "c.gp.svc"]));
        assert_eq!(parsed.found["a.gp.svc"], ips(&["10.0.0.1", "fd00::1"]));
        assert_eq!(parsed.found["b.gp.svc"], ips(&["10.0.0.2"]));
        assert_eq!((parsed.found.len(), parsed.unclaimed), (2, false));
    }

    #[test]
    fn forward_blocks_of_musl() {
        let text = "10.0.0.1        STREAM a.gp.svc\n10.0.0.1        DGRAM  a.gp.svc\nfd00::1         STREAM a.gp.svc\n\
                    10.0.0.2        STREAM b.gp.svc\n";
        let parsed = parse_ahosts(text, &keys(&["a.gp.svc", "b.gp.svc"]));
        assert_eq!(parsed.found["a.gp.svc"], ips(&["10.0.0.1", "fd00::1"]));
        assert_eq!(parsed.found["b.gp.svc"], ips(&["10.0.0.2"]));
    }

    #[test]
    fn an_alias_is_told_by_asking_alone() {
        let text = "10.0.0.1        STREAM real.gp.svc\n10.0.0.1        DGRAM  \n";
        let many = parse_ahosts(text, &keys(&["a.gp.svc", "b.gp.svc"]));
        assert!(many.found.is_empty() && many.unclaimed);
        let alone = parse_ahosts(text, &keys(&["a.gp.svc"]));
        assert_eq!(alone.found["a.gp.svc"], ips(&["10.0.0.1"]));
        assert!(parse_ahosts("", &keys(&["a.gp.svc"])).found.is_empty());
    }
}
