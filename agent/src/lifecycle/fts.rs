//! Beside the active coordinator: watches the segments' agents, and asks FTS to look when one of them cannot come back.

use crate::domain::catalog::{Catalog, CatalogAnswer};
use crate::domain::fts::Watch;
use crate::engine::Making;
use crate::lifecycle::cluster;
use crate::lifecycle::pod::Pod;
use crate::sys::gather::Pace;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const SCAN: &str = "select gp_request_fts_probe_scan()";
/// A scan lasts until every probe has ended: retries and time-outs of FTS included.
const SCAN_WITHIN: Duration = Duration::from_secs(60);
const PACE: Pace = Pace {
    peer: Duration::from_secs(1),
    all: Duration::from_secs(5),
    in_flight: 128,
};
/// Segments that are asked in one second.
const PER_SECOND: u32 = 200;

/// Runs as long as the pod.
pub async fn watch(pod: &Pod) {
    if pod.me.content != -1 || matches!(pod.engine.making(), Making::EachPod(_)) {
        return std::future::pending().await;
    }
    let begin = Instant::now();
    let mut watch = Watch::default();
    loop {
        sleep(every(pod)).await;
        let Some(catalog) = acting(pod) else {
            watch = Watch::default();
            continue;
        };
        let segments = pod.topology.members.iter().filter(|m| m.content >= 0);
        let entries = cluster::ask(pod, segments, PACE).await;
        let now = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(why) = watch.look(&catalog, &pod.topology, &entries, now) {
            ask_fts(pod, &why).await;
        }
    }
}

/// The catalog, where this pod's server is the active coordinator and stays so.
fn acting(pod: &Pod) -> Option<Catalog> {
    match &*pod.catalog.borrow() {
        CatalogAnswer::Known(catalog) if catalog.live && !*pod.shutdown.borrow() => {
            Some(catalog.clone())
        }
        _ => None,
    }
}

fn every(pod: &Pod) -> Duration {
    let segments = u32::try_from(pod.topology.members.len()).unwrap_or(u32::MAX);
    Duration::from_secs(1 + u64::from(segments / PER_SECOND))
}

async fn ask_fts(pod: &Pod, why: &str) {
    tracing::warn!("asking FTS to probe the segments: {why}");
    let mut session = pod.session(SCAN_WITHIN);
    tokio::select! {
        answer = session.ask(SCAN) => if let Err(error) = answer {
            tracing::warn!("FTS could not be asked: {error}");
        },
        () = pod.ending() => {}
    }
}
