//! `gp-agent check ha`: whether the standby would take over now, as the agents of both coordinators say.

use super::agent::{OwnAgent, silent};
use gp_agent_core::cluster::failover_check::judge;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};

/// What keeps it from that, and one line for when nothing does.
pub(super) async fn check(config: &Config, me: &Member, agent: &OwnAgent) -> (Vec<Finding>, String) {
    if !config.coordinator.standby {
        return (Vec::new(), "the cluster has no standby (coordinator.standby)".into());
    }
    match agent.cluster().await {
        Ok(entries) => judge(entries, &me.pod),
        Err(error) => (vec![silent(Area::Ha, error)], String::new()),
    }
}
