//! Single processes that die.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::suite::Shared;
use cluster_tests::wait;

pub(crate) fn agent_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in ["coordinator-0", "segment-b-0"].map(|pod| cluster.pod(pod)) {
            cluster.kill_agent(pod)?;
            // The lock was init's all the time, and is still one only.
            let links = cluster.exec(pod, &["bash", "-c", "readlink /proc/1/fd/*"])?;
            let locks = links.lines().filter(|l| l.ends_with("/.gp-agent/lock"));
            ensure!(locks.count() == 1, "init keeps: {links}");
        }
        Ok(())
    })
}

fn kill_postmaster(cluster: &Cluster, pod: &str) -> Result<()> {
    let before = cluster.status(pod)?;
    let pid = postmaster(&before).context("no postmaster")?;
    cluster.signal(pod, "KILL", pid)?;
    cluster.wait_status(pod, "another postmaster", |s| {
        postmaster(s).is_some_and(|new| new != pid) && !s["postmaster"]["lastEnd"].is_null()
    })?;
    cluster.wait_ready(pod)
}

pub(crate) fn postmaster_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in ["coordinator-0", "segment-a-1"].map(|pod| cluster.pod(pod)) {
            cluster.sql(pod, "create table survivor as select 42 as answer")?;
            kill_postmaster(cluster, pod)?;
            ensure!(cluster.sql(pod, "select answer from survivor")? == "42");
            cluster.sql(pod, "drop table survivor")?;
        }
        Ok(())
    })
}

pub(crate) fn mirror_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
        kill_postmaster(cluster, mirror)?;
        cluster.wait_status(primary, "streams to its mirror", |s| {
            let mut ends = s["replication"].as_array().into_iter().flatten();
            ends.any(|end| end["state"] == "streaming")
        })?;
        cluster.sql(primary, "create table after_the_kill (id int)")?;
        wait::until("the mirror follows", || {
            cluster.sql(mirror, "select count(*) from after_the_kill")
        })?;
        cluster.sql(primary, "drop table after_the_kill").map(drop)
    })
}

pub(crate) fn sshd_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-0");
        let pid = cluster.status(pod)?["ssh"]["pid"].as_i64().context("no sshd")?;
        cluster.signal(pod, "KILL", pid)?;
        cluster.wait_status(pod, "another sshd", |s| {
            s["ssh"]["pid"].as_i64().is_some_and(|new| new != pid)
        })?;
        wait::until("ssh works again", || {
            cluster.exec(
                cluster.pod("coordinator-0"),
                &["ssh", "-o", "BatchMode=yes", pod, "true"],
            )
        })
        .map(drop)
    })
}

/// Half of them end before their parent and are orphaned dead, half are orphaned alive.
const ORPHANS: &str = "for i in {1..5000}; do (true & true &); done; \
    for i in {1..50}; do (for j in {1..100}; do sleep 0.2 & done); done";

pub(crate) fn orphans(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-b-1");
        let before = cluster.status(pod)?;
        cluster.exec(pod, &["bash", "-c", ORPHANS])?;
        wait::until("no zombie, no orphan", || {
            let processes = cluster.exec(pod, &["ps", "-eo", "stat=,pid=,comm="])?;
            let left = processes.lines().filter(|p| p.starts_with('Z') || p.ends_with("sleep"));
            ensure!(left.count() == 0, "{processes}");
            Ok(())
        })?;
        let after = cluster.status(pod)?;
        ensure!(
            postmaster(&before) == postmaster(&after),
            "the postmaster was hit: {after}"
        );
        ensure!(
            before["agentRestarts"] == after["agentRestarts"],
            "the agent was hit: {after}"
        );
        cluster.wait_ready(pod)
    })
}

pub(crate) fn hung(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-1");
        let before = cluster.status(pod)?;
        cluster.exec(pod, &["pkill", "-STOP", "postgres"])?;
        let status = cluster.wait_status(pod, "hung", |s| s["phase"] == "hung");
        let live = cluster.try_exec(pod, &["gp-agent", "probe", "live"]);
        let ready = cluster.try_exec(pod, &["gp-agent", "probe", "ready"]);
        cluster.exec(pod, &["pkill", "-CONT", "postgres"])?;
        let status = status?;
        ensure!(live?.status.success(), "a hung database is no dead agent");
        ensure!(!ready?.status.success(), "ready although hung");
        ensure!(postmaster(&status) == postmaster(&before), "it was restarted: {status}");
        cluster.wait_ready(pod)
    })
}
