//! What the agent does through the Kubernetes API, begun before anything else: the label of a container that was killed is
//! still there, and what keeps this one from its work shall be told.

pub(crate) mod events;
pub(crate) mod role_label;

use super::status_board::StatusBoard;
use crate::sys::kubernetes::{InClusterConfig, Kubernetes};
use events::Events;
use gp_agent_core::config::{KubernetesConfig, UseApi};
use gp_agent_core::kubernetes::events::EventLimits;
use gp_agent_core::kubernetes::role_label::LabelIntervals;
use role_label::RoleLabel;
use std::sync::Arc;
use tokio::sync::watch;

/// Begins to keep the label and to write Events; outside Kubernetes both do nothing. Without a configuration both are
/// on.
pub(crate) fn begin(
    config: Option<&KubernetesConfig>,
    board: &Arc<StatusBoard>,
    shutdown: watch::Receiver<bool>,
) -> (RoleLabel, Events) {
    let (labels, events) = config.map_or((UseApi::Auto, UseApi::Auto), |c| (c.labels, c.events));
    let api = InClusterConfig::find().map(|place| Arc::new(Kubernetes::new(place)));
    (
        RoleLabel::start(api.clone(), labels, LabelIntervals::default(), board, shutdown),
        Events::start(api, events, EventLimits::default(), board),
    )
}
