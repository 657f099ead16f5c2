//! The schedule: fast shutdown, immediate when that takes too long.

use super::Supervisor;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::process::Process;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::process::shutdown_schedule::ShutdownSchedule;
use rustix::process::Signal;
use std::time::{Duration, Instant};

impl Supervisor<'_> {
    /// The role's label goes first, in a bounded time. Then fast, immediate when the schedule that began at `begun` says so;
    /// never SIGKILL.
    pub(super) async fn stop(&self, process: &mut Process, begun: Instant) {
        let schedule = ShutdownSchedule::new(Duration::from_secs(
            self.pod.config.borrow().shutdown.grace_seconds.into(),
        ));
        self.pod.label.withdraw(schedule.immediate() / 4).await;
        if let Err(error) = process.signal(Signal::INT) {
            tracing::warn!(pid = process.pid(), "cannot signal the postmaster: {error}");
        }
        let time_left = schedule.immediate().saturating_sub(begun.elapsed());
        let fast = tokio::time::timeout(time_left, process.ended()).await;
        if fast.is_err() {
            tracing::warn!("fast shutdown is not done in time; immediate shutdown, the next start will recover");
            if let Err(error) = process.signal(Signal::QUIT) {
                tracing::warn!(pid = process.pid(), "cannot signal the postmaster: {error}");
            }
            let _ = process.ended().await;
        }
    }

    /// A postmaster that came up in the last moment, or that was never ours, is stopped too.
    pub(super) async fn drain_what_is_there(&mut self) {
        let dir = self.pod.dir().to_path_buf();
        // On a volume that hangs init ends what is there.
        if let Ok(Occupant::Postmaster(pid)) = self.pod.volume.run(move || pidfile::occupant(&dir)).await
            && let Ok(mut process) = Process::adopt(pid)
        {
            self.pod.board.phase(Phase::Draining, "stopping the postmaster (fast)");
            self.stop(&mut process, Instant::now()).await;
        }
        self.pod.board.on(Event::PostmasterGone);
    }
}
