//! Surroundings that are not as they should be.

use crate::support::{check, coordinator, fill, one_pair};
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
        // Seen on 6.24 and on a 7-era engine, without the agent's asking.
        if greenplum::kind() == Kind::Real {
            eprintln!(
                "SKIPPED: names_that_are_gone_harm_nobody: a real FTS by itself fails primaries over while their names are gone"
            );
            return Ok(());
        }
        fill(cluster, head, "unnamed")?;
        let before = postmasters(cluster)?;
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
            postmasters(cluster)? == before,
            "a postmaster was stopped because names were gone"
        );
        cluster.wait_in_place(head)?;
        check(cluster, head, "unnamed")?;
        cluster.sql(head, "drop table unnamed").map(drop)
    })
}

/// Lets all agents notice, and look again; nothing may stop for it.
fn endure(cluster: &Cluster) -> Result<()> {
    let head = coordinator(cluster);
    cluster.wait_status(head, "says so", |s| {
        let mut findings = s["findings"].as_array().into_iter().flatten();
        findings.any(|f| f["area"] == "dns")
    })?;
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
