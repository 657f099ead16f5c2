//! The task: asks for peers, publishes what it learns, and logs progress.

use super::Command;
use super::names::{Checks, Round};
use super::schedule::Schedule;
use crate::domain::names::NameVerdict;
use crate::domain::pace::{Pace, jittered};
use crate::domain::peers::{PeerMap, PeerView, progress, progress_key};
use crate::domain::topology::{Member, Topology};
use crate::sys::dns::{Answer, DnsError, Families, Resolver};
use crate::sys::names::Names;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

/// How long after progress was last logged a wait is mentioned again although nothing changed.
const REMINDER: u32 = 20;

struct Peer {
    pod: String,
    fqdn: String,
    /// Partner or coordinator: the pods that this one connects to.
    partner: bool,
    near: bool,
    families: Families,
    found: bool,
    failures: u32,
    asked: Option<Instant>,
    /// Ask again as soon as the present answer is there.
    again: bool,
}

type Lookup = (usize, Families, Result<Answer, DnsError>);

/// The state of the task.
pub(super) struct Watcher {
    resolver: Arc<Resolver>,
    names: Arc<Names>,
    pace: Pace,
    peers: Vec<Peer>,
    index: HashMap<String, usize>,
    near: usize,
    missing: usize,
    /// Found, and not to be looked up at the moment.
    failing: usize,
    schedule: Schedule,
    asking: FuturesUnordered<BoxFuture<'static, Lookup>>,
    checks: Checks,
    in_hba: watch::Sender<BTreeSet<String>>,
    map: watch::Sender<PeerMap>,
    logged: Option<(Instant, (usize, Vec<(String, Option<String>)>))>,
}

impl Watcher {
    pub(super) fn new(
        topology: &Topology,
        me: &Member,
        resolver: Resolver,
        names: Names,
        pace: Pace,
        in_hba: watch::Sender<BTreeSet<String>>,
    ) -> (Watcher, watch::Receiver<PeerMap>) {
        let now = Instant::now();
        let partner = topology.partner(me).map(|m| &m.pod);
        let coordinator = topology.coordinator().map(|m| &m.pod);
        let peers: Vec<Peer> = topology
            .peers(me)
            .map(|m| {
                let close = partner == Some(&m.pod) || coordinator == Some(&m.pod);
                Peer {
                    pod: m.pod.clone(),
                    fqdn: m.fqdn.clone(),
                    partner: close,
                    near: close,
                    families: Families::Both,
                    found: false,
                    failures: 0,
                    asked: None,
                    again: false,
                }
            })
            .collect();
        let view = |p: &Peer| (p.pod.clone(), PeerView::new(now.into_std()));
        let (map, receiver) = watch::channel(peers.iter().map(view).collect());
        let index = peers.iter().enumerate().map(|(i, p)| (p.pod.clone(), i));
        let watcher = Watcher {
            resolver: Arc::new(resolver),
            names: Arc::new(names),
            pace,
            index: index.collect(),
            near: peers.iter().filter(|p| p.near).count(),
            missing: peers.len(),
            failing: 0,
            schedule: Schedule::new(peers.len(), now),
            peers,
            asking: FuturesUnordered::new(),
            checks: Checks::default(),
            in_hba,
            map,
            logged: None,
        };
        (watcher, receiver)
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut round: Option<BoxFuture<'static, Round>> = None;
        let mut progress_due = Some(Instant::now() + self.pace.progress);
        loop {
            let now = Instant::now();
            self.ask_due(now);
            if round.is_none() && self.checks.next().is_some_and(|at| at <= now) {
                round = self.checks.start(&self.names, &self.pace, now);
            }
            let free = self.asking.len() < self.pace.at_once.max(1);
            let lookup_due = self.schedule.next().filter(|_| free);
            let check_due = self.checks.next().filter(|_| round.is_none());
            tokio::select! {
                Some(lookup) = self.asking.next() => self.on_lookup(lookup),
                () = at(lookup_due) => {}
                () = at(check_due) => {}
                command = inbox.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return,
                },
                result = finished(&mut round) => {
                    round = None;
                    self.on_round(result);
                }
                () = at(progress_due) => {}
            }
            if progress_due.is_some() {
                progress_due = self.log_progress(progress_due);
            }
        }
    }

    fn ask_due(&mut self, now: Instant) {
        while self.asking.len() < self.pace.at_once.max(1) {
            let Some(i) = self.schedule.pop(now) else {
                return;
            };
            let Some(peer) = self.peers.get_mut(i) else {
                continue;
            };
            peer.asked = Some(now);
            let (fqdn, families) = (peer.fqdn.clone(), peer.families);
            let resolver = self.resolver.clone();
            self.asking.push(Box::pin(async move {
                (i, families, resolver.addresses(&fqdn, families).await)
            }));
        }
    }

    fn on_lookup(&mut self, (i, asked, result): Lookup) {
        let now = Instant::now();
        let pause = match result {
            Ok(answer) => self.on_answer(i, asked, answer, now),
            Err(error) => self.on_error(i, asked, &error, now),
        };
        let Some(peer) = self.peers.get_mut(i) else {
            return;
        };
        let pause = if std::mem::take(&mut peer.again) {
            Duration::ZERO
        } else {
            jittered(pause, rand::random_range(0.0..1.0))
        };
        self.schedule.set(i, now + pause);
    }

    /// Takes an answer into account; returns the pause until the next question.
    fn on_answer(&mut self, i: usize, asked: Families, answer: Answer, now: Instant) -> Duration {
        let Some(peer) = self.peers.get_mut(i) else {
            return self.pace.longest_retry;
        };
        let mut addresses = answer.addresses;
        let known = self
            .map
            .borrow()
            .get(&peer.pod)
            .map(|v| v.addresses.clone());
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
        if !std::mem::replace(&mut peer.found, true) {
            self.missing = self.missing.saturating_sub(1);
        }
        peer.families = if answer.unsure.is_some() {
            Families::Both
        } else {
            families(&addresses)
        };
        let (pod, fqdn, near) = (peer.pod.clone(), peer.fqdn.clone(), peer.near);
        let requests = if peer.families == Families::Both {
            2
        } else {
            1
        };
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
            old = view.answered(addresses.clone(), now.into_std());
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
    fn on_error(&mut self, i: usize, asked: Families, error: &DnsError, now: Instant) -> Duration {
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
        let pod = &peer.pod;
        self.map.send_if_modified(|map| {
            let Some(view) = map.get_mut(pod) else {
                return false;
            };
            let different = view.failed(error.to_string(), now.into_std());
            if different && view.found() {
                warn!(pod, "{error}; keeping its addresses {:?}", view.addresses);
            }
            different
        });
        self.pace.retry(peer.failures, self.missing + self.failing)
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Recheck(pod) => {
                let Some(&i) = self.index.get(&pod) else {
                    return;
                };
                let waits = self.schedule.waits(i);
                let Some(peer) = self.peers.get_mut(i) else {
                    return;
                };
                peer.families = Families::Both;
                if waits {
                    let soonest = peer.asked.map(|at| at + self.pace.first_retry);
                    let now = Instant::now();
                    self.schedule.set(i, soonest.map_or(now, |at| at.max(now)));
                } else {
                    peer.again = true;
                }
            }
            Command::InHba(pods, done) => {
                self.set_in_hba(pods);
                // Nobody may be waiting for it any more.
                let _ = done.send(());
            }
        }
    }

    fn set_in_hba(&mut self, pods: BTreeSet<String>) {
        let now = Instant::now();
        self.checks.retain(&pods);
        for peer in &mut self.peers {
            let wanted = pods.contains(&peer.pod);
            peer.near = peer.partner || wanted;
            let known = self
                .map
                .borrow()
                .get(&peer.pod)
                .map(|v| v.addresses.clone());
            if let Some(addresses) = known.filter(|a| wanted && !a.is_empty()) {
                self.checks
                    .addresses(&peer.pod, &peer.fqdn, &addresses, now);
            }
        }
        self.near = self.peers.iter().filter(|p| p.near).count();
        let gone: BTreeSet<String> = self.in_hba.borrow().difference(&pods).cloned().collect();
        self.map.send_if_modified(|map| {
            for pod in &gone {
                if let Some(view) = map.get_mut(pod) {
                    view.verdict = NameVerdict::Unchecked;
                }
            }
            !gone.is_empty()
        });
        self.in_hba.send_replace(pods);
    }

    fn on_round(&mut self, round: Round) {
        let chance = rand::random_range(0.0..1.0);
        let verdicts = self
            .checks
            .finish(round, &self.pace, chance, Instant::now());
        self.map.send_if_modified(|map| {
            let mut modified = false;
            for (pod, verdict) in verdicts {
                let Some(view) = map.get_mut(&pod) else {
                    continue;
                };
                if view.verdict != verdict {
                    log_verdict(&pod, &view.verdict, &verdict);
                    view.verdict = verdict;
                    modified = true;
                }
            }
            modified
        });
    }

    /// Logs the line of progress when it says something new; returns when to look again, until all are found.
    fn log_progress(&mut self, due: Option<Instant>) -> Option<Instant> {
        let now = Instant::now();
        let map = self.map.borrow();
        if self.missing == 0 {
            info!("{}", progress(&map, now.into_std()));
            return None;
        }
        if due.is_some_and(|at| now < at) {
            return due;
        }
        let key = progress_key(&map);
        let reminder = self.pace.progress * REMINDER;
        let silent = self
            .logged
            .as_ref()
            .is_some_and(|(at, last)| *last == key && now < *at + reminder);
        if !silent {
            info!("{}", progress(&map, now.into_std()));
            self.logged = Some((now, key));
        }
        Some(now + self.pace.progress)
    }
}

fn log_verdict(pod: &str, old: &NameVerdict, new: &NameVerdict) {
    match (old, new) {
        (_, NameVerdict::Verified(name)) => info!(pod, "pg_hba.conf may use the name {name}"),
        (NameVerdict::Unverified { .. }, NameVerdict::Unverified { reason }) => {
            debug!(pod, "name still not usable: {reason}");
        }
        (_, NameVerdict::Unverified { reason }) => {
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

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn finished(round: &mut Option<BoxFuture<'static, Round>>) -> Round {
    match round {
        Some(round) => round.await,
        None => std::future::pending().await,
    }
}
