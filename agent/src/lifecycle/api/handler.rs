//! What the HTTP server asks of the agent, answered from the board and from what the pod knows.

use super::agent::{Agent, Done};
use super::cluster_view;
use super::refusal::Refusal;
use crate::lifecycle::failover::command::Asked;
use crate::lifecycle::greenplum::catalog;
use crate::lifecycle::peers::look::PartnerLooks;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::leadership::Request;
use crate::lifecycle::postmaster::supervisor::{Command, HoldAnswer};
use crate::lifecycle::recovery;
use crate::lifecycle::status_board::{StatusBoard, now};
use crate::sys::http::Reply;
use gp_agent_core::cluster::catalog::{CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::document::Origin;
use gp_agent_core::cluster::failover_command::FailoverCommand;
use gp_agent_core::cluster::partner_look::PartnerLook;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::failover::promise::{PromiseQuestion, PromiseReply};
use gp_agent_core::greenplum::lost_pods::Silence;
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::machine::model::Wish;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

type Begun = recovery::command::Answer;
/// Who recovers segments, in a cluster that has a catalog of them.
pub(crate) type RecoverySender = mpsc::Sender<recovery::command::Asked>;

/// What the HTTP server asks.
pub(crate) struct AgentApi {
    board: Arc<StatusBoard>,
    commands: mpsc::Sender<Command>,
    failover: mpsc::Sender<Asked>,
    partner: PartnerLooks,
    attached: OnceLock<Attached>,
}

struct Attached {
    pod: Arc<Pod>,
    recovery: Option<RecoverySender>,
}

impl AgentApi {
    /// An agent that does not know its pod yet.
    pub(crate) fn new(
        board: Arc<StatusBoard>,
        commands: mpsc::Sender<Command>,
        failover: mpsc::Sender<Asked>,
    ) -> AgentApi {
        AgentApi {
            board,
            commands,
            failover,
            partner: PartnerLooks::default(),
            attached: OnceLock::new(),
        }
    }

    /// Makes the pod known, once, with what recovers the segments of its cluster, where it has a catalog of them.
    pub(crate) fn attach(&self, pod: &Arc<Pod>, recovery: Option<RecoverySender>) {
        let pod = pod.clone();
        let _ = self.attached.set(Attached { pod, recovery });
    }

    fn has_catalog(&self) -> bool {
        self.attached.get().is_some_and(|attached| attached.recovery.is_some())
    }

    fn pod(&self) -> Option<&Arc<Pod>> {
        self.attached.get().map(|attached| &attached.pod)
    }

    /// Answers when it is done: an administrator goes on by hand then.
    async fn command(&self, command: impl FnOnce(HoldAnswer) -> Command) -> Result<(), Refusal> {
        if self.pod().is_none() {
            return Err(Refusal::NoPostmaster);
        }
        let (answer, done) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Refusal::Ending)?;
        Ok(done.await.map_err(|_| Refusal::Ending)??)
    }

    /// Whoever is not the one to ask says so at once. A command that takes longer than a request may goes on without its answer.
    async fn ask_failover(&self, command: FailoverCommand) -> Result<Done, Refusal> {
        let Some(pod) = self.pod() else {
            return Err(Refusal::NoPostmaster);
        };
        self.board.read(|s| command.admit(&pod.me.pod, s.failover.as_ref()))?;
        let (answer, done) = oneshot::channel();
        self.failover
            .send(Asked { command, answer })
            .await
            .map_err(|_| Refusal::Ending)?;
        match tokio::time::timeout(timeouts::FAILOVER_DONE, done).await {
            Ok(answered) => Ok(Done::Finished(answered.map_err(|_| Refusal::Ending)??)),
            Err(_) => Ok(Done::UnderWay),
        }
    }

    /// Answers when it is begun, or says why it is not.
    async fn ask_recovery(&self, asked: impl FnOnce(Begun) -> recovery::command::Asked) -> Result<String, Refusal> {
        let Some(attached) = self.attached.get() else {
            return Err(Refusal::NoPostmaster);
        };
        let Some(recovery) = &attached.recovery else {
            return Err(Refusal::NoCatalog);
        };
        let (answer, begun) = oneshot::channel();
        recovery.send(asked(answer)).await.map_err(|_| Refusal::Ending)?;
        match tokio::time::timeout(timeouts::FAILOVER_DONE, begun).await {
            Ok(answered) => Ok(answered.map_err(|_| Refusal::Ending)??),
            Err(_) => Err(Refusal::Busy),
        }
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
        Box::pin(async { cluster_view::gather(&self.board, self.pod(), self.has_catalog()).await })
    }

    fn catalog(&self, content: Option<ContentId>) -> CatalogReply {
        let (cluster, fqdn, why) = self.board.read(|s| {
            let cluster = s.identity.cluster().unwrap_or_default().to_string();
            let fqdn = s.identity.member().map(|m| m.fqdn.clone()).unwrap_or_default();
            (cluster, fqdn, s.reason.clone())
        });
        let answer = match self.pod() {
            Some(pod) => catalog::told(pod, content),
            None => CatalogAnswer::Unknown { why },
        };
        CatalogReply::new(cluster, fqdn, answer)
    }

    fn partner(&self) -> Reply<'_, Option<PartnerLook>> {
        Box::pin(async {
            let pod = self.pod()?;
            let silence = self.partner.look(pod).await?.silence;
            let origin = Origin::new(pod.me.pod.clone(), pod.topology.cluster.clone(), pod.me.fqdn.clone());
            Some(PartnerLook {
                origin,
                silent: silence.is_some(),
                takes_connections: silence == Some(Silence::Starved),
            })
        })
    }

    fn recheck(&self) {
        if let Some(pod) = self.pod() {
            pod.recheck.ring();
        }
    }

    fn promise(&self, question: PromiseQuestion, from: IpAddr) -> Reply<'_, Option<PromiseReply>> {
        Box::pin(async move {
            let pod = self.pod()?;
            // Nobody reads what is asked before.
            pod.leadership.view()?;
            let (answer, answered) = oneshot::channel();
            let PromiseQuestion { epoch, seconds, by } = question;
            pod.leadership.request(Request::Promise {
                epoch,
                seconds,
                by,
                from,
                answer,
            });
            let answer = tokio::time::timeout(timeouts::PROMISE_GIVEN, answered).await;
            let (own, reply) = answer.ok()?.ok()?;
            let origin = Origin::new(own.pod, pod.topology.cluster.clone(), pod.me.fqdn.clone());
            Some(PromiseReply::new(origin, own.uid, reply))
        })
    }

    fn hold(&self, reason: String) -> Reply<'_, Result<(), Refusal>> {
        Box::pin(self.command(|answer| Command::Hold(reason, answer)))
    }

    fn resume(&self) -> Reply<'_, Result<(), Refusal>> {
        Box::pin(self.command(Command::Resume))
    }

    fn failover(&self, command: FailoverCommand) -> Reply<'_, Result<Done, Refusal>> {
        Box::pin(self.ask_failover(command))
    }

    fn recover(&self, wish: Wish) -> Reply<'_, Result<String, Refusal>> {
        Box::pin(self.ask_recovery(|answer| recovery::command::Asked::Recover(wish, answer)))
    }

    fn rebalance(&self) -> Reply<'_, Result<String, Refusal>> {
        Box::pin(self.ask_recovery(recovery::command::Asked::Rebalance))
    }

    fn expand(&self) -> Reply<'_, Result<String, Refusal>> {
        Box::pin(self.ask_recovery(recovery::command::Asked::Expand))
    }
}
