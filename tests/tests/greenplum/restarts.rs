//! Whole clusters that go down and come back.

use crate::support::{changes, check, coordinator, fill};
use anyhow::{Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::suite::Shared;

/// More than the grace period: who is still there then was killed by Docker, with exit code 137.
const LATE: &str = "60";

fn drop_table(cluster: &Cluster, table: &str) -> Result<()> {
    cluster
        .sql(coordinator(cluster), &format!("drop table {table}"))
        .map(drop)
}

pub(crate) fn all_stopped(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "stopped")?;
        let history = changes(cluster, head)?;
        cluster.all_do(&["stop", "--time", LATE])?;
        for pod in &cluster.pods {
            let code = cluster.inspect(pod, "{{.State.ExitCode}}")?;
            ensure!(code == "0", "{pod} ended with {code}:\n{}", cluster.logs(pod));
        }
        let since = Cluster::now()?;
        cluster.start_shuffled()?;
        cluster.wait_all_ready()?;
        cluster.wait_in_place(head)?;
        check(cluster, head, "stopped")?;
        ensure!(
            changes(cluster, head)? == history,
            "FTS took the end of the cluster for a failure"
        );
        for pod in &cluster.pods {
            let log = cluster.logs_since(pod, &since)?;
            ensure!(
                !log.contains("was not properly shut down"),
                "crash recovery on {pod}:\n{log}"
            );
        }
        drop_table(cluster, "stopped")
    })
}

pub(crate) fn all_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "killed")?;
        cluster.all_do(&["kill"])?;
        cluster.start_shuffled()?;
        cluster.wait_all_ready()?;
        check(cluster, head, "killed")?;
        cluster.wait_in_place(head)?;
        drop_table(cluster, "killed")
    })
}

pub(crate) fn segments_first(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "waiting")?;
        cluster.all_do(&["stop", "--time", LATE])?;
        for short in ["segment-a-0", "segment-b-0", "segment-a-1", "segment-b-1"] {
            cluster.container_do(&["start"], cluster.pod(short))?;
        }
        // A mirror harms nobody; a primary asks first whether it still is one.
        cluster.wait_status(cluster.pod("segment-b-0"), "started at once", |s| {
            postmaster(s).is_some()
        })?;
        let status = cluster.wait_status(cluster.pod("segment-a-0"), "waits", |s| {
            s["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("coordinator"))
        })?;
        ensure!(postmaster(&status).is_none(), "started without being told: {status}");
        for short in ["coordinator-1", "coordinator-0"] {
            cluster.container_do(&["start"], cluster.pod(short))?;
        }
        cluster.wait_all_ready()?;
        check(cluster, head, "waiting")?;
        cluster.wait_in_place(head)?;
        drop_table(cluster, "waiting")
    })
}

/// Pods that are made anew do not come at the same moment: their volumes follow them, their nodes differ.
pub(crate) fn late_primary(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        let history = changes(cluster, head)?;
        cluster.all_do(&["stop", "--time", LATE])?;
        let late = cluster.pod("segment-a-1");
        for pod in cluster.pods.iter().filter(|pod| *pod != late) {
            cluster.container_do(&["start"], pod)?;
        }
        cluster.wait_status(head, "lets it start first", |s| {
            s["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains("letting 1 of 2 primaries start first"))
        })?;
        cluster.container_do(&["start"], late)?;
        cluster.wait_all_ready()?;
        cluster.wait_in_place(head)?;
        ensure!(
            changes(cluster, head)? == history,
            "FTS took the late primary for a failed one"
        );
        Ok(())
    })
}

/// What the agents keep beside the database may be lost with nothing else.
pub(crate) fn snapshot_lost(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        let history = changes(cluster, head)?;
        for pod in &cluster.pods {
            let state = "rm -f /greenplum/.gp-agent/catalog.json /greenplum/.gp-agent/coordinator-timeline";
            cluster.exec(pod, &["bash", "-c", state])?;
        }
        cluster.all_do(&["stop", "--time", LATE])?;
        cluster.start_shuffled()?;
        cluster.wait_all_ready()?;
        cluster.wait_in_place(head)?;
        ensure!(changes(cluster, head)? == history, "FTS failed a primary over");
        Ok(())
    })
}
