//! What differs between engines where two coordinators are a pair: one of them writes, the other one may take over.

use super::{Engine, FailoverSql, greenplum, greenplum_standby};
use crate::sys::postgres::programs::ToolError;
use gp_agent_core::failover::candidate::CommitsWait;
use gp_agent_core::failover::lsn::Lsn;
use std::path::Path;

impl Engine {
    /// What a coordinator and its standby are asked about who writes.
    pub(crate) fn failover_sql(&self) -> FailoverSql {
        FailoverSql::of(self.major_version())
    }

    /// What a coordinator's commit waits for.
    pub(crate) fn commits_wait(&self) -> CommitsWait {
        match self {
            Engine::Postgres(_) => CommitsWait::Always,
            Engine::Greenplum(_) => CommitsWait::WhileStreaming,
        }
    }

    /// By which name the coordinator knows the stream of that standby.
    pub(crate) fn stream_of<'a>(&self, standby: &'a str) -> &'a str {
        match self {
            Engine::Postgres(_) => standby,
            Engine::Greenplum(_) => greenplum_standby::APPLICATION_NAME,
        }
    }

    /// The process that receives log for a replica that answers no SQL, and up to where it has flushed.
    pub(crate) fn streaming(&self, postmaster: i32) -> Option<(i32, Lsn)> {
        match self {
            Engine::Postgres(_) => None,
            Engine::Greenplum(_) => greenplum::streaming(postmaster),
        }
    }

    /// Whether the directory of an old coordinator that crashed can go back to where the new timeline began.
    pub(crate) fn can_rewind(&self) -> bool {
        match self {
            Engine::Postgres(_) => true,
            Engine::Greenplum(greenplum) => greenplum.can_rewind(),
        }
    }

    /// Has the server of a standby end its recovery; the server says itself when it takes writes.
    pub(crate) async fn promote(&self, dir: &Path) -> Result<(), ToolError> {
        match self {
            Engine::Postgres(postgres) => postgres.promote(dir).await,
            Engine::Greenplum(greenplum) => greenplum.promote(dir).await,
        }
    }
}
