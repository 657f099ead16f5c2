//! Single processes that die.

use crate::support::{changes, check, coordinator, fill, is_greenplum_6};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::postmaster;
use cluster_tests::suite::Shared;
use cluster_tests::wait;

pub(crate) fn agent_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in ["coordinator-0", "segment-a-1", "segment-b-0"] {
            cluster.kill_agent(cluster.pod(pod))?;
        }
        cluster.wait_in_place(coordinator(cluster))
    })
}

pub(crate) fn postmasters_killed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "survivor")?;
        let history = changes(cluster, head)?;
        for short in ["segment-a-1", "segment-b-0", "coordinator-1", "coordinator-0"] {
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
        ensure!(changes(cluster, head)? == history, "the catalog was changed");
        cluster.sql(head, "drop table survivor").map(drop)
    })
}

/// As when their node is off: nothing refuses, nothing is acknowledged. Bounded by half of what Greenplum itself would wait.
pub(crate) fn silent_replicas(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "meanwhile")?;
        let silent = ["coordinator-1", "segment-b-0"].map(|short| cluster.pod(short));
        for pod in silent {
            cluster.container_do(&["pause"], pod)?;
        }
        let port = cluster.port(head)?.to_string();
        // On every primary, so that the coordinator writes as well.
        let write = "insert into meanwhile select generate_series(-1000, -1)";
        let bounded = ["timeout", "150", "psql", "-XAtq", "-p", &port, "-c", write];
        let written = cluster.exec(head, &bounded);
        for pod in silent {
            cluster.container_do(&["unpause"], pod)?;
        }
        written.context("while standby and mirror were silent")?;
        cluster.wait_all_ready()?;
        // FTS of these tests looks once an hour.
        wait::until("FTS finds the mirror in sync", || {
            let query = "select gp_request_fts_probe_scan(); select count(*) from gp_segment_configuration where content >= 0 and (status <> 'u' or mode <> 's')";
            let behind = cluster.sql(head, query)?;
            ensure!(behind.ends_with('0'), "{behind}");
            Ok(())
        })?;
        cluster.wait_in_place(head)?;
        cluster.sql(head, "delete from meanwhile where id < 0")?;
        check(cluster, head, "meanwhile")?;
        cluster.sql(head, "drop table meanwhile").map(drop)
    })
}

/// An emptied postgresql.auto.conf ends the stream; the tool of the finding brings it back.
pub(crate) fn lost_conninfo(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        if is_greenplum_6(cluster)? {
            eprintln!("SKIPPED: Greenplum 6 keeps primary_conninfo in recovery.conf, without which a mirror is no mirror");
            return Ok(());
        }
        let (head, pod) = (coordinator(cluster), cluster.pod("segment-b-1"));
        let has = |s: &serde_json::Value| s["findings"].to_string().contains("receives no stream, and it is empty");
        cluster.exec(pod, &["gp-agent", "hold", "emptying the file"])?;
        let pid = postmaster(&cluster.status(pod)?).context("no postmaster")?;
        cluster.signal(pod, "INT", pid)?;
        cluster.wait_status(pod, "stopped", |s| postmaster(s).is_none())?;
        let file = format!("{}/postgresql.auto.conf", cluster.data_dir(pod));
        cluster.exec(pod, &["truncate", "-s", "0", &file])?;
        cluster.exec(pod, &["gp-agent", "resume"])?;
        cluster.wait_status(pod, "says that it follows nobody", has)?;
        wait::until("FTS calls it down", || {
            let query = "select gp_request_fts_probe_scan(); select count(*) from gp_segment_configuration where status = 'd'";
            let down = cluster.sql(head, query)?;
            ensure!(down.ends_with('1'), "{down}");
            Ok(())
        })?;
        // As the finding says: without -F a real engine skips pg_rewind where standby.signal is there (gp.py, SegmentRewind).
        cluster.exec(head, &["gprecoverseg", "-aF"])?;
        cluster.wait_status(pod, "follows its primary", |s| !has(s) && s["activeRole"] == "mirror")?;
        cluster.wait_all_ready()?;
        wait::until("FTS finds it in sync", || {
            let query = "select gp_request_fts_probe_scan(); select count(*) from gp_segment_configuration where content >= 0 and (status <> 'u' or mode <> 's')";
            let behind = cluster.sql(head, query)?;
            ensure!(behind.ends_with('0'), "{behind}");
            Ok(())
        })?;
        cluster.wait_in_place(head)
    })
}
