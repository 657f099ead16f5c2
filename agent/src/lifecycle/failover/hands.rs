//! What the loop and its actions share.

use super::commits_wait::Proof;
use super::record::authority::RecordPlace;
use super::requests::Requests;
use super::status::show::Show;
use super::strategy::RoleStrategy;
use crate::lifecycle::pod::Pod;
use crate::sys::process::init_channel::Heartbeat;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::failover::candidate::Event;
use gp_agent_core::failover::record::Holder;
use gp_agent_core::failover::timing::Timing;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// What one acts on.
pub(super) struct Hands {
    pub(super) pod: Arc<Pod>,
    pub(super) role: Arc<dyn RoleStrategy>,
    pub(super) init: Option<Arc<Heartbeat>>,
    pub(super) place: Arc<RecordPlace>,
    pub(super) partner: Member,
    pub(super) own: Holder,
    pub(super) timing: Timing,
    /// Where everything that was begun ends.
    pub(super) happened: mpsc::UnboundedSender<Event>,
    pub(super) proof: Arc<Proof>,
    /// Rung for a look before its time.
    pub(super) look_now: Arc<Notify>,
    pub(super) requests: Requests,
    pub(super) show: Show,
}
