//! Every pod's status in one document: this one's own, and what the peers' agents answer.

use crate::lifecycle::greenplum::catalog;
use crate::lifecycle::peers::client;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::{StatusBoard, now};
use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::greenplum::catalog_drift;
use std::sync::Arc;

/// A JSON array of [`PodReport`], in the topology's order, each beside the cluster's catalog where it has one.
pub(crate) async fn gather(board: &StatusBoard, pod: Option<&Arc<Pod>>, has_catalog: bool) -> String {
    let own = || PodReport::own(Report::new(board.snapshot(), now()));
    let entries = match pod {
        None => vec![own()],
        Some(pod) => {
            let (mut entries, catalog) = tokio::join!(peers(pod), catalog(pod, has_catalog));
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

async fn catalog(pod: &Pod, there_is_one: bool) -> Option<Catalog> {
    match there_is_one {
        true => catalog::whole(pod).await,
        false => None,
    }
}

async fn peers(pod: &Pod) -> Vec<PodReport> {
    client::ask_each(pod, pod.topology.peers(&pod.me), FanOutLimits::default()).await
}
