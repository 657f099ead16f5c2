//! What the engine's gprecoverseg can do, and what is asked before it is begun.

use super::Greenplum;
use gp_agent_core::postgres::major::Feature;
use gp_agent_core::process::passwd::Account;
use gp_agent_core::process::timeouts;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

const ANSWERS_WITHIN: Duration = timeouts::TOOL_HELP_SHOWN;

impl Greenplum {
    /// Of every mirror its content, the state of its stream, and the bytes that it has still to replay; see
    /// [`gp_agent_core::recovery::roles::replay_lag`].
    pub(crate) fn replay_lag_sql(&self) -> &'static str {
        match self.has(Feature::WalNames) {
            true => {
                "select gp_segment_id::text, state, pg_wal_lsn_diff(sent_lsn, replay_lsn)::bigint::text \
                    from gp_stat_replication where gp_segment_id >= 0 and application_name !~ '^pg_basebackup'"
            }
            false => {
                "select gp_segment_id::text, state, pg_xlog_location_diff(sent_location, replay_location)::bigint::text \
                    from gp_stat_replication where gp_segment_id >= 0 and application_name !~ '^pg_basebackup'"
            }
        }
    }

    /// Whether it knows differential recovery, by its own help. The engines got it at different versions. `coordinator` is the
    /// directory of this pod's coordinator, which the tool locks even for that; `None` if it could not be asked.
    pub(crate) async fn recovers_differentially(&self, account: &Account, coordinator: &Path) -> Option<bool> {
        let (home, dir) = (account.home.to_string_lossy(), coordinator.to_string_lossy());
        let mut environment = vec![("USER", &*account.name), ("LOGNAME", &*account.name), ("HOME", &*home)];
        let variables = self.version().family.data_directory_variables();
        environment.extend(variables.iter().map(|name| (*name, &*dir)));
        let help = self.tools().run("gprecoverseg", ["--help"], &environment);
        match timeout(ANSWERS_WITHIN, help).await {
            Ok(Ok(text)) => Some(text.contains("--differential")),
            Ok(Err(error)) => {
                tracing::warn!("cannot tell whether gprecoverseg knows differential recovery: {error}");
                None
            }
            Err(_) => None,
        }
    }
}
