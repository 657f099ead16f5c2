//! What a standby needs to follow its primary, and what it follows.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;

const AUTO_CONF: &str = "/greenplum/gpseg0/postgresql.auto.conf";

/// Whatever a standby needs as much of as its primary has (CheckRequiredParameterValues), and a value of each.
const MUCH: [(&str, u32); 5] = [
    ("max_connections", 60),
    ("max_worker_processes", 12),
    ("max_wal_senders", 14),
    ("max_prepared_transactions", 9),
    ("max_locks_per_transaction", 80),
];

/// As much, and so much more.
fn with(more: u32) -> Settings {
    let mut settings = Settings {
        standby: false,
        segments: 1,
        ..Settings::default()
    };
    let parameters = MUCH
        .iter()
        .map(|(name, value)| (name.to_string(), (value + more).to_string()));
    settings.parameters.extend(parameters);
    settings
}

fn expect_with(cluster: &Cluster, pod: &str, more: u32) -> Result<()> {
    for (name, value) in MUCH {
        let shown = cluster.sql(pod, &format!("show {name}"))?;
        ensure!(shown == (value + more).to_string(), "{pod}: {name} is {shown}");
    }
    Ok(())
}

fn restart(cluster: &Cluster, pod: &str) -> Result<()> {
    cluster.container_do(&["restart", "--time", "40"], pod)?;
    cluster.wait_ready(pod)
}

fn has_finding(status: &Value, words: &str) -> bool {
    status["findings"].to_string().contains(words)
}

fn expect_followed(cluster: &Cluster, primary: &str, mirror: &str, table: &str) -> Result<()> {
    cluster.sql(primary, &format!("create table {table} (id int)"))?;
    wait::until("the mirror follows", || {
        cluster.sql(mirror, &format!("select count(*) from {table}"))
    })
    .map(drop)
}

pub(crate) fn lowered_on_the_standby_first(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with(5))?;
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    cluster.configure(&with(0))?;
    restart(&cluster, mirror)?;
    expect_with(&cluster, mirror, 5)?;
    restart(&cluster, primary)?;
    expect_followed(&cluster, primary, mirror, "after_the_primary")?;
    restart(&cluster, mirror)?;
    expect_with(&cluster, mirror, 0)?;
    // And after a promotion the server has what is wanted from its next start on.
    cluster.sql(mirror, "select pg_promote()")?;
    cluster.wait_status(mirror, "active as primary", |s| s["activeRole"] == "primary")?;
    restart(&cluster, mirror)?;
    expect_with(&cluster, mirror, 0)
}

pub(crate) fn raised_on_the_primary_first(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with(0))?;
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    cluster.configure(&with(5))?;
    restart(&cluster, primary)?;
    expect_followed(&cluster, primary, mirror, "after_the_primary")?;
    cluster.wait_ready(mirror)?;
    expect_with(&cluster, mirror, 5)?;
    let log = cluster.logs(mirror);
    ensure!(
        log.contains("max_connections is 65 there and 60 here") && log.contains("started anew"),
        "it was not named:\n{log}"
    );
    // Held, it waits for whoever holds it, and says what it waits for.
    cluster.exec(mirror, &["gp-agent", "hold", "looking"])?;
    cluster.configure(&with(10))?;
    restart(&cluster, primary)?;
    let paused = cluster.wait_status(mirror, "names what is paused", |s| has_finding(s, "cannot be promoted"))?;
    let verdict = cluster.try_exec(mirror, &["gp-agent", "probe", "ready"])?;
    ensure!(
        !verdict.status.success(),
        "ready although it cannot be promoted: {paused}"
    );
    cluster.exec(mirror, &["gp-agent", "resume"])?;
    cluster.wait_status(mirror, "has forgotten it", |s| {
        !has_finding(s, "cannot be promoted") && s["activeRole"] == "mirror"
    })?;
    cluster.wait_ready(mirror)?;
    expect_with(&cluster, mirror, 10)?;
    cluster.sql(mirror, "select pg_promote()")?;
    cluster
        .wait_status(mirror, "active as primary", |s| s["activeRole"] == "primary")
        .map(drop)
}

pub(crate) fn paused(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-b-0");
        cluster.sql(pod, "select pg_wal_replay_pause()")?;
        let status = cluster.wait_status(pod, "names the pause", |s| has_finding(s, "pg_wal_replay_resume()"))?;
        ensure!(status["activeRole"] == "mirror", "it streams all the same: {status}");
        let verdict = cluster.try_exec(pod, &["gp-agent", "probe", "ready"])?;
        ensure!(!verdict.status.success(), "ready although it does not replay");
        // The remedy of the finding.
        cluster.sql(pod, "select pg_wal_replay_resume()")?;
        cluster.wait_status(pod, "has forgotten it", |s| !has_finding(s, "pg_wal_replay_resume()"))?;
        cluster.wait_ready(pod)
    })
}

pub(crate) fn follows_the_topology(_: &Shared) -> Result<()> {
    let settings = with(0);
    let cluster = Cluster::up(settings.clone())?;
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    let streams = |what: &str| {
        cluster.wait_status(mirror, what, |s| s["activeRole"] == "mirror")?;
        let slots = "select count(*) from pg_replication_slots where active";
        wait::until("the slot is in use", || {
            ensure!(cluster.sql(primary, slots)? == "1");
            Ok(())
        })
    };
    cluster.sql(mirror, "alter system set primary_conninfo = 'host=nowhere port=1'")?;
    cluster.sql(mirror, "select pg_reload_conf()")?;
    let status = cluster.wait_status(mirror, "names the line", |s| has_finding(s, "nowhere:1"))?;
    ensure!(
        status["activeRole"] == "mirror",
        "it has let go of its primary: {status}"
    );
    // The remedy of the finding; then what happens without it.
    cluster.sql(mirror, "alter system reset primary_conninfo")?;
    cluster.wait_status(mirror, "has forgotten it", |s| !has_finding(s, "nowhere:1"))?;
    cluster.sql(mirror, "alter system set primary_conninfo = 'host=nowhere port=1'")?;
    restart(&cluster, mirror)?;
    streams("streams in spite of ALTER SYSTEM")?;
    let left = cluster.exec(mirror, &["cat", AUTO_CONF])?;
    ensure!(!left.contains("nowhere"), "{left}");
    cluster.exec(mirror, &["truncate", "-s", "0", AUTO_CONF])?;
    restart(&cluster, mirror)?;
    streams("streams without postgresql.auto.conf")?;
    cluster.configure(&Settings {
        primary_port: Some(40_100),
        ..settings
    })?;
    for pod in [mirror, primary] {
        cluster.container_do(&["restart", "--time", "40"], pod)?;
    }
    cluster.wait_all_ready()?;
    streams("streams from the new port")?;
    let port = cluster.status(primary)?["port"].as_u64().context("no port")?;
    ensure!(port == 40_100, "the port is {port}");
    expect_followed(&cluster, primary, mirror, "after_the_port")
}
