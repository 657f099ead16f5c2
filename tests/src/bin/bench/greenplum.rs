//! Greenplum itself beside its own tools: starting everything, coming back, and what the agent adds to gpinitsystem.

use crate::table::Table;
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::docker;
use cluster_tests::greenplum::{self, Kind};
use cluster_tests::settings::Settings;
use std::time::{Duration, Instant};

const GIVE_UP: Duration = Duration::from_secs(120);
const ROUNDS: usize = 3;

/// Everything, on a cluster of six containers; nothing when no Greenplum is given.
///
/// # Errors
/// When the cluster does not do what it should.
pub(crate) fn measure(table: &mut Table) -> Result<()> {
    if greenplum::kind() != Kind::Real {
        eprintln!("left out: Greenplum; tests/bench --gphome DIR measures it");
        return Ok(());
    }
    eprintln!("creating a cluster of six containers with gpinitsystem");
    let cluster = Cluster::up(Settings::greenplum())?;
    creation(&cluster, table)?;
    ask(
        &cluster,
        "create table bench (i int) distributed by (i); insert into bench select generate_series(1, 1000)",
    )?;
    starts(&cluster, table).context("cold start")?;
    primary_killed(&cluster, table).context("kill -9 of a primary")?;
    primary_gone(&cluster, table).context("a primary's pod gone")
}

/// From the agent's log: all of the creation but gpinitsystem itself.
fn creation(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let log = cluster.logs(cluster.pod("coordinator-0"));
    let at = |words: &str| {
        let line = log.lines().find(|line| line.contains(words));
        let line = line.with_context(|| format!("the log does not say: {words}"))?;
        seconds_of_day(line).with_context(|| format!("no time in: {line}"))
    };
    let (first, begun) = (at("this pod is the coordinator")?, at("gpinitsystem begins")?);
    let (ended, created) = (at("gpinitsystem ended")?, at("the cluster is created")?);
    table.judge(
        "creation: before and after gpinitsystem",
        begun - first + created - ended,
        "s",
        3.0,
    );
    table.compare("creation: all", created - first, "gpinitsystem", ended - begun, "s", "");
    Ok(())
}

/// `2026-11-25T14:00:01.25Z ...` as seconds since midnight.
fn seconds_of_day(line: &str) -> Option<f64> {
    let time = line.split_once('T')?.1.split_once('Z')?.0;
    let mut parts = time.split(':').map(|p| p.parse::<f64>().ok());
    Some(parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??)
}

/// All containers from nothing, and gpstart after gpstop, in turns.
fn starts(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let pods: Vec<&str> = cluster.pods.iter().map(String::as_str).collect();
    for _ in 0..ROUNDS {
        docker::docker(&[&["stop"], &pods[..]].concat())?;
        let begin = Instant::now();
        docker::docker(&[&["start"], &pods[..]].concat())?;
        until_counted(cluster, begin)?;
        ours.push(begin.elapsed().as_secs_f64());
        cluster.wait_all_ready()?;

        tool(cluster, "gpstop -a -M fast")?;
        let begin = Instant::now();
        tool(cluster, "gpstart -a")?;
        until_counted(cluster, begin)?;
        theirs.push(begin.elapsed().as_secs_f64());
        cluster.wait_all_ready()?;
    }
    table.compare(
        "cold start of all containers to a distributed query",
        middle(ours),
        "gpstart -a",
        middle(theirs),
        "s",
        "0.8",
    );
    Ok(())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn until_counted(cluster: &Cluster, begin: Instant) -> Result<()> {
    until(begin, "a distributed query", || {
        let count = ask(cluster, "select count(*) from bench where i > 0")?;
        ensure!(count.parse::<u32>()? >= 1000, "{count} rows");
        Ok(())
    })
}

fn until(begin: Instant, what: &str, mut try_it: impl FnMut() -> Result<()>) -> Result<()> {
    loop {
        match try_it() {
            Ok(()) => return Ok(()),
            Err(error) if begin.elapsed() > GIVE_UP => {
                return Err(error).context(format!("{what} never worked"));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// As a client would, without asking an agent first.
fn ask(cluster: &Cluster, sql: &str) -> Result<String> {
    let psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-p", "5432", "-c", sql];
    cluster.exec(cluster.pod("coordinator-0"), &psql)
}

fn tool(cluster: &Cluster, line: &str) -> Result<()> {
    cluster
        .exec(cluster.pod("coordinator-0"), &["bash", "-c", line])
        .map(drop)
}

fn write(cluster: &Cluster) -> Result<()> {
    ask(cluster, "insert into bench select generate_series(-100, -1)").map(drop)
}

fn roles(cluster: &Cluster) -> Result<String> {
    let sql = "select string_agg(role || preferred_role || status, ' ' order by dbid) from gp_segment_configuration";
    ask(cluster, sql)
}

fn primary_killed(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let before = roles(cluster)?;
    let primary = cluster.pod("segment-a-0");
    let pid = cluster.status(primary)?["postmaster"]["pid"]
        .as_i64()
        .context("no postmaster")?;
    let begin = Instant::now();
    cluster.signal(primary, "KILL", pid)?;
    until(begin, "a distributed write", || write(cluster))?;
    let took = begin.elapsed().as_secs_f64();
    cluster.wait_all_ready()?;
    ensure!(roles(cluster)? == before, "the mirror took over: {}", roles(cluster)?);
    table.judge(
        "kill -9 of a primary to a distributed write, no failover",
        took,
        "s",
        5.0,
    );
    Ok(())
}

fn primary_gone(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let begin = Instant::now();
    cluster.container_do(&["kill"], cluster.pod("segment-a-0"))?;
    until(begin, "a distributed write", || write(cluster))?;
    let took = begin.elapsed().as_secs_f64();
    table.judge(
        "a primary's container killed to a distributed write on the mirror",
        took,
        "s",
        5.0,
    );
    Ok(())
}
