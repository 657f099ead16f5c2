//! Creating a Greenplum cluster, once: the coordinator's agent looks at every host, runs gpinitsystem, judges by the
//! catalog, and finishes what that left undone.

mod complete;
mod gpinitsystem;
pub(crate) mod post_create;
mod progress;
mod record;
pub(in crate::lifecycle) mod remote;
mod request;
pub(crate) mod set_aside;
mod used;
mod verify;

pub(crate) use request::folders;

use super::catalog;
use crate::engine::Greenplum;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::peers::{client, discovered};
use crate::lifecycle::pod::Pod;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::DirectoryWord;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::greenplum::creation_state::{CreationEvent, CreationState, TakeUp};
use gp_agent_core::process::timeouts;
use progress::{show_others, tell};
use record::Record;
use request::{logs, plan, request_folder};
use std::time::Duration;
use tokio::time::sleep;

const ASK_AGAIN: Duration = Duration::from_millis(200);
const FINISH_AGAIN: Duration = Duration::from_secs(10);
/// A cluster that was whole when its creation was broken off answers soon.
const BROKEN_OFF_ANSWERS_WITHIN: Duration = timeouts::BROKEN_OFF_ANSWERS;

/// Whether this pod's coordinator is half created: then nothing is adopted or started, but the creation taken up again.
pub(crate) fn is_unfinished(pod: &Pod) -> bool {
    pod.me.role == Role::Coordinator && Record::load(pod).is_ok_and(|record| record.state.take_up() == TakeUp::GoOn)
}

/// Creates the cluster, or takes up a creation that was broken off.
///
/// # Errors
/// Why it cannot be created now; the next call tries again, `greenplum.attempts` times in all.
pub(crate) async fn create(pod: &Pod, greenplum: &Greenplum) -> Result<()> {
    let mut record = Record::load(pod)?;
    if record.state >= CreationState::Whole {
        bail!(
            "{} is gone, although the cluster was created here; bring the lost volume back, or let the standby take over (where no failover runs, gpactivatestandby in its pod)",
            pod.dir().display()
        );
    }
    let broken_off = record.state == CreationState::Unfinished;
    let whole = broken_off && complete(pod).await;
    if whole {
        tracing::info!("the cluster of the last attempt is whole after all");
        servers_there(pod, &mut record).await?;
    }
    if broken_off && !whole {
        // Before anything is told: what does not change is said once. An attempt that ended without a reason was broken off, and
        // somebody may use what it made.
        if record.reason.is_some() {
            refuse_exhausted(pod, &record)?;
        }
        if !record.unused || verify::runs(pod) {
            if let Some(made) = used::by_somebody(pod, greenplum).await? {
                tracing::warn!(
                    "somebody has used the cluster whose creation was broken off ({made}): it is kept as it is"
                );
                return servers_there(pod, &mut record).await;
            }
            record.reason.get_or_insert_with(|| "it was broken off".into());
            record.unused = true;
            record.store(pod)?;
        }
        refuse_exhausted(pod, &record)?;
    }
    show_others(pod, "waiting for the names of all peers");
    discovered::all_found(pod).await;
    let entries = all_agents(pod).await;
    own_keys(pod).await;
    if !broken_off {
        refuse_over_data(&entries)?;
    }
    if !whole {
        attempt(pod, greenplum, &mut record).await?;
        servers_there(pod, &mut record).await?;
    }
    finish(pod, greenplum, &mut record).await?;
    catalog::first(pod).await?;
    tracing::info!("the cluster is created");
    pod.board.findings(FindingSource::Preflight, Vec::new());
    pod.board.on(Event::CREATED);
    Ok(())
}

/// From here on somebody may load data.
async fn servers_there(pod: &Pod, record: &mut Record) -> Result<()> {
    record.reason = None;
    record.advance(CreationEvent::ServersThere, pod)?;
    catalog::remember(pod).await;
    Ok(())
}

/// Adds to a cluster that is whole what it lacks.
async fn finish(pod: &Pod, greenplum: &Greenplum, record: &mut Record) -> Result<()> {
    complete::finish(pod, greenplum, &request_folder(pod)?).await?;
    record.advance(CreationEvent::Finished, pod)
}

/// The same for a creation that was broken off when the cluster was whole: its servers were adopted or started like those of
/// any cluster, and it is finished beside them.
async fn finish_later(pod: &Pod, greenplum: &Greenplum) {
    tracing::info!("the cluster is whole; its creation was broken off and is finished now");
    own_keys(pod).await;
    loop {
        let finished = async { finish(pod, greenplum, &mut Record::load(pod)?).await };
        match finished.await {
            Ok(()) => return tracing::info!("the cluster is created"),
            Err(error) => tracing::warn!("the creation cannot be finished yet: {error:#}"),
        }
        sleep(FINISH_AGAIN).await;
    }
}

/// No attempt is left until an administrator says so.
fn refuse_exhausted(pod: &Pod, record: &Record) -> Result<()> {
    let most = pod.config.borrow().greenplum.attempts;
    if record.attempts < most {
        return Ok(());
    }
    let what = format!(
        "the cluster could not be created in {most} attempts; the last one failed: {}; mend that, then call gp-agent resume here to begin again",
        record.reason.as_deref().unwrap_or("it was broken off")
    );
    show_others(pod, &what);
    bail!("{what}");
}

/// Every peer's agent, once all of them have looked at their volumes.
async fn all_agents(pod: &Pod) -> Vec<PodReport> {
    loop {
        let peers = pod.topology.peers(&pod.me);
        let entries = client::ask_each(pod, peers, FanOutLimits::default()).await;
        let looked = |entry: &&PodReport| {
            let status = entry.status.as_ref().map(|r| &r.status);
            status.is_some_and(|s| s.directory.kind != DirectoryWord::NotLooked)
        };
        let missing: Vec<&PodReport> = entries.iter().filter(|e| !looked(e)).collect();
        let Some(first) = missing.first() else {
            return entries;
        };
        let why = match &first.status {
            Some(report) => format!("{}: {}", report.status.phase.as_str(), report.status.reason),
            None => first.error.clone().unwrap_or_default(),
        };
        let found = entries.len() - missing.len();
        tell(
            pod,
            &format!(
                "{found} of {} agents are ready for the creation; waiting for {}: {why}",
                entries.len(),
                first.pod
            ),
        );
        sleep(ASK_AGAIN).await;
    }
}

/// Until the Secret's keys are installed no host lets us in.
async fn own_keys(pod: &Pod) {
    while !remote::client_config(pod).is_file() {
        tell(pod, "waiting for the SSH keys of this pod");
        sleep(ASK_AGAIN).await;
    }
}

/// Nothing was begun here, so whatever lies on another volume is somebody's data.
fn refuse_over_data(entries: &[PodReport]) -> Result<()> {
    let holds = |entry: &PodReport| {
        let status = &entry.status.as_ref()?.status;
        let seen = !status.heard_of().is_empty() || status.directory.remains.is_some();
        (status.directory.kind() != Some(DirectoryKind::Absent) || seen).then(|| entry.pod.clone())
    };
    let holders: Vec<String> = entries.iter().filter_map(holds).collect();
    if !holders.is_empty() {
        bail!(
            "the coordinator's volume is empty, but there are data directories on {}; bring the coordinator's lost volume back, or, if those hold no data you need, move them away by hand (gp-agent check there shows where)",
            holders.join(", ")
        );
    }
    Ok(())
}

async fn complete(pod: &Pod) -> bool {
    gpinitsystem::end_leftovers();
    verify::runs(pod)
        && verify::lacks(pod, BROKEN_OFF_ANSWERS_WITHIN)
            .await
            .is_ok_and(|l| l.servers.is_empty())
}

/// One run of gpinitsystem, from a clean field to a catalog that lists every server.
async fn attempt(pod: &Pod, greenplum: &Greenplum, record: &mut Record) -> Result<()> {
    let most = pod.config.borrow().greenplum.attempts;
    let logs = logs(pod);
    // Of what is set aside now they say nothing more.
    if logs.is_dir() {
        gpinitsystem::keep_old_logs(&logs, record.attempts + 1)
            .with_context(|| format!("cannot rename old logs in {}", logs.display()))?;
    }
    if record.state.may_be_cleared() {
        tell(pod, "setting aside what an earlier attempt left");
        remote::clear(pod, pod.topology.members.iter()).await?;
    }
    let locale = remote::preflight(pod, greenplum).await;
    let folder = request_folder(pod)?;
    let plan = plan(pod, greenplum, &folder, &locale).await?;
    record.attempts += 1;
    (record.reason, record.unused) = (None, false);
    record.advance(CreationEvent::AttemptBegins, pod)?;
    tell(
        pod,
        &format!("gpinitsystem begins (attempt {} of {most})", record.attempts),
    );
    let ran = gpinitsystem::run(pod, greenplum, &plan, &logs).await;
    let judged = verify::lacks(pod, verify::SERVERS_ANSWER_WITHIN).await;
    match judged {
        Ok(lacks) if lacks.servers.is_empty() => return Ok(()),
        Ok(lacks) => record.reason = Some(format!("{}; {}", ran.summary(), lacks.summary())),
        Err(error) => record.reason = Some(format!("{}; {error:#}", ran.summary())),
    }
    record.store(pod)?;
    bail!(
        "gpinitsystem failed (attempt {} of {most}): {}",
        record.attempts,
        record.reason.as_deref().unwrap_or_default()
    );
}

/// Begins to count anew, when an administrator says so.
pub(crate) fn forgive(pod: &Pod) {
    if !is_unfinished(pod) {
        return;
    }
    let forgiven = Record::load(pod).and_then(|mut record| {
        record.attempts = 0;
        record.store(pod)
    });
    if let Err(error) = forgiven {
        tracing::error!("cannot begin to count anew: {error:#}");
    }
}
