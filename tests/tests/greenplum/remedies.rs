//! What findings say is done, word for word, and has to help.

use crate::support::{coordinator, one_pair};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;

const THERE: &str = "in the active coordinator's pod: ";

/// What `gp-agent status` says to do about a pod whose row and agent contradict each other in these words.
fn remedy(cluster: &Cluster, about: &str, words: &str) -> Result<String> {
    let said = cluster.try_exec(coordinator(cluster), &["gp-agent", "status", "--json"])?;
    let entries: Vec<Value> = serde_json::from_slice(&said.stdout).context("gp-agent status --json")?;
    let entry = entries
        .iter()
        .find(|e| e["pod"] == about)
        .context("the pod is missing")?;
    let found = entry["contradictions"].as_array().map_or(&[][..], Vec::as_slice);
    let finding = found
        .iter()
        .find(|f| f["what"].as_str().is_some_and(|what| what.contains(words)));
    let finding = finding.with_context(|| format!("nothing says {words:?} of {about}: {found:?}"))?;
    Ok(finding["remedy"].as_str().context("no remedy")?.to_string())
}

pub(crate) fn wait_remedy(cluster: &Cluster, about: &str, words: &str) -> Result<String> {
    wait::until(words, || remedy(cluster, about, words))
}

/// The command lines of tools in a remedy, which ends with them.
fn tools(remedy: &str) -> Result<Vec<&str>> {
    let (_, lines) = remedy.split_once(THERE).context("no tool is named")?;
    Ok(lines
        .split([',', ';'])
        .map(|line| line.trim().trim_start_matches("and "))
        .map(|line| line.split(" makes ").next().unwrap_or(line))
        .map(|line| line.split(" copies ").next().unwrap_or(line))
        .filter(|line| line.starts_with("gp"))
        .collect())
}

fn follow(cluster: &Cluster, remedy: &str) -> Result<()> {
    let lines = tools(remedy)?;
    ensure!(!lines.is_empty(), "no tool in {remedy:?}");
    lines
        .iter()
        .try_for_each(|line| cluster.tool(coordinator(cluster), line).map(drop))
        .with_context(|| remedy.to_string())
}

pub(crate) fn nothing_is_left(cluster: &Cluster, about: &str) -> Result<()> {
    cluster.wait_all_ready()?;
    cluster.wait_in_place(coordinator(cluster))?;
    wait::until("nothing contradicts", || {
        let left = remedy(cluster, about, "");
        ensure!(left.is_err(), "{left:?}");
        Ok(())
    })
}

/// What the standby's directory lost makes it a coordinator's.
pub(crate) fn standby(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let standby = cluster.pod("coordinator-1");
        cluster.lose_volume(standby)?;
        cluster.create(standby, &[])?;
        let told = wait_remedy(cluster, standby, "there is no data directory")?;
        ensure!(told.contains("gpinitstandby -a -r"), "{told}");
        follow(cluster, &told)?;
        nothing_is_left(cluster, standby)?;
        cluster.exec(standby, &["gp-agent", "hold", "the test"])?;
        cluster.exec(standby, &["pg_ctl", "stop", "-D", "/greenplum/gpseg-1", "-m", "fast"])?;
        cluster.wait_status(standby, "stopped", |s| postmaster(s).is_none())?;
        let markers = "rm -f /greenplum/gpseg-1/standby.signal /greenplum/gpseg-1/recovery.conf";
        cluster.exec(standby, &["bash", "-c", markers])?;
        cluster.exec(standby, &["gp-agent", "resume"])?;
        let told = wait_remedy(cluster, standby, "the directory is a coordinator's")?;
        let (_, rest) = told.split_once("in this pod: ").context("nothing to set aside")?;
        let (aside, _) = rest.split_once(')').context("nothing to set aside")?;
        ensure!(aside.contains("mv /greenplum/gpseg-1 "), "{told}");
        // pg_ctl finds no server to stop here, and says so.
        cluster.exec(standby, &["bash", "-c", aside])?;
        follow(cluster, &told)?;
        nothing_is_left(cluster, standby)
    })
}

/// gprecoverseg finds nothing to do before FTS has marked the row down, and the finding says so.
pub(crate) fn mirror(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (head, mirror) = (coordinator(cluster), cluster.pod("segment-b-1"));
        cluster.lose_volume(mirror)?;
        cluster.create(mirror, &[])?;
        cluster.wait_status(mirror, "refused", |s| s["phase"] == "refused")?;
        let told = wait::until("FTS marks it down when it is asked", || {
            let told = remedy(cluster, mirror, "there is no data directory")?;
            if told.contains("select gp_request_fts_probe_scan()") {
                cluster.sql(head, "select gp_request_fts_probe_scan()")?;
            }
            ensure!(!told.contains("once FTS has marked it down"), "{told}");
            Ok(told)
        })?;
        follow(cluster, &told)?;
        nothing_is_left(cluster, mirror)
    })
}

/// The finding that the creation leaves behind goes when somebody has done the rest.
pub(crate) fn left_by_the_creation(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let (head, standby) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    cluster.switch_on("fail-standby", "")?;
    cluster.create_all()?;
    let named = |s: &Value| s["findings"].to_string().contains("standby not in the catalog: ");
    cluster.wait_status(head, "names what it lacks", named)?;
    cluster.switch_off("fail-standby")?;
    let told = wait_remedy(&cluster, standby, "does not list this pod")?;
    follow(&cluster, &told)?;
    nothing_is_left(&cluster, standby)?;
    cluster.wait_status(head, "no longer says so", |s| !named(s)).map(drop)
}
