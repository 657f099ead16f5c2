//! Surroundings that are not as they should be.

use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::{Names, Settings};
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;

pub(crate) fn wrong_reverse_names(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(Settings {
        names: Names::WrongReverse,
        segments: 1,
        ..Settings::default()
    })?;
    // Clients' Services give coordinators other names everywhere, so there that is nothing to report.
    for (pod, peer, content, reported) in [
        ("segment-a-0", "segment-b-0", 0, true),
        ("coordinator-0", "coordinator-1", -1, false),
    ] {
        let (pod, peer) = (cluster.pod(pod), cluster.pod(peer));
        let told = |s: &Value| {
            let mut findings = s["findings"].as_array().into_iter().flatten();
            findings.any(|f| f["area"] == "dns" && f.to_string().contains(peer))
        };
        let what = "replicates, and says what is wrong";
        cluster.wait_status(pod, what, |s| {
            s["replication"][0]["state"] == "streaming" && told(s) == reported
        })?;
        let address = format!("{}/32", cluster.address(peer)?.ip());
        let file = format!("/greenplum/gpseg{content}/pg_hba.conf");
        let hba = cluster.exec(pod, &["cat", &file])?;
        ensure!(hba.contains(&address), "{address} is not in pg_hba.conf:\n{hba}");
        let name = format!("{peer}.{}", cluster.domain());
        let mut lines = hba.lines().filter(|line| !line.trim_start().starts_with('#'));
        ensure!(
            !lines.any(|line| line.contains(&name)),
            "a name that never matches:\n{hba}"
        );
    }
    Ok(())
}

pub(crate) fn volume_in_memory(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings::default())?;
    let pod = cluster.pod("coordinator-0");
    cluster.create(pod, &["--tmpfs=/greenplum:uid=1000,gid=1000,mode=0700"])?;
    let status = cluster.wait_status(pod, "refused", |s| s["phase"] == "refused")?;
    ensure!(status.to_string().contains("tmpfs"), "no word of tmpfs: {status}");
    let database = cluster.try_exec(pod, &["ls", "/greenplum/gpseg-1"])?;
    ensure!(!database.status.success(), "a database was made: {database:?}");
    ensure!(!cluster.try_exec(pod, &["pgrep", "-x", "postgres"])?.status.success());
    // Refused, not dead: the container stays, for the administrator to see why.
    ensure!(cluster.exec(pod, &["gp-agent", "probe", "live"]).is_ok());
    ensure!(cluster.exec(pod, &["gp-agent", "probe", "ready"]).is_err());
    Ok(())
}

pub(crate) fn strange_host_name(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings::default())?;
    let pod = cluster.pod("coordinator-0");
    cluster.create(pod, &["--env=GP_AGENT_HOST_NAME=somebody-0"])?;
    wait::until("the log names the pods that would fit", || {
        let log = cluster.logs(pod);
        ensure!(
            log.contains("somebody-0") && log.contains(cluster.pod("segment-b-1")),
            "{log}"
        );
        Ok(())
    })
}
