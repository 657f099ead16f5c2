//! Where Greenplum's tools make and start directories too: who is at work on one is let finish.

use super::Supervisor;
use crate::engine::Making;
use crate::sys::postgres::data_directory::Examined;
use crate::sys::postgres::running_tools::at_work;
use gp_agent_core::postgres::start_decision::DirectoryKind;
use std::io;
use std::time::{Duration, Instant};

/// gprecoverseg and gpinitstandby start the server they have just made, some steps later; pg_ctl fails when somebody else
/// was quicker, and the tool with it.
const MAKER_STARTS_WITHIN: Duration = Duration::from_secs(30);

/// What the supervisor remembers of a directory that is not its own to make.
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

    /// A server runs.
    pub(super) fn running(&mut self) {
        *self = ToolWatch::default();
    }
}

impl Supervisor<'_> {
    /// Whom to wait for before the directory is started; nobody when `None`.
    pub(super) fn others_first(&mut self, examined: &Examined) -> io::Result<Option<String>> {
        if matches!(self.pod.engine.making(), Making::EachPod(_)) {
            return Ok(None);
        }
        if let Some(tool) = at_work(self.pod.dir())? {
            self.others.refused();
            return Ok(Some(format!(
                "{} (process {}) is at work on the data directory",
                tool.comm, tool.pid
            )));
        }
        let replica = examined.directory.kind == DirectoryKind::Standby;
        if self.others.was_refused && replica {
            let since = self.others.mended_at.get_or_insert_with(Instant::now);
            if since.elapsed() < MAKER_STARTS_WITHIN {
                return Ok(Some(
                    "the data directory was just made a replica's; whoever did that starts it".into(),
                ));
            }
        }
        Ok(None)
    }
}
