//! Addresses as the C library reads them, and masks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One of the server's own addresses with its network's mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// The mask; one of the other family or all zeros counts as all ones (PostgreSQL's ifaddr.c).
    pub mask: IpAddr,
}

impl Interface {
    /// Whether `client` is in this interface's network.
    pub(super) fn has_in_network(&self, client: IpAddr) -> bool {
        let usable = self.mask.is_ipv4() == self.address.is_ipv4() && !self.mask.is_unspecified();
        let mask = if usable { self.mask } else { full_mask(self.address) };
        in_range(client, self.address, mask)
    }
}

/// What getaddrinfo takes as a number with AI_NUMERICHOST: inet_aton's forms (`127.1`, `0x7f.0.0.1`, ...) and
/// IPv6 with or without a zone. Everything else is a name to PostgreSQL.
pub(super) fn parse_numeric(text: &str) -> Option<IpAddr> {
    if let Some(v4) = inet_aton(text) {
        return Some(IpAddr::V4(v4));
    }
    let Some((address, zone)) = text.split_once('%') else {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    };
    let address: Ipv6Addr = address.parse().ok()?;
    // Only a link-local address may name an interface; whether that one exists is not known here.
    let segment = address.segments()[0];
    let link_local = segment & 0xffc0 == 0xfe80 || segment & 0xff0f == 0xff02;
    let zone_fits = !zone.is_empty() && (link_local || zone.bytes().all(|b| b.is_ascii_digit()));
    zone_fits.then_some(IpAddr::V6(address))
}

/// One to four numbers (decimal, octal, hexadecimal); the last one fills what is left of the 32 bits.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    let (last, before) = parts.split_last()?;
    if before.len() > 3 {
        return None;
    }
    let mut value: u32 = 0;
    for part in before {
        let byte = u8::try_from(c_number(part)?).ok()?;
        value = (value << 8) | u32::from(byte);
    }
    let bits = 32 - 8 * u32::try_from(before.len()).ok()?;
    let last = c_number(last)?;
    if last >= 1u64 << bits {
        return None;
    }
    let high = u64::from(value) << bits;
    u32::try_from(high | last).ok().map(Ipv4Addr::from)
}

/// strtoul with base 0, over the whole of `text`, without sign or blank.
fn c_number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    // More than 32 bits never fit, whatever strtoul makes of an overflow.
    all_digits.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

/// The mask of a CIDR suffix, read with strtol as PostgreSQL does; `None` when it is none for that family.
pub(super) fn cidr_mask(bits: &str, family_of: IpAddr) -> Option<IpAddr> {
    let blanks = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];
    let number = bits.trim_start_matches(blanks);
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length: u32 = digits.parse().ok()?;
    let longest = if family_of.is_ipv4() { 32 } else { 128 };
    if length > longest || (negative && length > 0) {
        return None;
    }
    Some(match family_of {
        IpAddr::V4(_) => IpAddr::V4(u32::MAX.checked_shl(32 - length).unwrap_or(0).into()),
        IpAddr::V6(_) => IpAddr::V6(u128::MAX.checked_shl(128 - length).unwrap_or(0).into()),
    })
}

/// The mask that leaves one address.
pub(super) fn full_mask(family_of: IpAddr) -> IpAddr {
    match family_of {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::BROADCAST),
        IpAddr::V6(_) => IpAddr::V6(u128::MAX.into()),
    }
}

/// Ones at the left of a mask.
pub(super) fn prefix_length(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones(),
        IpAddr::V6(mask) => u128::from(mask).leading_ones(),
    }
}

/// Whether `client` agrees with `address` in the bits of `mask`; never across families, so an IPv4-mapped IPv6
/// address matches no IPv4 line.
pub(super) fn in_range(client: IpAddr, address: IpAddr, mask: IpAddr) -> bool {
    match (client, address, mask) {
        (IpAddr::V4(client), IpAddr::V4(address), IpAddr::V4(mask)) => {
            (u32::from(client) ^ u32::from(address)) & u32::from(mask) == 0
        }
        (IpAddr::V6(client), IpAddr::V6(address), IpAddr::V6(mask)) => {
            (u128::from(client) ^ u128::from(address)) & u128::from(mask) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_what_inet_aton_takes() {
        for (text, value) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("10", "0.0.0.10"),
            ("0x7f.1", "127.0.0.1"),
            ("010.0.0.1", "8.0.0.1"),
            ("4294967295", "255.255.255.255"),
            ("::1", "::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("fe80::1%eth0", "fe80::1"),
        ] {
            assert_eq!(parse_numeric(text), Some(ip(value)), "{text}");
        }
        for text in [
            "",
            "a",
            "1.2.3.4.5",
            "256.0.0.1",
            "1.2.3.256",
            "08.0.0.1",
            "1.",
            "::g",
            "0x",
            "::1%lo",
        ] {
            assert_eq!(parse_numeric(text), None, "{text}");
        }
    }

    #[test]
    fn cidr_suffixes() {
        let four = ip("10.0.0.0");
        assert_eq!(cidr_mask("8", four), Some(ip("255.0.0.0")));
        assert_eq!(cidr_mask("0", four), Some(ip("0.0.0.0")));
        assert_eq!(cidr_mask(" +32", four), Some(ip("255.255.255.255")));
        assert_eq!(cidr_mask("128", ip("::")), Some(full_mask(ip("::"))));
        for bits in ["", "33", "-1", "8x", "8/9", "+", "99999999999"] {
            assert_eq!(cidr_mask(bits, four), None, "{bits}");
        }
    }

    #[test]
    fn an_interface_without_a_usable_mask_is_alone_in_its_network() {
        let none = Interface {
            address: ip("10.0.0.1"),
            mask: ip("0.0.0.0"),
        };
        assert!(none.has_in_network(ip("10.0.0.1")));
        assert!(!none.has_in_network(ip("10.0.0.2")));
        assert!(!in_range(ip("::ffff:10.0.0.1"), ip("10.0.0.1"), ip("255.0.0.0")));
    }
}
