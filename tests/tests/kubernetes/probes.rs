//! The kubelet restarts no container for what its database does.

use crate::shared::Shared;
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::Release;
use serde_json::{Value, json};

/// Seconds, each with a liveness probe that would have restarted the container.
const SECONDS: u64 = 15;

pub(crate) fn patience(_: &Shared) -> Result<()> {
    let hasty = json!({ "periodSeconds": 1, "failureThreshold": 1 });
    let release = Release::up(json!({
        "segments": { "count": 1 }, "mirrors": { "enabled": false },
        "probes": { "liveness": hasty },
    }))?;
    release.wait_streaming("coordinator-1")?;
    recovering(&release, "coordinator-1")?;
    without_directory(&release, "coordinator-0")?;
    stopped(&release, "segment-a-0")?;
    let phases = [
        ("coordinator-1", "starting"),
        ("coordinator-0", "bootstrapping"),
        ("segment-a-0", "stopped"),
    ];
    let clock = |pod: &str| release.status(pod)?["loopTurnedAt"].as_u64().context("no time");
    let since = phases.iter().map(|(pod, _)| clock(pod)).collect::<Result<Vec<u64>>>()?;
    for ((pod, phase), since) in phases.iter().zip(since) {
        let later = |s: &Value| s["loopTurnedAt"].as_u64() >= Some(since + SECONDS);
        let status = release.wait_status(pod, "time passes", later)?;
        ensure!(status["phase"] == *phase, "{pod} is not {phase}: {status}");
    }
    for (pod, _) in phases {
        ensure!(release.restarts(pod)? == 0, "{pod} was restarted");
        let pod = release.pod(pod)?;
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        let ready = conditions.clone().find(|c| c["type"] == "Ready");
        ensure!(ready.is_some_and(|c| c["status"] == "False"), "ready: {pod}");
    }
    Ok(())
}

/// A standby that waits for its archive: it answers "the database system is starting up" as long as that takes.
fn recovering(release: &Release, pod: &str) -> Result<()> {
    release.sql(pod, "alter system set restore_command = 'sleep 3600'")?;
    let pid = release.postmaster(pod)?;
    release.exec(pod, &["kill", "-s", "KILL", &pid.to_string()])?;
    let recovers =
        |s: &Value| s["phase"] == "starting" && s["postmaster"]["answer"].to_string().contains("starting up");
    release.wait_status(pod, "recovers", recovers).map(drop)
}

/// A coordinator that has lost its directory, while its standby has a copy: it makes no other database, and nobody is promoted
/// who may lack what was acknowledged.
fn without_directory(release: &Release, pod: &str) -> Result<()> {
    let dir = "/greenplum/gpseg-1";
    release.exec(pod, &["gp-agent", "hold", "losing the directory"])?;
    release.exec(pod, &["pg_ctl", "stop", "-s", "-D", dir, "-m", "fast"])?;
    release.wait_status(pod, "stopped", |s| s["postmaster"]["pid"].is_null())?;
    release.exec(pod, &["mv", dir, "/greenplum/lost"])?;
    release.exec(pod, &["gp-agent", "resume"])?;
    release
        .wait_status(pod, "waits", |s| s["phase"] == "bootstrapping")
        .map(drop)
}

fn stopped(release: &Release, pod: &str) -> Result<()> {
    release.exec(pod, &["pg_ctl", "stop", "-s", "-D", "/greenplum/gpseg0", "-m", "fast"])?;
    release
        .wait_status(pod, "stopped", |s| s["phase"] == "stopped")
        .map(drop)
}
