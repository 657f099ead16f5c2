//! Surroundings that are not as they should be.

use crate::support::{changes, check, coordinator, fill, one_pair};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::greenplum::{self, Kind};
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn postmasters(cluster: &Cluster) -> Result<Vec<Option<i64>>> {
    let pods = cluster.pods.iter();
    pods.map(|pod| Ok(postmaster(&cluster.status(pod)?))).collect()
}

pub(crate) fn dns_gone(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "unnamed")?;
        let before = (postmasters(cluster)?, changes(cluster, head)?);
        for pod in &cluster.pods {
            cluster.set_dns(pod, false)?;
        }
        let endured = endure(cluster);
        for pod in &cluster.pods {
            cluster.set_dns(pod, true)?;
        }
        endured?;
        cluster.wait_all_ready()?;
        ensure!(
            postmasters(cluster)? == before.0,
            "a postmaster was stopped because names were gone"
        );
        ensure!(
            changes(cluster, head)? == before.1,
            "FTS changed the catalog because names were gone"
        );
        cluster.wait_in_place(head)?;
        check(cluster, head, "unnamed")?;
        cluster.sql(head, "drop table unnamed").map(drop)
    })
}

/// How many seconds names stay away. A real FTS without them gives a primary up after half a minute.
fn seconds_away() -> u64 {
    match greenplum::kind() {
        Kind::Real => 120,
        Kind::StandIn => 10,
    }
}

/// Lets all agents notice, and look again; nothing may stop for it, FTS looks all the time, and sessions that begin
/// reach every segment.
fn endure(cluster: &Cluster) -> Result<()> {
    let head = coordinator(cluster);
    cluster.wait_status(head, "says so", |s| {
        let mut findings = s["findings"].as_array().into_iter().flatten();
        findings.any(|f| f["area"] == "dns")
    })?;
    let turned = |s: &serde_json::Value| s["loopTurnedAt"].as_u64().context("no time");
    let end = turned(&cluster.status(head)?)? + seconds_away();
    while turned(&cluster.status(head)?)? < end {
        cluster.sql(head, "select gp_request_fts_probe_scan()")?;
        check(cluster, head, "unnamed")?;
    }
    for pod in &cluster.pods {
        let since = cluster.status(pod)?["loopTurnedAt"].as_u64().context("no time")?;
        cluster.wait_status(pod, "the loop turns", |s| {
            s["loopTurnedAt"].as_u64() >= Some(since + 10)
        })?;
        cluster.wait_ready(pod)?;
    }
    Ok(())
}

/// Runs the real program, but for the clock in what `preflight` prints.
const WRAPPER: &str = "#!/bin/bash
if [ \"$1\" = preflight ]; then
    /usr/local/libexec/gp-agent \"$@\" | sed -E 's/\"unixMillis\": *[0-9]+/\"unixMillis\":1000/'
else
    exec /usr/local/libexec/gp-agent \"$@\"
fi
";

pub(crate) fn clock_skew(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings {
        standby: false,
        mirrors: false,
        ..one_pair()
    })?;
    let (head, late) = (coordinator(&cluster), cluster.pod("segment-a-0"));
    let real = cluster.copy_from_image("/usr/local/bin/gp-agent")?;
    let wrapper = real.with_file_name("wrapper");
    fs::write(&wrapper, WRAPPER)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    let mounts = [
        format!("--volume={}:/usr/local/libexec/gp-agent:ro", real.display()),
        format!("--volume={}:/usr/local/bin/gp-agent:ro", wrapper.display()),
    ];
    cluster.create(late, &[&mounts[0], &mounts[1]])?;
    cluster.create(head, &[])?;
    // A warning: it keeps nothing from running.
    cluster.wait_all_ready()?;
    let log = cluster.logs(head);
    let told = |line: &str| line.contains(late) && line.contains("its clock is at least");
    ensure!(log.lines().any(told), "no word of the clock:\n{log}");
    Ok(())
}
