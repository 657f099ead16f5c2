//! What an administrator asks of failover, on its way from the HTTP server to whoever does it.

use gp_agent_core::cluster::failover_command::{CommandError, FailoverCommand};
use tokio::sync::oneshot;

/// A command, and where the answer goes: what was done, once it is done, or why it is not.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The command.
    pub command: FailoverCommand,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Result<String, CommandError>>,
}
