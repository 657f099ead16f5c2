//! Finding the peers: waits for exactly the pods that the topology names, then notices when an address changes, and keeps
//! checking the names that pg_hba.conf uses.

use crate::domain::finding::{Area, Finding};
use crate::domain::hba;
use crate::domain::names::{self, Belief, Lookups, NameVerdict};
use crate::domain::status::{PeersStatus, PodStatus};
use crate::domain::topology::{Member, Topology};
use crate::lifecycle::board::{Board, now};
use crate::sys::dns::{Dns, LookupError};
use crate::sys::names::Getent;
use futures_util::{StreamExt, stream};
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const IN_FLIGHT: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Names in pg_hba.conf are asked again this often once everybody is found.
const CLOSE_EVERY: Duration = Duration::from_secs(60);
/// All other names are.
const FAR_EVERY: Duration = Duration::from_secs(600);
/// A name whose check failed is checked again sooner.
const DOUBTFUL_EVERY: Duration = Duration::from_secs(15);
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// One peer, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Its addresses, sorted; the last known ones while the name server fails.
    pub addresses: Vec<IpAddr>,
    /// Whether pg_hba.conf may use its name.
    pub name: NameVerdict,
    /// Why the last lookup failed, and since when (Unix seconds).
    pub failing: Option<(String, u64)>,
}

/// All peers by pod name.
pub type PeerMap = BTreeMap<String, PeerView>;

/// The task that keeps the map.
pub struct Discovery {
    topology: Arc<Topology>,
    me: Member,
    /// Pods whose names this pod's pg_hba.conf uses.
    close: BTreeSet<String>,
    board: Arc<Board>,
    map: watch::Sender<PeerMap>,
    dns: Dns,
    getent: Getent,
    beliefs: BTreeMap<String, Belief>,
    said: String,
    said_at: Option<Instant>,
}

impl Discovery {
    /// Nothing is asked before [`Discovery::run`].
    pub fn new(
        topology: Arc<Topology>,
        me: Member,
        user: &str,
        board: Arc<Board>,
        dns: Dns,
        getent: Getent,
    ) -> (Discovery, watch::Receiver<PeerMap>) {
        let (map, receiver) = watch::channel(PeerMap::new());
        let close = hba::needs(&topology, &me, user)
            .into_iter()
            .map(|need| need.from)
            .filter(|pod| *pod != me.pod)
            .collect();
        let discovery = Discovery {
            topology,
            me,
            close,
            board,
            map,
            dns,
            getent,
            beliefs: BTreeMap::new(),
            said: String::new(),
            said_at: None,
        };
        (discovery, receiver)
    }

    /// Runs as long as the pod.
    pub async fn run(mut self) {
        self.find_everybody().await;
        let mut far = Instant::now();
        loop {
            let doubtful = self
                .beliefs
                .values()
                .any(|b| matches!(b.verdict(), NameVerdict::Unverified(_)));
            let failing = self.map.borrow().values().any(|p| p.failing.is_some());
            let pause = if doubtful || failing {
                DOUBTFUL_EVERY
            } else {
                CLOSE_EVERY
            };
            tokio::time::sleep(jitter(pause)).await;
            let all = far.elapsed() >= FAR_EVERY || failing;
            if all {
                far = Instant::now();
            }
            let asked: Vec<Member> = self
                .topology
                .peers(&self.me)
                .filter(|m| all || self.close.contains(&m.pod))
                .cloned()
                .collect();
            self.look_up(&asked).await;
            self.verify().await;
            self.report();
        }
    }

    async fn find_everybody(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let missing: Vec<Member> = {
                let map = self.map.borrow();
                let found = |m: &&Member| map.get(&m.pod).is_none_or(|p| p.addresses.is_empty());
                self.topology
                    .peers(&self.me)
                    .filter(found)
                    .cloned()
                    .collect()
            };
            if missing.is_empty() {
                break;
            }
            self.look_up(&missing).await;
            self.verify().await;
            self.report();
            if self.map.borrow().values().all(|p| !p.addresses.is_empty()) {
                break;
            }
            tokio::time::sleep(jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.report();
    }

    async fn look_up(&mut self, members: &[Member]) {
        let dns = &self.dns;
        let answers: Vec<(String, Result<Vec<IpAddr>, LookupError>)> = stream::iter(members)
            .map(|m| async move { (m.pod.clone(), dns.addresses(&m.fqdn).await) })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await;
        let mut map = self.map.borrow().clone();
        for (pod, answer) in answers {
            let unknown = PeerView {
                addresses: Vec::new(),
                name: NameVerdict::Unknown,
                failing: None,
            };
            let peer = map.entry(pod.clone()).or_insert(unknown);
            match answer {
                Ok(addresses) => {
                    if peer.addresses != addresses {
                        if !peer.addresses.is_empty() {
                            tracing::info!(
                                peer = pod,
                                "address changed from {:?} to {addresses:?}",
                                peer.addresses
                            );
                        }
                        self.beliefs.entry(pod).or_default().forget();
                        peer.name = NameVerdict::Unknown;
                    }
                    peer.addresses = addresses;
                    peer.failing = None;
                }
                Err(error) => {
                    let since = peer.failing.as_ref().map_or_else(now, |(_, since)| *since);
                    peer.failing = Some((error.to_string(), since));
                }
            }
        }
        self.publish(map);
    }

    /// Checks the names that pg_hba.conf uses, through libc.
    async fn verify(&mut self) {
        let mut map = self.map.borrow().clone();
        let close: Vec<(&Member, Vec<IpAddr>)> = self
            .topology
            .peers(&self.me)
            .filter(|m| self.close.contains(&m.pod))
            .filter_map(|m| Some((m, map.get(&m.pod)?.addresses.clone())))
            .filter(|(_, addresses)| !addresses.is_empty())
            .collect();
        let addresses: Vec<IpAddr> = close.iter().flat_map(|(_, a)| a.clone()).collect();
        if addresses.is_empty() {
            return;
        }
        let reverse = self.getent.reverse(&addresses).await;
        for (member, addresses) in close {
            let outcome = match &reverse {
                Err(error) => Err(error.to_string()),
                Ok(reverse) => match self.getent.forward(&member.fqdn).await {
                    Err(error) => Err(error.to_string()),
                    Ok(forward) => names::check(
                        &member.fqdn,
                        &Lookups {
                            reverse: addresses
                                .iter()
                                .map(|a| (*a, reverse.get(a).cloned()))
                                .collect(),
                            forward,
                        },
                    ),
                },
            };
            let belief = self.beliefs.entry(member.pod.clone()).or_default();
            belief.learn(outcome);
            if let Some(peer) = map.get_mut(&member.pod) {
                peer.name = belief.verdict().clone();
            }
        }
        self.publish(map);
    }

    fn publish(&self, new: PeerMap) {
        self.map.send_if_modified(|map| {
            let modified = *map != new;
            *map = new;
            modified
        });
    }

    fn report(&mut self) {
        let map = self.map.borrow().clone();
        let status = progress(&self.topology, &self.me, &map, now());
        let line = line(&status);
        let due = self.said_at.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY);
        if shape(&line) != shape(&self.said) || (due && !status.waiting.is_empty()) {
            tracing::info!("{line}");
            self.said = line;
            self.said_at = Some(Instant::now());
        }
        self.board.update(|s| s.peers = status);
        self.board.findings("dns", findings(&self.topology, &map));
    }
}

/// One look at every peer, for `gp-agent check` and `render`: what was found, and what is wrong.
pub async fn once(topology: &Topology, me: &Member, user: &str) -> (PeerMap, Vec<Finding>) {
    let dns = match Dns::system() {
        Ok(dns) => dns,
        Err(error) => {
            let finding =
                Finding::error(Area::Dns, "/etc/resolv.conf", error.to_string(), "mend it");
            return (PeerMap::new(), vec![finding]);
        }
    };
    let board = Arc::new(Board::new(PodStatus::unknown(&me.pod)));
    let topology = Arc::new(topology.clone());
    let (mut discovery, map) = Discovery::new(
        topology.clone(),
        me.clone(),
        user,
        board,
        dns,
        Getent::default(),
    );
    let peers: Vec<Member> = topology.peers(me).cloned().collect();
    discovery.look_up(&peers).await;
    discovery.verify().await;
    let map = map.borrow().clone();
    let mut findings = findings(&topology, &map);
    findings.extend(
        map.iter()
            .filter(|(_, p)| p.addresses.is_empty())
            .map(|(pod, p)| {
                let why = p.failing.as_ref().map_or("no answer", |(why, _)| why);
                Finding::error(
                    Area::Dns,
                    pod,
                    format!("its name does not resolve: {why}"),
                    "is the pod there, and the headless service with publishNotReadyAddresses?",
                )
            }),
    );
    (map, findings)
}

/// A line without its seconds, which change all the time.
fn shape(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.8..1.2))
}

/// What the status shows of the peers.
pub fn progress(topology: &Topology, me: &Member, map: &PeerMap, now: u64) -> PeersStatus {
    let mut status = PeersStatus::default();
    for member in topology.peers(me) {
        status.total += 1;
        match map.get(&member.pod) {
            Some(peer) if !peer.addresses.is_empty() => status.found += 1,
            Some(PeerView {
                failing: Some((why, since)),
                ..
            }) => {
                let seconds = now.saturating_sub(*since);
                status
                    .waiting
                    .push(format!("{}: {why} since {seconds} s", member.pod));
            }
            _ => status
                .waiting
                .push(format!("{}: not asked yet", member.pod)),
        }
    }
    status
}

/// `5 of 6 peers; waiting for segment-b-1: NXDOMAIN since 12 s`
pub fn line(status: &PeersStatus) -> String {
    let found = format!("{} of {} peers", status.found, status.total);
    match status.waiting.as_slice() {
        [] => format!("{found} found"),
        few if few.len() <= 3 => format!("{found}; waiting for {}", few.join(", ")),
        many => format!(
            "{found}; waiting for {} and {} more",
            many[..3].join(", "),
            many.len() - 3
        ),
    }
}

fn findings(topology: &Topology, map: &PeerMap) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &topology.members {
        let Some(peer) = map.get(&member.pod) else {
            continue;
        };
        if let NameVerdict::Unverified(why) = &peer.name {
            findings.push(Finding::warning(
                Area::Dns,
                &member.fqdn,
                format!("{why}, so PostgreSQL would not recognise the name; pg_hba.conf uses the address instead"),
                "give the pod one reverse name: no second Service over it with publishNotReadyAddresses, and one name per container",
            ));
        }
        if let (Some((why, since)), false) = (&peer.failing, peer.addresses.is_empty()) {
            findings.push(Finding::warning(
                Area::Dns,
                &member.fqdn,
                format!("cannot be looked up ({why}, since Unix time {since}); the last known address stays in use"),
                "look at the cluster's name server; nothing else has to be done",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_line() {
        let status = PeersStatus {
            found: 5,
            total: 6,
            waiting: vec!["segment-b-1: NXDOMAIN since 12 s".into()],
        };
        assert_eq!(
            line(&status),
            "5 of 6 peers; waiting for segment-b-1: NXDOMAIN since 12 s"
        );
        let none = PeersStatus {
            found: 6,
            total: 6,
            waiting: vec![],
        };
        assert_eq!(line(&none), "6 of 6 peers found");
        let many = PeersStatus {
            found: 0,
            total: 9,
            waiting: (0..9).map(|i| format!("p{i}")).collect(),
        };
        assert_eq!(
            line(&many),
            "0 of 9 peers; waiting for p0, p1, p2 and 6 more"
        );
    }
}
