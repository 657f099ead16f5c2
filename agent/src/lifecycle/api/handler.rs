//! What the HTTP server asks of the agent, answered from the board and from what the pod knows.

use super::cluster_view;
use super::routes::{Agent, Done, Reply};
use crate::lifecycle::failover::command::Asked;
use crate::lifecycle::greenplum::catalog;
use crate::lifecycle::peers::look::PartnerLooks;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::leadership::Request;
use crate::lifecycle::postmaster::supervisor::Command;
use crate::lifecycle::recovery;
use crate::lifecycle::status_board::{StatusBoard, now};
use gp_agent_core::cluster::catalog::{CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::document::Origin;
use gp_agent_core::cluster::failover_command::FailoverCommand;
use gp_agent_core::cluster::partner_look::PartnerLook;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::failover::promise::{PromiseQuestion, PromiseReply};
use gp_agent_core::greenplum::lost_pods::Silence;
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::machine::steps::Wish;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

type Begun = recovery::command::Answer;
/// Who recovers segments, in a cluster that has a catalog of them.
pub(crate) type RecoverySender = mpsc::Sender<recovery::command::Asked>;
type Answer = oneshot::Sender<Result<(), String>>;

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
    async fn command(&self, command: impl FnOnce(Answer) -> Command) -> Result<(), String> {
        if self.pod().is_none() {
            return Err("this pod has no postmaster yet; see gp-agent status".into());
        }
        let (answer, done) = oneshot::channel();
        let ending = || "the agent is ending".to_string();
        self.commands.send(command(answer)).await.map_err(|_| ending())?;
        done.await.unwrap_or_else(|_| Err(ending()))
    }

    /// Whoever is not the one to ask says so at once. A command that takes longer than a request may goes on without its answer.
    async fn ask_failover(&self, command: FailoverCommand) -> Result<Done, String> {
        let Some(pod) = self.pod() else {
            return Err("this pod has no postmaster yet; see gp-agent status".into());
        };
        self.board.read(|s| command.admit(&pod.me.pod, s.failover.as_ref()))?;
        let (answer, done) = oneshot::channel();
        let ending = || "the agent is ending".to_string();
        self.failover
            .send(Asked { command, answer })
            .await
            .map_err(|_| ending())?;
        match tokio::time::timeout(timeouts::FAILOVER_DONE, done).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(ending())).map(Done::Finished),
            Err(_) => Ok(Done::UnderWay),
        }
    }

    /// Answers when it is begun, or says why it is not.
    async fn ask_recovery(&self, asked: impl FnOnce(Begun) -> recovery::command::Asked) -> Result<String, String> {
        let Some(attached) = self.attached.get() else {
            return Err("this pod has no postmaster yet; see gp-agent status".into());
        };
        let Some(recovery) = &attached.recovery else {
            return Err("only Greenplum has a catalog of segments to recover".into());
        };
        let (answer, begun) = oneshot::channel();
        let ending = || "the agent is ending".to_string();
        recovery.send(asked(answer)).await.map_err(|_| ending())?;
        match tokio::time::timeout(timeouts::FAILOVER_DONE, begun).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(ending())),
            Err(_) => Err("the agent is busy with the servers; try again".into()),
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

    fn hold(&self, reason: String) -> Reply<'_, Result<(), String>> {
        Box::pin(self.command(|answer| Command::Hold(reason, answer)))
    }

    fn resume(&self) -> Reply<'_, Result<(), String>> {
        Box::pin(self.command(Command::Resume))
    }

    fn failover(&self, command: FailoverCommand) -> Reply<'_, Result<Done, String>> {
        Box::pin(self.ask_failover(command))
    }

    fn recover(&self, wish: Wish) -> Reply<'_, Result<String, String>> {
        Box::pin(self.ask_recovery(|answer| recovery::command::Asked::Recover(wish, answer)))
    }

    fn rebalance(&self) -> Reply<'_, Result<String, String>> {
        Box::pin(self.ask_recovery(recovery::command::Asked::Rebalance))
    }

    fn expand(&self) -> Reply<'_, Result<String, String>> {
        Box::pin(self.ask_recovery(recovery::command::Asked::Expand))
    }
}
