//! Every pod's status in one document: this one's own, and what the peers' agents answer.

use crate::lifecycle::greenplum::catalog;
use crate::lifecycle::peers::client;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::{StatusBoard, now};
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::greenplum::catalog_drift;
use std::sync::Arc;

/// A JSON array of [`PodReport`], in the topology's order.
pub(crate) async fn gather(board: &StatusBoard, pod: Option<&Arc<Pod>>) -> String {
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
    client::ask_each(pod, pod.topology.peers(&pod.me), FanOutLimits::default()).await
}
