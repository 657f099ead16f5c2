//! What the HTTP server asks of the agent, answered from the board and from what the pod knows.

use super::cluster_view;
use super::routes::{Agent, Reply};
use crate::lifecycle::greenplum::catalog;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::postmaster::supervisor::Command;
use crate::lifecycle::status_board::{StatusBoard, now};
use gp_agent_core::cluster::catalog::{CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::status::PodStatus;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

type Answer = oneshot::Sender<Result<(), String>>;

/// What the HTTP server asks.
pub(crate) struct AgentApi {
    board: Arc<StatusBoard>,
    commands: mpsc::Sender<Command>,
    pod: OnceLock<Arc<Pod>>,
}

impl AgentApi {
    /// An agent that does not know its pod yet.
    pub(crate) fn new(board: Arc<StatusBoard>, commands: mpsc::Sender<Command>) -> AgentApi {
        AgentApi {
            board,
            commands,
            pod: OnceLock::new(),
        }
    }

    /// Makes the pod known, once.
    pub(crate) fn attach(&self, pod: &Arc<Pod>) {
        let _ = self.pod.set(pod.clone());
    }

    /// Answers when it is done: an administrator goes on by hand then.
    async fn command(&self, command: impl FnOnce(Answer) -> Command) -> Result<(), String> {
        if self.pod.get().is_none() {
            return Err("this pod has no postmaster yet; see gp-agent status".into());
        }
        let (answer, done) = oneshot::channel();
        let ending = || "the agent is ending".to_string();
        self.commands.send(command(answer)).await.map_err(|_| ending())?;
        done.await.unwrap_or_else(|_| Err(ending()))
    }
}

impl Agent for AgentApi {
    fn status(&self) -> PodStatus {
        self.board.snapshot()
    }

    fn now(&self) -> u64 {
        now()
    }

    fn cluster(&self) -> Reply<'_, String> {
        Box::pin(async { cluster_view::gather(&self.board, self.pod.get()).await })
    }

    fn catalog(&self, content: Option<ContentId>) -> CatalogReply {
        let (cluster, fqdn, why) = self.board.read(|s| {
            let cluster = s.identity.cluster().unwrap_or_default().to_string();
            let fqdn = s.identity.member().map(|m| m.fqdn.clone()).unwrap_or_default();
            (cluster, fqdn, s.reason.clone())
        });
        let answer = match self.pod.get() {
            Some(pod) => catalog::told(pod, content),
            None => CatalogAnswer::Unknown { why },
        };
        CatalogReply::new(cluster, fqdn, answer)
    }

    fn recheck(&self) {
        if let Some(pod) = self.pod.get() {
            pod.recheck.notify_one();
        }
    }

    fn hold(&self, reason: String) -> Reply<'_, Result<(), String>> {
        Box::pin(self.command(|answer| Command::Hold(reason, answer)))
    }

    fn resume(&self) -> Reply<'_, Result<(), String>> {
        Box::pin(self.command(Command::Resume))
    }
}
