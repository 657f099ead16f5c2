//! Checks of names: which ones are due, and what came of them.

use crate::sys::discovery::nss::NssResolver;
use futures_util::future::BoxFuture;
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::libc_view::difference;
use gp_agent_core::discovery::name_check::{Check, Damped, Forward, NameVerdict, Reverse, judge};
use gp_agent_core::process::retry::jittered;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A settled name's forward lookup is asked again with every tenth check only: PostgreSQL does it only after the
/// reverse one matched, and the watch over the addresses asks nearly the same.
const FORWARD_EVERY: u32 = 10;

/// What is remembered of one name.
pub(super) struct Name {
    fqdn: String,
    addresses: Vec<IpAddr>,
    damped: Damped,
    forward: Option<Forward>,
    checks: u32,
    checked: Option<Instant>,
    due: Instant,
}

impl Name {
    fn settled(&self) -> bool {
        matches!(self.damped.verdict(), NameVerdict::Verified(_))
    }

    fn wants_forward(&self) -> bool {
        self.forward.is_none() || !self.settled() || self.checks.is_multiple_of(FORWARD_EVERY)
    }
}

/// The answers of one round.
pub(super) struct Round {
    pods: Vec<(String, Vec<IpAddr>)>,
    reverse: BTreeMap<IpAddr, Reverse>,
    forward: BTreeMap<String, Forward>,
}

/// What came of a check.
pub(super) struct Checked {
    pub(super) pod: String,
    pub(super) verdict: NameVerdict,
    pub(super) libc_differs: Option<String>,
}

/// The names that pg_hba.conf wants to use.
#[derive(Default)]
pub(super) struct Checks {
    names: BTreeMap<String, Name>,
    next: Option<Instant>,
}

impl Checks {
    /// When the next round is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Stops checking the pods that are not in `wanted`.
    pub(super) fn retain(&mut self, wanted: &BTreeSet<String>) {
        self.names.retain(|pod, _| wanted.contains(pod));
        self.plan();
    }

    /// A pod has these addresses: if they are new, its name is checked at once.
    pub(super) fn addresses(&mut self, pod: &str, fqdn: &str, addresses: &[IpAddr], now: Instant) {
        let name = self.names.entry(pod.to_string()).or_insert_with(|| Name {
            fqdn: fqdn.to_string(),
            addresses: Vec::new(),
            damped: Damped::default(),
            forward: None,
            checks: 0,
            checked: None,
            due: now,
        });
        if name.addresses != addresses {
            name.addresses = addresses.to_vec();
            name.forward = None;
            name.due = now;
            self.next = Some(self.next.map_or(now, |next| next.min(now)));
        }
    }

    /// Somebody that the name should let in seems to be shut out: it is checked soon, `pause` after the last check at the
    /// earliest.
    pub(super) fn doubt(&mut self, pod: &str, pause: Duration, now: Instant) {
        let Some(name) = self.names.get_mut(pod) else {
            return;
        };
        let soonest = name.checked.map_or(now, |at| now.max(at + pause));
        if name.due > soonest {
            name.due = soonest;
            name.forward = None;
            self.next = Some(self.next.map_or(soonest, |next| next.min(soonest)));
        }
    }

    /// Starts a round with every name that is due by now, or nearly.
    pub(super) fn start(
        &mut self,
        names: &Arc<NssResolver>,
        pace: &LookupIntervals,
        now: Instant,
    ) -> Option<BoxFuture<'static, Round>> {
        let soon = now + pace.names_recovering / 10;
        let due: Vec<&Name> = self.names.values().filter(|n| n.due <= soon).collect();
        if due.is_empty() {
            self.plan();
            return None;
        }
        let pods = self
            .names
            .iter()
            .filter(|(_, n)| n.due <= soon)
            .map(|(pod, n)| (pod.clone(), n.addresses.clone()))
            .collect();
        let addresses: Vec<IpAddr> = due.iter().flat_map(|n| n.addresses.clone()).collect();
        let asked: Vec<String> = due
            .iter()
            .filter(|n| n.wants_forward())
            .map(|n| n.fqdn.clone())
            .collect();
        self.next = None;
        let names = names.clone();
        Some(Box::pin(async move {
            let (reverse, forward) = tokio::join!(names.reverse(&addresses), names.forward(&asked));
            Round { pods, reverse, forward }
        }))
    }

    /// Takes a round into account; returns the verdicts.
    pub(super) fn finish(
        &mut self,
        mut round: Round,
        pace: &LookupIntervals,
        chance: f64,
        now: Instant,
    ) -> Vec<Checked> {
        let settled = jittered(pace.names(self.names.len()), chance);
        let mut verdicts = Vec::new();
        for (pod, addresses) in round.pods {
            let Some(name) = self.names.get_mut(&pod) else {
                continue;
            };
            if let Some(forward) = round.forward.remove(&name.fqdn) {
                name.forward = Some(forward);
            }
            if name.addresses != addresses {
                continue; // They changed meanwhile: the name is due again.
            }
            let forward = name.forward.clone().unwrap_or(Forward::Missing);
            let forward = &forward;
            let check = judge(&name.fqdn, &addresses, &round.reverse, forward);
            let good = matches!(check, Check::Good(_));
            name.checks = name.checks.wrapping_add(1);
            name.checked = Some(now);
            let verdict = name.damped.observe(check).clone();
            name.due = now + next_pause(&name.damped, good, settled, pace);
            verdicts.push(Checked {
                pod,
                verdict,
                libc_differs: difference(&addresses, forward),
            });
        }
        self.plan();
        verdicts
    }

    fn plan(&mut self) {
        self.next = self.names.values().map(|n| n.due).min();
    }
}

fn next_pause(damped: &Damped, good: bool, settled: Duration, pace: &LookupIntervals) -> Duration {
    if good && damped.is_recovering() {
        pace.names_recovering.min(settled)
    } else {
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubted_name_is_checked_again_but_not_all_the_time() {
        let now = Instant::now();
        let s = |seconds| now + Duration::from_secs(seconds);
        let address: IpAddr = "10.0.0.7".parse().unwrap();
        let mut checks = Checks::default();
        checks.addresses("a-0", "a-0.gp.test", &[address], now);
        let round = Round {
            pods: vec![("a-0".into(), vec![address])],
            reverse: BTreeMap::new(),
            forward: BTreeMap::new(),
        };
        checks.finish(round, &LookupIntervals::default(), 0.5, now);
        assert!(checks.next() > Some(s(30)), "settled");
        let pause = Duration::from_secs(5);
        checks.doubt("nobody", pause, s(1));
        checks.doubt("a-0", pause, s(1));
        assert_eq!(checks.next(), Some(s(5)));
        checks.doubt("a-0", pause, s(9));
        assert_eq!(checks.next(), Some(s(5)), "due already");
    }
}
