//! `gp-agent check recovery`: what becomes of segments that are down, as the agent of the active coordinator says.

use super::agent::{OwnAgent, silent};
use gp_agent_core::cluster::recovery_check::judge;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};

/// What is to be known of it, and one line for when that is nothing.
pub(super) async fn check(config: &Config, agent: &OwnAgent) -> (Vec<Finding>, String) {
    if !config.engine.has_fts() {
        return (Vec::new(), "only Greenplum has segments that are brought back".into());
    }
    match agent.cluster().await {
        Ok(entries) => judge(entries),
        Err(error) => (vec![silent(Area::Ha, error)], String::new()),
    }
}
