//! The schedule: fast shutdown, immediate when that takes too long.

use super::activities::Outcome;
use super::platform::{Platform, Server, StopMode};
use super::strategy::EngineStrategy;
use crate::sys::postgres::pidfile::Occupant;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::supervisor::Event;
use gp_agent_core::process::shutdown_schedule::ShutdownSchedule;
use tokio::time::{Instant, timeout};

/// Stops a server that a newer one took over from, as long as that takes.
pub(super) async fn step_down<P: Platform>(platform: &P, server: &P::Server) -> Outcome<P::Server> {
    stop(platform, server, Instant::now()).await;
    server.gone().await;
    Event::ServerGone.into()
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
            stop(platform, server, begun).await;
        }
        // One that came up in the last moment, or that was never ours.
        if let Ok(Occupant::Postmaster(pid)) = platform.occupant().await
            && let Ok(Some(server)) = platform.adopt(pid).await
        {
            platform.show(Phase::Draining, "stopping the postmaster (fast)");
            stop(platform, &server, begun).await;
            server.gone().await;
        }
    };
    if timeout(schedule.init_kill(), stops).await.is_err() {
        tracing::error!("the postmaster does not stop; init kills what is left");
    }
    Event::Drained.into()
}

/// The role's label goes first, in a bounded time. Then fast, immediate when the schedule that began at `begun` says so;
/// never SIGKILL.
async fn stop<P: Platform>(platform: &P, server: &P::Server, begun: Instant) {
    let schedule = ShutdownSchedule::new(platform.grace());
    platform.withdraw_role(schedule.immediate() / 4).await;
    server.stop(StopMode::Fast);
    let time_left = schedule.immediate().saturating_sub(begun.elapsed());
    if timeout(time_left, server.gone()).await.is_err() {
        tracing::warn!("fast shutdown is not done in time; immediate shutdown, the next start will recover");
        server.stop(StopMode::Immediate);
        server.gone().await;
    }
}
