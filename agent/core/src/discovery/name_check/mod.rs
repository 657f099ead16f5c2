//! Whether a peer's name may stand in pg_hba.conf: the verdict on what the container's libc answers.
//!
//! PostgreSQL (hba.c, check_hostname) admits by name when the first reverse name of the client's address equals the
//! name of the line without regard to case, and the forward lookup of it returns that address. Both lookups go through
//! the server's libc, so the answers judged here have to come from there, too.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Good checks in a row that a name needs after a lookup that gave nothing.
pub(crate) const GOOD_AFTER_NOTHING: u32 = 5;
/// Good checks in a row that a name needs after another name was seen: CoreDNS gives the names of several services in
/// no fixed order, so with two of them five good checks come by chance every half hour.
pub(crate) const GOOD_AFTER_ANOTHER_NAME: u32 = 20;

/// What libc says an address is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverse {
    /// Its names; the first is the one that PostgreSQL compares. Never empty.
    Names(Vec<String>),
    /// libc finds no name.
    Missing,
    /// libc gave no answer in time.
    TimedOut,
    /// libc could not be asked; says why.
    Failed(String),
}

/// What libc says a name's addresses are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forward {
    /// Its addresses.
    Addresses(Vec<IpAddr>),
    /// libc finds no address.
    Missing,
    /// libc gave no answer in time.
    TimedOut,
    /// libc could not be asked; says why.
    Failed(String),
}

/// Whether pg_hba.conf may use the name of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NameVerdict {
    /// Nobody has looked yet; pg_hba.conf has to use the addresses.
    #[default]
    Unchecked,
    /// PostgreSQL sees every address of the peer as this name.
    Verified(String),
    /// PostgreSQL would not, or not always, admit by name.
    Unverified {
        /// Why, for people.
        reason: String,
        /// Whether another name was seen, as opposed to none.
        another_name: bool,
    },
}

/// One check of one peer, before damping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Both lookups agree with the topology.
    Good(String),
    /// They do not.
    Bad {
        /// Why, for people.
        reason: String,
        /// Whether another name was seen, as opposed to none.
        another_name: bool,
    },
}

fn bad(reason: String) -> Check {
    Check::Bad {
        reason,
        another_name: false,
    }
}

/// Whether two host names are the same one (case and a final dot do not count).
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    let bare = |s: &str| s.strip_suffix('.').unwrap_or(s).to_ascii_lowercase();
    bare(a) == bare(b)
}

/// Judges what libc says of the peer called `fqdn` that lives at `addresses`.
///
/// A second full name of an address counts as another name even when ours comes first: nothing fixes the order.
pub fn judge(fqdn: &str, addresses: &[IpAddr], reverse: &BTreeMap<IpAddr, Reverse>, forward: &Forward) -> Check {
    if addresses.is_empty() {
        return bad("it has no address".to_string());
    }
    for address in addresses {
        if let Some(found) = judge_reverse(fqdn, *address, reverse.get(address)) {
            return found;
        }
    }
    judge_forward(fqdn, addresses, forward)
}

fn judge_reverse(fqdn: &str, address: IpAddr, reverse: Option<&Reverse>) -> Option<Check> {
    let names = match reverse {
        Some(Reverse::Names(names)) => names,
        Some(Reverse::Missing) | None => {
            return Some(bad(format!("no reverse name for {address}")));
        }
        Some(Reverse::TimedOut) => {
            return Some(bad(format!("reverse lookup of {address} timed out")));
        }
        Some(Reverse::Failed(why)) => {
            return Some(bad(format!("reverse lookup of {address} failed: {why}")));
        }
    };
    let another = |reason| {
        Some(Check::Bad {
            reason,
            another_name: true,
        })
    };
    match names.first() {
        Some(first) if same_name(first, fqdn) => {}
        Some(first) => {
            return another(format!("reverse of {address} is {first} (another service's PTR)"));
        }
        None => return Some(bad(format!("no reverse name for {address}"))),
    }
    // A short alias comes from a hosts file, where the order is fixed.
    let second = names.iter().find(|n| n.contains('.') && !same_name(n, fqdn))?;
    another(format!(
        "{address} has a second reverse name, {second}, and the order is left to chance"
    ))
}

fn judge_forward(fqdn: &str, addresses: &[IpAddr], forward: &Forward) -> Check {
    let listed = match forward {
        Forward::Addresses(listed) => listed,
        Forward::Missing => return bad(format!("no address for {fqdn} in libc's eyes")),
        Forward::TimedOut => return bad(format!("forward lookup of {fqdn} timed out")),
        Forward::Failed(why) => return bad(format!("forward lookup of {fqdn} failed: {why}")),
    };
    let missing = addresses
        .iter()
        .find(|a| !listed.iter().any(|l| l.to_canonical() == a.to_canonical()));
    match missing {
        Some(address) => bad(format!("forward of {fqdn} does not contain {address}")),
        None => Check::Good(fqdn.to_string()),
    }
}

/// The verdict on one peer over time: lost at the first bad check, won back only by several good ones in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damped {
    verdict: NameVerdict,
    good: u32,
    needed: u32,
    last_bad: String,
    another_name: bool,
}

impl Damped {
    /// The verdict as it stands.
    pub fn verdict(&self) -> &NameVerdict {
        &self.verdict
    }

    /// Whether good checks are being counted: the next ones should come soon.
    pub fn is_recovering(&self) -> bool {
        self.good > 0 && self.good < self.needed
    }

    /// Takes one more check into account and returns the verdict.
    pub fn observe(&mut self, check: Check) -> &NameVerdict {
        match check {
            Check::Bad { reason, another_name } => {
                let needed = if another_name {
                    GOOD_AFTER_ANOTHER_NAME
                } else {
                    GOOD_AFTER_NOTHING
                };
                let verified = matches!(self.verdict, NameVerdict::Verified(_));
                self.needed = if verified { needed } else { needed.max(self.needed) };
                self.good = 0;
                self.last_bad.clone_from(&reason);
                self.another_name = another_name;
                self.verdict = NameVerdict::Unverified { reason, another_name };
            }
            Check::Good(name) => {
                self.good = self.good.saturating_add(1);
                self.verdict = if self.good >= self.needed {
                    NameVerdict::Verified(name)
                } else {
                    NameVerdict::Unverified {
                        reason: format!(
                            "{} a short while ago; it has to be right {} times in a row",
                            self.last_bad, self.needed
                        ),
                        another_name: self.another_name,
                    }
                };
            }
        }
        &self.verdict
    }
}

#[cfg(test)]
mod tests;
