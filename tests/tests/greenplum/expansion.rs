//! segments.count is raised: the new pods become a part of the cluster, and its tables are spread over them, without a command.

use crate::growth::grown;
use crate::support::{coordinator, one_pair};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;

const NEW: [&str; 2] = ["segment-a-1", "segment-b-1"];

/// One pair that runs, a cluster.yaml of two, and tables with rows.
fn to_be_expanded(extra: &str, failover: bool) -> Result<Cluster> {
    let mut from = Settings { failover, ..one_pair() };
    from.lines.extend((!extra.is_empty()).then(|| extra.to_string()));
    let to = Settings {
        segments: 2,
        ..from.clone()
    };
    let cluster = grown(from, &to, &NEW)?;
    let head = coordinator(&cluster);
    for table in ["one", "two", "three"] {
        cluster.sql(head, &format!("create table {table} (id int) distributed by (id)"))?;
        cluster.sql(head, &format!("insert into {table} select generate_series(1, 1000)"))?;
    }
    Ok(cluster)
}

fn add_pods(cluster: &Cluster) -> Result<()> {
    NEW.iter().try_for_each(|short| cluster.create(cluster.pod(short), &[]))
}

/// All rows are there, and on both contents; nothing of gpexpand is left, and no pod complains.
fn expanded(cluster: &Cluster, head: &str) -> Result<()> {
    let over = |s: &Value| {
        let expansion = &s["recovery"]["expansion"];
        let last = &expansion["last"];
        let waits = expansion["next"].is_string() || expansion["activity"].is_object();
        last["task"] == "cleanUp" && last["why"].is_null() && !waits
    };
    let status = cluster.wait_status(head, "the expansion is over", over)?;
    eprintln!("{}", status["recovery"]["expansion"]);
    for table in ["one", "two", "three"] {
        let rows = cluster.sql(
            head,
            &format!("select count(*), sum(id), count(distinct gp_segment_id) from {table}"),
        )?;
        ensure!(rows == "1000|500500|2", "{table} has {rows}");
    }
    let listed = "select count(*) from gp_segment_configuration where content = 1 and status = 'u' and mode = 's' \
                  and role = preferred_role";
    let listed = cluster.sql(head, listed)?;
    ensure!(listed == "2", "{listed} servers of content 1 are up and in sync");
    let schema = cluster.sql(head, "select count(*) from pg_namespace where nspname = 'gpexpand'")?;
    ensure!(schema == "0", "the schema of gpexpand is left");
    for pod in &cluster.pods {
        cluster.wait_ready(pod)?;
        let left = cluster.exec(
            pod,
            &[
                "sh",
                "-c",
                "ls -a /greenplum /greenplum/.gp-agent | grep -E 'gpexpand|schema.tar' || true",
            ],
        )?;
        ensure!(left.trim().is_empty(), "{pod} has {left}");
    }
    Ok(())
}

/// By itself, from the first pod that is there to the last table.
pub(crate) fn by_itself(_: &Shared) -> Result<()> {
    let cluster = to_be_expanded("", false)?;
    let head = coordinator(&cluster);
    let waits = |s: &Value| {
        let expansion = &s["recovery"]["expansion"];
        expansion["next"] == "setUp" && expansion["waits"].to_string().contains("does not answer")
    };
    cluster.wait_status(head, "waits for the new pods", waits)?;
    add_pods(&cluster)?;
    expanded(&cluster, head)?;
    let said = cluster.try_exec(head, &["gp-agent", "status"])?;
    let table = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(table.contains("expansion: removing its schema"), "{table}");
    // A new mirror takes over as any other.
    cluster.container_do(&["kill"], cluster.pod("segment-a-1"))?;
    cluster.wait_status(cluster.pod("segment-b-1"), "takes over", |s| {
        s["activeRole"] == "primary"
    })?;
    let rows = cluster.sql(head, "select count(*), sum(id) from one")?;
    ensure!(rows == "1000|500500", "one has {rows}");
    Ok(())
}

/// Tables wait for a word; then the schema is gone too.
pub(crate) fn tables_when_asked(_: &Shared) -> Result<()> {
    let cluster = to_be_expanded("expansion: { redistribute: manual }", true)?;
    let head = coordinator(&cluster);
    add_pods(&cluster)?;
    let told = |s: &Value| {
        let expansion = &s["recovery"]["expansion"];
        expansion["next"] == "redistribute" && expansion["remedy"].to_string().contains("gp-agent expand")
    };
    let status = cluster.wait_status(head, "waits for a word", told)?;
    ensure!(
        status["recovery"]["expansion"]["progress"]["tablesLeft"] == 4,
        "{}",
        status["recovery"]["expansion"]
    );
    // As a gpexpand leaves it that was killed between a table and its note; and a table that is gone meanwhile.
    cluster.sql(head, "alter table one expand table")?;
    cluster.sql(head, "drop table kept")?;
    wait::until("it begins", || {
        let said = cluster.exec(head, &["gp-agent", "expand"])?;
        ensure!(said.contains("it begins"), "{said}");
        Ok(())
    })?;
    expanded(&cluster, head)
}

/// The coordinator's pod is lost while segments are built; the standby takes over, and the expansion with it.
pub(crate) fn taken_over(_: &Shared) -> Result<()> {
    let cluster = to_be_expanded("", true)?;
    let (head, standby) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    cluster.wait_status(head, "has a standby in sync", |s| s["failover"]["inSync"].is_string())?;
    add_pods(&cluster)?;
    await_step(&cluster, head, "BUILD_SEGMENTS_STARTED")?;
    cluster.container_do(&["kill"], head)?;
    let took = |s: &Value| s["failover"]["mine"] == true && s["activeRole"] == "coordinator";
    cluster.wait_status(standby, "took the role", took)?;
    // Every pod has to answer before segments are added.
    cluster.container_do(&["start"], head)?;
    expanded(&cluster, standby)
}

/// Waits until gpexpand has come so far.
fn await_step(cluster: &Cluster, head: &str, step: &'static str) -> Result<()> {
    let wait = format!("until grep -qs {step} /greenplum/gpseg-1/gpexpand.status; do sleep 0.05; done");
    let waited = cluster.exec(head, &["timeout", "600", "sh", "-c", &wait]);
    waited.map(drop).context(step)
}

/// The coordinator's pod is lost at each step of gpexpand, and with its last table.
pub(crate) fn broken_off(_: &Shared) -> Result<()> {
    let cluster = to_be_expanded("", false)?;
    let head = coordinator(&cluster);
    add_pods(&cluster)?;
    let steps = [
        "BUILD_SEGMENT_TEMPLATE_STARTED",
        "BUILD_SEGMENTS_STARTED",
        "UPDATE_CATALOG_DONE",
    ];
    for step in steps {
        await_step(&cluster, head, step)?;
        cluster.container_do(&["kill"], head)?;
        cluster.container_do(&["start"], head)?;
        cluster.wait_ready(head)?;
        let left = cluster.exec(
            head,
            &["sh", "-c", "tail -n 1 /greenplum/gpseg-1/gpexpand.status || true"],
        )?;
        eprintln!("killed at {step}; left: {left}");
    }
    expanded(&cluster, head)
}
