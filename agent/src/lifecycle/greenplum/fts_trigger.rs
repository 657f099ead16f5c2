//! Beside the active coordinator: watches the segments' agents, and asks FTS to look when one of them cannot come back.

use crate::lifecycle::peers::client;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::sys::discovery::hosts_file;
use crate::sys::postgres::session::{NoAnswer, Session};
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer};
use gp_agent_core::cluster::state::Facts;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::greenplum::fts_trigger::FtsWatch;
use gp_agent_core::process::timeouts;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const SCAN: &str = "select gp_request_fts_probe_scan()";
/// A scan lasts until every probe has ended. One of a host that is off takes all the tries of gp_fts_probe_retries (5 after the
/// first, a second apart) at gp_fts_probe_timeout (20 s) each.
const SCAN_WITHIN: Duration = timeouts::FTS_SCANS;
/// A coordinator whose own look-ups of names take long is slow to begin a session.
const BEGIN_WITHIN: Duration = timeouts::FTS_SESSION_BEGINS;
const PACE: FanOutLimits = FanOutLimits {
    peer: timeouts::ONE_OF_MANY_ANSWERS,
    all: timeouts::MANY_ANSWER,
    in_flight: 128,
};
const HOSTS_READ_WITHIN: Duration = timeouts::HOSTS_READ;
/// Before FTS is asked again that has not heard.
const AGAIN: Duration = Duration::from_millis(500);
/// Until distributed transactions are recovered the coordinator that was promoted begins no session.
const PROMOTED_ASKS_FOR: Duration = timeouts::PROMOTED_FTS_ASKED;
/// Segments that are asked in one second.
const PER_SECOND: u32 = 200;

/// Runs as long as the pod.
pub(crate) async fn watch(pod: &Pod) {
    if pod.me.content.is_segment() {
        return std::future::pending().await;
    }
    let begin = Instant::now();
    let mut watch = FtsWatch::default();
    let mut session = pod.session(BEGIN_WITHIN);
    loop {
        sleep(every(pod)).await;
        let Some(catalog) = acting(pod) else {
            watch = FtsWatch::default();
            session.close();
            continue;
        };
        keep_warm(&mut session).await;
        let segments = pod.topology.members.iter().filter(|m| m.content.is_segment());
        let mut entries = client::ask_each(pod, segments, PACE).await;
        entries.retain(|entry| !pod.silent_primaries.is_starved(&entry.pod));
        let nameless = nameless(pod).await;
        let now = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(why) = watch.look(&catalog, &pod.topology, &entries, &nameless, now)
            && !ask_fts(pod, &mut session, &why).await
        {
            watch.unheard();
        }
    }
}

/// The catalog, where this pod's server is the active coordinator and stays so.
pub(crate) fn acting(pod: &Pod) -> Option<Catalog> {
    let active = |s: &Facts| s.active_role == Some(Role::Coordinator);
    if !pod.board.read(active) {
        return None;
    }
    match &*pod.catalog.borrow() {
        CatalogAnswer::Known(catalog) if catalog.live && !*pod.shutdown.borrow() => Some(catalog.clone()),
        _ => None,
    }
}

/// Pods whose last lookup failed, and whose names libc, by which FTS goes, does not find in the file of hosts.
async fn nameless(pod: &Pod) -> BTreeSet<String> {
    let failed: Vec<String> = {
        let peers = pod.peers.borrow();
        let failed = peers.iter().filter(|(_, peer)| peer.error.is_some());
        failed.map(|(name, _)| name.clone()).collect()
    };
    if failed.is_empty() {
        return BTreeSet::new();
    }
    let read = tokio::task::spawn_blocking(hosts_file::names);
    let found = tokio::time::timeout(HOSTS_READ_WITHIN, read).await;
    let found = found.ok().and_then(Result::ok).unwrap_or_default();
    let is_found = |name: &String| {
        pod.topology
            .member(name)
            .is_some_and(|member| found.contains(&member.fqdn))
    };
    failed.into_iter().filter(|name| !is_found(name)).collect()
}

fn every(pod: &Pod) -> Duration {
    let segments = u32::try_from(pod.topology.members.len()).unwrap_or(u32::MAX);
    Duration::from_secs(1 + u64::from(segments / PER_SECOND))
}

/// A session that begins while a segment's name does not resolve is refused (cdbutil.c), and just then FTS is to be asked.
/// One that knows the segments already is not.
async fn keep_warm(session: &mut Session) {
    if let Err(error) = session.ask("select 1").await {
        tracing::debug!("no session for FTS: {error}");
    }
}

/// A coordinator that was promoted asks at once: with the old one a primary may have gone.
pub(crate) async fn ask_after_promotion(pod: &Pod) {
    let mut session = pod.session(BEGIN_WITHIN);
    tracing::info!("asking FTS to probe the segments, as soon as this promoted coordinator answers");
    let heard = async {
        while asked(pod, &mut session).await.is_err() {
            sleep(AGAIN).await;
        }
    };
    if tokio::time::timeout(PROMOTED_ASKS_FOR, heard).await.is_err() {
        tracing::warn!("FTS was not asked after the promotion; it looks by itself every gp_fts_probe_interval");
    }
}

/// Returns whether FTS heard.
pub(crate) async fn ask_fts(pod: &Pod, session: &mut Session, why: &str) -> bool {
    tracing::warn!("asking FTS to probe the segments: {why}");
    let asked = asked(pod, session).await;
    if let Err(error) = &asked {
        tracing::warn!("FTS could not be asked: {error}");
    }
    asked.is_ok()
}

async fn asked(pod: &Pod, session: &mut Session) -> Result<(), NoAnswer> {
    tokio::select! {
        answer = session.ask_within(SCAN, SCAN_WITHIN) => answer.map(drop),
        () = pod.ending() => Ok(()),
    }
}
