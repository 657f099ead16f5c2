//! Pods that are taken away, and come back elsewhere with other addresses.

use crate::shared::{PAIRS, Shared, all_well, check_rows, pairs, write_rows};
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::{self, Release};
use cluster_tests::wait;
use cluster_tests::writers::{self, PSQL, Writers};
use serde_json::json;
use std::net::IpAddr;

/// Deletes pods and waits for those that take their names.
fn delete(release: &Release, pods: &[&str]) -> Result<()> {
    let before = pods
        .iter()
        .map(|pod| Ok((release.uid(pod)?, release.ip(pod)?)))
        .collect::<Result<Vec<(String, IpAddr)>>>()?;
    release.kubectl(&[&["delete", "pod", "--wait=false"], pods].concat())?;
    for (pod, (uid, _)) in pods.iter().zip(&before) {
        release.wait_replaced(pod, uid)?;
    }
    for (pod, (_, address)) in pods.iter().zip(&before) {
        ensure!(release.ip(pod)? != *address, "{pod} has its old address");
    }
    Ok(())
}

pub(crate) fn each_pod(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        write_rows(release, "before")?;
        let (coordinator, standby) = release.coordinators()?;
        // One of each pair at a time: those that are written to.
        delete(release, &pairs(release)?.map(|(pod, _)| pod))?;
        all_well(release)?;
        // The coordinator has handed over, and hands over again when it is the other one's turn.
        ensure!(
            release.coordinators()? == (standby, coordinator),
            "{standby} did not take over"
        );
        delete(release, &[standby, PAIRS[1].1, PAIRS[2].1])?;
        all_well(release)?;
        ensure!(
            release.coordinators()? == (coordinator, standby),
            "{coordinator} did not take over"
        );
        check_rows(release, "before")
    })
}

pub(crate) fn each_set(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        write_rows(release, "before")?;
        let roles = release.coordinators()?;
        for set in ["coordinator", "segment-a", "segment-b"] {
            release.kubectl(&["delete", "statefulset", set])?;
            wait::until(&format!("the pods of {set} are gone"), || {
                let selector = format!("app.kubernetes.io/component={set}");
                let pods = release.kubectl(&["get", "pods", "-o", "name", "-l", &selector])?;
                ensure!(pods.is_empty(), "{pods}");
                Ok(())
            })?;
            release.upgrade(&json!({}))?;
            all_well(release).with_context(|| format!("after {set} was deleted"))?;
        }
        ensure!(release.coordinators()? == roles, "the coordinators changed places");
        check_rows(release, "before")
    })
}

pub(crate) fn all_pods(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        write_rows(release, "before")?;
        let (pods, roles) = (release.pods()?, release.coordinators()?);
        delete(release, &pods.iter().map(String::as_str).collect::<Vec<_>>())?;
        all_well(release)?;
        ensure!(release.coordinators()? == roles, "the coordinators changed places");
        check_rows(release, "before")
    })
}

pub(crate) fn under_load(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let pod = "segment-a-0";
        release.sql(pod, "create table written (id bigint)")?;
        let exec = ["-n", &release.namespace, "exec", "-i", pod, "--"];
        let psql = || kube::command(&[&exec[..], &PSQL, &["-p", "40000"]].concat());
        let load = Writers::spawn(psql, "written", 3)?;
        wait::until("a load", || {
            ensure!(load.acknowledged() > 200, "{} rows", load.acknowledged());
            Ok(())
        })?;
        let uid = release.uid(pod)?;
        // So that the object stays until its container's end has been read from it.
        let keep = |by: &[&str]| {
            let fields = json!({ "metadata": { "finalizers": by } });
            release.patch("pod", pod, &fields)
        };
        keep(&["gp-agent.test/exit-code"])?;
        release.kubectl(&["delete", "pod", pod, "--wait=false"])?;
        let code = wait::until("the container's exit code", || {
            let old = release.pod(pod)?;
            let seen = &old["status"]["containerStatuses"][0];
            // A busy kubelet can remove a container before it has looked how that ended (convertToAPIContainerStatuses).
            if seen["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown" {
                return Ok(None);
            }
            let code = seen["state"]["terminated"]["exitCode"].as_i64();
            code.map(Some).context("it runs still")
        });
        keep(&[])?;
        let code = code?;
        ensure!(code.is_none_or(|code| code == 0), "the container ended with {code:?}");
        let rows = load.ended()?;
        release.wait_replaced(pod, &uid)?;
        writers::check_among(&release.sql(pod, "select id from written")?, &rows)?;
        let log = release.logs(pod);
        ensure!(log.contains("database system was shut down at"), "no clean end:\n{log}");
        ensure!(!log.contains("automatic recovery"), "crash recovery:\n{log}");
        release.sql(pod, "drop table written").map(drop)
    })
}
