//! Once after the creation: a database for gpadmin, and the SQL files of the configuration, in the order of their names.

use super::record::Record;
use super::{complete, finish_later};
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::tool;
use crate::lifecycle::pod::Pod;
use anyhow::{Context, Result};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::config::quote;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::greenplum::creation_state::{CreationState, TakeUp};
use gp_agent_core::process::timeouts;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Does it when the cluster answers, where it was created; then rests as long as the pod lives.
pub(crate) async fn keep(pod: &Pod, greenplum: &Greenplum) {
    if pod.me.role == Role::Coordinator {
        let state = loop {
            match answering(pod) {
                Some(state) => break state,
                None => sleep(LOOK_EVERY).await,
            }
        };
        if state.take_up() == TakeUp::Finish {
            finish_later(pod, greenplum).await;
        }
        let found = match once(pod, greenplum).await {
            Ok(()) => Vec::new(),
            Err(error) => vec![Finding::error(
                Area::Postgres,
                pod.config.borrow().greenplum.sql.display().to_string(),
                format!("{error:#}"),
                "mend it, then restart this pod; files that were run are not run again",
            )],
        };
        pod.board.findings(FindingSource::PostCreate, found);
        complete::finished_by_hand(pod).await;
    }
    std::future::pending::<()>().await;
}

/// How far the creation came here, once it is over or may go on beside the server.
fn answering(pod: &Pod) -> Option<CreationState> {
    let acting = pod.board.read(|s| s.active_role == Some(Role::Coordinator));
    let record = Record::load(pod).ok().filter(|_| acting)?;
    Some(record.state).filter(|state| *state >= CreationState::Whole)
}

async fn once(pod: &Pod, greenplum: &Greenplum) -> Result<()> {
    let mut record = Record::load(pod)?;
    let config = pod.config.borrow().greenplum.clone();
    if !record.database_done {
        make_database(pod, &config.database).await?;
        record.database_done = true;
        record.store(pod)?;
    }
    for file in sql_files(&config.sql)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if record.sql_done.contains(&name) {
            continue;
        }
        tracing::info!("running {} in database {}", file.display(), config.database);
        let file = file.display().to_string();
        let words = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &config.database, "-f", &file];
        tool::run(pod, greenplum, "psql", &words.map(String::from), None).await?;
        record.sql_done.push(name);
        record.store(pod)?;
    }
    Ok(())
}

async fn make_database(pod: &Pod, name: &str) -> Result<()> {
    let mut session = pod.session(timeouts::DATABASE_MADE);
    let exists = format!("select 1 from pg_database where datname = {}", quote::sql_literal(name));
    if session.ask(&exists).await?.is_empty() {
        let made = session
            .ask(&format!("create database {}", quote::sql_identifier(name)))
            .await;
        made.with_context(|| format!("cannot create database {name}"))?;
        tracing::info!("database {name} is created");
    }
    Ok(())
}

/// `*.sql` of the directory by name; none when there is no directory. A ConfigMap's own links and hidden files are passed over.
fn sql_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", dir.display())),
    };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|e| e.map(|e| e.path())).collect();
    let mut files = paths.with_context(|| format!("cannot read {}", dir.display()))?;
    files.retain(|path| {
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|e| e == "sql") && path.is_file()
    });
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["20-b.sql", "10-a.sql", ".hidden.sql", "readme.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> = sql_files(dir.path()).unwrap();
        assert_eq!(names, ["10-a.sql", "20-b.sql"].map(|n| dir.path().join(n)));
        assert_eq!(sql_files(&dir.path().join("none")).unwrap(), Vec::<PathBuf>::new());
    }
}
