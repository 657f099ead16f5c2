//! What the watcher does with the answers that come back.

use super::watcher::{Lookup, Watcher};
use crate::lifecycle::discovery::name_checks::{Checked, Round};
use crate::lifecycle::status_board::now as unix;
use crate::sys::discovery::dns::{DnsAnswer, DnsError, Families};
use gp_agent_core::discovery::name_check::NameVerdict;
use gp_agent_core::process::retry::jittered;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, info, warn};

impl Watcher {
    pub(super) fn on_lookup(&mut self, (i, asked, result): Lookup) {
        let now = Instant::now();
        let pause = match result {
            Ok(answer) => self.on_answer(i, asked, answer, now),
            Err(error) => self.on_error(i, asked, &error),
        };
        let pause = jittered(pause, rand::random_range(0.0..1.0));
        self.schedule.set(i, now + pause);
    }

    /// Takes an answer into account; returns the pause until the next question.
    fn on_answer(&mut self, i: usize, asked: Families, answer: DnsAnswer, now: Instant) -> Duration {
        let Some(peer) = self.peers.get_mut(i) else {
            return self.pace.longest_retry;
        };
        let mut addresses = answer.addresses;
        let known = self.map.borrow().get(&peer.pod).map(|v| v.addresses.clone());
        let known = known.unwrap_or_default();
        if asked != Families::Both && addresses != known {
            // Something changed, or the other family has to be asked as well: find out which.
            peer.families = Families::Both;
            return Duration::ZERO;
        }
        if answer.unsure.is_some() {
            addresses.extend(known.iter().filter(|a| a.is_ipv6()));
        }
        if std::mem::take(&mut peer.failures) > 0 && peer.found {
            self.failing = self.failing.saturating_sub(1);
        }
        peer.doubted = false;
        if !std::mem::replace(&mut peer.found, true) {
            self.missing = self.missing.saturating_sub(1);
        }
        peer.families = if answer.unsure.is_some() {
            Families::Both
        } else {
            families(&addresses)
        };
        let (pod, fqdn, near) = (peer.pod.clone(), peer.fqdn.clone(), peer.near);
        let requests = if peer.families == Families::Both { 2 } else { 1 };
        self.publish(&pod, &fqdn, addresses, now);
        if near {
            self.pace.near(self.near * requests)
        } else {
            self.pace.far((self.peers.len() - self.near) * requests)
        }
    }

    fn publish(&mut self, pod: &str, fqdn: &str, addresses: Vec<IpAddr>, now: Instant) {
        let mut old = None;
        self.map.send_if_modified(|map| {
            let Some(view) = map.get_mut(pod) else {
                return false;
            };
            let failed = view.error.is_some();
            if let Some(error) = view.error.as_ref().filter(|_| view.found()) {
                info!(pod, "looked up again after: {error}");
            }
            old = view.answered(addresses.clone(), unix());
            failed || old.is_some()
        });
        match old {
            None => return,
            Some(old) if old.is_empty() => {
                debug!(pod, "found at {addresses:?}");
            }
            Some(old) => info!(pod, "address changed from {old:?} to {addresses:?}"),
        }
        if self.in_hba.borrow().contains(pod) {
            self.checks.addresses(pod, fqdn, &addresses, now);
        }
    }

    /// Takes a failure into account; returns the pause until the next question.
    fn on_error(&mut self, i: usize, asked: Families, error: &DnsError) -> Duration {
        let Some(peer) = self.peers.get_mut(i) else {
            return self.pace.longest_retry;
        };
        peer.families = Families::Both;
        if asked != Families::Both && *error == DnsError::NoAddress {
            return Duration::ZERO; // Gone from this family; perhaps it lives in the other.
        }
        if peer.found && peer.failures == 0 {
            self.failing += 1;
        }
        peer.failures = peer.failures.saturating_add(1);
        let gone = error.is_negative() && (peer.doubted || !peer.found);
        let pod = &peer.pod;
        self.map.send_if_modified(|map| {
            let Some(view) = map.get_mut(pod) else {
                return false;
            };
            let different = view.failed(error.to_string(), unix());
            if different && view.found() {
                warn!(pod, "{error}; keeping its addresses {:?}", view.addresses);
            }
            view.is_gone(gone, unix()) || different
        });
        self.pace.retry(peer.failures, self.missing + self.failing)
    }

    pub(super) fn on_round(&mut self, round: Round) {
        let chance = rand::random_range(0.0..1.0);
        let verdicts = self.checks.finish(round, &self.pace, chance, Instant::now());
        let unchecked = &mut self.unchecked;
        let (peers, index) = (&self.peers, &self.index);
        let coordinator = |pod: &str| {
            let peer = index.get(pod).and_then(|i| peers.get(*i));
            peer.is_some_and(|peer| peer.coordinator)
        };
        self.map.send_if_modified(|map| {
            let mut modified = false;
            for Checked {
                pod,
                verdict,
                libc_differs,
            } in verdicts
            {
                let Some(view) = map.get_mut(&pod) else {
                    continue;
                };
                if view.verdict == NameVerdict::Unchecked {
                    *unchecked = unchecked.saturating_sub(1);
                }
                if view.verdict != verdict {
                    log_verdict(&pod, coordinator(&pod), &view.verdict, &verdict);
                    view.verdict = verdict;
                    modified = true;
                }
                if view.libc_differs != libc_differs {
                    view.libc_differs = libc_differs;
                    modified = true;
                }
            }
            modified
        });
    }
}

fn log_verdict(pod: &str, coordinator: bool, old: &NameVerdict, new: &NameVerdict) {
    match (old, new) {
        (_, NameVerdict::Verified(name)) => info!(pod, "pg_hba.conf may use the name {name}"),
        (NameVerdict::Unverified { .. }, NameVerdict::Unverified { reason, .. }) => {
            debug!(pod, "name still not usable: {reason}");
        }
        (
            _,
            NameVerdict::Unverified {
                reason,
                another_name: true,
            },
        ) if coordinator => {
            info!(pod, "pg_hba.conf uses the address, which is as good: {reason}");
        }
        (_, NameVerdict::Unverified { reason, .. }) => {
            warn!(pod, "pg_hba.conf has to use the IP: {reason}");
        }
        (_, NameVerdict::Unchecked) => {}
    }
}

fn families(addresses: &[IpAddr]) -> Families {
    let v6 = addresses.iter().filter(|a| a.is_ipv6()).count();
    match v6 {
        0 => Families::V4,
        n if n == addresses.len() => Families::V6,
        _ => Families::Both,
    }
}
