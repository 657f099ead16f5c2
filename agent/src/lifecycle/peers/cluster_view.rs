//! Every pod's status in one document: this one's own, and what the peers' agents answer.

use super::fan_out;
use super::fan_out::{FanOutLimits, PeerAddress};
use crate::lifecycle::greenplum::catalog;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::status_board::{StatusBoard, now};
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::greenplum::catalog_drift;
use std::sync::Arc;

/// A JSON array of [`PodReport`], in the topology's order.
pub async fn gather(board: &StatusBoard, pod: Option<&Arc<Pod>>) -> String {
    let own = || PodReport::own(Report::new(board.snapshot(), now()));
    let entries = match pod {
        None => vec![own()],
        Some(pod) => {
            let (mut entries, catalog) = tokio::join!(peers(pod), catalog::whole(pod));
            let members = &pod.topology.members;
            let mine = members.iter().position(|m| m.pod == pod.me.pod);
            entries.insert(mine.unwrap_or(0), own());
            if let Some(catalog) = catalog {
                catalog_drift::annotate(&mut entries, &pod.topology, &catalog);
            }
            entries
        }
    };
    serde_json::to_string(&entries).unwrap_or_else(|_| "[]".into())
}

async fn peers(pod: &Pod) -> Vec<PodReport> {
    ask(pod, pod.topology.peers(&pod.me), FanOutLimits::default()).await
}

/// What the agents of these pods say, in the same order.
pub async fn ask(pod: &Pod, members: impl Iterator<Item = &Member>, pace: FanOutLimits) -> Vec<PodReport> {
    let asked = {
        let known = pod.peers.borrow();
        let address = |member: &Member| PeerAddress {
            member: member.clone(),
            addresses: known.get(&member.pod).map(|p| p.addresses.clone()).unwrap_or_default(),
        };
        members.map(address).collect()
    };
    let port = pod.config.borrow().http.port;
    let entries = fan_out::gather(&pod.topology.cluster, asked, port, pace).await;
    for silent in entries.iter().filter(|entry| entry.status.is_none()) {
        pod.doubts.about(&silent.pod);
    }
    entries
}
