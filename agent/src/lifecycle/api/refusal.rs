//! Why the agent does not do what it is asked.

use crate::lifecycle::recovery::command::NotBegun;
use gp_agent_core::cluster::failover_command::CommandError;
use std::io;

/// Why it is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The agent does not know its place yet: there is nothing that could be held, handed over or recovered.
    #[error("this pod has no postmaster yet; see gp-agent status")]
    NoPostmaster,
    /// Whoever would do it has ended with the agent, perhaps after it had begun.
    #[error("the agent is ending")]
    Ending,
    /// Whoever would do it looks at servers that do not answer, and has not come to it in time.
    #[error("the agent is busy with the servers; try again")]
    Busy,
    /// The engine has no such thing as a segment.
    #[error("only Greenplum has a catalog of segments to recover")]
    NoCatalog,
    /// The volume cannot be made to say whether the postmaster is held, and the next agent would not know.
    #[error(transparent)]
    Volume(#[from] io::Error),
    /// It is asked of failover.
    #[error(transparent)]
    Failover(#[from] CommandError),
    /// It is asked of recovery.
    #[error(transparent)]
    Recovery(#[from] NotBegun),
}
