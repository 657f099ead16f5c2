//! What the machine wants done, begun: each ends in an event, at once or later.

use super::hands::Hands;
use super::record::{authority, memory};
use super::strategy::RoleStrategy;
use super::{kill, peer};
use crate::lifecycle::pod::Pod;
use crate::sys::kubernetes::Kubernetes;
use crate::sys::process::clock;
use crate::sys::process::init_channel::FenceError;
use anyhow::{Context, Result, ensure};
use gp_agent_core::failover::candidate::{Action, Command, Event, Kill, Notice, Outcome, RequestError, Standing};
use gp_agent_core::failover::promise::PromiseQuestion;
use gp_agent_core::failover::record::Holder;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// For a question to the server.
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// For the checkpoint that makes the one of the shutdown short.
const CHECKPOINT_WITHIN: Duration = timeouts::CHECKPOINT_BEFORE_HAND_OVER;
/// Until a server that was promoted takes writes: it replays to the end of what it has.
const PROMOTED_WITHIN: Duration = timeouts::PROMOTED;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two tries to take a lost pod's label off.
const STRIP_EVERY: Duration = Duration::from_secs(1);

/// Why no deadline stands for the server.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArmError {
    /// Nobody started this agent who could kill the server in its place.
    #[error("there is no init that could fence the server")]
    NoInit,
    /// init cannot be told, or has no fence.
    #[error(transparent)]
    Fence(#[from] FenceError),
}

/// Begins it.
///
/// # Errors
/// init could not be told a deadline: nothing that follows is to be done.
pub(super) fn begin(hands: &mut Hands, action: Action) -> Result<(), ArmError> {
    if let Action::Write { .. } = action {
        hands.show.write_begins();
    }
    match action {
        Action::ArmFence(until) => return arm(hands, until),
        Action::DisarmFence => disarm(hands),
        Action::AnswerPromise(ticket, reply) => hands.requests.answer(ticket, reply),
        Action::Tell(notice) => notice_of(hands, &notice),
        Action::KillNow(why) => kill_now(hands, &why),
        Action::CommitsWait(wanted) => hands.proof.want(wanted),
        Action::Read(_) | Action::Write { .. } | Action::ProveDeath { .. } => ask_authority(hands, action),
        Action::AskPromise { .. } | Action::StripOtherLabel(_) => ask_others(hands, action),
        _ => ask_pod(hands, action),
    }
    Ok(())
}

fn ask_authority(hands: &Hands, action: Action) {
    let (place, tell, within) = (hands.place.clone(), hands.happened.clone(), hands.timing.request());
    tokio::spawn(async move {
        let event = match action {
            Action::Read(ticket) => {
                let found = place.authority.read(within).await;
                let found = found.map_err(|error| RequestError::Authority(error.to_string()));
                Some(Event::Read { ticket, found })
            }
            Action::Write { ticket, record, over } => {
                let outcome = authority::write(&*place.authority, record, over, within).await;
                Some(Event::Wrote { ticket, outcome })
            }
            Action::ProveDeath { holder, version } => {
                let dead = place.authority.proof_of_death(&holder, within).await == Ok(true);
                dead.then_some(Event::ProofOfDeath { holder, version })
            }
            _ => None,
        };
        if let Some(event) = event {
            // The loop may have ended.
            let _ = tell.send(event);
        }
    });
}

fn ask_others(hands: &Hands, action: Action) {
    let (pod, partner, tell) = (hands.pod.clone(), hands.partner.clone(), hands.happened.clone());
    let (by, api) = (hands.own.clone(), hands.place.api.clone());
    tokio::spawn(async move {
        match action {
            Action::AskPromise { ticket, epoch, seconds } => {
                let question = PromiseQuestion { epoch, seconds, by };
                if let Some((by, reply)) = peer::promise(&pod, &partner, &question).await {
                    let _ = tell.send(Event::PromiseAnswered { ticket, by, reply });
                }
            }
            Action::StripOtherLabel(other) => {
                if let Some(api) = api {
                    strip_label(&pod, &api, &other).await;
                }
            }
            _ => {}
        }
    });
}

/// As long as it is there, half of the clients' connections go to a pod that is lost.
async fn strip_label(pod: &Pod, api: &Kubernetes, other: &Holder) {
    let epoch = held_epoch(pod);
    let mut said = false;
    while let Err(error) = api.remove_role_label_of(&other.pod, Some(&other.uid)).await {
        if !std::mem::replace(&mut said, true) {
            tracing::warn!("cannot take the role label off {}: {error}; trying again", other.pod);
        }
        sleep(STRIP_EVERY).await;
        if epoch.is_none() || held_epoch(pod) != epoch {
            return;
        }
    }
}

/// What is done to this pod's volume and server.
fn ask_pod(hands: &Hands, action: Action) {
    let (pod, role, tell) = (hands.pod.clone(), hands.role.clone(), hands.happened.clone());
    let epoch = held_epoch(&pod);
    tokio::spawn(async move {
        match action {
            Action::Remember(remembered) => {
                if let Err(error) = memory::keep(&pod, &remembered).await {
                    tracing::warn!("cannot remember the record on this volume: {error}");
                }
            }
            Action::Promote => {
                if let Err(error) = promote(&pod, &*role, epoch).await {
                    let _ = tell.send(Event::PromoteFailed(format!("{error:#}")));
                }
            }
            Action::StopFast => stop(&pod).await,
            Action::EndWalsender(stream) => end_walsender(&pod, &stream).await,
            Action::AskIdle if is_idle(&pod).await => {
                let _ = tell.send(Event::Command(Command::Idle));
            }
            _ => {}
        }
    });
}

fn kill_now(hands: &Hands, why: &Kill) {
    tracing::error!("{}; killing the server", super::status::show::killed(why));
    let (pod, look) = (hands.pod.clone(), hands.look_now.clone());
    // At once: what is told to init later is later than this.
    if let Err(error) = arm(hands, clock::boottime()) {
        tracing::warn!("init cannot be told to kill the server: {error}");
    }
    tokio::spawn(async move {
        kill::all(&pod).await;
        look.notify_one();
    });
}

/// How a request ends that is left out.
pub(super) fn not_sent(action: Action) -> Option<Event> {
    match action {
        Action::Read(ticket) => Some(Event::Read {
            ticket,
            found: Err(RequestError::NotSent),
        }),
        Action::Write { ticket, .. } => Some(Event::Wrote {
            ticket,
            outcome: Outcome::NotDone(RequestError::NotSent),
        }),
        _ => None,
    }
}

fn arm(hands: &Hands, until: Duration) -> Result<(), ArmError> {
    let Some(init) = &hands.init else {
        return Err(ArmError::NoInit);
    };
    init.arm_fence(until)?;
    hands.pod.leadership.fence_is_closed(until <= clock::boottime());
    Ok(())
}

/// Opens init's fence.
pub(super) fn disarm(hands: &Hands) {
    let told = hands.init.as_ref().map(|init| init.disarm_fence());
    match told {
        Some(Err(error)) => {
            tracing::warn!("cannot tell init that there is no deadline: {error}");
            // It will fire, and has to be opened before the next server.
            hands.pod.leadership.fence_is_closed(true);
        }
        _ => hands.pod.leadership.fence_is_closed(false),
    }
}

fn notice_of(hands: &mut Hands, notice: &Notice) {
    match notice {
        Notice::Refused(why) => hands.requests.refuse(why),
        Notice::HandOverFailed(why) => hands.requests.hand_over_failed(why),
        _ => {}
    }
    hands.show.note(&hands.pod, notice);
}

fn held_epoch(pod: &Pod) -> Option<u64> {
    let view = pod.leadership.view()?;
    (view.standing == Standing::Holder).then_some(view.epoch)
}

/// Has the server of a standby end its recovery; the server says itself when it takes writes.
async fn promote(pod: &Arc<Pod>, role: &dyn RoleStrategy, epoch: Option<u64>) -> Result<()> {
    role.before_promotion(pod).await?;
    // That may have taken longer than this pod held the role.
    ensure!(
        epoch.is_some() && epoch == held_epoch(pod),
        "the role was lost before the server was promoted"
    );
    pod.engine.promote(pod.dir()).await?;
    let mut session = pod.utility_session(ANSWER_WITHIN);
    let writes = async {
        loop {
            let said = session.ask("select pg_is_in_recovery()::text").await;
            if said.is_ok_and(|rows| rows.first().and_then(|row| row.first()?.as_deref()) == Some("false")) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(PROMOTED_WITHIN, writes)
        .await
        .context("the server does not end its recovery")?;
    super::observation::looks::examine(pod)
        .await
        .context("cannot examine the promoted directory")?;
    role.promoted(pod, &mut session).await;
    Ok(())
}

/// In order, and short: most of what a shutdown writes is written before.
async fn stop(pod: &Pod) {
    let ends = pod.leadership.ends_told();
    let mut session = pod.utility_session(ANSWER_WITHIN);
    if let Err(error) = session.ask_within("checkpoint", CHECKPOINT_WITHIN).await {
        tracing::warn!("no checkpoint before the hand-over: {error}");
    }
    session.close();
    pod.leadership.stop("the coordinator's role is handed over", ends);
}

async fn end_walsender(pod: &Pod, stream: &str) {
    // It may have been taken back since.
    let in_sync = pod.leadership.view().and_then(|view| view.in_sync);
    if in_sync.is_some_and(|in_sync| in_sync.stream == stream) {
        return;
    }
    let sql = pod.engine.failover_sql().end_stream(stream);
    if let Err(error) = pod.utility_session(ANSWER_WITHIN).ask(&sql).await {
        tracing::warn!("cannot end the standby's stream: {error}");
    }
}

async fn is_idle(pod: &Pod) -> bool {
    let sql = pod.engine.failover_sql().busy();
    pod.utility_session(ANSWER_WITHIN)
        .ask(sql)
        .await
        .is_ok_and(|rows| rows.is_empty())
}
