//! The standby that takes over by itself, and the coordinator that comes back as the standby.

use crate::recovery;
use crate::support::{check, coordinator, fill, one_pair};
use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::greenplum::{self, Kind};
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use cluster_tests::writers::{self, Writers};
use std::time::{Duration, Instant};

/// Before something is broken: rows that a takeover could lose.
const ROWS: i64 = 200;

/// On a machine that is busy with other tests; by itself it is 12 s and 19 s.
const FREE_WITHIN: Duration = Duration::from_secs(45);

fn with_record() -> Settings {
    Settings {
        failover: true,
        ..one_pair()
    }
}

pub(crate) fn killed(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    cluster.create_distributed(first, "ledger")?;
    in_sync(&cluster, first)?;
    let rows = written_until(&cluster, first, || cluster.container_do(&["kill"], first))?;
    holds(&cluster, second)?;
    writers::check(&cluster, second, "ledger", &rows)?;
    check(&cluster, second, "kept")?;
    cluster.container_do(&["start"], first)?;
    follows(&cluster, first, second)?;
    // And back, as an administrator asks for it.
    let more = written_until(&cluster, second, || {
        cluster.exec(second, &["gp-agent", "switchover"]).map(drop)
    })?;
    holds(&cluster, first)?;
    writers::check(&cluster, first, "ledger", &[rows, more].concat())?;
    follows(&cluster, second, first)?;
    clean(&cluster, first)?;
    not_in_sync(&cluster, first, second)?;
    patience(&cluster, first)
}

/// Commits would go on without a silent standby before the coordinator's time to write is over.
fn patience(cluster: &Cluster, first: &str) -> Result<()> {
    cluster.sql(first, "alter system set wal_sender_timeout = '5s'")?;
    cluster.sql(first, "select pg_reload_conf()")?;
    let too_short = |s: &serde_json::Value| s["failover"]["notInSync"]["cause"] == "sender-timeout";
    cluster.wait_status(first, "names the parameter", too_short)?;
    wait::until("check says what helps", || {
        let check = cluster.try_exec(first, &["gp-agent", "check", "ha"])?;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        ensure!(said.contains("ALTER SYSTEM RESET wal_sender_timeout"), "{said}");
        Ok(())
    })?;
    cluster.sql(first, "alter system reset wal_sender_timeout")?;
    cluster.sql(first, "select pg_reload_conf()")?;
    in_sync(cluster, first)
}

/// Without the standby nobody takes over, and status says why.
fn not_in_sync(cluster: &Cluster, first: &str, second: &str) -> Result<()> {
    cluster.exec(
        second,
        &["gp-agent", "hold", "trying what a standby that is down means"],
    )?;
    cluster.exec(second, &["pg_ctl", "stop", "-D", "/greenplum/gpseg-1", "-m", "fast"])?;
    cluster.wait_status(first, "alone", |s| s["failover"]["notInSync"]["why"].is_string())?;
    cluster.sql(first, "insert into ledger values (-1)")?;
    cluster.exec(second, &["gp-agent", "resume"])?;
    follows(cluster, second, first)?;
    let lost = cluster.sql(first, "select count(*) from ledger where id = -1")?;
    ensure!(lost == "1", "{lost} rows");
    Ok(())
}

pub(crate) fn stopped_by_tools(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    in_sync(&cluster, first)?;
    let epoch = epoch(&cluster, first)?;
    for line in ["gpstop -a -M fast", "gpstart -a", "gpstop -a -r -M fast"] {
        cluster.tool(first, line)?;
    }
    cluster.wait_all_ready()?;
    in_sync(&cluster, first)?;
    ensure!(self::epoch(&cluster, first)? == epoch, "the role was given away");
    check(&cluster, first, "kept")?;
    cluster
        .wait_status(second, "still the standby", |s| s["activeRole"] == "standby")
        .map(drop)
}

/// A pod of the coordinators on a new volume becomes the standby of the other, whichever it is.
pub(crate) fn lost_volumes(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    in_sync(&cluster, first)?;
    cluster.lose_volume(second)?;
    cluster.create(second, &[])?;
    follows(&cluster, second, first)?;
    cluster.lose_volume(first)?;
    holds(&cluster, second)?;
    cluster.create(first, &[])?;
    follows(&cluster, first, second)?;
    check(&cluster, second, "kept")?;
    clean(&cluster, second)
}

/// Nothing is refused and nothing ends: neither the sessions of the lost coordinator on the segments nor their locks.
pub(crate) fn frozen(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    fill(&cluster, first, "locked")?;
    cluster.create_distributed(first, "ledger")?;
    in_sync(&cluster, first)?;
    let port = cluster.port(first)?;
    let lock = format!("(echo 'begin; delete from locked;'; sleep 600) | psql -Xq -p {port}");
    cluster.spawn(first, &["bash", "-c", &lock])?;
    wait::until("the lock is held", || {
        // Of the whole table without a detector of global deadlocks, else of its rows (gp_enable_global_deadlock_detector).
        let held = "select count(*) from pg_locks where granted and mode like '%ExclusiveLock' and relation = 'locked'::regclass";
        ensure!(cluster.sql(first, held)? != "0");
        Ok(())
    })?;
    let writers = Writers::start(&cluster, first, "ledger", 4)?;
    wait::until("rows are written", || {
        ensure!(writers.acknowledged() >= ROWS, "{} rows", writers.acknowledged());
        Ok(())
    })?;
    cluster.container_do(&["pause"], first)?;
    let begin = Instant::now();
    holds(&cluster, second)?;
    wait::until("the lock is free", || {
        cluster.sql(second, "set statement_timeout = 2000; delete from locked where id = 1")
    })?;
    eprintln!(
        "the lock of the lost coordinator's session was free after {:?}",
        begin.elapsed()
    );
    ensure!(begin.elapsed() < FREE_WITHIN, "only after {:?}", begin.elapsed());
    cluster.container_do(&["unpause"], first)?;
    let rows = writers.ended()?;
    writers::check(&cluster, second, "ledger", &rows)?;
    check(&cluster, second, "kept")?;
    follows(&cluster, first, second)?;
    clean(&cluster, second)
}

/// As when its node is off. With default settings its primary gives up on it.
pub(crate) fn silent_mirror(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (head, mirror) = (coordinator(&cluster), cluster.pod("segment-b-0"));
    fill(&cluster, head, "kept")?;
    in_sync(&cluster, head)?;
    cluster.container_do(&["pause"], mirror)?;
    let begin = Instant::now();
    let written = cluster.sql(head, "insert into kept values (0)");
    let took = begin.elapsed();
    cluster.container_do(&["unpause"], mirror)?;
    written?;
    eprintln!("written to again after {took:?}");
    ensure!(took < FREE_WITHIN, "only after {took:?}");
    cluster.sql(head, "delete from kept where id = 0")?;
    wait::until("FTS finds the mirror in sync again", || {
        let behind =
            "select count(*) from gp_segment_configuration where content >= 0 and (status <> 'u' or mode <> 's')";
        let behind = cluster.sql(head, behind)?;
        ensure!(behind == "0", "{behind}");
        Ok(())
    })?;
    cluster.wait_in_place(head)?;
    check(&cluster, head, "kept")
}

/// With default settings: the agents hurry FTS.
pub(crate) fn with_a_primary(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    fill(&cluster, first, "kept")?;
    in_sync(&cluster, first)?;
    for pod in [first, primary] {
        cluster.container_do(&["pause"], pod)?;
    }
    let begin = Instant::now();
    holds(&cluster, second)?;
    eprintln!("written to again after {:?}", begin.elapsed());
    ensure!(begin.elapsed() < FREE_WITHIN, "only after {:?}", begin.elapsed());
    check(&cluster, second, "kept")?;
    cluster.wait_status(mirror, "took over", |s| s["activeRole"] == "primary")?;
    wait::until("FTS has its own time again", || {
        let lenient = cluster.sql(second, "show gp_fts_probe_timeout")?;
        ensure!(lenient == "20s", "{lenient}");
        Ok(())
    })?;
    for pod in [first, primary] {
        cluster.container_do(&["unpause"], pod)?;
    }
    follows(&cluster, first, second)?;
    cluster.edit_configuration(|text| text.replace("segments: manual", "segments: auto"))?;
    recovery::whole(&cluster, second)?;
    check(&cluster, second, "kept")?;
    clean(&cluster, second)
}

pub(crate) fn switched_over(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let pods = [coordinator(&cluster), cluster.pod("coordinator-1")];
    fill(&cluster, pods[0], "kept")?;
    cluster.create_distributed(pods[0], "ledger")?;
    in_sync(&cluster, pods[0])?;
    let mut rows = Vec::new();
    for turn in 0..5 {
        let (from, to) = (pods[turn % 2], pods[(turn + 1) % 2]);
        let swap = || cluster.exec(from, &["gp-agent", "switchover"]).map(drop);
        rows.extend(written_until(&cluster, from, swap)?);
        holds(&cluster, to)?;
        follows(&cluster, from, to)?;
        writers::check(&cluster, to, "ledger", &rows)?;
    }
    check(&cluster, pods[1], "kept")?;
    clean(&cluster, pods[1])
}

/// What administrators do with Greenplum's tools is taken up, where it makes no second coordinator.
pub(crate) fn activated_by_hand(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(with_record())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    in_sync(&cluster, first)?;
    cluster.exec(first, &["gp-agent", "failover", "pause"])?;
    cluster.container_do(&["kill"], first)?;
    // As long as a lease that is not renewed counts.
    std::thread::sleep(Duration::from_secs(14));
    cluster.tool(second, "gpactivatestandby -a -f -d /greenplum/gpseg-1")?;
    holds(&cluster, second)?;
    check(&cluster, second, "kept")?;
    cluster.exec(second, &["gp-agent", "failover", "resume"])?;
    cluster.container_do(&["start"], first)?;
    follows(&cluster, first, second)?;
    cluster.tool(second, "gpinitstandby -a -r")?;
    cluster.wait_status(first, "is no standby any more", |s| s["activeRole"].is_null())?;
    let name = format!("{first}.{}", cluster.domain());
    cluster.tool(
        second,
        &format!("gpinitstandby -a -s {name} -P 5432 -S /greenplum/gpseg-1"),
    )?;
    follows(&cluster, first, second)?;
    check(&cluster, second, "kept")
}

fn epoch(cluster: &Cluster, pod: &str) -> Result<u64> {
    Ok(cluster.status(pod)?["failover"]["epoch"].as_u64().unwrap_or_default())
}

/// Writes until that breaks it; what was acknowledged.
fn written_until(cluster: &Cluster, pod: &str, breaks: impl Fn() -> Result<()>) -> Result<Vec<i64>> {
    let writers = Writers::start(cluster, pod, "ledger", 4)?;
    let begun = writers.acknowledged();
    wait::until("rows are written", || {
        ensure!(
            writers.acknowledged() >= begun + ROWS,
            "{} rows",
            writers.acknowledged()
        );
        Ok(())
    })?;
    breaks()?;
    writers.ended()
}

fn in_sync(cluster: &Cluster, holder: &str) -> Result<()> {
    let in_sync = |s: &serde_json::Value| s["failover"]["inSync"].is_string() && s["failover"]["mine"] == true;
    cluster.wait_status(holder, "with a standby in sync", in_sync).map(drop)
}

fn holds(cluster: &Cluster, pod: &str) -> Result<()> {
    cluster.wait_status(pod, "the coordinator", |s| {
        s["failover"]["mine"] == true && s["activeRole"] == "coordinator"
    })?;
    wait::until("a distributed write", || {
        cluster.sql(pod, "insert into kept values (0)")
    })?;
    cluster.sql(pod, "delete from kept where id = 0").map(drop)
}

fn follows(cluster: &Cluster, pod: &str, holder: &str) -> Result<()> {
    cluster.wait_status(pod, "the standby", |s| s["activeRole"] == "standby")?;
    in_sync(cluster, holder)
}

/// The engine's own check of its catalogs.
fn clean(cluster: &Cluster, pod: &str) -> Result<()> {
    if greenplum::kind() == Kind::Real {
        cluster.tool(pod, "gpcheckcat -O postgres")?;
    }
    Ok(())
}
