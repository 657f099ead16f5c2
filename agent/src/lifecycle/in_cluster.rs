//! What the agent does through the Kubernetes API, begun before anything else: the label of a container that was killed is
//! still there, and what keeps this one from its work shall be told.

use crate::domain::config::UseApi;
use crate::domain::{events, role_label};
use crate::lifecycle::board::Board;
use crate::lifecycle::events::Events;
use crate::lifecycle::role_label::RoleLabel;
use crate::sys::config_file;
use crate::sys::kubernetes::{Kubernetes, Place};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// Begins to keep the label and to write Events; outside Kubernetes both do nothing. Until the configuration can be read,
/// both are on.
pub fn begin(
    config_path: &Path,
    board: &Arc<Board>,
    shutdown: watch::Receiver<bool>,
) -> (RoleLabel, Events) {
    let config = config_file::read(config_path).map(|config| config.kubernetes);
    let (labels, events) = config.map_or((UseApi::Auto, UseApi::Auto), |c| (c.labels, c.events));
    let api = Place::find().map(|place| Arc::new(Kubernetes::new(place)));
    (
        RoleLabel::start(
            api.clone(),
            labels,
            role_label::Pace::default(),
            board,
            shutdown,
        ),
        Events::start(api, events, events::Pace::default(), board),
    )
}
