//! What the HTTP server asks of the agent.

use super::refusal::Refusal;
use crate::sys::http::Reply;
use gp_agent_core::cluster::catalog::CatalogReply;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::failover_command::FailoverCommand;
use gp_agent_core::cluster::partner_look::PartnerLook;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::failover::promise::{PromiseQuestion, PromiseReply};
use gp_agent_core::recovery::machine::model::Wish;
use std::net::IpAddr;

/// What the server asks of the agent.
pub trait Agent: Send + Sync {
    /// This pod, as it is now.
    fn status(&self) -> PodStatus;
    /// Unix seconds.
    fn now(&self) -> u64;
    /// Every pod of the cluster, as a JSON array of [`gp_agent_core::cluster::report::PodReport`].
    fn cluster(&self) -> Reply<'_, String>;
    /// What this pod knows of the catalog: all of it, or one content's rows.
    fn catalog(&self, content: Option<ContentId>) -> CatalogReply;
    /// Looks whether the pod on the other end of replication is silent. Nothing where there is none.
    fn partner(&self) -> Reply<'_, Option<PartnerLook>>;
    /// Has this pod ask the coordinator pods again, soon: one of them has news. The request only triggers a re-read; the caller
    /// is not authenticated.
    fn recheck(&self);
    /// The other coordinator's agent, which says that it is `by` and asks from there, asks for a promise; see
    /// [`gp_agent_core::failover`]. Nothing for anybody else.
    fn promise(&self, question: PromiseQuestion, from: IpAddr) -> Reply<'_, Option<PromiseReply>>;
    /// Takes the postmaster out of supervision.
    fn hold(&self, reason: String) -> Reply<'_, Result<(), Refusal>>;
    /// Gives it back.
    fn resume(&self) -> Reply<'_, Result<(), Refusal>>;
    /// Does what an administrator asks of failover.
    fn failover(&self, command: FailoverCommand) -> Reply<'_, Result<Done, Refusal>>;
    /// Has segments brought back that are down; the answer is what begins.
    fn recover(&self, wish: Wish) -> Reply<'_, Result<String, Refusal>>;
    /// Has primaries and mirrors change their roles back; the answer is what begins.
    fn rebalance(&self) -> Reply<'_, Result<String, Refusal>>;
    /// Has the expansion go on; the answer is what begins.
    fn expand(&self) -> Reply<'_, Result<String, Refusal>>;
}

/// What came of a command about failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is done, and this is what was done.
    Finished(String),
    /// It takes longer than a request may; the status says how it goes on.
    UnderWay,
}
