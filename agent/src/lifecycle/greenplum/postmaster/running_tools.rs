//! Greenplum's tools make and start directories too: one that works on a directory is waited for.

use crate::sys::postgres::running_tools::at_work;
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind};
use gp_agent_core::process::timeouts;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// gprecoverseg and gpinitstandby start the server they have just made, some steps later; pg_ctl fails when somebody else
/// was quicker, and the tool with it.
const MAKER_STARTS_WITHIN: Duration = timeouts::REPLICA_MAKER_STARTS;

/// What is remembered of a directory that is not the agent's own to make.
#[derive(Debug, Default)]
pub(super) struct ToolWatch {
    /// Whether the directory could not be started when it was last looked at.
    was_refused: bool,
    /// Since when it can be.
    mended_at: Option<Instant>,
}

impl ToolWatch {
    /// The directory could not be started: whoever mends it also starts it.
    pub(super) fn refused(&mut self) {
        self.was_refused = true;
        self.mended_at = None;
    }

    /// A server runs, or the agent itself made the directory.
    pub(super) fn running(&mut self) {
        *self = ToolWatch::default();
    }

    /// Whom to wait for before the directory `own` at `dir` is started; nobody when `None`.
    pub(super) fn first(&mut self, dir: &Path, own: &Directory) -> io::Result<Option<String>> {
        if let Some(tool) = at_work(dir)? {
            self.refused();
            return Ok(Some(format!(
                "{} (process {}) is at work on the data directory",
                tool.comm, tool.pid
            )));
        }
        if self.was_refused && own.kind == DirectoryKind::Standby {
            let since = self.mended_at.get_or_insert_with(Instant::now);
            if since.elapsed() < MAKER_STARTS_WITHIN {
                return Ok(Some(
                    "the data directory was just made a replica's; whoever did that starts it".into(),
                ));
            }
        }
        Ok(None)
    }
}
