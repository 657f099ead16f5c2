//! Data directories that lie, are lost, or are half made.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;

const OWN_DIRECTORY: &str = "/greenplum/gpseg0";

fn one_pair() -> Settings {
    Settings {
        standby: false,
        segments: 1,
        ..Settings::default()
    }
}

fn set_aside(cluster: &Cluster, pod: &str) -> Result<()> {
    cluster.exec(pod, &["gp-agent", "hold", "moving the directory"])?;
    cluster.wait_status(pod, "held", |s| s["phase"] == "held")?;
    cluster.exec(pod, &["mv", OWN_DIRECTORY, "/greenplum/moved"])?;
    cluster.exec(pod, &["gp-agent", "resume"]).map(drop)
}

/// Writes it, and waits until the mirror has it.
fn keep_a_row(cluster: &Cluster, primary: &str, mirror: &str) -> Result<()> {
    cluster.sql(primary, "create table kept as select 7 as n")?;
    wait::until("the mirror has it", || {
        ensure!(cluster.sql(mirror, "select n from kept")? == "7");
        Ok(())
    })
}

pub(crate) fn promotion(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(one_pair())?;
    let (old, new) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    keep_a_row(&cluster, old, new)?;
    cluster.sql(new, "select pg_promote()")?;
    cluster.wait_status(new, "active as primary", |s| s["activeRole"] == "primary")?;
    // Two writable copies for a moment; the older timeline has to give way, and to stay down.
    let refused = |s: &serde_json::Value| s["phase"] == "refused" && s["postmaster"]["pid"].is_null();
    cluster.wait_status(old, "gives way", refused)?;
    cluster.container_do(&["restart", "--time", "40"], old)?;
    let status = cluster.wait_status(old, "does not start again", refused)?;
    ensure!(
        status["reason"].as_str().is_some_and(|r| r.contains("was promoted")),
        "the reason does not say why: {status}"
    );
    set_aside(&cluster, old)?;
    cluster.wait_status(old, "follows the promoted one", |s| s["activeRole"] == "mirror")?;
    cluster.wait_all_ready()?;
    ensure!(cluster.sql(old, "select n from kept")? == "7");
    Ok(())
}

/// Both pods of the pair are down before the old one hears of the promotion, and the promoted one's directory is damaged.
pub(crate) fn damaged_promotion(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(one_pair())?;
    let (old, new) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    keep_a_row(&cluster, old, new)?;
    cluster.container_do(&["stop", "--time", "40"], old)?;
    cluster.sql(new, "select pg_promote()")?;
    cluster.wait_status(new, "active as primary", |s| s["activeRole"] == "primary")?;
    cluster.sql(new, "insert into kept values (8)")?;
    let record = "/greenplum/.gp-agent/database";
    wait::until("the volume remembers the promotion", || {
        ensure!(cluster.exec(new, &["cat", record])?.contains("\"timeline\":2"));
        Ok(())
    })?;
    let held = |s: &serde_json::Value| s["phase"] == "held";
    cluster.exec(new, &["gp-agent", "hold", "to be damaged"])?;
    cluster.exec(new, &["pg_ctl", "stop", "-D", OWN_DIRECTORY, "-m", "fast"])?;
    cluster.wait_status(new, "held", held)?;
    for (damage, mend, words) in [
        (
            "mv gpseg0/pg_xact .",
            "mv pg_xact gpseg0/",
            "timeline 2) that is not whole",
        ),
        (
            "mv gpseg0/global/pg_control .",
            "mv pg_control gpseg0/global/",
            "timeline 2) that is not whole",
        ),
        ("mv gpseg0 moved", "mv moved gpseg0", "timeline 2) that is not whole"),
        (
            "mv gpseg0/PG_VERSION . && touch gpseg0/PG_VERSION",
            "mv PG_VERSION gpseg0/",
            "timeline 2) that is not whole",
        ),
    ] {
        let there = |script: &str| {
            cluster
                .exec(new, &["sh", "-ec", &format!("cd /greenplum; {script}")])
                .map(drop)
        };
        there(damage)?;
        cluster.exec(new, &["gp-agent", "resume"])?;
        cluster.wait_status(new, "looks at it", |s| {
            s["held"].is_null() && s["directory"]["kind"] != "primary"
        })?;
        cluster.container_do(&["start"], old)?;
        let status = cluster.wait_status(old, damage, |s| s["phase"] == "refused" || s["activeRole"] == "primary")?;
        ensure!(
            status["reason"].as_str().is_some_and(|reason| reason.contains(words)),
            "after {damage}: {status}"
        );
        // As if it had never heard of it.
        cluster.exec(old, &["rm", "-f", "/greenplum/.gp-agent/newest-timeline"])?;
        cluster.container_do(&["stop", "--time", "40"], old)?;
        cluster.exec(new, &["gp-agent", "hold", "to be mended"])?;
        there(mend)?;
    }
    cluster.exec(new, &["gp-agent", "resume"])?;
    cluster.wait_status(new, "serves again", |s| s["activeRole"] == "primary")?;
    cluster.container_do(&["start"], old)?;
    cluster.wait_status(old, "was promoted", |s| s["phase"] == "refused")?;
    set_aside(&cluster, old)?;
    cluster.wait_status(old, "follows the promoted one", |s| s["activeRole"] == "mirror")?;
    ensure!(cluster.sql(old, "select sum(n) from kept")? == "15");
    Ok(())
}

pub(crate) fn lost_primary(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(one_pair())?;
    let (pod, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    cluster.sql(pod, "create table kept as select 7 as n")?;
    wait::until("the mirror has it", || {
        ensure!(cluster.sql(mirror, "select n from kept")? == "7");
        Ok(())
    })?;
    cluster.exec(pod, &["gp-agent", "hold", "losing the directory"])?;
    let pid = cluster.status(pod)?["postmaster"]["pid"]
        .as_i64()
        .context("no postmaster")?;
    cluster.signal(pod, "INT", pid)?;
    cluster.wait_status(pod, "stopped", |s| s["postmaster"]["pid"].is_null())?;
    set_aside(&cluster, pod)?;
    let status = cluster.wait_status(pod, "refuses", |s| s["phase"] == "refused")?;
    ensure!(
        status["reason"].as_str().is_some_and(|r| r.contains("holds a copy")),
        "the reason does not say why: {status}"
    );
    cluster.sql(mirror, "select pg_promote()")?;
    cluster.wait_status(pod, "follows the promoted one", |s| s["activeRole"] == "mirror")?;
    ensure!(cluster.sql(pod, "select n from kept")? == "7");
    Ok(())
}

/// Nobody else has the data, and the names of all peers are known: nothing but the rules keeps initdb away.
pub(crate) fn lost_file(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(Settings {
        mirrors: false,
        ..one_pair()
    })?;
    let pod = cluster.pod("segment-a-0");
    cluster.sql(pod, "create table kept as select 7 as n")?;
    let id = cluster.status(pod)?["directory"]["systemId"].clone();
    for part in ["global/pg_control", "base", ""] {
        let lost = format!("{OWN_DIRECTORY}/{part}");
        let lost = lost.trim_end_matches('/');
        cluster.exec(pod, &["mv", lost, "/greenplum/lost"])?;
        cluster.container_do(&["kill"], pod)?;
        cluster.container_do(&["start"], pod)?;
        let status = cluster.wait_status(pod, "refuses", |s| s["phase"] == "refused")?;
        let reason = status["reason"].as_str().unwrap_or_default();
        let named = match part {
            "" => reason.contains("has had a database"),
            part => reason.contains(part) && reason.contains("missing"),
        };
        ensure!(named, "{part}: {reason}");
        let lies_there = cluster.exec(pod, &["bash", "-c", "ls -d /greenplum/gpseg0*; true"])?;
        ensure!(
            !lies_there.contains(".making") && !lies_there.contains(".aside"),
            "{lies_there}"
        );
        cluster.exec(pod, &["mv", "/greenplum/lost", lost])?;
        cluster.wait_ready(pod)?;
        ensure!(cluster.sql(pod, "select n from kept")? == "7");
        ensure!(cluster.status(pod)?["directory"]["systemId"] == id);
    }
    Ok(())
}

pub(crate) fn killed_while_made(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings::default())?;
    for pod in &cluster.pods {
        cluster.create(pod, &[])?;
    }
    // Each phase of a pod's making is hit by one of the rounds.
    for phase in ["discovering", "bootstrapping", "starting"] {
        let seen = cluster
            .pods
            .iter()
            .find(|pod| cluster.status(pod).is_ok_and(|status| status["phase"] == phase));
        for pod in seen.into_iter().chain(&cluster.pods) {
            // A container that is down already cannot be killed.
            let _ = cluster.container_do(&["kill"], pod);
        }
        cluster.start_shuffled()?;
    }
    cluster.wait_all_ready()?;
    let pod = cluster.pod("coordinator-0");
    cluster.sql(pod, "create table works (id int)").map(drop)
}

pub(crate) fn foreign_volume(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-0");
        let other = cluster.pod("segment-a-1");
        let host = format!("GP_AGENT_HOST_NAME={other}");
        let check = cluster.try_exec(pod, &["env", &host, "gp-agent", "check", "storage"])?;
        ensure!(check.status.success(), "a look alone changes and refuses nothing");
        let run = [
            "env",
            &host,
            "GP_AGENT_RUN_DIR=/tmp/second",
            "GP_AGENT_HTTP_PORT=8009",
            "timeout",
            "5",
            "gp-agent",
            "run",
        ];
        let output = cluster.try_exec(pod, &run)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            said.contains(pod),
            "a second agent on the volume was not told who holds it:\n{said}"
        );
        cluster.wait_ready(pod)
    })
}

pub(crate) fn bad_parameter(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-b-1");
        let good = cluster.settings().clone();
        let mut bad = good.clone();
        bad.parameters.push(("shared_bufers".into(), "1GB".into()));
        cluster.configure(&bad)?;
        cluster.wait_status(pod, "reports the parameter", |s| {
            s["findings"].to_string().contains("shared_bufers")
        })?;
        cluster.container_do(&["restart", "--time", "40"], pod)?;
        cluster.configure(&good)?;
        cluster.wait_status(pod, "has forgotten it", |s| {
            s["phase"] == "running" && !s["findings"].to_string().contains("shared_bufers")
        })?;
        cluster.wait_all_ready()
    })
}
