//! Greenplum's own tools, called by hand beside the agents.

use crate::support::{check, coordinator, fill, is_greenplum_6};
use anyhow::{Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::suite::Shared;

fn wait_all(cluster: &Cluster, what: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> Result<()> {
    let mut pods = cluster.pods.iter();
    pods.try_for_each(|pod| cluster.wait_status(pod, what, &wanted).map(drop))
}

fn wait_adopted(cluster: &Cluster) -> Result<()> {
    wait_all(cluster, "adopted", |s| {
        s["phase"] == "running" && s["postmaster"]["adopted"] == true
    })?;
    cluster.wait_all_ready()?;
    cluster.wait_in_place(coordinator(cluster))
}

pub(crate) fn stop_and_start(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let head = coordinator(cluster);
        fill(cluster, head, "by_hand")?;
        let role = match is_greenplum_6(cluster)? {
            true => "gp_session_role",
            false => "gp_role",
        };
        // Without a mode it waits for all sessions; the agents' do not hold it up.
        cluster.tool(head, "timeout 60 gpstop -a")?;
        wait_all(cluster, "stays stopped", |s| {
            s["phase"] == "stopped" && postmaster(s).is_none()
        })?;
        cluster.tool(head, "gpstart -a")?;
        wait_adopted(cluster)?;
        check(cluster, head, "by_hand")?;
        cluster.tool(head, "gpstop -a -r -M fast")?;
        wait_adopted(cluster)?;
        check(cluster, head, "by_hand")?;
        // The coordinator alone, for maintenance.
        cluster.tool(head, "gpstop -a -M fast")?;
        wait_all(cluster, "stopped", |s| s["phase"] == "stopped")?;
        cluster.tool(head, "gpstart -a -m")?;
        cluster.wait_status(head, "adopted as it is", |s| s["postmaster"]["adopted"] == true)?;
        // In the agent's words, or in those of Greenplum 6, which refuses its session.
        let told = ["admin mode (gpstart -m)", "only utility mode connections"];
        cluster.wait_status(head, "serves no clients", |s| {
            let reason = s["reason"].as_str().unwrap_or_default();
            s["activeRole"].is_null() && told.iter().any(|words| reason.contains(words))
        })?;
        let utility = cluster.tool(
            head,
            &format!("PGOPTIONS='-c {role}=utility' psql -XAtqc 'select count(*) from gp_segment_configuration'"),
        )?;
        ensure!(utility.trim() == "6", "{utility}");
        cluster.tool(head, "timeout 60 gpstop -a -m")?;
        cluster.wait_status(head, "stopped", |s| s["phase"] == "stopped")?;
        cluster.tool(head, "gpstart -a")?;
        wait_adopted(cluster)?;
        check(cluster, head, "by_hand")?;
        cluster.sql(head, "drop table by_hand").map(drop)
    })
}

pub(crate) fn standby_by_hand(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (head, standby) = (coordinator(cluster), cluster.pod("coordinator-1"));
        cluster.tool(head, "gpinitstandby -a -r")?;
        cluster.wait_status(standby, "stopped", |s| postmaster(s).is_none())?;
        let name = format!("{standby}.{}", cluster.domain());
        cluster.tool(
            head,
            &format!("gpinitstandby -a -s {name} -P 5432 -S /greenplum/gpseg-1"),
        )?;
        cluster.wait_status(standby, "adopted", |s| {
            s["postmaster"]["adopted"] == true && s["activeRole"] == "standby"
        })?;
        cluster.wait_all_ready()?;
        cluster.wait_in_place(head)
    })
}
