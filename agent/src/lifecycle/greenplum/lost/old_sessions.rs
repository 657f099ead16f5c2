//! Ends what the sessions of a coordinator that was taken over from left on a segment. They keep their locks until TCP gives up on
//! their client, two hours later.

use crate::lifecycle::greenplum::{catalog, coordinator_timeline};
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::catalog::CatalogAnswer;
use gp_agent_core::config::quote;
use gp_agent_core::failover::timing::Timing;
use gp_agent_core::process::timeouts;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;

/// Watches for a newer coordinator; runs as long as the pod.
pub(crate) async fn keep(pod: &Pod) {
    if pod.me.content.is_coordinator() || !pod.config.borrow().coordinator.standby {
        return std::future::pending().await;
    }
    let mut known = coordinator_timeline::known(pod);
    loop {
        let newest = coordinator_timeline::known(pod);
        if newest.overtakes(&known) {
            end(pod).await;
        }
        known = newest;
        sleep(EVERY).await;
    }
}

/// Again and again for two leases: the old coordinator's last sessions may have been begun a moment ago.
async fn end(pod: &Pod) {
    let until = Instant::now() + Timing::new(pod.config.borrow().failover.lease_seconds).lease() * 2;
    while Instant::now() < until {
        if let Some(sql) = of_others_than_the_coordinator(pod).await {
            match pod.session(ANSWER_WITHIN).ask(&sql).await {
                Ok(ended) if !ended.is_empty() => {
                    tracing::warn!(
                        sessions = ended.len(),
                        "ended sessions of the coordinator that was taken over from"
                    );
                }
                Ok(_) => {}
                Err(error) => tracing::debug!("cannot end sessions of the old coordinator: {error}"),
            }
        }
        sleep(EVERY).await;
    }
}

/// By the coordinator that answers now, so that one that takes its role back keeps its sessions.
async fn of_others_than_the_coordinator(pod: &Pod) -> Option<String> {
    let Some(CatalogAnswer::Known(catalog)) = catalog::ask(pod).await.best else {
        return None;
    };
    let known = coordinator_timeline::known(pod).of(catalog.system_id.as_deref());
    if !catalog.live || catalog.timeline < known {
        return None;
    }
    let coordinators = pod.topology.members.iter().filter(|m| m.content.is_coordinator());
    let old = coordinators.filter(|m| m.pod != catalog.coordinator && m.fqdn != catalog.coordinator);
    let peers = pod.peers.borrow();
    let addresses: Vec<String> = old
        .filter_map(|member| peers.get(&member.pod))
        .flat_map(|peer| &peer.addresses)
        .map(|address| format!("{}::inet", quote::sql_literal(&address.to_string())))
        .collect();
    (!addresses.is_empty()).then(|| ends(&addresses))
}

fn ends(addresses: &[String]) -> String {
    format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where client_addr in ({}) and pid <> pg_backend_pid()",
        addresses.join(", ")
    )
}
