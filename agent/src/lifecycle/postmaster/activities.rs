//! What is done in each state of the supervisor; see [`gp_agent_core::postgres::supervisor::Activity`]. Each can be dropped
//! at any await: what it leaves is found by the next look.

use super::platform::{Platform, Server, Withheld};
use super::strategy::EngineStrategy;
use crate::lifecycle::pod::leadership::Wish;
use crate::sys::postgres::pidfile::Occupant;
use anyhow::{Context, Result};
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind};
use gp_agent_core::postgres::supervisor::{Event, Found, Inquiry};
use gp_agent_core::process::timeouts;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often peers are asked while a server runs.
pub(super) const ASK_EVERY: Duration = Duration::from_secs(5);
/// So long an answer counts that was given to a running server, when that has just crashed.
const ANSWER_COUNTS_FOR: Duration = Duration::from_secs(10);

/// How long peers are asked before a server that has just crashed is started again.
const ASK_AFTER_CRASH: Duration = timeouts::EVIDENCE_AFTER_CRASH;

/// How an activity ended, and with which server.
pub(super) struct Outcome<S> {
    pub event: Event,
    pub server: Option<Arc<S>>,
}

impl<S> From<Event> for Outcome<S> {
    fn from(event: Event) -> Self {
        Outcome { event, server: None }
    }
}

/// What peers said last to a running server.
pub(super) type LastAnswer<E> = Arc<Mutex<Option<(Instant, E)>>>;

fn failed<S>(error: &anyhow::Error) -> Outcome<S> {
    Event::Failed(format!("{error:#}")).into()
}

/// Looks who is on the directory. A held or `passive` look ends nobody: somebody works by hand.
pub(super) async fn look<P: Platform>(platform: &P, passive: bool) -> Outcome<P::Server> {
    try_look(platform, passive).await.unwrap_or_else(|e| failed(&e))
}

async fn try_look<P: Platform>(platform: &P, passive: bool) -> Result<Outcome<P::Server>> {
    let held = platform.held().context("cannot tell whether the postmaster is held")?;
    let passive = passive || held.is_some();
    let mut server = None;
    let found = loop {
        if platform.engine().creation_is_unfinished() {
            break Found::Unfinished;
        }
        match platform.occupant().await? {
            Occupant::Nobody => break nobody(platform),
            Occupant::Standalone(pid) => {
                let who = format!("a single-user server (process {pid}) works on the directory");
                break Found::Busy(who);
            }
            Occupant::Postmaster(pid) => {
                server = platform.adopt(pid).await?;
                if let Some(server) = &server {
                    let ending = platform.has_begun_to_end(server).await;
                    break Found::Server { pid, ending };
                }
            }
            Occupant::Unlisted(pid) => break Found::Busy(unlisted(pid)),
            Occupant::Leftovers(_) if passive => break Found::Busy("a server starts or ends on the directory".into()),
            Occupant::Leftovers(pids) => platform.end_leftovers(&pids).await,
        }
    };
    let event = Event::Found { held, found };
    Ok(Outcome { event, server })
}

/// Never ended by the agent: it may just have been started by hand. PostgreSQL's ends by itself within a minute when somebody
/// removed its lock file (postmaster.c).
fn unlisted(pid: i32) -> String {
    format!(
        "a server (process {pid}) is on the directory and postmaster.pid does not name it: it is just starting, or somebody removed that file; if this lasts, stop it (kill -INT {pid})"
    )
}

fn nobody<P: Platform>(platform: &P) -> Found {
    Found::Nobody {
        removed: platform.engine().tools_remove_directories() && !platform.directory_exists(),
    }
}

/// Examines the directory and decides. After a crash what peers answered the server last is enough to go on with: they are
/// asked again before the start.
pub(super) async fn decide<P: Platform>(
    platform: &P,
    inquiry: Inquiry,
    last: &LastAnswer<<P::Engine as EngineStrategy>::Evidence>,
) -> Outcome<P::Server> {
    match decision(platform, inquiry, last, Duration::ZERO).await {
        Ok((directory, decision)) => decided(&directory, decision),
        Err(error) => failed(&error),
    }
}

fn decided<S>(directory: &Directory, decision: Decision) -> Outcome<S> {
    let directory = directory.kind;
    Event::Decided { decision, directory }.into()
}

/// With a last answer to fall back on, peers are asked for no longer than `with_answer`: the server was allowed to run a moment
/// ago, and a silent peer must not keep it down.
async fn decision<P: Platform>(
    platform: &P,
    inquiry: Inquiry,
    last: &LastAnswer<<P::Engine as EngineStrategy>::Evidence>,
    with_answer: Duration,
) -> Result<(Directory, Decision)> {
    let begin = Instant::now();
    let own = platform.examine().await?;
    let engine = platform.engine();
    let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let known = known.filter(|(when, _)| inquiry.has_just_crashed() && when.elapsed() < ANSWER_COUNTS_FOR);
    let Some((_, known)) = known else {
        let evidence = engine.ask(&own).await;
        let decision = engine.decide(&own, &evidence, inquiry.later(begin.elapsed()).asked_for);
        let decision = allowed(platform, &own, decision);
        return Ok((own, decision));
    };
    let fresh = match with_answer.is_zero() {
        true => None,
        false => timeout(with_answer, engine.ask(&own)).await.ok(),
    };
    let decision = match &fresh {
        Some(evidence) if engine.is_answer(evidence) => {
            // It takes the place of what the server was told: a silence that follows must not bring that back.
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), evidence.clone()));
            engine.decide(&own, evidence, inquiry.asked_for)
        }
        _ => engine.decide(&own, &known, Duration::MAX),
    };
    let decision = allowed(platform, &own, decision);
    Ok((own, decision))
}

/// What is left of a decision: while somebody else decides who writes, nothing else is said of a whole directory. Which way an old coordinator comes back does not depend on what its directory alone would mean.
fn allowed<P: Platform>(platform: &P, own: &Directory, decision: Decision) -> Decision {
    let wish = match decision {
        Decision::Create => Wish::Create,
        Decision::Start => Wish::Start,
        _ => Wish::Nothing,
    };
    match platform.withheld(own, wish) {
        Some(Withheld::Rejoin) if own.kind == DirectoryKind::Primary => Decision::Rejoin,
        Some(Withheld::Wait(reason)) if wish == Wish::Create || own.kind.is_whole() => Decision::Wait(reason),
        _ => decision,
    }
}

/// Lets others go first, writes the settings, and decides once more as the last thing before the start: the first decision may
/// be half a minute old by then.
pub(super) async fn start<P: Platform>(
    platform: &P,
    inquiry: Inquiry,
    last: &LastAnswer<<P::Engine as EngineStrategy>::Evidence>,
) -> Outcome<P::Server> {
    try_start(platform, inquiry, last).await.unwrap_or_else(|e| failed(&e))
}

async fn try_start<P: Platform>(
    platform: &P,
    inquiry: Inquiry,
    last: &LastAnswer<<P::Engine as EngineStrategy>::Evidence>,
) -> Result<Outcome<P::Server>> {
    let began = Instant::now();
    let engine = platform.engine();
    let own = platform.examine().await?;
    if let Some(reason) = engine.tools_first(&own)? {
        return Ok(Event::NotYet(reason).into());
    }
    engine.before_start(&own).await;
    platform.prepare_start().await?;
    // A replica does no harm: what it follows decides what it becomes.
    if own.kind == DirectoryKind::Primary {
        let (own, decision) = decision(platform, inquiry.later(began.elapsed()), last, ASK_AFTER_CRASH).await?;
        if decision != Decision::Start {
            return Ok(decided(&own, decision));
        }
    }
    if platform.occupant().await? != Occupant::Nobody {
        return Ok(Event::NotYet("somebody started a server on the directory".into()).into());
    }
    // From here on nothing is awaited, so nobody comes in between.
    if let Some(reason) = engine.tools_first(&own)? {
        return Ok(Event::NotYet(reason).into());
    }
    if let Some(reason) = platform.held().context("cannot tell whether the postmaster is held")? {
        return Ok(Event::Hold(reason).into());
    }
    match platform.withheld(&own, Wish::Start) {
        Some(Withheld::Wait(reason)) => return Ok(Event::NotYet(reason).into()),
        Some(Withheld::Rejoin) => return Ok(Event::NotYet("another pod has just taken over".into()).into()),
        None => {}
    }
    let server = platform.spawn()?;
    Ok(Outcome {
        event: Event::Started { pid: server.pid() },
        server: Some(server),
    })
}

/// Watches a running server. The questions to the peers go on beside it: a silent one delays nothing.
pub(super) async fn watch<P: Platform>(
    platform: &P,
    server: &P::Server,
    last: &LastAnswer<<P::Engine as EngineStrategy>::Evidence>,
) -> Outcome<P::Server> {
    tokio::select! {
        biased;
        (ending, words) = platform.ended(server) => Event::Ended { ending, words }.into(),
        why = overtaken(platform, last) => {
            tracing::error!("{why}; stopping this server");
            Event::Overtaken(why).into()
        }
        why = platform.must_stop() => {
            tracing::info!("{why}; stopping this server");
            Event::Overtaken(why).into()
        }
        why = platform.outgrown() => {
            tracing::warn!("{why}; this server is stopped and started anew");
            Event::Outgrown(why).into()
        }
    }
}

/// There is nothing to watch: as if it had ended.
pub(super) fn no_server<S>() -> Outcome<S> {
    let ending = Ending::Crash;
    let words = "is gone".to_string();
    Event::Ended { ending, words }.into()
}

async fn overtaken<P: Platform>(platform: &P, last: &LastAnswer<<P::Engine as EngineStrategy>::Evidence>) -> String {
    let engine = platform.engine();
    let mut told_to_ask = false;
    loop {
        let own = platform.running_directory();
        // A replica asks no one by itself, but remembers what it is told of, for those that come back later.
        if told_to_ask || engine.asks_while_running(&own) {
            let evidence = engine.ask(&own).await;
            // A promotion meanwhile makes it another directory.
            let own = platform.running_directory();
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), evidence.clone()));
            let writable = own.kind == DirectoryKind::Primary;
            if let Some(why) = engine.overtaken(&own, &evidence).filter(|_| writable) {
                return why;
            }
        }
        told_to_ask = timeout(ASK_EVERY, platform.news()).await.is_ok();
    }
}

/// Creates the database, or goes on with that.
pub(super) async fn create<P: Platform>(platform: &P) -> Outcome<P::Server> {
    made(platform.engine().create().await)
}

/// Copies the partner's database.
pub(super) async fn copy<P: Platform>(platform: &P) -> Outcome<P::Server> {
    made(platform.engine().copy().await)
}

/// Has the directory of an old coordinator follow the new one.
pub(super) async fn rejoin<P: Platform>(platform: &P) -> Outcome<P::Server> {
    made(platform.engine().rejoin().await)
}

fn made<S>(result: Result<()>) -> Outcome<S> {
    match result {
        Ok(()) => Event::Made.into(),
        Err(error) => failed(&error),
    }
}

/// Lets time pass.
pub(super) async fn pause<P: Platform>(platform: &P, time: Duration, listens: Option<Duration>) -> Outcome<P::Server> {
    let news = async {
        sleep(listens.unwrap_or_default()).await;
        platform.news().await;
    };
    let woken = async {
        tokio::select! {
            () = platform.mended() => {}
            () = news, if listens.is_some() => {}
        }
    };
    let _ = timeout(time, woken).await;
    Event::Due.into()
}
