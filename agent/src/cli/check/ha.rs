//! `gp-agent check ha`: whether the standby would take over now, as the agents of both coordinators say.

use crate::cli::status::ask_agent;
use gp_agent_core::cluster::failover_check::judge;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;

/// What keeps it from that, and one line for when nothing does.
pub(super) async fn check(config: &Config, me: &Member) -> (Vec<Finding>, String) {
    if !config.coordinator.standby {
        return (Vec::new(), "the cluster has no standby (coordinator.standby)".into());
    }
    match cluster().await {
        Ok(entries) => judge(&entries, &me.pod),
        Err(silent) => (vec![silent], String::new()),
    }
}

/// What all agents say, as this pod's agent asks them; or that it does not answer.
pub(super) async fn cluster() -> Result<Vec<PodReport>, Finding> {
    let asked = tokio::task::spawn_blocking(|| ask_agent("GET", "/cluster", "", timeouts::STATUS_ANSWERS)).await;
    let answer = asked
        .map_err(|e| e.to_string())
        .and_then(|asked| asked.map_err(|e| e.to_string()));
    let entries = answer.and_then(|(_, text)| serde_json::from_str::<Vec<PodReport>>(&text).map_err(|e| e.to_string()));
    entries.map_err(|error| {
        let what = format!("does not answer: {error}");
        let remedy = "is gp-agent running in this pod? Its log says why not";
        Finding::warning(Area::Ha, "agent", what, remedy)
    })
}
