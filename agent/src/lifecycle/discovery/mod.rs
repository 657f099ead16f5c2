//! Discovery: waits for exactly the peers that the topology names, and keeps an eye on them afterwards.

mod commands;
mod hosts;
mod name_checks;
mod once;
mod schedule;
mod task;

pub(crate) use commands::RecheckHandle;
pub use hosts::HostsKeeper;
pub use once::look;

use commands::{COMMANDS, Command, Counts};

use super::status_board::now;
use crate::sys::discovery::dns::Resolver;
use crate::sys::discovery::nss::NssResolver;
use gp_agent_core::cluster::status::PeersStatus;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::peers;
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::finding::Finding;
use std::collections::BTreeSet;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// The running discovery. Dropping it ends the task.
pub struct Discovery {
    topology: Topology,
    peers: watch::Receiver<PeerMap>,
    in_hba: watch::Receiver<BTreeSet<String>>,
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "what tests wait for"))]
    counts: watch::Receiver<Counts>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
    hosts: Option<(HostsKeeper, JoinHandle<()>)>,
}

impl Discovery {
    /// Starts to look for every peer of `me`, on the current runtime.
    ///
    /// Names are checked through libc only for the pods given to [`Discovery::set_in_hba`]; before each check the file of
    /// hosts, where there is a keeper of one, says what is known.
    pub fn start(
        topology: &Topology,
        me: &Member,
        resolver: Resolver,
        names: NssResolver,
        pace: LookupIntervals,
        hosts: Option<HostsKeeper>,
    ) -> Discovery {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (in_hba_sender, in_hba) = watch::channel(BTreeSet::new());
        let (counts_sender, counts) = watch::channel(Counts {
            missing: topology.peers(me).count(),
            unchecked: 0,
        });
        let (watcher, peers) = task::Watcher::new(
            topology,
            me,
            (resolver, names, hosts.clone()),
            pace,
            in_hba_sender,
            counts_sender,
        );
        let follow = |keeper: HostsKeeper| (keeper.clone(), tokio::spawn(keeper.follow(peers.clone())));
        Discovery {
            topology: topology.clone(),
            hosts: hosts.map(follow),
            peers,
            in_hba,
            counts,
            commands,
            task: tokio::spawn(watcher.run(inbox)),
        }
    }

    /// What is known of every peer, now and as it changes. Do not hold the borrow across an await.
    pub fn peers(&self) -> watch::Receiver<PeerMap> {
        self.peers.clone()
    }

    /// Found and missing peers, for `/status`.
    pub fn status(&self) -> PeersStatus {
        peers::status(&self.peers.borrow(), now())
    }

    /// What an administrator should know of names and addresses.
    pub fn findings(&self) -> Vec<Finding> {
        let mut list = peers::findings(&self.topology, &self.peers.borrow(), &self.in_hba.borrow(), now());
        list.extend(self.hosts.as_ref().and_then(|(keeper, _)| keeper.finding()));
        list
    }

    /// For whoever connects to the peers.
    pub fn doubts(&self) -> RecheckHandle {
        RecheckHandle {
            commands: self.commands.clone(),
        }
    }

    /// Says which pods this pod's pg_hba.conf names: their names are checked through libc, at once, again every
    /// minute or so, and whenever an address changes.
    pub async fn set_in_hba(&self, pods: BTreeSet<String>) {
        let known = {
            let peers = self.peers.borrow();
            pods.into_iter().filter(|p| peers.contains_key(p)).collect()
        };
        let (done, taken) = oneshot::channel();
        if self.commands.send(Command::InHba(known, done)).await.is_ok() {
            let _ = taken.await;
        }
    }
}

/// What tests and the benchmark wait for.
#[cfg(feature = "internals")]
impl Discovery {
    /// Waits until every peer was found once. Never returns when the discovery has ended before that.
    pub async fn all_found(&self) {
        self.wait(|counts| counts.missing == 0).await;
    }

    /// Waits until every pod given to [`Discovery::set_in_hba`] was found and its name was checked at least once.
    pub async fn names_checked(&self) {
        self.wait(|counts| counts.unchecked == 0).await;
    }

    async fn wait(&self, done: impl FnMut(&Counts) -> bool) {
        if self.counts.clone().wait_for(done).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The line of progress: `5 of 6 peers; waiting for segment-b-1: NXDOMAIN since 12 s`.
    pub fn progress(&self) -> String {
        peers::progress(&self.peers.borrow(), now())
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
        if let Some((_, task)) = &self.hosts {
            task.abort();
        }
    }
}
