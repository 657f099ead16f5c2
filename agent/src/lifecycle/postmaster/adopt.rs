//! What runs on the directory already: a postmaster is adopted, what outlived one is waited for.

use super::Supervisor;
use crate::sys::postgres::orphaned_backends;
use crate::sys::postgres::orphaned_backends::Patience;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::process::Process;
use anyhow::Result;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;

impl Supervisor<'_> {
    /// Takes over a postmaster that runs on the directory, and clears a stale lock file when none does.
    pub(super) async fn adopt(&mut self) -> Result<Option<Process>> {
        let dir = self.pod.dir();
        if !dir.try_exists()? {
            return Ok(None);
        }
        match pidfile::occupant(dir)? {
            Occupant::Postmaster(pid) => {
                let process = Process::adopt(pid)?;
                if pidfile::occupant(dir)? != Occupant::Postmaster(pid) {
                    return Ok(None);
                }
                let examined = self.pod.engine.examine(dir).await?;
                self.pod.board.on(Event::DirectoryExamined(examined.facts()));
                self.note_running(&process, format!("postmaster {pid} was running already; adopted"));
                Ok(Some(process))
            }
            // [`Supervisor::obtain`] waits for its end; it began just now.
            Occupant::Standalone(_) => Ok(None),
            Occupant::Leftovers(pids) => {
                self.end_leftovers(&pids).await;
                Ok(None)
            }
            Occupant::Nobody => {
                if pidfile::remove_stale(dir)? {
                    tracing::info!(path = %dir.display(), "removed a stale postmaster.pid: no process of this pod runs there");
                }
                Ok(None)
            }
        }
    }

    /// The single-user server that works on the directory: initdb's, or an administrator's.
    pub(super) fn standalone(&self) -> Result<Option<i32>> {
        let dir = self.pod.dir();
        if !dir.try_exists()? {
            return Ok(None);
        }
        Ok(match pidfile::occupant(dir)? {
            Occupant::Standalone(pid) => Some(pid),
            _ => None,
        })
    }

    async fn end_leftovers(&self, pids: &[i32]) {
        let reason = format!("waiting for {} server processes whose postmaster is gone", pids.len());
        self.pod.board.phase(Phase::Crashed, reason);
        tokio::select! {
            () = orphaned_backends::end(pids, Patience::default()) => {}
            // init ends them otherwise.
            () = self.pod.ending() => {}
        }
    }
}
