//! Whether the cluster works: by its catalog and by a query that every primary has to answer.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::postgres::session::Session;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::catalog;
use gp_agent_core::cluster::catalog::{Catalog, CatalogRole};
use gp_agent_core::greenplum::creation_gaps::CreationGaps;
use gp_agent_core::process::timeouts;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A coordinator that has just been restarted recovers distributed transactions before it answers.
pub(super) const SERVERS_ANSWER_WITHIN: Duration = timeouts::SEGMENTS_ANSWER;
const ANSWER_WITHIN: Duration = timeouts::CREATION_ANSWERS;
const ASK_AGAIN: Duration = Duration::from_millis(300);

const ROLE: &str = "select current_setting('gp_role')";
/// Each primary answers for itself (gp_dist_random makes the query run on all of them). A coordinator in utility mode, as
/// gpinitsystem starts it at first, asks nobody and answers with a row of its own, whose gp_segment_id is -1.
const DISTRIBUTED: &str = "select count(*) from gp_dist_random('gp_id') where gp_segment_id >= 0";
const STREAMING: &str = "select count(*) from pg_stat_replication where state = 'streaming'";

/// What the cluster lacks; asks again for as long as `patience` while there is no answer.
///
/// # Errors
/// The coordinator does not answer, or not every primary does.
pub(super) async fn lacks(pod: &Pod, patience: Duration) -> Result<CreationGaps> {
    let mut session = pod.session(ANSWER_WITHIN);
    let begin = Instant::now();
    loop {
        let error = match look(pod, &mut session).await {
            Ok(lacks) => return Ok(lacks),
            Err(error) => error,
        };
        if begin.elapsed() >= patience || !runs(pod) {
            return Err(error);
        }
        sleep(ASK_AGAIN).await;
    }
}

/// Whether the coordinator's server runs at all.
pub(super) fn runs(pod: &Pod) -> bool {
    matches!(pidfile::occupant(pod.dir()), Ok(Occupant::Postmaster(_)))
}

async fn look(pod: &Pod, session: &mut Session) -> Result<CreationGaps> {
    let rows = session
        .ask(catalog::SQL)
        .await
        .context("the coordinator does not answer")?;
    let segments = Catalog::segments_from_rows(&rows).context("gp_segment_configuration has strange rows")?;
    let primaries = segments
        .iter()
        .filter(|s| s.content.is_segment() && s.role == CatalogRole::Primary)
        .count() as u64;
    let role = text(session, ROLE).await?;
    if role != "dispatch" {
        bail!("the coordinator runs in {role} mode, in which it asks no primary");
    }
    let answering = number(session, DISTRIBUTED).await?;
    if answering != primaries {
        bail!("{answering} of {primaries} primaries answer a distributed query");
    }
    let streams = number(session, STREAMING).await? > 0;
    Ok(CreationGaps::of(&pod.topology, &segments, streams))
}

async fn number(session: &mut Session, sql: &str) -> Result<u64> {
    let answer = text(session, sql).await?;
    answer.parse().with_context(|| format!("no number from: {sql}"))
}

/// The first cell of the answer.
async fn text(session: &mut Session, sql: &str) -> Result<String> {
    let rows = session.ask(sql).await.with_context(|| sql.to_string())?;
    let cell = rows.into_iter().next().and_then(|row| row.into_iter().next());
    cell.flatten().with_context(|| format!("no answer to: {sql}"))
}
