//! Containers that end, politely and not.

use anyhow::{Context, Result, bail, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::suite::Shared;
use cluster_tests::writers::{self, Writers};
use cluster_tests::{docker, wait};
use std::process::{Child, Stdio};

/// More than the grace period: who is still there then was killed by Docker, with exit code 137.
const LATE: &str = "60";

/// Stops a pod's container and checks that it ended by itself, in order.
fn stop(cluster: &Cluster, pod: &str) -> Result<String> {
    cluster.container_do(&["stop", "--time", LATE], pod)?;
    cluster.inspect(pod, "{{.State.ExitCode}}")
}

pub(crate) fn all_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let primaries = ["coordinator-0", "segment-a-0", "segment-a-1"].map(|pod| cluster.pod(pod));
        for pod in primaries {
            cluster.sql(pod, "create table killed as select generate_series(1, 1000) as id")?;
        }
        for pod in &cluster.pods {
            cluster.container_do(&["kill"], pod)?;
        }
        cluster.start_shuffled()?;
        cluster.wait_all_ready()?;
        for pod in primaries {
            ensure!(cluster.sql(pod, "select count(*), sum(id) from killed")? == "1000|500500");
            cluster.sql(pod, "drop table killed")?;
        }
        Ok(())
    })
}

/// The mirror's first connection may come before discovery has found it again.
pub(crate) fn names_are_kept(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (pod, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
        let line = format!("host replication gpadmin {mirror}.{}", cluster.domain());
        let hba = || cluster.exec(pod, &["cat", "/greenplum/gpseg0/pg_hba.conf"]);
        wait::until("the mirror's name in pg_hba.conf", || {
            ensure!(hba()?.contains(&line));
            Ok(())
        })?;
        // Without its container the mirror has no name either.
        cluster.container_do(&["stop", "--time", LATE], mirror)?;
        cluster.container_do(&["restart", "--time", LATE], pod)?;
        cluster.wait_status(pod, "running, and the mirror not found", |s| {
            s["phase"] == "running" && s["peers"]["waiting"].to_string().contains(mirror)
        })?;
        let kept = hba()?;
        ensure!(kept.contains(&line), "the mirror would be refused:\n{kept}");
        cluster.container_do(&["start"], mirror)?;
        cluster.wait_ready(mirror)?;
        cluster.wait_ready(pod)
    })
}

pub(crate) fn sigterm_under_load(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-0");
        cluster.sql(pod, "create table written (id bigint)")?;
        let load = Writers::start(cluster, pod, "written", 4)?;
        wait::until("a load", || {
            ensure!(load.acknowledged() > 200, "{} rows", load.acknowledged());
            Ok(())
        })?;
        let code = stop(cluster, pod)?;
        let rows = load.ended()?;
        ensure!(code == "0", "the container ended with {code}:\n{}", cluster.logs(pod));
        let since = Cluster::now()?;
        cluster.container_do(&["start"], pod)?;
        cluster.wait_ready(pod)?;
        writers::check(cluster, pod, "written", &rows)?;
        let log = cluster.logs_since(pod, &since)?;
        ensure!(
            log.contains("database system was shut down at"),
            "no word of a clean end:\n{log}"
        );
        for trace in ["was not properly shut down", "automatic recovery", "was interrupted"] {
            ensure!(!log.contains(trace), "crash recovery:\n{log}");
        }
        cluster.sql(pod, "drop table written").map(drop)
    })
}

/// A session in a pod with a mark in its application name; and its backend's PID.
fn session(cluster: &Cluster, pod: &str, query: &str) -> Result<(Child, i64)> {
    let (container, port) = (cluster.container(pod), cluster.port(pod)?.to_string());
    let psql = ["psql", "-XAtq", "-p", &port, "-c", query];
    let exec = ["exec", "-e", "PGAPPNAME=stuck", &container];
    let child = docker::command(&[&exec[..], &psql].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let backend = wait::until("the session", || {
        let active = "select pid from pg_stat_activity where application_name = 'stuck' and state = 'active'";
        cluster.sql(pod, active)?.parse::<i64>().context("no such session")
    })?;
    Ok((child, backend))
}

fn stop_while_stuck(cluster: &Cluster, pod: &str, mut session: Child) -> Result<()> {
    let code = stop(cluster, pod);
    let _ = session.kill();
    let _ = session.wait();
    let code = code?;
    if code == "137" {
        bail!("Docker had to kill the container:\n{}", cluster.logs(pod));
    }
    cluster.container_do(&["start"], pod)?;
    cluster.wait_ready(pod)
}

pub(crate) fn client_that_does_not_read(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-1");
        let flood = "copy (select repeat('x', 1000) from generate_series(1, 100000000)) to stdout";
        let (session, _) = session(cluster, pod, flood)?;
        let client = cluster.exec(pod, &["pgrep", "-x", "psql"])?;
        cluster.signal(pod, "STOP", client.parse().context("not one psql")?)?;
        wait::until("the backend waits for its client", || {
            let waits = "select wait_event from pg_stat_activity where application_name = 'stuck'";
            ensure!(cluster.sql(pod, waits)? == "ClientWrite");
            Ok(())
        })?;
        stop_while_stuck(cluster, pod, session)
    })
}

pub(crate) fn stopped_backend(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-1");
        let (session, backend) = session(cluster, pod, "select pg_sleep(3600)")?;
        cluster.signal(pod, "STOP", backend)?;
        stop_while_stuck(cluster, pod, session)
    })
}
