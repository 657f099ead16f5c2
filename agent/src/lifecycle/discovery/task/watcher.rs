//! What the task knows.

use crate::lifecycle::discovery::commands::Counts;
use crate::lifecycle::discovery::hosts::HostsKeeper;
use crate::lifecycle::discovery::name_checks::Checks;
use crate::lifecycle::discovery::schedule::Schedule;
use crate::sys::discovery::dns::{DnsAnswer, DnsError, Families, Resolver};
use crate::sys::discovery::nss::NssResolver;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::peers::{PeerMap, ProgressKey};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

pub(super) struct Peer {
    pub(super) pod: String,
    pub(super) fqdn: String,
    /// Partner or coordinator: the pods that this one connects to.
    pub(super) partner: bool,
    pub(super) coordinator: bool,
    pub(super) near: bool,
    pub(super) families: Families,
    pub(super) found: bool,
    pub(super) failures: u32,
    pub(super) asked: Option<Instant>,
    /// Whether somebody found it silent, or somebody else there, since it was last found.
    pub(super) doubted: bool,
}

pub(super) type Lookup = (usize, Families, Result<DnsAnswer, DnsError>);

/// The state of the task.
pub(in crate::lifecycle::discovery) struct Watcher {
    pub(super) resolver: Arc<Resolver>,
    pub(super) names: Arc<NssResolver>,
    pub(super) hosts: Option<HostsKeeper>,
    pub(super) pace: LookupIntervals,
    pub(super) peers: Vec<Peer>,
    pub(super) index: HashMap<String, usize>,
    pub(super) near: usize,
    pub(super) missing: usize,
    /// In pg_hba.conf, and never checked.
    pub(super) unchecked: usize,
    /// Found, and not to be looked up at the moment.
    pub(super) failing: usize,
    pub(super) schedule: Schedule,
    pub(super) asking: FuturesUnordered<BoxFuture<'static, Lookup>>,
    pub(super) checks: Checks,
    pub(super) in_hba: watch::Sender<BTreeSet<String>>,
    pub(super) counts: watch::Sender<Counts>,
    pub(super) map: watch::Sender<PeerMap>,
    pub(super) logged: Option<(Instant, ProgressKey)>,
}
