//! gpadmin's password, where the pods ask each other for it.

use crate::support::{coordinator, one_pair};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const VERIFIERS: &str = "select count(*), count(distinct v), min(v) from (select rolpassword as v from pg_authid where rolname = 'gpadmin' \
    union all select rolpassword from gp_dist_random('pg_authid') where rolname = 'gpadmin') servers";

fn with_password(secret: &Path) -> Result<Cluster> {
    let trust = |line: &String| line.replace("auth: trust", "auth: scram-sha-256");
    let shipped = one_pair();
    let settings = Settings {
        lines: shipped.lines.iter().map(trust).collect(),
        ..shipped
    };
    let cluster = Cluster::new(settings)?;
    let mount = format!("--volume={}:/etc/greenplum-password:ro", secret.display());
    for pod in &cluster.pods {
        cluster.create(pod, &[&mount])?;
    }
    cluster.wait_all_ready()?;
    Ok(cluster)
}

/// Waits until every server has one verifier that is another than `before`.
fn one_verifier(cluster: &Cluster, before: &str) -> Result<String> {
    wait::until("one verifier on every server", || {
        let row = cluster.sql(coordinator(cluster), VERIFIERS)?;
        let cells: Vec<&str> = row.split('|').collect();
        ensure!(cells[..2] == ["2", "1"] && cells[2] != before, "{row}");
        Ok(cells[2].to_string())
    })
}

fn catalog_is_clean(cluster: &Cluster) -> Result<()> {
    let said = cluster.tool(coordinator(cluster), "gpcheckcat -A")?;
    let clean = said.matches("Found no catalog issue").count();
    let completed = said.matches("Completed ").count();
    ensure!(clean > 0 && clean == completed, "{said}");
    Ok(())
}

/// Early releases of 7 cannot log in to segments with any `~/.pgpass`, which a finding says.
fn tools_can_log_in(status: &Value) -> bool {
    !status["findings"]
        .to_string()
        .contains("gprecoverseg and other tools cannot log in")
}

pub(crate) fn same_everywhere(_: &Shared) -> Result<()> {
    let secret = tempfile::tempdir()?;
    fs::set_permissions(secret.path(), fs::Permissions::from_mode(0o755))?;
    let file = secret.path().join("password");
    fs::write(&file, "the-first-password\n")?;
    let cluster = with_password(secret.path())?;
    let (head, primary, mirror) = (
        coordinator(&cluster),
        cluster.pod("segment-a-0"),
        cluster.pod("segment-b-0"),
    );
    let first = one_verifier(&cluster, "")?;
    catalog_is_clean(&cluster).context("after the creation")?;
    cluster.sql(head, "alter database postgres set log_statement = 'all'")?;
    fs::write(&file, "the-second-password\n")?;
    one_verifier(&cluster, &first)?;
    catalog_is_clean(&cluster).context("after a rotation")?;
    let logs =
        "cat /greenplum/gpseg*/log/*.csv /greenplum/gpseg*/pg_log/*.csv 2>/dev/null | grep -c the-second-password";
    for pod in [head, primary] {
        let output = cluster.try_tool(pod, logs)?;
        ensure!(
            String::from_utf8_lossy(&output.stdout).trim() == "0",
            "the password stands in the log of {pod}"
        );
    }
    cluster.container_do(&["kill"], primary)?;
    cluster.wait_status(mirror, "takes over", |s| s["activeRole"] == "primary")?;
    cluster.container_do(&["start"], primary)?;
    cluster.wait_status(primary, "waits for recovery", |s| s["phase"] == "refused")?;
    let recover = match tools_can_log_in(&cluster.status(head)?) {
        true => "gprecoverseg -a",
        false => "HOME=/tmp PGPASSWORD=the-second-password gprecoverseg -a",
    };
    cluster.tool(head, recover)?;
    cluster.wait_all_ready()?;
    one_verifier(&cluster, &first)?;
    catalog_is_clean(&cluster).context("after a failover and gprecoverseg")
}
