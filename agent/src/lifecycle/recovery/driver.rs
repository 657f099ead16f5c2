//! The loop around the machine, in the pods of coordinators. Everything runs in this task, so that a pod that ends takes its tool
//! with it.

use super::command::{Answer, Asked, NotBegun};
use super::looks::{Looks, Wanted};
use super::memory::Memory;
use super::runs::Work;
use super::{expansion, memory, report, runs};
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::fts_trigger;
use crate::lifecycle::peers::client;
use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use gp_agent_core::cluster::recovery_status::RecoveryStatus;
use gp_agent_core::config::{RebalanceWhen, Recover, RecoverFull, RecoveryConfig, Redistribute};
use gp_agent_core::greenplum::tool_output::ToolFailure;
use gp_agent_core::log::utc;
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::facts::evidence::Evidence;
use gp_agent_core::recovery::machine::model::{Policy, Step};
use gp_agent_core::recovery::machine::steps::Recovery;
use gp_agent_core::recovery::roles::when::When;
use gp_agent_core::recovery::roles::window::Window;
use gp_agent_core::recovery::segments::method::Method;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Between two questions to the coordinator that acts. A run lasts at least as long.
const LISTEN_EVERY: Duration = Duration::from_secs(5);
/// The standby's agent, that a run begins.
const TELL_WITHIN: Duration = timeouts::RECHECK_HEARD;
const RECALL_EVERY: Duration = Duration::from_secs(5);
/// A coordinator that looks names up slowly is slow to begin a session.
const SESSION_WITHIN: Duration = timeouts::RECOVERY_SESSION_BEGINS;

/// As long as the pod lives.
pub(super) async fn keep(pod: &Pod, greenplum: &Greenplum, mut asked: mpsc::Receiver<Asked>) {
    let known = recall(pod).await;
    expansion::clear(pod).await;
    let mut machine = Recovery::new(known.attempts, known.rebalances, now())
        .with_accepted(known.accepted)
        .with_expansion(known.expansion);
    let mut looks = Looks::new(pod, greenplum);
    let mut session = pod.session(SESSION_WITHIN);
    let mut seen = Evidence::default();
    let mut work: Option<Work<'_>> = None;
    let mut listened = Instant::now();
    loop {
        let (mut ended, mut heard) = (false, false);
        let mut to_rebalance: Option<Answer> = None;
        let mut to_expand: Option<Answer> = None;
        tokio::select! {
            failure = until_done(&mut work) => {
                work = None;
                ended = true;
                machine.ended(failure, now());
            }
            Some(asked) = asked.recv() => match asked {
                // Whoever asked has been told that it is busy here, or has gone.
                asked if asked.is_over() => {}
                Asked::Recover(wish, answer) => _ = answer.send(machine.ask(wish, &seen, now()).map_err(NotBegun::from)),
                Asked::Rebalance(answer) => to_rebalance = Some(answer),
                Asked::Expand(answer) => to_expand = Some(answer),
            },
            // Whoever acts has begun a run, it may be.
            () = pod.recheck.news(), if seen.rows.is_empty() => heard = true,
            () = sleep(LOOK_EVERY) => {}
        }
        let detailed = work.is_none() && (to_rebalance.is_some() || machine.wants_detail());
        let wanted = Wanted {
            detail: detailed,
            everybody: work.is_none() && (to_expand.is_some() || machine.wants_everybody()),
            expands: machine.expands(),
        };
        seen = looks.look(&mut session, wanted).await;
        if let Some(answer) = to_expand.filter(|answer| !answer.is_closed()) {
            let _ = answer.send(machine.ask_expand(policy(pod), &seen, now()).map_err(NotBegun::from));
        }
        if let Some(answer) = to_rebalance.filter(|answer| !answer.is_closed()) {
            let _ = answer.send(machine.ask_rebalance(policy(pod), &seen, now()).map_err(NotBegun::from));
        }
        let known = Memory::of(&machine);
        match machine.look(policy(pod), &seen, now()) {
            Step::Rest => {}
            Step::Probe => {
                let heard = fts_trigger::ask_fts(pod, &mut session, "a tool is to be run, or was").await;
                machine.probed(heard, now());
            }
            Step::Announce(rebalance, at) => {
                let (at, warning) = (utc::from_unix(at), rebalance.warning());
                tracing::warn!("roles are to be put back at {at}: {warning}");
            }
            Step::End(why) => {
                // Its process group is killed with it.
                work = None;
                ended = true;
                tracing::error!("the tool that ran is ended: {why}");
                machine.ended(Some(ToolFailure::from(format!("it was ended: {why}"))), now());
            }
            Step::GiveUp(why) => tracing::warn!("gp-agent recover: {why}"),
            Step::CallOff(why) => tracing::warn!("roles are not put back: {why}"),
            Step::GiveUpExpanding(why) => tracing::warn!("gp-agent expand: {why}"),
            step @ (Step::Run(_) | Step::Rebalance(_) | Step::Expand(_)) => {
                work = begin(pod, greenplum, (&mut machine, &seen), step).await;
            }
        }
        if (ended || Memory::of(&machine) != known) && work.is_none() {
            // What has ended is a reason less to wait; the next run is remembered before it begins.
            let _ = memory::keep(pod, &Memory::of(&machine)).await;
        }
        report::tell(pod, shown(&machine, &seen));
        if seen.rows.is_empty() && (heard || listened.elapsed() >= LISTEN_EVERY) {
            listened = Instant::now();
            listen(pod, &mut machine).await;
        }
    }
}

/// A standby's agent remembers what the coordinator's has tried.
async fn listen(pod: &Pod, machine: &mut Recovery) {
    let Some(partner) = pod.partner() else { return };
    let Some(recovery) = client::status_of(pod, partner).await.and_then(|status| status.recovery) else {
        return;
    };
    let known = Memory::of(machine);
    machine.learn(&recovery.memory);
    machine.learn_rebalances(&recovery.roles.memory);
    machine.learn_expansion(&recovery.expansion.memory);
    let learnt = Memory::of(machine);
    if learnt != known
        && let Err(error) = memory::keep(pod, &learnt).await
    {
        tracing::warn!("cannot remember what {} has recovered: {error}", partner.pod);
    }
}

/// If this pod is lost the next moment, the standby's agent knows what was begun. One that is not there does not keep it from
/// being done.
async fn tell_standby(pod: &Pod) {
    let Some(partner) = pod.partner() else { return };
    if let Err(error) = PeerClient::of(pod).recheck(partner, TELL_WITHIN).await {
        tracing::debug!("{} hears of this run at its next look: {error}", partner.pod);
    }
}

async fn until_done(work: &mut Option<Work<'_>>) -> Option<ToolFailure> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// Until the volume says what was tried, nothing is.
async fn recall(pod: &Pod) -> Memory {
    loop {
        match memory::recall(pod).await {
            Ok(known) => {
                return Memory {
                    attempts: known.attempts.recalled(now()),
                    rebalances: known.rebalances.recalled(now()),
                    expansion: known.expansion.recalled(now()),
                    ..known
                };
            }
            Err(error) => {
                let waits = format!("cannot tell what was tried before: {error}; if it is damaged, remove it");
                let status = RecoveryStatus {
                    waits: Some(waits),
                    ..RecoveryStatus::default()
                };
                report::tell(pod, Some(status));
            }
        }
        sleep(RECALL_EVERY).await;
    }
}

fn policy(pod: &Pod) -> Policy {
    let config = pod.config.borrow();
    Policy {
        auto: config.recovery.segments == Recover::Auto,
        full: config.recovery.full == RecoverFull::Auto,
        roles: when(&config.recovery),
        redistribute: config.expansion.redistribute == Redistribute::Auto,
    }
}

fn when(recovery: &RecoveryConfig) -> When {
    match (recovery.roles, &recovery.window) {
        (RebalanceWhen::Idle, _) => When::Idle,
        (RebalanceWhen::Window, Some(schedule)) => When::Window(Window {
            times: schedule.times(),
            minutes: recovery.window_minutes,
        }),
        // A window that is not there is refused as the configuration is read.
        (RebalanceWhen::Window, None) | (RebalanceWhen::Manual, _) => When::Manual,
    }
}

/// Nothing in a pod whose server is not the active coordinator.
fn shown(machine: &Recovery, seen: &Evidence) -> Option<RecoveryStatus> {
    let acts = !seen.rows.is_empty() || seen.circumstances.not_in_charge.is_none();
    acts.then(|| machine.status(now()))
}

/// What is not remembered is not begun; nothing then.
async fn begin<'a>(
    pod: &'a Pod,
    greenplum: &'a Greenplum,
    (machine, seen): (&mut Recovery, &Evidence),
    step: Step,
) -> Option<Work<'a>> {
    let (what, work) = match step {
        Step::Run(run) => {
            let (pods, tool) = (run.pods(), run.tool());
            let what = match run.method {
                Method::Add => format!("making mirrors in {pods}: {tool}"),
                method => format!("bringing {pods} back: {tool}, {method} recovery"),
            };
            (what, runs::recover(pod, greenplum, run))
        }
        Step::Rebalance(rebalance) => {
            let what = format!("putting roles back: gprecoverseg -r; {}", rebalance.warning());
            (what, runs::rebalance(pod, greenplum, rebalance))
        }
        Step::Expand(run) => (run.task.words().to_string(), expansion::run(pod, greenplum, run)),
        Step::Rest
        | Step::Probe
        | Step::End(_)
        | Step::GiveUp(_)
        | Step::GiveUpExpanding(_)
        | Step::Announce(..)
        | Step::CallOff(_) => return None,
    };
    if let Err(error) = memory::keep(pod, &Memory::of(machine)).await {
        tracing::error!("nothing is recovered, since it cannot be remembered: {error}");
        machine.not_begun();
        return None;
    }
    tracing::warn!("{what}");
    report::tell(pod, shown(machine, seen));
    tell_standby(pod).await;
    Some(work)
}
