//! Whether a peer's name may stand in pg_hba.conf: the verdict on what the container's libc answers.
//!
//! PostgreSQL (hba.c, check_hostname) admits by name when the first reverse name of the client's address equals the
//! name of the line without regard to case, and the forward lookup of it returns that address. Both lookups go through
//! the server's libc, so the answers judged here have to come from there, too.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Good checks in a row that a name needs after a lookup that gave nothing.
pub const GOOD_AFTER_NOTHING: u32 = 5;
/// Good checks in a row that a name needs after another name was seen: CoreDNS gives the names of several services in
/// no fixed order, so with two of them five good checks come by chance every half hour.
pub const GOOD_AFTER_ANOTHER_NAME: u32 = 20;

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
pub fn same_name(a: &str, b: &str) -> bool {
    let bare = |s: &str| s.strip_suffix('.').unwrap_or(s).to_ascii_lowercase();
    bare(a) == bare(b)
}

/// Judges what libc says of the peer called `fqdn` that lives at `addresses`.
///
/// A second full name of an address counts as another name even when ours comes first: nothing fixes the order.
pub fn judge(
    fqdn: &str,
    addresses: &[IpAddr],
    reverse: &BTreeMap<IpAddr, Reverse>,
    forward: &Forward,
) -> Check {
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
            return another(format!(
                "reverse of {address} is {first} (another service's PTR)"
            ));
        }
        None => return Some(bad(format!("no reverse name for {address}"))),
    }
    // A short alias comes from a hosts file, where the order is fixed.
    let second = names
        .iter()
        .find(|n| n.contains('.') && !same_name(n, fqdn))?;
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
            Check::Bad {
                reason,
                another_name,
            } => {
                let needed = if another_name {
                    GOOD_AFTER_ANOTHER_NAME
                } else {
                    GOOD_AFTER_NOTHING
                };
                let verified = matches!(self.verdict, NameVerdict::Verified(_));
                self.needed = if verified {
                    needed
                } else {
                    needed.max(self.needed)
                };
                self.good = 0;
                self.last_bad.clone_from(&reason);
                self.verdict = NameVerdict::Unverified { reason };
            }
            Check::Good(name) => {
                self.good = self.good.saturating_add(1);
                self.verdict = if self.good >= self.needed {
                    NameVerdict::Verified(name)
                } else {
                    NameVerdict::Unverified {
                        reason: format!(
                            "good in {} of {} checks since: {}",
                            self.good, self.needed, self.last_bad
                        ),
                    }
                };
            }
        }
        &self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FQDN: &str = "segment-a-0.agent.prod.svc.cluster.local";

    fn ip(s: &str) -> IpAddr {
        s.parse().unwrap()
    }

    fn reverse(list: &[(&str, Reverse)]) -> BTreeMap<IpAddr, Reverse> {
        list.iter().map(|(a, r)| (ip(a), r.clone())).collect()
    }

    fn named(names: &[&str]) -> Reverse {
        Reverse::Names(names.iter().map(|n| n.to_string()).collect())
    }

    fn one(r: Reverse, forward: Forward) -> Check {
        judge(
            FQDN,
            &[ip("10.1.2.3")],
            &reverse(&[("10.1.2.3", r)]),
            &forward,
        )
    }

    fn at(list: &[&str]) -> Forward {
        Forward::Addresses(list.iter().map(|a| ip(a)).collect())
    }

    fn reason(check: Check) -> (String, bool) {
        match check {
            Check::Bad {
                reason,
                another_name,
            } => (reason, another_name),
            Check::Good(name) => panic!("{name} was good"),
        }
    }

    #[test]
    fn agrees_without_regard_to_case_and_final_dot() {
        let seen = named(&["SEGMENT-a-0.Agent.prod.svc.cluster.local.", "segment-a-0"]);
        assert_eq!(
            one(seen, at(&["10.9.9.9", "::ffff:10.1.2.3"])),
            Check::Good(FQDN.into())
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let other = "10-1-2-3.clients.prod.svc.cluster.local";
        let cases = [
            (
                one(named(&[other]), at(&["10.1.2.3"])),
                "reverse of 10.1.2.3 is 10-1-2-3.clients.prod.svc.cluster.local (another service's PTR)",
                true,
            ),
            (
                one(named(&[FQDN, other]), at(&["10.1.2.3"])),
                "10.1.2.3 has a second reverse name, 10-1-2-3.clients.prod.svc.cluster.local, and the order is left to chance",
                true,
            ),
            (
                one(Reverse::Missing, at(&[])),
                "no reverse name for 10.1.2.3",
                false,
            ),
            (
                one(Reverse::TimedOut, at(&[])),
                "reverse lookup of 10.1.2.3 timed out",
                false,
            ),
            (
                one(Reverse::Failed("no getent".into()), at(&[])),
                "reverse lookup of 10.1.2.3 failed: no getent",
                false,
            ),
            (
                one(named(&[FQDN]), at(&["10.1.2.4"])),
                "forward of segment-a-0.agent.prod.svc.cluster.local does not contain 10.1.2.3",
                false,
            ),
            (
                one(named(&[FQDN]), Forward::TimedOut),
                "forward lookup of segment-a-0.agent.prod.svc.cluster.local timed out",
                false,
            ),
        ];
        for (check, words, another_name) in cases {
            assert_eq!(reason(check), (words.to_string(), another_name));
        }
    }

    #[test]
    fn every_address_counts() {
        let both = [ip("10.1.2.3"), ip("fd00::3")];
        let answers = reverse(&[("10.1.2.3", named(&[FQDN])), ("fd00::3", named(&["x.y.z"]))]);
        let check = judge(FQDN, &both, &answers, &at(&["10.1.2.3", "fd00::3"]));
        assert_eq!(
            reason(check).0,
            "reverse of fd00::3 is x.y.z (another service's PTR)"
        );
        assert_eq!(
            reason(judge(FQDN, &[], &answers, &at(&[]))).0,
            "it has no address"
        );
    }

    #[test]
    fn a_flapping_name_is_lost_at_once_and_won_back_slowly() {
        let good = || Check::Good(FQDN.into());
        let mut damped = Damped::default();
        assert_eq!(damped.verdict(), &NameVerdict::Unchecked);
        assert_eq!(damped.observe(good()), &NameVerdict::Verified(FQDN.into()));
        damped.observe(bad("no reverse name for 10.1.2.3".into()));
        for n in 1..GOOD_AFTER_NOTHING {
            let expected = format!("good in {n} of 5 checks since: no reverse name for 10.1.2.3");
            assert_eq!(
                damped.observe(good()),
                &NameVerdict::Unverified { reason: expected }
            );
            assert!(damped.is_recovering());
        }
        assert_eq!(damped.observe(good()), &NameVerdict::Verified(FQDN.into()));
        assert!(!damped.is_recovering());
    }

    proptest! {
        /// Verified means: good now, and never bad, or good as often in a row as the worst failure since it was last
        /// verified asks for.
        #[test]
        fn damping_holds(checks in proptest::collection::vec(prop_oneof![6 => Just(0u8), 1 => Just(1), 1 => Just(2)], 0..200)) {
            let mut damped = Damped::default();
            let mut worst = 0;
            let mut row = 0;
            for check in checks {
                let before = damped.verdict().clone();
                let now = damped.observe(match check {
                    0 => Check::Good(FQDN.into()),
                    n => Check::Bad { reason: "r".into(), another_name: n == 2 },
                }).clone();
                if check == 0 {
                    row += 1;
                    prop_assert_eq!(matches!(now, NameVerdict::Verified(_)), row >= worst);
                    if row >= worst { worst = 0 }
                } else {
                    row = 0;
                    worst = worst.max(if check == 2 { GOOD_AFTER_ANOTHER_NAME } else { GOOD_AFTER_NOTHING });
                    let lost = matches!(now, NameVerdict::Unverified { .. });
                    prop_assert!(lost);
                }
                if matches!(before, NameVerdict::Verified(_)) && check == 0 {
                    prop_assert_eq!(before, now);
                }
            }
        }

        /// A verified name is one that PostgreSQL would admit: first reverse name and forward address agree.
        #[test]
        fn good_means_postgres_admits(
            first in 0usize..3, others in proptest::collection::vec(0usize..3, 0..3), forward in proptest::collection::vec(0u8..4, 0..4)
        ) {
            let pool = [FQDN, "other.example.com", "segment-a-0"];
            let names: Vec<String> = std::iter::once(first).chain(others).map(|i| pool[i].to_string()).collect();
            let listed: Vec<IpAddr> = forward.iter().map(|n| IpAddr::from([10, 1, 2, *n])).collect();
            let check = judge(FQDN, &[ip("10.1.2.3")], &reverse(&[("10.1.2.3", Reverse::Names(names.clone()))]), &Forward::Addresses(listed.clone()));
            if let Check::Good(name) = check {
                prop_assert_eq!(&name, FQDN);
                prop_assert_eq!(&names[0], FQDN);
                prop_assert!(listed.contains(&ip("10.1.2.3")));
                prop_assert!(!names.iter().any(|n| n == pool[1]));
            }
        }
    }
}
