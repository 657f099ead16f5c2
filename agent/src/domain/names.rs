//! May a peer's name stand in pg_hba.conf? Only when PostgreSQL, asking this container's libc, will see that very name.

use std::net::IpAddr;

/// Good checks in a row before a name that failed is believed again. A name server that knows a pod under two names
/// answers in random order (CoreDNS), so one good answer proves little.
pub const GOOD_CHECKS: u32 = 5;

/// What libc answered for one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Each address of the peer, and the first name that the reverse lookup gave for it.
    pub reverse: Vec<(IpAddr, Option<String>)>,
    /// What the peer's name resolves to.
    pub forward: Vec<IpAddr>,
}

/// Whether PostgreSQL would recognise a peer by `fqdn`: hba.c takes the first name of the reverse lookup, compares it
/// without case, then wants the client's address in the forward lookup. The words say why not.
pub fn check(fqdn: &str, lookups: &Lookups) -> Result<(), String> {
    if lookups.reverse.is_empty() {
        return Err("no address is known".into());
    }
    for (address, name) in &lookups.reverse {
        match name {
            None => return Err(format!("{address} has no reverse name")),
            Some(name) if !name.trim_end_matches('.').eq_ignore_ascii_case(fqdn) => {
                return Err(format!("the reverse name of {address} is {name}"));
            }
            Some(_) if !lookups.forward.contains(address) => {
                return Err(format!("{fqdn} does not resolve to {address} here"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What is believed of one peer's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameVerdict {
    /// Not looked at yet.
    Unknown,
    /// PostgreSQL will see this name.
    Verified,
    /// It will not, and why.
    Unverified(String),
}

/// The believed verdict over time: bad news at once, good news after [`GOOD_CHECKS`] in a row, unless it never was bad.
#[derive(Clone, Debug)]
pub struct Belief {
    verdict: NameVerdict,
    good: u32,
}

impl Default for Belief {
    fn default() -> Self {
        Belief {
            verdict: NameVerdict::Unknown,
            good: 0,
        }
    }
}

impl Belief {
    /// What is believed now.
    pub fn verdict(&self) -> &NameVerdict {
        &self.verdict
    }

    /// Takes in the outcome of one check.
    pub fn learn(&mut self, outcome: Result<(), String>) {
        match outcome {
            Err(why) => {
                self.good = 0;
                self.verdict = NameVerdict::Unverified(why);
            }
            Ok(()) => {
                self.good += 1;
                if self.good >= GOOD_CHECKS || self.verdict == NameVerdict::Unknown {
                    self.verdict = NameVerdict::Verified;
                }
            }
        }
    }

    /// Forgets everything: the peer has new addresses.
    pub fn forget(&mut self) {
        *self = Belief::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookups(name: Option<&str>, forward: &[[u8; 4]]) -> Lookups {
        Lookups {
            reverse: vec![(IpAddr::from([10, 0, 0, 1]), name.map(str::to_string))],
            forward: forward.iter().map(|a| IpAddr::from(*a)).collect(),
        }
    }

    #[test]
    fn the_rules_of_hba_c() {
        let here = [10, 0, 0, 1];
        assert_eq!(check("a.x", &lookups(Some("A.x"), &[here])), Ok(()));
        let other = check("a.x", &lookups(Some("10-0-0-1.clients.x"), &[here]));
        assert_eq!(
            other.unwrap_err(),
            "the reverse name of 10.0.0.1 is 10-0-0-1.clients.x"
        );
        assert!(check("a.x", &lookups(None, &[here])).is_err());
        assert!(check("a.x", &lookups(Some("a.x"), &[[10, 0, 0, 2]])).is_err());
        assert!(check("a.x", &Lookups::default()).is_err());
    }

    proptest! {
        /// A name that ever failed is verified only when the last checks were all good.
        #[test]
        fn bad_news_at_once_good_news_late(outcomes in prop::collection::vec(any::<bool>(), 1..40)) {
            let mut belief = Belief::default();
            for good in &outcomes {
                belief.learn(if *good { Ok(()) } else { Err("x".into()) });
            }
            let run = outcomes.iter().rev().take_while(|good| **good).count();
            let expected = run == outcomes.len() || run >= GOOD_CHECKS as usize;
            prop_assert_eq!(belief.verdict() == &NameVerdict::Verified, expected);
        }
    }
}
