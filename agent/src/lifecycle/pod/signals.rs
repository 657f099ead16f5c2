//! The signals that init forwards, and what each means to the agent.

use crate::lifecycle::status_board::StatusBoard;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};

/// SIGTERM, SIGINT and SIGQUIT end the pod; SIGHUP reads configuration and Secrets again; SIGUSR1 logs the status as JSON.
/// SIGUSR2 is accepted and does nothing.
pub(crate) struct Signals {
    end: watch::Sender<bool>,
    /// Rung by SIGHUP.
    pub reload: Notify,
    sources: Mutex<Option<[Signal; 6]>>,
}

impl Signals {
    /// Installs the handlers.
    pub(crate) fn listen(end: watch::Sender<bool>) -> Result<Arc<Signals>> {
        let one = |kind| signal(kind).context("cannot install a signal handler");
        let sources = [
            one(SignalKind::terminate())?,
            one(SignalKind::interrupt())?,
            one(SignalKind::quit())?,
            one(SignalKind::hangup())?,
            one(SignalKind::user_defined1())?,
            one(SignalKind::user_defined2())?,
        ];
        Ok(Arc::new(Signals {
            end,
            reload: Notify::new(),
            sources: Mutex::new(Some(sources)),
        }))
    }

    fn end(&self, name: &str) {
        tracing::info!("{name}: the pod ends");
        self.end.send_replace(true);
    }
}

/// Acts on signals as long as the agent lives.
pub(crate) async fn follow(signals: Arc<Signals>, board: Arc<StatusBoard>) {
    let taken = signals.sources.lock().ok().and_then(|mut s| s.take());
    let Some([mut term, mut int, mut quit, mut hup, mut usr1, mut usr2]) = taken else {
        return;
    };
    loop {
        tokio::select! {
            Some(()) = term.recv() => signals.end("SIGTERM"),
            Some(()) = int.recv() => signals.end("SIGINT"),
            Some(()) = quit.recv() => signals.end("SIGQUIT"),
            Some(()) = hup.recv() => {
                tracing::info!("SIGHUP: reading the configuration again");
                signals.reload.notify_one();
            }
            Some(()) = usr1.recv() => match serde_json::to_string(&board.snapshot()) {
                Ok(status) => tracing::info!("SIGUSR1: {status}"),
                Err(error) => tracing::warn!("SIGUSR1: {error}"),
            },
            Some(()) = usr2.recv() => tracing::debug!("SIGUSR2: nothing to do"),
        }
    }
}
