//! Single processes that die.

use crate::support::{changes, check, coordinator, fill, postmaster};
use anyhow::{Context, Result, ensure};
use cluster_tests::suite::Shared;
use cluster_tests::wait;

pub fn agent_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in ["coordinator-0", "segment-a-1", "segment-b-0"].map(|pod| cluster.pod(pod)) {
            let before = cluster.status(pod)?;
            let restarts = before["agentRestarts"].as_u64().context("no count")?;
            cluster.signal(pod, "KILL", cluster.agent_pid(pod)?)?;
            let after = cluster.wait_status(pod, "agent back, postmaster adopted", |s| {
                s["agentRestarts"] == restarts + 1 && s["postmaster"]["adopted"] == true
            })?;
            ensure!(
                postmaster(&before).is_some() && postmaster(&after) == postmaster(&before),
                "the postmaster's PID changed from {before} to {after}"
            );
            cluster.wait_ready(pod)?;
        }
        cluster.wait_in_place(coordinator(cluster))
    })
}

pub fn postmasters_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "survivor")?;
        let history = changes(cluster, head)?;
        for short in [
            "segment-a-1",
            "segment-b-0",
            "coordinator-1",
            "coordinator-0",
        ] {
            let pod = cluster.pod(short);
            let pid = postmaster(&cluster.status(pod)?).context("no postmaster")?;
            cluster.signal(pod, "KILL", pid)?;
            cluster.wait_status(pod, "another postmaster", |s| {
                postmaster(s).is_some_and(|new| new != pid) && !s["postmaster"]["lastEnd"].is_null()
            })?;
            cluster.wait_all_ready()?;
            // The coordinator may find its cached connections broken once.
            wait::until("a distributed write", || {
                cluster.sql(head, "insert into survivor values (0)")
            })?;
            cluster.sql(head, "delete from survivor where id = 0")?;
            check(cluster, head, "survivor")?;
        }
        cluster.wait_in_place(head)?;
        ensure!(
            changes(cluster, head)? == history,
            "the catalog was changed"
        );
        cluster.sql(head, "drop table survivor").map(drop)
    })
}
