//! Creating a cluster under everything that can go wrong with it.

use crate::support::{check, coordinator, creation, fill, one_pair, refused};
use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::greenplum::{self, Kind};
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use serde_json::Value;

/// The directories with dated names that stand beside `dir`.
fn aside(cluster: &Cluster, pod: &str, dir: &str) -> Result<usize> {
    let list = format!("ls -d {dir}.aside-* 2>/dev/null | wc -l");
    Ok(cluster.exec(pod, &["bash", "-c", &list])?.trim().parse()?)
}

pub(crate) fn broken_off(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let (head, primary) = (coordinator(&cluster), cluster.pod("segment-a-0"));
    // A real engine is caught in the same places, as well as that goes.
    cluster.switch_on("pause-primaries", "")?;
    cluster.create_all()?;
    cluster.wait_log(head, "No errors generated from parallel processes")?;
    cluster.switch_on("pause-production", "")?;
    cluster.signal(head, "KILL", cluster.agent_pid(head)?)?;
    cluster.switch_off("pause-primaries")?;
    cluster.wait_log(head, "Completed restart of Greenplum instance")?;
    cluster.container_do(&["kill"], head)?;
    cluster.switch_off("pause-production")?;
    cluster.container_do(&["start"], head)?;
    cluster.wait_all_ready()?;
    cluster.wait_in_place(head)?;
    let record = creation(&cluster, head)?;
    ensure!(record["state"] == "created" && record["attempts"] == 3, "{record}");
    for pod in [head, primary] {
        let kept = aside(&cluster, pod, &cluster.data_dir(pod))?;
        ensure!(kept == 2, "{kept} directories of {pod} were set aside, not 2");
    }
    Ok(())
}

/// Broken off when anybody could use it, and the coordinator cannot say whether somebody did: nothing is set aside.
pub(crate) fn cannot_tell(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let (head, primary) = (coordinator(&cluster), cluster.pod("segment-a-0"));
    cluster.switch_on("pause-production", "")?;
    cluster.create_all()?;
    cluster.wait_log(head, "Completed restart of Greenplum instance")?;
    let dir = cluster.data_dir(head);
    cluster.exec(head, &["mv", &format!("{dir}/global/pg_control"), "/greenplum/"])?;
    cluster.container_do(&["kill"], head)?;
    cluster.switch_off("pause-production")?;
    cluster.container_do(&["start"], head)?;
    cluster.wait_status(head, "refused", |s| {
        refused(s, &["whether somebody has used it cannot be told", "pg_control"])
    })?;
    for pod in [head, primary] {
        let kept = aside(&cluster, pod, &cluster.data_dir(pod))?;
        ensure!(kept == 0, "{kept} directories of {pod} were set aside");
    }
    cluster.exec(head, &["mv", "/greenplum/pg_control", &format!("{dir}/global/")])?;
    cluster.wait_all_ready()?;
    cluster.wait_in_place(head)
}

/// In the moment in which the coordinator has said that the cluster is created, nobody else has heard of it.
pub(crate) fn stopped_at_once(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let head = coordinator(&cluster);
    cluster.create_all()?;
    cluster.wait_log(head, "the cluster is created")?;
    cluster.all_do(&["stop", "--time", "60"])?;
    cluster.start_shuffled()?;
    cluster.wait_all_ready()?;
    cluster.wait_in_place(head)
}

pub(crate) fn exhausted(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(Settings {
        standby: false,
        mirrors: false,
        lines: vec!["greenplum: { attempts: 2 }".into()],
        ..one_pair()
    })?;
    let head = coordinator(&cluster);
    cluster.switch_on("fail-after-primary", "0")?;
    cluster.create_all()?;
    cluster.wait_status(head, "refused for good", |s| {
        refused(s, &["2 attempts", "Failed to start segment instance"])
    })?;
    ensure!(creation(&cluster, head)?["attempts"] == 2);
    said_once(&cluster, head)?;
    cluster.switch_off("fail-after-primary")?;
    cluster.exec(head, &["gp-agent", "resume"])?;
    cluster.wait_all_ready()?;
    ensure!(aside(&cluster, head, "/greenplum/gpseg-1")? >= 2);
    Ok(())
}

/// A refusal that nothing changes is found again by a new agent, and begins nothing that it would have to tell.
fn said_once(cluster: &Cluster, head: &str) -> Result<()> {
    const REFUSAL: &str = "could not be created in 2 attempts";
    cluster.container_do(&["restart"], head)?;
    cluster.wait_status(head, "refused again", |s| refused(s, &["2 attempts"]))?;
    let log = cluster.logs(head);
    let again: Vec<&str> = log.split(REFUSAL).skip(1).collect();
    ensure!(again.len() >= 2, "the new agent did not refuse:\n{log}");
    let told = again
        .iter()
        .any(|part| part.contains("waiting for the names of all peers"));
    ensure!(!told, "it began anew only to refuse:\n{log}");
    Ok(())
}

/// The cluster answers while its standby is still being made, and everything is killed.
pub(crate) fn loaded_before_finished(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let (head, primary) = (coordinator(&cluster), cluster.pod("segment-a-0"));
    cluster.switch_on("fail-standby", "1")?;
    cluster.switch_on("pause-standby", "")?;
    cluster.create_all()?;
    cluster.wait_log(head, "making the standby (gpinitstandby)")?;
    ensure!(creation(&cluster, head)?["state"] == "whole");
    fill(&cluster, head, "loaded")?;
    cluster.all_do(&["kill"])?;
    cluster.switch_off("pause-standby")?;
    cluster.start_shuffled()?;
    cluster.wait_all_ready()?;
    cluster.wait_in_place(head)?;
    check(&cluster, head, "loaded")?;
    let record = creation(&cluster, head)?;
    ensure!(record["state"] == "created" && record["attempts"] == 1, "{record}");
    for pod in [head, primary] {
        ensure!(
            aside(&cluster, pod, &cluster.data_dir(pod))? == 0,
            "{pod} was set aside"
        );
    }
    Ok(())
}

/// gpinitsystem ends with 0 although the standby failed.
pub(crate) fn finished(_: &Shared) -> Result<()> {
    created("G7", &[("fail-standby", "1")])
}

/// Another folder of logs, other names, another marker of standbys; ends with 1 after mere warnings.
pub(crate) fn greenplum_6(_: &Shared) -> Result<()> {
    created("G6", &[("fail-standby", "1")])
}

/// gpinitsystem notices late that the mirrors failed, and never comes to the standby.
pub(crate) fn cloudberry(_: &Shared) -> Result<()> {
    created("CB", &[("fail-after-mirror", "0")])
}

fn created(family: &str, switches: &[(&str, &str)]) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let head = coordinator(&cluster);
    cluster.switch_on("family", family)?;
    for (name, content) in switches {
        cluster.switch_on(name, content)?;
    }
    cluster.create_all()?;
    cluster.wait_all_ready()?;
    cluster.wait_in_place(head)?;
    let record = creation(&cluster, head)?;
    ensure!(
        record["attempts"] == 1,
        "it was begun anew for what could be finished: {record}"
    );
    let log = cluster.logs(head);
    ensure!(
        log.contains("the stand-in was told to fail") || log.contains("not in sync"),
        "nothing failed:\n{log}"
    );
    Ok(())
}

pub(crate) fn lost_coordinator(_: &Shared) -> Result<()> {
    let cluster = Cluster::up(Settings {
        standby: false,
        mirrors: false,
        ..one_pair()
    })?;
    let (head, segment) = (coordinator(&cluster), cluster.pod("segment-a-0"));
    let system = cluster.status(segment)?["directory"]["systemId"].clone();
    cluster.lose_volume(head)?;
    cluster.create(head, &[])?;
    cluster.wait_status(head, "creates nothing over the segments", |s| {
        refused(s, &["bring the coordinator's lost volume back"])
    })?;
    ensure!(!cluster.try_exec(head, &["ls", "/greenplum/gpseg-1"])?.status.success());
    let status = cluster.status(segment)?;
    ensure!(
        status["directory"]["systemId"] == system,
        "the segment is another one: {status}"
    );
    Ok(())
}

/// Everything that is said of the hosts, in the status of the coordinator.
fn says(status: &Value, pod: &str, words: &str) -> bool {
    let mut findings = status["findings"].as_array().into_iter().flatten();
    findings.any(|f| f["severity"] == "error" && f["subject"] == pod && f["what"].to_string().contains(words))
}

/// Takes the port on IPv4 alone until the container ends.
const LISTEN: &str =
    "import socket, time; s = socket.socket(); s.bind(('0.0.0.0', 50000)); s.listen(); time.sleep(3600)";

pub(crate) fn hosts_not_ready(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    let head = coordinator(&cluster);
    let [standby, primary, mirror] = ["coordinator-1", "segment-a-0", "segment-b-0"].map(|pod| cluster.pod(pod));
    let hidden = |path: &str| format!("--volume=/dev/null:{path}:ro");
    cluster.create(mirror, &["--tmpfs=/usr/lib/locale"])?;
    let left = cluster.data_dir(mirror);
    let leave = format!("mkdir -p {left} && echo precious >{left}/file");
    cluster.exec(mirror, &["bash", "-c", &leave])?;
    cluster.create(standby, &[&hidden("/usr/bin/ping")])?;
    cluster.create(primary, &[&hidden("/usr/sbin/sshd")])?;
    cluster.create(head, &[])?;
    cluster.wait_status(head, "creates nothing over a directory", |s| refused(s, &[mirror]))?;
    let kept = "/greenplum/mirror/kept";
    cluster.exec(mirror, &["mv", &left, kept])?;
    cluster.spawn(mirror, &["python3", "-c", LISTEN])?;
    cluster.wait_status(head, "names everything at once", |s| {
        refused(s, &[standby, primary, mirror])
            && says(s, standby, "ping")
            && says(s, primary, "cannot be looked at")
            && says(s, mirror, "locale")
            && says(s, mirror, "50000")
    })?;
    for pod in [standby, primary, mirror] {
        cluster.remove(pod)?;
        cluster.create(pod, &[])?;
    }
    cluster.wait_all_ready()?;
    cluster.wait_in_place(head)?;
    ensure!(
        creation(&cluster, head)?["attempts"] == 1,
        "gpinitsystem ran before the hosts were ready"
    );
    ensure!(cluster.exec(mirror, &["cat", &format!("{kept}/file")])? == "precious");
    Ok(())
}

pub(crate) fn shell_characters(_: &Shared) -> Result<()> {
    let cluster = Cluster::new(one_pair())?;
    cluster.edit_configuration(|text| text.replace("primaries: ", "primaries: x$(id>/tmp/owned)-"))?;
    let head = coordinator(&cluster);
    cluster.create(head, &[])?;
    cluster.wait_log(head, "segments.primaries")?;
    let check = cluster.try_exec(head, &["gp-agent", "check", "config"])?;
    ensure!(!check.status.success(), "the doctor likes it: {check:?}");
    ensure!(
        !cluster.try_exec(head, &["ls", "/tmp/owned"])?.status.success(),
        "it was run"
    );
    if greenplum::kind() == Kind::StandIn {
        ensure!(
            !cluster
                .try_exec(head, &["pgrep", "-f", "gpinitsystem"])?
                .status
                .success()
        );
    }
    Ok(())
}
