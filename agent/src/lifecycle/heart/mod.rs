//! What has to answer at any time, on a thread and a runtime of its own: probes, status, metrics, the questions of peers,
//! signals, and the beats to init. Nothing here touches a volume or waits for a pipe.
//!
//! The work, everything else, runs on the main thread. Its loop is watched from here: the beats go on while it turns, and
//! while a volume hangs, since whatever waits for that goes on when it answers. A loop that stands still for any other reason
//! is left to init's watchdog.

pub(crate) mod memory;
mod volumes;

pub(crate) use volumes::VolumeWatch;

use super::status_board::{StatusBoard, now};
use crate::sys::process::init_channel::Heartbeat;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::process::timeouts;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

const EVERY: Duration = Duration::from_secs(1);

/// A loop that has not turned for so long stands still. init kills much later (30 s), so a loop that was only late is safe.
const STANDS_STILL: Duration = timeouts::LOOP_STANDS_STILL;

/// The thread; it ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Heart {
    handle: Handle,
    work: Arc<WorkLoop>,
    _end: oneshot::Sender<()>,
}

impl Heart {
    /// Starts the thread; nothing runs on it yet.
    ///
    /// # Errors
    /// No descriptor or thread is left.
    pub(crate) fn start() -> io::Result<Heart> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        thread::Builder::new().name("heart".into()).spawn(move || {
            // An error is the end as well.
            let _ = runtime.block_on(ended);
            // A question to a hung volume must not keep the program from ending.
            runtime.shutdown_background();
        })?;
        Ok(Heart {
            handle,
            work: WorkLoop::new(),
            _end: end,
        })
    }

    /// The loop that it watches.
    pub(crate) fn work(&self) -> &Arc<WorkLoop> {
        &self.work
    }

    /// Does something that spawns tasks or opens sockets, which then belong to the heart.
    pub(crate) fn within<T>(&self, begin: impl FnOnce() -> T) -> T {
        let _inside = self.handle.enter();
        begin()
    }
}

/// When the loop of the work last turned.
#[derive(Debug)]
pub(crate) struct WorkLoop {
    turned: RwLock<Instant>,
    turned_at: AtomicU64,
}

impl WorkLoop {
    /// It turns now.
    fn new() -> Arc<WorkLoop> {
        Arc::new(WorkLoop {
            turned: RwLock::new(Instant::now()),
            turned_at: AtomicU64::new(now()),
        })
    }

    /// Shows that the loop turns, as long as it does.
    pub(crate) async fn turn(self: Arc<WorkLoop>) {
        loop {
            *self.turned.write().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            self.turned_at.store(now(), Ordering::Relaxed);
            tokio::time::sleep(EVERY).await;
        }
    }

    fn stands_for(&self) -> Duration {
        self.turned.read().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// A loop that stands still may be late, or hang for good: init decides when the beats cease. One that waits for a volume
/// goes on by itself.
fn is_alive(stands_for: Duration, volume_hangs: bool) -> bool {
    volume_hangs || stands_for < STANDS_STILL
}

/// Shows the probes and init that the agent lives. Runs as long as the heart.
pub(crate) async fn beat(board: Arc<StatusBoard>, work: Arc<WorkLoop>, init: Option<Arc<Heartbeat>>) {
    let mut told = 0;
    loop {
        let hangs = board.read(|s| !s.hung_volumes.is_empty());
        let turned_at = if hangs {
            now()
        } else {
            work.turned_at.load(Ordering::Relaxed)
        };
        board.on(Event::LoopTurned(turned_at));
        if let Some(init) = &init {
            if is_alive(work.stands_for(), hangs) {
                init.beat();
            }
            let grace = board.read(|s| s.grace_seconds);
            if grace != told {
                init.grace(Duration::from_secs(grace.into()));
                told = grace;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_forgiven_only_while_a_volume_hangs() {
        let long = STANDS_STILL * 100;
        assert!(is_alive(Duration::ZERO, false));
        assert!(!is_alive(STANDS_STILL, false));
        assert!(!is_alive(long, false));
        assert!(is_alive(long, true));
    }

    #[test]
    fn the_thread_answers_while_the_loop_of_the_work_is_blocked() {
        let heart = Heart::start().unwrap();
        let board = Arc::new(StatusBoard::new(gp_agent_core::cluster::state::PodState::new(
            "x", 0, 0,
        )));
        heart.within(|| tokio::spawn(beat(board.clone(), heart.work().clone(), None)));
        // This thread does nothing but wait: whoever updates the board is the other one.
        let mut changes = board.changes();
        let (told, hears) = std::sync::mpsc::channel();
        heart.within(|| tokio::spawn(async move { told.send(changes.changed().await.is_ok()) }));
        assert!(hears.recv().unwrap());
    }
}
