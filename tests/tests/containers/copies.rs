//! What lies around a data directory: tablespaces, copies that were broken off, and modes that a restore left.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use serde_json::Value;

const DIRECTORY: &str = "/greenplum/gpseg0";
const TABLESPACE: &str = "/greenplum/fast";

fn pair() -> Result<Cluster> {
    Cluster::up(Settings {
        standby: false,
        segments: 1,
        ..Settings::default()
    })
}

fn has_finding(status: &Value, words: &str) -> bool {
    status["findings"].to_string().contains(words)
}

/// Holds the pod and stops its server.
fn take_down(cluster: &Cluster, pod: &str) -> Result<()> {
    cluster.exec(pod, &["gp-agent", "hold", "moving the directory"])?;
    let pid = cluster.status(pod)?["postmaster"]["pid"]
        .as_i64()
        .context("no postmaster")?;
    cluster.signal(pod, "INT", pid)?;
    let stopped = |s: &Value| s["phase"] == "held" && s["postmaster"]["pid"].is_null();
    cluster.wait_status(pod, "held and stopped", stopped).map(drop)
}

/// Takes the directory away, so that the pod copies its primary anew.
fn lose_directory(cluster: &Cluster, pod: &str, to: &str) -> Result<()> {
    take_down(cluster, pod)?;
    cluster.exec(pod, &["mv", DIRECTORY, to])?;
    cluster.exec(pod, &["gp-agent", "resume"]).map(drop)
}

fn expect_row(cluster: &Cluster, pod: &str) -> Result<()> {
    wait::until("the tablespace's table is there", || {
        ensure!(cluster.sql(pod, "select n from kept")? == "7");
        Ok(())
    })
}

pub(crate) fn tablespaces(_: &Shared) -> Result<()> {
    let cluster = pair()?;
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    // The mirror has no such directory, and makes it rather than ending at every start.
    cluster.exec(primary, &["mkdir", TABLESPACE])?;
    cluster.sql(primary, &format!("create tablespace fast location '{TABLESPACE}'"))?;
    cluster.sql(primary, "create table kept tablespace fast as select 7 as n")?;
    expect_row(&cluster, mirror)?;
    cluster.wait_ready(mirror)?;
    // Twice: what the first copy left is another's to the second as well.
    for moved in ["/greenplum/moved-1", "/greenplum/moved-2"] {
        lose_directory(&cluster, mirror, moved)?;
        cluster.wait_status(mirror, "follows again", |s| s["activeRole"] == "mirror")?;
        expect_row(&cluster, mirror)?;
    }
    let kept = cluster.exec(mirror, &["bash", "-c", &format!("ls -d {TABLESPACE}/PG_*/*/*")])?;
    ensure!(
        !kept.is_empty(),
        "what the directory that was moved away links to is gone"
    );
    let old = format!("rm -r '{TABLESPACE}/PG_");
    cluster.wait_status(mirror, "names what the present directory does not use", |s| {
        has_finding(s, &old)
    })?;
    // And the other way round.
    cluster.sql(mirror, "select pg_promote()")?;
    cluster.wait_status(mirror, "active as primary", |s| s["activeRole"] == "primary")?;
    cluster.wait_status(primary, "gives way", |s| s["phase"] == "refused")?;
    cluster.exec(primary, &["gp-agent", "hold", "moving the directory"])?;
    cluster.exec(primary, &["mv", DIRECTORY, "/greenplum/moved"])?;
    cluster.exec(primary, &["gp-agent", "resume"])?;
    cluster.wait_status(primary, "follows the promoted one", |s| s["activeRole"] == "mirror")?;
    expect_row(&cluster, primary)
}

/// The copy goes slowly enough to be met, whatever the machine.
const MUCH: &str =
    "create table much tablespace fast as select repeat(i::text, 100) as t from generate_series(1, 400000) i";

pub(crate) fn broken(_: &Shared) -> Result<()> {
    let cluster = pair()?;
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    for pod in [primary, mirror] {
        cluster.exec(pod, &["mkdir", TABLESPACE])?;
    }
    cluster.sql(primary, &format!("create tablespace fast location '{TABLESPACE}'"))?;
    cluster.sql(primary, MUCH)?;
    cluster.sql(primary, "create table kept tablespace fast as select 7 as n")?;
    expect_row(&cluster, mirror)?;
    take_down(&cluster, mirror)?;
    let clear = format!("rm -r {DIRECTORY} {TABLESPACE}/*");
    cluster.exec(mirror, &["bash", "-c", &clear])?;
    cluster.exec(mirror, &["gp-agent", "resume"])?;
    for _ in 0..3 {
        let begun = format!("ls -d {DIRECTORY}.making {TABLESPACE}/PG_* >&2");
        wait::until("a copy is under way", || cluster.exec(mirror, &["bash", "-c", &begun]))?;
        cluster.container_do(&["kill"], mirror)?;
        cluster.container_do(&["start"], mirror)?;
    }
    cluster.wait_status(mirror, "follows", |s| s["activeRole"] == "mirror")?;
    expect_row(&cluster, mirror)?;
    let volume = cluster.exec(mirror, &["ls", "/greenplum"])?;
    ensure!(volume.split_whitespace().eq(["fast", "gpseg0"]), "left over: {volume}");
    let inner = cluster.exec(mirror, &["ls", TABLESPACE])?;
    ensure!(
        inner.lines().count() == 1 && inner.starts_with("PG_"),
        "left over: {inner}"
    );
    // What nobody can prove to be a broken copy is named with its size.
    let strange = format!("mkdir {DIRECTORY}.making && head -c 3000000 /dev/zero > {DIRECTORY}.making/x");
    cluster.exec(mirror, &["bash", "-c", &strange])?;
    cluster.wait_status(mirror, "names it", |s| {
        has_finding(s, &format!("rm -r '{DIRECTORY}.making'")) && has_finding(s, "it takes 2 MiB")
    })?;
    lose_directory(&cluster, mirror, "/greenplum/gpseg0.aside-by-hand")?;
    cluster.wait_status(mirror, "follows again, and names what was set aside", |s| {
        s["activeRole"] == "mirror" && has_finding(s, "gpseg0.making.aside-") && has_finding(s, "gpseg0.aside-by-hand")
    })?;
    // The remedy of the findings.
    cluster.exec(mirror, &["bash", "-c", "rm -r /greenplum/*.aside-*"])?;
    cluster
        .wait_status(mirror, "has forgotten them", |s| !has_finding(s, ".aside-"))
        .map(drop)
}

pub(crate) fn modes(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-b-0");
        take_down(cluster, pod)?;
        let files = "pg_hba.conf postgresql.conf postgresql.auto.conf PG_VERSION global/pg_control base global";
        let restored =
            format!("cd {DIRECTORY} && touch server.key && chmod 660 server.key && chmod 0 {files} && chmod 2770 .");
        cluster.exec(pod, &["bash", "-c", &restored])?;
        cluster.exec(pod, &["gp-agent", "resume"])?;
        cluster.wait_status(pod, "runs again", |s| s["activeRole"] == "mirror")?;
        let modes = cluster.exec(
            pod,
            &["stat", "-c", "%a", DIRECTORY, &format!("{DIRECTORY}/server.key")],
        )?;
        ensure!(modes == "700\n600", "{modes}");
        cluster.exec(pod, &["rm", &format!("{DIRECTORY}/server.key")])?;
        take_down(cluster, pod)?;
        let chown = |to: &str| {
            let script = format!("chown {to} {DIRECTORY}");
            cluster.exec_as_root(pod, &script)
        };
        chown("0")?;
        cluster.exec(pod, &["gp-agent", "resume"])?;
        let named = cluster.wait_status(pod, "names the owner", |s| {
            s["phase"] == "refused" && has_finding(s, "chown -R 1000")
        });
        chown("1000")?;
        named?;
        cluster.wait_ready(pod)
    })
}
