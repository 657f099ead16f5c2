//! Writes Kubernetes Events about this pod. Best effort, and its own task: nothing else waits for the API server.

use crate::lifecycle::status_board::{StatusBoard, now};
use crate::sys::kubernetes::Kubernetes;
use crate::sys::process::clock;
use gp_agent_core::config::UseApi;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::kubernetes::api_error::ApiError;
use gp_agent_core::kubernetes::events::{Due, EventLimits, EventQueue, EventUpdate, Watcher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The handle on the task. It ends with the handle.
pub struct Events {
    on: watch::Sender<bool>,
}

impl Events {
    /// Begins to tell what the board shows, if there is an API.
    pub fn start(api: Option<Arc<Kubernetes>>, events: UseApi, pace: EventLimits, board: &Arc<StatusBoard>) -> Events {
        let (on, watched) = watch::channel(events == UseApi::Auto);
        if let Some(api) = api {
            let writer = Writer {
                api,
                board: board.clone(),
                watcher: Watcher::default(),
                queue: EventQueue::new(pace),
                began: Instant::now(),
                on: watched,
            };
            tokio::spawn(writer.write());
        }
        Events { on }
    }

    /// Follows the configuration.
    pub fn configure(&self, events: UseApi) {
        self.on.send_replace(events == UseApi::Auto);
    }
}

struct Writer {
    api: Arc<Kubernetes>,
    board: Arc<StatusBoard>,
    watcher: Watcher,
    queue: EventQueue,
    began: Instant,
    on: watch::Receiver<bool>,
}

impl Writer {
    async fn write(mut self) {
        let mut board = self.board.changes();
        loop {
            board.mark_unchanged();
            let on = *self.on.borrow_and_update();
            for notice in self.watcher.look(&self.board.snapshot(), now()) {
                self.queue.note(notice, clock::wall());
            }
            let pause = match self.queue.next(self.began.elapsed()) {
                Due::Send(update) if on => {
                    self.send(&update).await;
                    continue;
                }
                Due::Send(_) => None,
                Due::Wait(pause) => pause,
            };
            tokio::select! {
                Ok(()) = board.changed() => {}
                changed = self.on.changed() => if changed.is_err() { return },
                () = sleep(pause.unwrap_or(Duration::MAX)) => {}
            }
        }
    }

    async fn send(&mut self, update: &EventUpdate) {
        let result = self.api.send_event(update).await;
        let time = self.began.elapsed();
        match result {
            Ok(name) => {
                self.queue.sent(update, name, time);
                self.board.findings(FindingSource::Events, Vec::new());
            }
            Err(ApiError::Missing(_)) if update.name.is_some() => self.queue.expired(update),
            // 422: the server finds fault with the Event itself.
            Err(ApiError::Invalid(_)) => self.queue.refused(update, time),
            Err(trouble) => {
                tracing::debug!("cannot write an Event: {trouble}");
                self.queue.failed(trouble.lasts(), time);
                if let ApiError::Denied(words) = trouble {
                    self.board.findings(FindingSource::Events, vec![self.denied(&words)]);
                }
            }
        }
    }

    fn denied(&self, words: &str) -> Finding {
        let place = self.api.place();
        Finding::warning(
            Area::Kubernetes,
            format!("pod {}/{}", place.namespace, place.pod),
            format!("no Events can be written: {words}"),
            "let the pod's ServiceAccount create and patch events (the chart's Role does), or set kubernetes.events: off",
        )
    }
}
