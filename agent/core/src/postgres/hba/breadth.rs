//! How many hosts a line lets in.

use super::address::prefix_length;
use super::model::{Address, Method, Rule};

/// Shortest IPv4 prefix that is still a network somebody owns: 10.0.0.0/8.
const SHORTEST_V4: u32 = 8;
/// Shortest IPv6 prefix that is still one: what a provider is given.
const SHORTEST_V6: u32 = 32;

/// How many hosts a line lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// The unix socket, one address, one name, or the server itself.
    Exact,
    /// A network or a domain that somebody wrote down.
    Network,
    /// More than anybody can have meant, or what changes with the server's place in the network; with the reason.
    Wide(&'static str),
}

/// Judges the address column, and `trust` for every user from more than one host.
pub(crate) fn width(rule: &Rule) -> Width {
    let width = match &rule.address {
        None | Some(Address::SameHost) => Width::Exact,
        Some(Address::All) => Width::Wide("it admits every address"),
        Some(Address::SameNet) => {
            Width::Wide("what it admits depends on which node's network this pod happens to be in")
        }
        Some(Address::Name(name)) if name.starts_with('.') => Width::Network,
        Some(Address::Name(_)) => Width::Exact,
        Some(Address::Net { mask, .. }) => match (prefix_length(*mask), mask.is_ipv4()) {
            (32, true) | (128, false) => Width::Exact,
            (0, _) => Width::Wide("it admits every address"),
            (n, true) if n < SHORTEST_V4 => Width::Wide("its IPv4 prefix is shorter than /8"),
            (n, false) if n < SHORTEST_V6 => Width::Wide("its IPv6 prefix is shorter than /32"),
            _ => Width::Network,
        },
    };
    let everybody = rule.users.iter().any(|user| user.is_keyword("all"));
    if width == Width::Network && rule.method == Method::Trust && everybody {
        return Width::Wide("it trusts every user of a whole network");
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::hba::parse;

    fn of(line: &str) -> Width {
        width(&parse(line).rules[0])
    }

    #[test]
    fn widths() {
        for line in [
            "local all all trust",
            "host all all 127.0.0.1/32 trust",
            "host all all ::1/128 trust",
            "host all all a.b trust",
            "host all all samehost trust",
        ] {
            assert_eq!(of(line), Width::Exact, "{line}");
        }
        for line in [
            "host all u 10.0.0.0/8 trust",
            "host all all 10.0.0.0/8 md5",
            "host all u .a.b trust",
        ] {
            assert_eq!(of(line), Width::Network, "{line}");
        }
        for line in [
            "host all u all md5",
            "host all u 0.0.0.0/0 md5",
            "host all u ::/0 md5",
            "host all u samenet md5",
            "host all u 10.0.0.0 0.255.255.255 md5",
            "host all u 8.0.0.0/7 md5",
            "host all u fe00::/16 md5",
            "host all all 10.0.0.0/24 trust",
        ] {
            assert!(matches!(of(line), Width::Wide(_)), "{line}");
        }
    }
}
