//! The third of the bugs that this project was made for: a load balancer that has to be pointed by hand.

use crate::shared::{Shared, all_well, service_addresses};
use anyhow::{Result, ensure};
use cluster_tests::kube::{Client, Release};
use cluster_tests::wait;
use serde_json::{Value, json};

/// Waits until a client ends up in a pod, where it may write.
fn wait_for_client(release: &Release, client: &Client, pod: &str) -> Result<()> {
    wait::until(&format!("clients reach {pod}"), || {
        let answer = client.sql("create temporary table written (n int); select host(inet_server_addr())")?;
        let address = release.ip(pod)?.to_string();
        ensure!(answer == address, "{answer} answers and not {address}");
        Ok(())
    })
}

/// Without a standby it is a new pod of the same name.
pub(crate) fn restart(_: &Shared) -> Result<()> {
    let release = Release::up(json!({
        "coordinator": { "standby": false }, "segments": { "count": 1 }, "mirrors": { "enabled": false },
    }))?;
    let client = Client::served_by(&release)?;
    client.sql("create table kept as select 7 as n")?;
    let (uid, address) = (release.uid("coordinator-0")?, release.ip("coordinator-0")?);
    release.kubectl(&["delete", "pod", "coordinator-0", "--wait=false"])?;
    release.wait_replaced("coordinator-0", &uid)?;
    ensure!(release.ip("coordinator-0")? != address, "the address is the old one");
    wait_for_client(&release, &client, "coordinator-0")?;
    ensure!(client.sql("select n from kept")? == "7");
    Ok(())
}

/// To and fro by command.
pub(crate) fn switchover(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let client = Client::served_by(release)?;
        client.sql("create table kept as select 7 as n")?;
        for _ in 0..2 {
            let (from, to) = release.wait_in_sync()?;
            release.exec(from, &["gp-agent", "switchover"])?;
            wait_for_client(release, &client, to)?;
            all_well(release)?;
            ensure!(release.coordinators()? == (to, from), "{to} is not the coordinator");
            ensure!(client.sql("select n from kept")? == "7");
        }
        client.sql("drop table kept").map(drop)
    })
}

fn coordinator_and_standby(more: Value) -> Result<Release> {
    let mut values = json!({ "segments": { "count": 1 }, "mirrors": { "enabled": false } });
    if let (Some(values), Value::Object(more)) = (values.as_object_mut(), more) {
        values.extend(more);
    }
    Release::up(values)
}

/// What people had before: a Service that names the pod.
fn pinned(release: &Release) -> Result<Client> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "pinned" },
        "spec": {
            "type": "LoadBalancer", "ports": [{ "port": 5432, "protocol": "TCP" }],
            "selector": { "statefulset.kubernetes.io/pod-name": "coordinator-0" },
        },
    });
    release.apply(&service)?;
    Ok(Client {
        address: release.address("pinned")?,
        ..Client::of(release)?
    })
}

fn promote(release: &Release) -> Result<()> {
    release.wait_streaming("coordinator-1")?;
    release.sql("coordinator-1", "select pg_promote()")?;
    let steps_down = |s: &Value| s["phase"] == "refused" && s["postmaster"]["pid"].is_null();
    release.wait_status("coordinator-0", "steps down", steps_down).map(drop)
}

/// By hand, which is the way where failover is switched off.
pub(crate) fn promotion(_: &Shared) -> Result<()> {
    let release = coordinator_and_standby(json!({ "failover": { "mode": "off" } }))?;
    let (client, pinned) = (Client::of(&release)?, pinned(&release)?);
    wait_for_client(&release, &client, "coordinator-0")?;
    wait_for_client(&release, &pinned, "coordinator-0")?;
    promote(&release)?;
    wait_for_client(&release, &client, "coordinator-1")?;
    let lost = pinned.sql("select 1");
    ensure!(lost.is_err(), "the Service that names the pod still answers: {lost:?}");
    // The old coordinator, emptied, comes back as the standby and not as a second coordinator.
    let (pod, dir) = ("coordinator-0", "/greenplum/gpseg-1");
    release.exec(pod, &["gp-agent", "hold", "setting the old directory aside"])?;
    release.wait_status(pod, "held", |s| s["phase"] == "held")?;
    release.exec(pod, &["mv", dir, "/greenplum/old"])?;
    release.exec(pod, &["gp-agent", "resume"])?;
    release.wait_ready(pod)?;
    wait::until("labels have changed places", || {
        let (zero, one) = (
            release.role_label("coordinator-0")?,
            release.role_label("coordinator-1")?,
        );
        ensure!(zero == "standby" && one == "coordinator", "{zero} and {one}");
        let addresses = service_addresses(&release)?;
        ensure!(addresses == [release.ip("coordinator-1")?.to_string()], "{addresses:?}");
        Ok(())
    })?;
    wait_for_client(&release, &client, "coordinator-1")
}

pub(crate) fn without_labels(_: &Shared) -> Result<()> {
    let release = coordinator_and_standby(json!({ "roleLabels": false }))?;
    let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    let token = release.try_exec("coordinator-0", &["test", "-e", token])?;
    ensure!(!token.status.success(), "the pod may ask the API server");
    let client = Client::of(&release)?;
    wait_for_client(&release, &client, "coordinator-0")?;
    promote(&release)?;
    wait_for_client(&release, &client, "coordinator-1")
}
