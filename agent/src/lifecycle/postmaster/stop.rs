//! The schedule: fast shutdown, immediate when that takes too long.

use super::activities::Outcome;
use super::platform::{Platform, Server, StopMode};
use super::strategy::EngineStrategy;
use crate::sys::postgres::pidfile::Occupant;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::supervisor::Event;
use gp_agent_core::process::shutdown_schedule::ShutdownSchedule;
use tokio::time::{Instant, timeout};

/// Stops a server that a newer one took over from, or that is to start anew, as long as that takes. Whom an administrator stopped
/// a moment before, or at once while the agent waits for a fast shutdown, is the administrator's all the same, and stays stopped.
pub(super) async fn step_down<P: Platform>(platform: &P, server: &P::Server) -> Outcome<P::Server> {
    let begun = Instant::now();
    // The label takes its time, and an end meanwhile is taken note of at once: the next agent would not know whose it was.
    let gone = tokio::select! {
        () = withdraw_role(platform) => false,
        () = server.gone() => true,
    };
    let ended_before = gone || platform.has_begun_to_end(server).await;
    let mut asked = StopMode::Fast;
    if !gone {
        asked = stop(platform, server, begun).await;
        server.gone().await;
    }
    if !ended_before && asked == StopMode::Immediate {
        return Event::ServerGone.into();
    }
    let (ending, words) = platform.ended(server).await;
    match ended_before || ending == Ending::Immediate {
        true => Event::Ended { ending, words }.into(),
        false => Event::ServerGone.into(),
    }
}

/// Stops everything, in the order of the cluster. Returns at the latest when init kills what is left.
pub(super) async fn drain<P: Platform>(platform: &P, server: Option<&P::Server>) -> Outcome<P::Server> {
    let schedule = ShutdownSchedule::new(platform.grace());
    let begun = Instant::now();
    let stops = async {
        if let Some(server) = server {
            platform.show(Phase::Draining, "this pod ends");
            let others = platform.engine().before_stop();
            // Beyond that the server's own time would become too short.
            let _ = timeout(schedule.wait_for_others(), others).await;
            platform.show(Phase::Draining, "stopping the postmaster (fast)");
            withdraw_role(platform).await;
            stop(platform, server, begun).await;
        }
        // One that came up in the last moment, or that was never ours.
        if let Ok(Occupant::Postmaster(pid)) = platform.occupant().await
            && let Ok(Some(server)) = platform.adopt(pid).await
        {
            platform.show(Phase::Draining, "stopping the postmaster (fast)");
            withdraw_role(platform).await;
            stop(platform, &server, begun).await;
            server.gone().await;
        }
    };
    if timeout(schedule.init_kill(), stops).await.is_err() {
        tracing::error!("the postmaster does not stop; init kills what is left");
    }
    Event::Drained.into()
}

/// The role's label goes first, in a bounded time.
async fn withdraw_role<P: Platform>(platform: &P) {
    let schedule = ShutdownSchedule::new(platform.grace());
    platform.withdraw_role(schedule.immediate() / 4).await;
}

/// Fast, immediate when the schedule that began at `begun` says so; never SIGKILL. What was asked for last.
async fn stop<P: Platform>(platform: &P, server: &P::Server, begun: Instant) -> StopMode {
    let schedule = ShutdownSchedule::new(platform.grace());
    server.stop(StopMode::Fast);
    let time_left = schedule.immediate().saturating_sub(begun.elapsed());
    if timeout(time_left, server.gone()).await.is_err() {
        tracing::warn!("fast shutdown is not done in time; immediate shutdown, the next start will recover");
        server.stop(StopMode::Immediate);
        server.gone().await;
        return StopMode::Immediate;
    }
    StopMode::Fast
}
