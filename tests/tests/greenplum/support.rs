//! What several tests do.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::greenplum::{self, Kind};
use cluster_tests::settings::Settings;
use serde_json::Value;

/// The coordinator's pod of a cluster in which everything is in its place.
pub(crate) fn coordinator(cluster: &Cluster) -> &str {
    cluster.pod("coordinator-0")
}

/// FTS of a real engine probes when it is asked, so that what happens soon is the agent's doing. The stand-in does not know the
/// parameter, and has a switch.
pub(crate) fn probe_seldom(settings: &mut Settings) {
    if greenplum::kind() == Kind::StandIn {
        return;
    }
    let parameter = ("gp_fts_probe_interval".into(), "3600".into());
    settings.parameters.push(parameter);
}

/// Coordinator, standby, one primary, its mirror.
pub(crate) fn one_pair() -> Settings {
    Settings {
        segments: 1,
        ..Settings::greenplum()
    }
}

/// Whether a pod is kept from starting, for a reason that names all these words.
pub(crate) fn refused(status: &Value, words: &[&str]) -> bool {
    let reason = status["reason"].as_str().unwrap_or_default();
    status["phase"] == "refused" && postmaster(status).is_none() && words.iter().all(|word| reason.contains(word))
}

/// A table that is spread over the primaries, with the numbers 1 to 1000.
pub(crate) fn fill(cluster: &Cluster, coordinator: &str, table: &str) -> Result<()> {
    cluster.create_distributed(coordinator, table)?;
    let insert = format!("insert into {table} select generate_series(1, 1000)");
    cluster.sql(coordinator, &insert)?;
    check(cluster, coordinator, table)
}

/// Checks that they are all there.
pub(crate) fn check(cluster: &Cluster, coordinator: &str, table: &str) -> Result<()> {
    let rows = cluster.sql(coordinator, &format!("select count(*), sum(id) from {table}"))?;
    ensure!(rows == "1000|500500", "{table} has {rows}");
    Ok(())
}

/// How often FTS has changed the catalog.
pub(crate) fn changes(cluster: &Cluster, coordinator: &str) -> Result<String> {
    cluster.sql(coordinator, "select count(*) from gp_configuration_history")
}

/// The record of the creation on the coordinator's volume.
pub(crate) fn creation(cluster: &Cluster, coordinator: &str) -> Result<Value> {
    let text = cluster.exec(coordinator, &["cat", "/greenplum/.gp-agent/creation.json"])?;
    serde_json::from_str(&text).context("creation.json")
}

/// Whether this is a real Greenplum 6, with the names of PostgreSQL 9.4.
pub(crate) fn is_greenplum_6(cluster: &Cluster) -> Result<bool> {
    let version = cluster.sql(coordinator(cluster), "select version()")?;
    Ok(greenplum::kind() == Kind::Real && version.contains("Greenplum Database 6"))
}
