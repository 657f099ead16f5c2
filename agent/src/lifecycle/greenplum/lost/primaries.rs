//! Beside a coordinator, and beside a standby whose coordinator is silent: has FTS and the dispatcher give up soon on primaries whose
//! nodes are lost; see [`gp_agent_core::greenplum::lost_primaries`].

use super::hurry;
use crate::lifecycle::peers::client::{self, PeerClient};
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::peers::look::finds_silent;
use crate::lifecycle::pod::Pod;
use futures_util::{StreamExt, stream};
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::greenplum::hurry::ON_A_PRIMARY;
use gp_agent_core::greenplum::lost_pods::{LostPods, Silence};
use gp_agent_core::greenplum::lost_primaries::{Suspect, suspects};
use gp_agent_core::process::timeouts;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks; with segments beyond `PER_SECOND` it is longer.
const EVERY: Duration = Duration::from_millis(500);
/// Segments that are asked in one second.
const PER_SECOND: u32 = 200;
const PACE: FanOutLimits = FanOutLimits {
    peer: timeouts::ONE_OF_MANY_ANSWERS,
    all: timeouts::MANY_ANSWER,
    in_flight: 128,
};
/// For the other observer, who looks for a second.
const OBSERVER_ANSWERS_WITHIN: Duration = timeouts::OTHER_OBSERVER_LOOKS;
/// For a standby's coordinator.
const COORDINATOR_ANSWERS_WITHIN: Duration = timeouts::COORDINATOR_LOOKED_AT;
/// For a verdict on each silent one, before this pod's server is promoted.
const KNOWN_WITHIN: Duration = timeouts::PRIMARIES_KNOWN;
/// Suspects that are looked at at once.
const AT_ONCE: usize = 64;

/// A coordinator's first probe begins with the promotion, and takes the time-outs of that moment to its end, up to two minutes:
/// a primary that went with the old coordinator has to be known before. Nobody waits where every primary answers.
pub(crate) async fn known_before_promotion(pod: &Pod) {
    if !pod.silent_primaries.settle(KNOWN_WITHIN).await {
        tracing::warn!("whether a primary is lost is not known yet: FTS uses its usual time-outs at first");
    }
}

/// Runs as long as the pod.
pub(crate) async fn keep(pod: &Pod) {
    if pod.me.content.is_segment() {
        return std::future::pending().await;
    }
    let begin = Instant::now();
    let mut watch = LostPods::default();
    let mut hurries = None;
    loop {
        tokio::select! {
            () = sleep(every(pod)) => {}
            () = pod.silent_primaries.due() => {}
        }
        pod.silent_primaries.begin();
        let now = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let silent = match watches(pod).await {
            true => silent(pod).await,
            false => BTreeMap::new(),
        };
        let lost = watch.look(&silent, now);
        if hurries.is_some() != lost.is_some() {
            tell(lost.as_deref());
        }
        hurries = lost;
        // A probe that began before the time-outs are short takes its own time, up to two minutes.
        let starved = silent
            .iter()
            .filter(|(_, how)| hurries.is_none() && **how == Silence::Starved);
        hurry::set(pod, hurries.is_some().then_some(ON_A_PRIMARY)).await;
        let undecided = hurries.is_none() && watch.is_undecided(now);
        pod.silent_primaries
            .end(undecided, starved.map(|(pod, _)| pod.clone()).collect());
    }
}

fn tell(lost: Option<&str>) {
    match lost {
        Some(pod) => tracing::warn!(
            "{pod} is silent, its agent and its server alike, here and for its mirror's pod: FTS and the dispatcher give up on it soon"
        ),
        None => tracing::info!(
            "no primary is lost whose mirror could take over: FTS and the dispatcher use their usual time-outs again"
        ),
    }
}

fn every(pod: &Pod) -> Duration {
    let segments = u32::try_from(pod.topology.members.len()).unwrap_or(u32::MAX);
    EVERY + Duration::from_secs(u64::from(segments / PER_SECOND))
}

/// A coordinator's server uses the time-outs; a standby may be promoted the next moment, if its coordinator is
/// silent, or if somebody waits to promote it.
async fn watches(pod: &Pod) -> bool {
    let (runs, kind) = pod.board.read(|s| (s.postmaster.runs(), s.directory.kind));
    match kind {
        _ if !runs || *pod.shutdown.borrow() => false,
        Some(DirectoryKind::Primary) => true,
        Some(DirectoryKind::Standby) if pod.silent_primaries.is_wanted() => true,
        Some(DirectoryKind::Standby) => match pod.partner() {
            Some(partner) => client::is_silent(pod, partner, COORDINATOR_ANSWERS_WITHIN).await,
            None => false,
        },
        _ => false,
    }
}

/// The primaries that both observers find silent.
async fn silent(pod: &Pod) -> BTreeMap<String, Silence> {
    let segments = pod.topology.members.iter().filter(|m| m.content.is_segment());
    let entries = client::ask_each(pod, segments, PACE).await;
    let looks = suspects(&pod.topology, &entries).into_iter().map(|suspect| async move {
        let silent = both_find_silent(pod, suspect).await;
        silent.map(|how| (suspect.pod.pod.clone(), how))
    });
    stream::iter(looks)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// As the one found it that saw more of it.
async fn both_find_silent(pod: &Pod, suspect: Suspect<'_>) -> Option<Silence> {
    let client = PeerClient::of(pod);
    let (here, there) = tokio::join!(
        finds_silent(pod, suspect.pod),
        client.partner(suspect.mirror, OBSERVER_ANSWERS_WITHIN)
    );
    let there = there.ok().and_then(|look| Silence::seen(&look));
    here.zip(there).map(|(here, there)| here.min(there))
}
