//! A server process, as the kernel and its signals know it.

use crate::lifecycle::postmaster::platform::{Server, StopMode};
use gp_agent_core::postgres::exit_cause::Ending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// One process.
#[derive(Debug)]
pub(super) struct FakeServer {
    pub pid: i32,
    end: watch::Sender<Option<(Ending, Instant)>>,
    /// Ignores a fast shutdown; both kinds.
    deaf: (bool, bool),
    /// Waits for its clients to go.
    pub stopping: AtomicBool,
}

impl FakeServer {
    pub(super) fn new(pid: i32, deaf: (bool, bool)) -> FakeServer {
        FakeServer {
            pid,
            end: watch::Sender::new(None),
            deaf,
            stopping: AtomicBool::new(false),
        }
    }

    /// Whether no signal ends it.
    pub(super) fn ignores_immediate(&self) -> bool {
        self.deaf.1
    }

    /// It ends now, if it has not ended before.
    pub(super) fn finish(&self, ending: Ending) {
        self.end.send_if_modified(|end| match end {
            None => {
                *end = Some((ending, Instant::now()));
                true
            }
            Some(_) => false,
        });
    }

    pub(super) async fn end(&self) -> Ending {
        let mut end = self.end.subscribe();
        let ended = end.wait_for(Option::is_some).await;
        ended
            .ok()
            .and_then(|end| *end)
            .map_or(Ending::Crash, |(ending, _)| ending)
    }

    pub(super) fn runs(&self) -> bool {
        self.end.borrow().is_none()
    }

    pub(super) fn has_ended_for(&self, time: Duration) -> bool {
        self.end.borrow().is_some_and(|(_, when)| when.elapsed() >= time)
    }

    /// pg_ctl stop -m smart: it ends when its last client has gone, after `time`.
    pub(super) fn stop_smartly(self: &Arc<Self>, time: Duration) {
        self.stopping.store(true, Ordering::Relaxed);
        let server = self.clone();
        tokio::spawn(async move {
            sleep(time).await;
            server.finish(Ending::Clean);
        });
    }

    pub(super) fn ask_to_stop(&self, mode: StopMode) {
        match mode {
            StopMode::Fast if !self.deaf.0 => self.finish(Ending::Clean),
            StopMode::Immediate if !self.deaf.1 => self.finish(Ending::Immediate),
            _ => {}
        }
    }
}

impl Server for FakeServer {
    fn pid(&self) -> i32 {
        self.pid
    }

    async fn gone(&self) {
        self.end().await;
    }

    fn stop(&self, mode: StopMode) {
        self.ask_to_stop(mode);
    }
}
