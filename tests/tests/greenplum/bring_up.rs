//! What a cluster is like that came up from empty volumes.

use crate::support::coordinator;
use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::suite::Shared;
use cluster_tests::{http, wait};

pub(crate) fn comes_up(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in &cluster.pods {
            let status = cluster.wait_status(pod, "in its role, replicating", |s| {
                let ends = s["replication"].as_array().into_iter().flatten();
                s["activeRole"] == s["preferredRole"] && ends.filter(|end| end["state"] == "streaming").count() == 1
            })?;
            let findings = status["findings"].as_array().into_iter().flatten();
            let errors: Vec<_> = findings.filter(|f| f["severity"] == "error").collect();
            ensure!(errors.is_empty(), "{pod}: {errors:?}");
            ensure!(cluster.exec(pod, &["id", "-u"])? != "0", "{pod} runs as root");
        }
        cluster.wait_in_place(coordinator(cluster))?;
        let table = cluster.exec(coordinator(cluster), &["gp-agent", "status"])?;
        for pod in &cluster.pods {
            ensure!(table.contains(pod.as_str()), "{pod} is not in the table:\n{table}");
            // The lines of pg_hba.conf follow the creation by a moment.
            wait::until(&format!("the doctor of {pod} is content"), || {
                let doctor = cluster.try_exec(pod, &["gp-agent", "check"])?;
                let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
                ensure!(doctor.status.success(), "{said}");
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// For [`sql_files`]: each needs what the one before it made.
pub(crate) fn add_sql_files(cluster: &Cluster) -> Result<()> {
    cluster.add_sql("20-rows.sql", "insert into settled values (1);\n")?;
    cluster.add_sql("10-table.sql", "create table settled (n int);\n")
}

pub(crate) fn sql_files(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let query = ["psql", "-XAtqd", "gpadmin", "-c", "select count(*) from settled"];
        wait::until("the files have run", || {
            let rows = cluster.exec(coordinator(cluster), &query)?;
            ensure!(rows == "1", "{rows} rows");
            Ok(())
        })
    })
}

pub(crate) fn distributed(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let segments = cluster.settings().segments.to_string();
        let answers = cluster.sql(coordinator(cluster), "select count(*) from gp_dist_random('gp_id')")?;
        ensure!(answers == segments, "{answers} of {segments} primaries answer");
        // Clients do not get past the coordinator.
        let port = cluster.port(cluster.pod("segment-a-0"))?.to_string();
        let direct = ["psql", "-XAtqp", &port, "-c", "select 1"];
        ensure!(!cluster.try_exec(cluster.pod("segment-a-0"), &direct)?.status.success());
        Ok(())
    })
}

pub(crate) fn hba(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pairs = [
            ("coordinator-0", "coordinator-1"),
            ("segment-a-1", "segment-b-1"),
            ("segment-a-1", "coordinator-0"),
        ];
        pairs
            .iter()
            .try_for_each(|(pod, peer)| cluster.expect_name_in_hba(cluster.pod(pod), cluster.pod(peer)))
    })
}

pub(crate) fn http_roles(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        cluster.expect_roles_over_http()?;
        let (code, catalog) = http::get(cluster.address(coordinator(cluster))?, "/catalog")?;
        ensure!(
            code == 200 && catalog.contains(cluster.pod("segment-b-1")),
            "/catalog: {code} {catalog}"
        );
        Ok(())
    })
}
