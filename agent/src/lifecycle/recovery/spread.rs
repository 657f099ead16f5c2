//! gpexpand's list of tables, made to agree with the catalog before it goes on: a run that was killed may have spread a table and not
//! said so, and to gpexpand such a table is one that fails for ever ("table has already been expanded").

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Session;
use anyhow::{Context, Result};
use gp_agent_core::config::quote;
use gp_agent_core::process::timeouts;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const WITHIN: Duration = timeouts::SPREAD_TOLD;
/// So many tables in one statement.
const AT_ONCE: usize = 500;

const UNFINISHED: &str = "select dbname, table_oid from gpexpand.status_detail \
    where status not in ('COMPLETED', 'NO LONGER EXISTS') order by 1, 2";
const DATABASES: &str = "select datname from pg_database";
/// Tables on all segments.
const SPREAD: &str = "select localoid::oid from gp_distribution_policy where numsegments = \
    (select count(*) from gp_segment_configuration where content >= 0 and role = 'p')";

/// What becomes of a table in gpexpand's list.
#[derive(Clone, Copy, Debug)]
enum Ended {
    /// It is on all segments.
    Completed,
    /// It has gone.
    NoLongerExists,
}

impl Ended {
    /// gpexpand's word.
    fn as_str(self) -> &'static str {
        match self {
            Ended::Completed => "COMPLETED",
            Ended::NoLongerExists => "NO LONGER EXISTS",
        }
    }
}

/// Marks what is done, or gone with its database.
pub(super) async fn reconcile(pod: &Pod) -> Result<()> {
    let mut session = pod.session(WITHIN);
    let rows = session
        .ask(UNFINISHED)
        .await
        .context("cannot read gpexpand.status_detail")?;
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        if let [Some(database), Some(table)] = row.as_slice() {
            tables.entry(database.clone()).or_default().push(table.clone());
        }
    }
    let there = session.ask(DATABASES).await.context("cannot list the databases")?;
    let there: BTreeSet<String> = there.into_iter().flatten().flatten().collect();
    for (database, unfinished) in tables {
        if !there.contains(&database) {
            mark(&mut session, &database, &unfinished, Ended::NoLongerExists).await?;
            continue;
        }
        let mut inside = pod.session(WITHIN).in_database(&database);
        let spread = inside.ask(SPREAD).await;
        let spread = spread.with_context(|| format!("cannot ask which tables of {database} are on all segments"))?;
        let spread: BTreeSet<String> = spread.into_iter().flatten().flatten().collect();
        let done: Vec<String> = unfinished.into_iter().filter(|table| spread.contains(table)).collect();
        mark(&mut session, &database, &done, Ended::Completed).await?;
    }
    Ok(())
}

async fn mark(session: &mut Session, database: &str, tables: &[String], ended: Ended) -> Result<()> {
    let status = ended.as_str();
    for part in tables.chunks(AT_ONCE) {
        let sql = format!(
            "update gpexpand.status_detail set status = {}, expansion_finished = now() where dbname = {} and table_oid in ({})",
            quote::sql_literal(status),
            quote::sql_literal(database),
            part.join(", ")
        );
        session
            .ask(&sql)
            .await
            .context("cannot update gpexpand.status_detail")?;
        tracing::info!(
            "gpexpand.status_detail: {} tables of {database} are {status}",
            part.len()
        );
    }
    Ok(())
}
