//! The coordinator has no more of the write-ahead log that its standby needs.

use crate::support::{check, coordinator, fill, is_greenplum_6, one_pair};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;

const DIR: &str = "/greenplum/gpseg-1";

/// The agent copies it anew by itself, lists it, and it can take the role.
pub(crate) fn by_itself(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(Settings {
        failover: true,
        ..one_pair()
    })?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    in_sync(&cluster, first)?;
    leave_behind(&cluster, first, second)?;
    cluster.wait_log(second, "left behind: the directory makes room for a copy")?;
    streams(&cluster, second)?;
    in_sync(&cluster, first)?;
    wait::until("the old directory goes", || {
        let beside = cluster.exec(second, &["ls", "/greenplum"])?;
        ensure!(!beside.contains("aside"), "{beside}");
        Ok(())
    })?;
    ensure!(found(&cluster, second)?.is_none());
    cluster.exec(first, &["gp-agent", "switchover"])?;
    in_sync(&cluster, second)?;
    check(&cluster, second, "kept")
}

/// Without a record of failover it is said what helps, and it does.
pub(crate) fn by_hand(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(one_pair())?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    fill(&cluster, first, "kept")?;
    streams(&cluster, second)?;
    leave_behind(&cluster, first, second)?;
    let finding = wait::until("it is found", || found(&cluster, second)?.context("nothing is found"))?;
    eprintln!("{}; {}", finding["what"], finding["remedy"]);
    let remedy = finding["remedy"].as_str().unwrap_or_default();
    let lines = remedy.strip_prefix(&format!("in {first}: ")).context("another pod")?;
    for line in lines.split(", then ") {
        cluster.tool(first, line)?;
    }
    streams(&cluster, second)?;
    wait::until("nothing is found any more", || {
        ensure!(found(&cluster, second)?.is_none());
        Ok(())
    })?;
    check(&cluster, first, "kept")
}

/// While the standby's server is stopped.
fn leave_behind(cluster: &Cluster, first: &str, second: &str) -> Result<()> {
    let (directory, switch, present) = match is_greenplum_6(cluster)? {
        true => (
            "pg_xlog",
            "pg_switch_xlog()",
            "pg_xlogfile_name(pg_current_xlog_location())",
        ),
        false => ("pg_wal", "pg_switch_wal()", "pg_walfile_name(pg_current_wal_lsn())"),
    };
    cluster.exec(second, &["gp-agent", "hold", "work"])?;
    cluster.exec(second, &["pg_ctl", "stop", "-D", DIR, "-m", "fast"])?;
    let needs = cluster.sql(first, &format!("select substr({present}, 9)"))?;
    let oldest = format!(
        "select min(substr(file, 9)) from pg_ls_dir('{directory}') as files(file) where file ~ '^[0-9A-F]{{24}}$'"
    );
    cluster.sql(first, "create table more (id int)")?;
    wait::until("the coordinator has no more of it", || {
        cluster.sql(first, "insert into more values (1)")?;
        // So that there is something to switch.
        cluster.sql(first, "analyze more")?;
        cluster.sql(first, &format!("select {switch}"))?;
        cluster.sql(first, "checkpoint")?;
        let oldest = cluster.sql(first, &oldest)?;
        ensure!(oldest > needs, "{oldest}");
        Ok(())
    })?;
    cluster.exec(second, &["gp-agent", "resume"]).map(drop)
}

fn found(cluster: &Cluster, pod: &str) -> Result<Option<Value>> {
    let status = cluster.status(pod)?;
    let findings = status["findings"].as_array().cloned().unwrap_or_default();
    let is_left = |f: &Value| f["what"].as_str().is_some_and(|what| what.starts_with("left behind: "));
    Ok(findings.into_iter().find(is_left))
}

fn streams(cluster: &Cluster, pod: &str) -> Result<()> {
    let standby = |s: &Value| s["activeRole"] == "standby";
    cluster.wait_status(pod, "the standby streams", standby).map(drop)
}

fn in_sync(cluster: &Cluster, holder: &str) -> Result<()> {
    let in_sync = |s: &Value| s["failover"]["inSync"].is_string() && s["failover"]["mine"] == true;
    cluster.wait_status(holder, "with a standby in sync", in_sync).map(drop)
}
