//! What the servers are asked before roles are changed back: how far the mirrors are, and who works.

use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::{NoAnswer, Session};
use gp_agent_core::recovery::facts::evidence::Detail;
use gp_agent_core::recovery::roles::replay_lag;

/// Tools for backups and copies name their sessions. One that ends in the middle is begun anew, by hours.
const BACKUP: &str = "select application_name from pg_stat_activity where application_name ~* \
    '^(gpbackup|gprestore|gpcopy|gptransfer|pg_dump|pg_restore|pg_basebackup|pgbackrest|wal-g)' limit 1";

/// Asks the coordinator, and through it the primaries.
///
/// # Errors
/// It does not answer.
pub(super) async fn ask(pod: &Pod, greenplum: &Greenplum, session: &mut Session) -> Result<Detail, NoAnswer> {
    let lag = session.ask(greenplum.replay_lag_sql()).await?;
    let busy = session.ask(pod.engine.failover_sql().busy()).await?;
    let backup = session.ask(BACKUP).await?;
    Ok(Detail {
        behind: replay_lag::of(&lag),
        busy: !busy.is_empty(),
        backup: backup.into_iter().flatten().flatten().next(),
    })
}
