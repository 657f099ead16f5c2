//! Mirrors and standbys that take over, and those whose place they took.

use crate::support::{check, coordinator, fill, is_greenplum_6, one_pair, refused};
use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::suite::Shared;
use cluster_tests::wait;

pub(crate) fn primary(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (head, old, new) = (
            coordinator(cluster),
            cluster.pod("segment-a-0"),
            cluster.pod("segment-b-0"),
        );
        fill(cluster, head, "failed_over")?;
        // A pod that is gone: its agent is silent, and FTS probes in an hour unless it is asked.
        cluster.container_do(&["kill"], old)?;
        cluster.wait_status(new, "takes over", |s| s["activeRole"] == "primary")?;
        wait::until("a distributed write", || {
            cluster.sql(head, "insert into failed_over values (0)")
        })?;
        degraded(cluster, old)?;
        cluster.container_do(&["start"], old)?;
        cluster.wait_status(old, "waits for recovery, and says so", |s| {
            refused(s, &["gprecoverseg"]) && s["findings"].to_string().contains("gprecoverseg")
        })?;
        cluster.tool(head, "gprecoverseg -a")?;
        cluster.wait_status(old, "adopted as a mirror", |s| {
            s["postmaster"]["adopted"] == true && s["activeRole"] == "mirror"
        })?;
        cluster.wait_all_ready()?;
        wait::until("in sync", || {
            let catalog = cluster.catalog(head)?;
            ensure!(
                catalog.contains("0|p|m|s|u") && catalog.contains("0|m|p|s|u"),
                "{catalog}"
            );
            Ok(())
        })?;
        cluster.tool(head, "gprecoverseg -a -r")?;
        cluster.wait_in_place(head)?;
        cluster.wait_all_ready()?;
        wait::until("a distributed read", || {
            cluster.sql(head, "delete from failed_over where id = 0")
        })?;
        check(cluster, head, "failed_over")?;
        cluster.sql(head, "drop table failed_over").map(drop)
    })
}

/// Catalog, status and check say what is wrong while `gone` is.
fn degraded(cluster: &Cluster, gone: &str) -> Result<()> {
    let head = coordinator(cluster);
    wait::until("the catalog has it down", || {
        let catalog = cluster.catalog(head)?;
        ensure!(catalog.contains("0|m|p|n|d"), "{catalog}");
        Ok(())
    })?;
    // What the agents know of each other is a moment old.
    wait::until("status says what is wrong", || {
        let status = cluster.try_exec(head, &["gp-agent", "status"])?;
        let table = String::from_utf8_lossy(&status.stdout).into_owned();
        let said = table.contains(gone) && table.contains("not the role that the pod was made for");
        ensure!(!status.status.success() && said, "{table}");
        Ok(())
    })?;
    wait::until("check says what is wrong", || {
        let check = cluster.try_exec(head, &["gp-agent", "check"])?;
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        ensure!(!check.status.success() && said.contains(gone), "{said}");
        Ok(())
    })
}

pub(crate) fn coordinator_activated(cluster: &Cluster) -> Result<(&str, &str)> {
    let (old, new) = (coordinator(cluster), cluster.pod("coordinator-1"));
    fill(cluster, old, "kept")?;
    let (replayed, current) = if is_greenplum_6(cluster)? {
        ("replay_location", "pg_current_xlog_location")
    } else {
        ("replay_lsn", "pg_current_wal_lsn")
    };
    wait::until("the standby has it", || {
        let caught_up =
            format!("select count(*) from pg_stat_replication where state = 'streaming' and {replayed} = {current}()");
        ensure!(cluster.sql(old, &caught_up)? != "0");
        Ok(())
    })?;
    cluster.container_do(&["kill"], old)?;
    cluster.tool(new, "gpactivatestandby -a -f -d /greenplum/gpseg-1")?;
    cluster.wait_status(new, "active as coordinator", |s| s["activeRole"] == "coordinator")?;
    cluster.wait_ready(new)?;
    check(cluster, new, "kept")?;
    Ok((old, new))
}

pub(crate) fn old_coordinator(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(one_pair())?;
    let (old, new) = coordinator_activated(&cluster)?;
    cluster.container_do(&["start"], old)?;
    cluster.wait_status(old, "fenced", |s| refused(s, &["activated"]))?;
    // Even when the new one is silent: the segments remember.
    cluster.wait_status(cluster.pod("segment-a-0"), "has seen the new coordinator", |s| {
        s["seenCoordinator"].as_u64() >= Some(2)
    })?;
    cluster.container_do(&["stop", "--time", "60"], new)?;
    cluster.container_do(&["restart", "--time", "60"], old)?;
    cluster.wait_status(old, "still fenced", |s| refused(s, &["activated"]))?;
    cluster.container_do(&["start"], new)?;
    cluster.wait_ready(new)?;
    check(&cluster, new, "kept")?;
    cluster.exec(old, &["gp-agent", "hold", "becoming the standby"])?;
    cluster.wait_status(old, "held", |s| s["phase"] == "held")?;
    cluster.exec(old, &["mv", "/greenplum/gpseg-1", "/greenplum/moved"])?;
    cluster.exec(old, &["gp-agent", "resume"])?;
    let name = format!("{old}.{}", cluster.domain());
    cluster.tool(
        new,
        &format!("gpinitstandby -a -s {name} -P 5432 -S /greenplum/gpseg-1"),
    )?;
    cluster.wait_status(old, "follows as standby", |s| s["activeRole"] == "standby")?;
    cluster.wait_all_ready()
}
