//! A replica that can never follow again is told, and where it is known whom to copy, copied anew: its directory makes room, the
//! copy takes its place, and once that streams the old one goes. Greenplum's mirrors are gprecoverseg's.

mod evidence;
mod give_way;
pub(crate) mod mark;

pub(crate) use give_way::{give_way, wants_room};

use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::state::{Event, Facts, LeftBehind};
use gp_agent_core::finding::FindingSource;
use gp_agent_core::postgres::left_behind::{Behind, CopyPlan, Replica, Silence, plan};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(5);
/// Once it is known and a person has to do something: each look puts load on the other server.
const KNOWN_EVERY: Duration = Duration::from_secs(30);

/// Runs as long as the pod, where there is a replica that is the agent's to look after.
pub(crate) async fn keep(pod: &Pod) {
    if pod.partner().is_none() || !pod.engine.looks_after_replica_of(pod.me.content) {
        return;
    }
    let begin = Instant::now();
    let mut silence = Silence::default();
    let mut known: Option<Behind> = None;
    loop {
        pod.board.until(|s| s.postmaster.runs()).await;
        if pod.board.read(streams) {
            clear(pod).await;
        } else if pod.board.read(|s| s.directory.kind == Some(DirectoryKind::Primary)) {
            forget(pod).await;
        }
        let silent = pod.board.read(is_deaf) && evidence::other_writes(pod).await;
        let behind = match silence.lasts(begin.elapsed(), silent) {
            true => silence.judge(begin.elapsed(), &evidence::gather(pod).await),
            false => None,
        };
        // The other server goes on, and the words stay.
        let before = known;
        known = behind.map(|now| before.filter(|before| before.needs == now.needs).unwrap_or(now));
        if known.is_some() || before.is_some() {
            report(pod, known.as_ref()).await;
        }
        let every = if known.is_some() { KNOWN_EVERY } else { EVERY };
        tokio::select! {
            () = sleep(every) => {}
            // Somebody gave it back, or it streams.
            () = changed(pod), if known.is_some() => {}
        }
    }
}

async fn changed(pod: &Pod) {
    let before = pod.board.read(|s| (streams(s), s.held.is_some()));
    pod.board
        .until(|s| (streams(s), s.held.is_some()) != before || !s.postmaster.runs())
        .await;
}

fn is_replica(facts: &Facts) -> bool {
    facts.directory.kind == Some(DirectoryKind::Standby)
}

fn streams(facts: &Facts) -> bool {
    is_replica(facts) && facts.active_role.is_some()
}

/// A replica does its role only while it receives. One whose replay is paused asks for nothing; one that has not come up yet may
/// lack what it needs for that.
fn is_deaf(facts: &Facts) -> bool {
    is_replica(facts) && facts.active_role.is_none() && facts.replay_pause.is_none() && !facts.postmaster.stopping
}

/// What made room for the directory that streams now.
async fn clear(pod: &Pod) {
    let (state_dir, dir) = (pod.state_dir(), pod.dir().to_path_buf());
    let there = state_dir.clone();
    if !pod.volume.run(move || mark::is_there(&there)).await {
        return;
    }
    // Beside the queue of the volume, since it may take long.
    let cleared = tokio::task::spawn_blocking(move || mark::clear(&state_dir, &dir)).await;
    match cleared {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(gone))) => tracing::info!(
            path = %gone.display(),
            "removed the old directory, which was left behind: its copy streams"
        ),
        Ok(Err(error)) => tracing::warn!("cannot remove the old directory, which was left behind: {error}"),
        Err(error) => tracing::warn!("cannot remove the old directory, which was left behind: {error}"),
    }
}

/// A server that was promoted is not left behind, nor is its directory when it follows again.
async fn forget(pod: &Pod) {
    let state_dir = pod.state_dir();
    if let Err(error) = pod.volume.run(move || mark::forget(&state_dir)).await {
        tracing::debug!("cannot forget that the directory was left behind: {error}");
    }
}

async fn report(pod: &Pod, behind: Option<&Behind>) {
    let Some(behind) = behind else {
        pod.board.findings(FindingSource::LeftBehind, Vec::new());
        pod.board.on(Event::LeftBehind(None));
        return;
    };
    let source = pod.partner().map(|partner| partner.pod.clone()).unwrap_or_default();
    let plan = plan(&evidence::ground(pod).await);
    let dir = pod.dir().display().to_string();
    let place = Replica {
        pod: &pod.me.pod,
        dir: &dir,
        source: &source,
        in_catalog: pod.engine.replica_in_catalog(&pod.me.fqdn, pod.me.port),
    };
    let finding = behind.finding(&plan, &place);
    pod.board.findings(FindingSource::LeftBehind, vec![finding]);
    let makes_room = plan == CopyPlan::Copy && want_room(pod, behind).await;
    let words = behind.words(&source);
    pod.board.on(Event::LeftBehind(Some(LeftBehind { words, makes_room })));
}

/// The server stops once that is on the volume.
async fn want_room(pod: &Pod, behind: &Behind) -> bool {
    let (state_dir, dir, needs) = (pod.state_dir(), pod.dir().to_path_buf(), behind.needs);
    let written = pod.volume.run(move || mark::want(&state_dir, &dir, needs)).await;
    written
        .inspect_err(|error| tracing::warn!("cannot write down that the directory is left behind: {error}"))
        .is_ok()
}
