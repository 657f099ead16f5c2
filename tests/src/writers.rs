//! Clients that write until their server goes away or refuses, and remember what it acknowledged.

use crate::cluster::Cluster;
use crate::docker;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

/// psql as a session for programs. It ends with the first error, since nobody would hear of it.
pub const PSQL: [&str; 4] = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"];

/// Running writers; every row is a transaction of its own.
#[derive(Debug)]
pub struct Writers {
    threads: Vec<JoinHandle<Vec<i64>>>,
    acknowledged: Arc<AtomicI64>,
}

impl Writers {
    /// Starts `count` sessions in a pod that insert distinct numbers into `table (id bigint)`.
    ///
    /// # Errors
    /// When the pod's agent does not answer or docker cannot be started.
    pub fn start(cluster: &Cluster, pod: &str, table: &str, count: i64) -> Result<Writers> {
        let port = cluster.port(pod)?.to_string();
        let exec = ["exec", "-i", &cluster.container(pod)];
        let psql = || docker::command(&[&exec[..], &PSQL, &["-p", &port]].concat());
        Writers::spawn(psql, table, count)
    }

    /// Starts `count` sessions of the psql that `psql` gives.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(psql: impl Fn() -> Command, table: &str, count: i64) -> Result<Writers> {
        let acknowledged = Arc::new(AtomicI64::new(0));
        let threads = (0..count)
            .map(|writer| {
                let session = Session::open(psql())?;
                let (table, seen) = (table.to_string(), acknowledged.clone());
                Ok(std::thread::spawn(move || session.write(&table, writer, &seen)))
            })
            .collect::<Result<_>>()?;
        Ok(Writers { threads, acknowledged })
    }

    /// How many rows have been acknowledged so far.
    pub fn acknowledged(&self) -> i64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until every session has ended, with its server or with an error; the rows that were acknowledged.
    ///
    /// # Errors
    /// When a writer panicked.
    pub fn ended(self) -> Result<Vec<i64>> {
        let mut rows = Vec::new();
        for thread in self.threads {
            let written = thread.join();
            rows.extend(written.map_err(|_| anyhow::anyhow!("a writer panicked"))?);
        }
        Ok(rows)
    }
}

/// Checks that every acknowledged row is there.
///
/// # Errors
/// Names rows that are missing.
pub fn check(cluster: &Cluster, pod: &str, table: &str, rows: &[i64]) -> Result<()> {
    check_among(&cluster.sql(pod, &format!("select id from {table}"))?, rows)
}

/// Checks that every acknowledged row is among those found, one a line.
///
/// # Errors
/// Names rows that are missing.
pub fn check_among(found: &str, rows: &[i64]) -> Result<()> {
    let found: std::collections::HashSet<i64> = found.lines().map(str::parse).collect::<Result<_, _>>()?;
    let lost: Vec<_> = rows.iter().filter(|row| !found.contains(row)).collect();
    ensure!(lost.is_empty(), "{} acknowledged rows are lost: {lost:?}", lost.len());
    Ok(())
}

struct Session {
    psql: Child,
    queries: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Session {
    fn open(mut psql: Command) -> Result<Session> {
        let mut psql = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Session {
            queries: psql.stdin.take().context("no stdin")?,
            answers: BufReader::new(psql.stdout.take().context("no stdout")?),
            psql,
        })
    }

    /// Distinct numbers: the writer's own residue of 1000.
    fn write(mut self, table: &str, writer: i64, seen: &AtomicI64) -> Vec<i64> {
        let mut rows = Vec::new();
        for row in (0..).map(|n| n * 1000 + writer) {
            let query = format!("insert into {table} values ({row}) returning id;\n");
            let mut answer = String::new();
            let sent = self.queries.write_all(query.as_bytes()).is_ok();
            if !sent || !matches!(self.answers.read_line(&mut answer), Ok(n) if n > 0) {
                break;
            }
            if answer.trim() == row.to_string() {
                rows.push(row);
                seen.fetch_add(1, Ordering::Relaxed);
            }
        }
        let _ = self.psql.kill();
        let _ = self.psql.wait();
        rows
    }
}
