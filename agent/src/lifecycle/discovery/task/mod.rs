//! The task: asks for peers, publishes what it learns, and logs progress.

mod answers;
mod watcher;

pub(super) use watcher::Watcher;

use watcher::Peer;

use super::commands::{Command, Counts};
use super::hosts::HostsKeeper;
use super::name_checks::{Checks, Round};
use super::schedule::Schedule;
use crate::lifecycle::status_board::now as unix;
use crate::sys::discovery::dns::{Families, Resolver};
use crate::sys::discovery::nss::NssResolver;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::name_check::NameVerdict;
use gp_agent_core::discovery::peers::{PeerMap, PeerView, progress, progress_key};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::info;

/// How long after progress was last logged a wait is mentioned again although nothing changed.
const REMINDER: u32 = 20;

impl Watcher {
    pub(super) fn new(
        topology: &Topology,
        me: &Member,
        (resolver, names, hosts): (Resolver, NssResolver, Option<HostsKeeper>),
        pace: LookupIntervals,
        in_hba: watch::Sender<BTreeSet<String>>,
        counts: watch::Sender<Counts>,
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
                    coordinator: m.content.is_coordinator(),
                    near: close,
                    families: Families::Both,
                    found: false,
                    failures: 0,
                    asked: None,
                    doubted: false,
                }
            })
            .collect();
        let view = |p: &Peer| (p.pod.clone(), PeerView::new(unix()));
        let (map, receiver) = watch::channel(peers.iter().map(view).collect());
        let index = peers.iter().enumerate().map(|(i, p)| (p.pod.clone(), i));
        let watcher = Watcher {
            resolver: Arc::new(resolver),
            names: Arc::new(names),
            hosts,
            pace,
            index: index.collect(),
            near: peers.iter().filter(|p| p.near).count(),
            missing: peers.len(),
            unchecked: 0,
            failing: 0,
            schedule: Schedule::new(peers.len(), now),
            peers,
            asking: FuturesUnordered::new(),
            checks: Checks::default(),
            in_hba,
            counts,
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
                round = self.begin_round(now);
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
            self.publish_counts();
            if progress_due.is_some() {
                progress_due = self.log_progress(progress_due);
            }
        }
    }

    /// Starts the checks that are due. libc reads the file of hosts, which has to know by then what this task knows.
    fn begin_round(&mut self, now: Instant) -> Option<BoxFuture<'static, Round>> {
        let checks = self.checks.start(&self.names, &self.pace, now)?;
        let Some(hosts) = self.hosts.clone() else {
            return Some(checks);
        };
        let peers = self.map.subscribe();
        Some(Box::pin(async move {
            hosts.update(&peers).await;
            checks.await
        }))
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

    fn publish_counts(&self) {
        let now = Counts {
            missing: self.missing,
            unchecked: self.unchecked,
        };
        self.counts
            .send_if_modified(|counts| std::mem::replace(counts, now) != now);
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Recheck(pod) => {
                let Some(&i) = self.index.get(&pod) else {
                    return;
                };
                let pause = self.pace.recheck(self.peers.len());
                let Some(peer) = self.peers.get_mut(i) else {
                    return;
                };
                peer.families = Families::Both;
                peer.doubted = true;
                let now = Instant::now();
                let soonest = peer.asked.map_or(now, |asked| now.max(asked + pause));
                self.schedule.sooner(i, soonest);
                self.checks.doubt(&pod, pause, now);
            }
            Command::InHba(pods, done) => {
                self.set_in_hba(pods);
                self.publish_counts();
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
            let known = self.map.borrow().get(&peer.pod).map(|v| v.addresses.clone());
            if let Some(addresses) = known.filter(|a| wanted && !a.is_empty()) {
                self.checks.addresses(&peer.pod, &peer.fqdn, &addresses, now);
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
        let map = self.map.borrow();
        let unchecked = |pod: &&String| map.get(*pod).is_some_and(|p| p.verdict == NameVerdict::Unchecked);
        self.unchecked = pods.iter().filter(unchecked).count();
        self.in_hba.send_replace(pods);
    }

    /// Logs the line of progress when it says something new; returns when to look again, until all are found.
    fn log_progress(&mut self, due: Option<Instant>) -> Option<Instant> {
        let now = Instant::now();
        let map = self.map.borrow();
        if self.missing == 0 {
            info!("{}", progress(&map, unix()));
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
            info!("{}", progress(&map, unix()));
            self.logged = Some((now, key));
        }
        Some(now + self.pace.progress)
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
