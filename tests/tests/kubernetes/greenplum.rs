//! The chart with Greenplum itself: what is not the same as with independent servers.

use crate::failover::Load;
use crate::shared::{PAIRS, Shared, elsewhere, service_addresses};
use anyhow::{Context, Result, ensure};
use cluster_tests::greenplum;
use cluster_tests::kube::{Client, Clients, Release, Tool, kubectl};
use cluster_tests::{wait, writers};
use serde_json::{Value, json};
use std::time::Instant;

/// Its image in the chart, with what the pods need there.
fn values(auth: &str) -> Value {
    let image = greenplum::image();
    let (repository, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    let group = json!({ "resources": { "limits": { "memory": "1Gi" } } });
    json!({
        "engine": "greenplum",
        "image": { "repository": repository, "tag": tag },
        "coordinator": group, "primaries": group, "mirrors": group,
        "hba": { "auth": auth },
    })
}

/// A tool of Greenplum in a pod of a coordinator.
fn tool(release: &Release, pod: &str, line: &str) -> Result<String> {
    release.exec(pod, &["bash", "-c", line])
}

fn rows(client: &Client) -> Result<()> {
    let rows = client.sql("select count(*), sum(id) from kept")?;
    ensure!(rows == "1000|500500", "{rows}");
    Ok(())
}

/// Waits until every server is up, in sync and in the role that it was made for.
fn wait_in_place(release: &Release, client: &Client) -> Result<()> {
    release.wait_all_ready()?;
    wait::until("every server in its place", || {
        let elsewhere = "select count(*), string_agg(dbid || role || preferred_role || mode || status, ' ') from gp_segment_configuration \
             where role <> preferred_role or status <> 'u' or (content >= 0 and mode <> 's')";
        let found = client.sql(elsewhere)?;
        ensure!(found == "0|", "{found}");
        Ok(())
    })
}

pub(crate) fn whole(_: &Shared) -> Result<()> {
    let release = Release::up(values("scram-sha-256"))?;
    let client = Client::served_by(&release)?;
    client
        .sql("create table kept (id bigint) distributed by (id); insert into kept select generate_series(1, 1000)")?;
    wait_in_place(&release, &client)?;
    let pods = release.pods()?;
    for pod in &pods {
        ensure!(release.restarts(pod)? == 0, "{pod} was restarted");
    }
    let history = client.sql("select count(*) from gp_configuration_history")?;
    let before = release.uids()?;
    let delete = ["delete", "pod", "--wait=false"];
    let all: Vec<&str> = pods.iter().map(String::as_str).collect();
    release.kubectl(&[&delete[..], &all].concat())?;
    for (pod, uid) in pods.iter().zip(&before) {
        release.wait_replaced(pod, uid)?;
    }
    wait::until("the rows through the balancer", || rows(&client))?;
    wait_in_place(&release, &client)?;
    ensure!(
        client.sql("select count(*) from gp_configuration_history")? == history,
        "FTS took the end of the pods for a failure"
    );
    let check = release.try_exec("coordinator-0", &["gp-agent", "check"])?;
    ensure!(check.status.success(), "the doctor: {check:?}");
    Ok(())
}

/// As an administrator updates Greenplum: every server goes and comes at once. One by one, a primary may hand over to its
/// mirror, and wait for gprecoverseg.
pub(crate) fn update(_: &Shared) -> Result<()> {
    let release = Release::up(values("scram-sha-256"))?;
    let client = Client::served_by(&release)?;
    client.sql("create table written (id bigint) distributed by (id)")?;
    wait_in_place(&release, &client)?;
    let history = client.sql("select count(*) from gp_configuration_history")?;
    let clients = Clients::start(&client, "written", 2);
    let updated = replace_all(&release, &clients);
    let rows = clients.stop()?;
    updated?;
    wait_in_place(&release, &client)?;
    let written = client.sql_when_served("select id from written")?;
    writers::check_among(&written, &rows)?;
    ensure!(
        client.sql("select count(*) from gp_configuration_history")? == history,
        "FTS took the update for a failure"
    );
    Ok(())
}

fn replace_all(release: &Release, clients: &Clients) -> Result<()> {
    let pods = release.pods()?;
    let before = release.uids()?;
    release.upgrade(&json!({ "podAnnotations": { "test/update": "1" } }))?;
    for set in ["coordinator", "segment-a", "segment-b"] {
        wait::until(&format!("{set} has a new revision"), || {
            let set = release.set(set)?;
            let (wanted, seen) = (&set["metadata"]["generation"], &set["status"]["observedGeneration"]);
            ensure!(wanted == seen, "{}", set["status"]);
            Ok(())
        })?;
    }
    clients.wait_for_more("clients write on")?;
    for (pod, uid) in pods.iter().zip(&before) {
        let now = release.pod(pod)?["metadata"].clone();
        ensure!(
            now["uid"] == uid.as_str() && now["deletionTimestamp"].is_null(),
            "{pod} is replaced by itself"
        );
    }
    let all = "app.kubernetes.io/instance=t,greenplum.io/cluster=t";
    release.kubectl(&["delete", "pod", "--wait=false", "--selector", all])?;
    for (pod, uid) in pods.iter().zip(&before) {
        release.wait_replaced(pod, uid)?;
        let annotations = release.pod(pod)?["metadata"]["annotations"].clone();
        ensure!(annotations["test/update"] == "1", "{pod} is of the old revision");
    }
    clients.wait_for_more("clients write after the update")
}

/// A primary that does not share the coordinator's node.
fn primary_elsewhere(release: &Release) -> Result<Option<&'static str>> {
    let pods = elsewhere(release, &release.node("coordinator-0")?)?;
    Ok(pods.first().copied())
}

fn move_coordinator(release: &Release) -> Result<()> {
    let (uid, node) = (release.uid("coordinator-0")?, release.node("coordinator-0")?);
    kubectl(&["cordon", &node])?;
    let moved = release
        .kubectl(&["delete", "pod", "coordinator-0", "--wait=false"])
        .and_then(|_| release.wait_replaced("coordinator-0", &uid));
    kubectl(&["uncordon", &node])?;
    moved
}

/// Waits until the container of a lost primary was made anew, waits for gprecoverseg, and is found where it is now.
fn wait_for_recovery(release: &Release, pod: &str, restarts: u64) -> Result<()> {
    wait::until(&format!("{pod} is made anew"), || {
        ensure!(release.restarts(pod)? > restarts);
        release.ip(pod)
    })?;
    let status = release.wait_status(pod, "waits for gprecoverseg", |s| {
        let reason = s["reason"].as_str();
        reason.is_some_and(|reason| reason.contains("gprecoverseg"))
    })?;
    let name = status["fqdn"].as_str().context("no name")?;
    wait::until(&format!("{name} leads to {pod}"), || {
        let found = release.exec("coordinator-0", &["getent", "hosts", name])?;
        let address = release.ip(pod)?.to_string();
        ensure!(found.starts_with(&address), "{found} and not {address}");
        Ok(())
    })
}

/// The node of the coordinator and a primary is off, with whatever else is on it, and comes back: nobody gives a command.
pub(crate) fn heals(_: &Shared) -> Result<()> {
    let lab = Tool::find().map_err(anyhow::Error::msg)?;
    let release = Release::up(values("scram-sha-256"))?;
    let client = Client::served_by(&release)?;
    client
        .sql("create table kept (id bigint) distributed by (id); insert into kept select generate_series(1, 1000)")?;
    wait_in_place(&release, &client)?;
    let (coordinator, standby, segments) = beside_a_primary(&release, &client)?;
    let node = release.node(coordinator)?;
    let load = Load::start(&release)?;
    lab.run(&["node", "stop", &node])?;
    let gap = load.served_by(&release, standby);
    lab.run(&["node", "start", &node])?;
    let (gap, back) = (gap?, Instant::now());
    wait_whole(&release, &client)?;
    eprintln!(
        "{coordinator} and {segments:?} off: {:.1} s from client to client, whole {:.1} s after the node was back",
        gap.as_secs_f64(),
        back.elapsed().as_secs_f64()
    );
    load.end()?;
    rows(&client)?;
    tool(&release, standby, "gpcheckcat -O postgres").map(drop)
}

/// Sees to it that the coordinator shares its node with a primary: that is the worst node to lose. The coordinator, its standby,
/// and all segments on its node.
fn beside_a_primary(release: &Release, client: &Client) -> Result<(&'static str, &'static str, Vec<&'static str>)> {
    let (mut coordinator, mut standby) = release.wait_in_sync()?;
    let beside = |coordinator: &str| -> Result<Vec<&'static str>> {
        let node = release.node(coordinator)?;
        let there = |pod: &&str| release.node(pod).is_ok_and(|at| at == node);
        let segments = PAIRS[1..].iter().flat_map(|(a, b)| [*a, *b]);
        Ok(segments.filter(there).collect())
    };
    if beside(coordinator)?.is_empty() {
        release.exec(coordinator, &["gp-agent", "switchover"])?;
        (coordinator, standby) = release.wait_in_sync()?;
    }
    let segments = beside(coordinator)?;
    let acts = |pod: &str| -> Result<bool> {
        let role = format!("select role from gp_segment_configuration where hostname like '{pod}.%'");
        Ok(client.sql_when_served(&role)? == "p")
    };
    let mirror = segments.first().context("both coordinators are alone on their nodes")?;
    if !segments
        .iter()
        .map(|pod| acts(pod))
        .collect::<Result<Vec<_>>>()?
        .contains(&true)
    {
        take_over(release, mirror)?;
        wait::until(&format!("{mirror} acts"), || {
            ensure!(acts(mirror)?, "it is a mirror");
            Ok(())
        })?;
        release.exec(partner_of(mirror)?, &["gp-agent", "resume"])?;
        wait_whole(release, client)?;
    }
    Ok((coordinator, standby, segments))
}

fn partner_of(pod: &str) -> Result<&'static str> {
    let pairs = PAIRS.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
    let (_, partner) = pairs.into_iter().find(|(a, _)| *a == pod).context("no segment")?;
    Ok(partner)
}

/// Stops the primary of a mirror, as an administrator does.
fn take_over(release: &Release, mirror: &str) -> Result<()> {
    let primary = partner_of(mirror)?;
    release.exec(primary, &["gp-agent", "hold", "a test"])?;
    let stop = "pg_ctl stop -m fast -D $(echo /greenplum/gpseg[0-9]*)";
    tool(release, primary, stop).map(drop)
}

/// Waits until every server is up and in sync, in whatever role.
fn wait_whole(release: &Release, client: &Client) -> Result<()> {
    wait::until("every server up and in sync", || {
        let behind = "select count(*), string_agg(dbid || role || mode || status, ' ') from gp_segment_configuration \
             where status <> 'u' or (content >= 0 and mode <> 's')";
        let found = client.sql(behind)?;
        ensure!(found == "0|", "{found}");
        Ok(())
    })?;
    release.wait_in_sync()?;
    release.wait_all_ready()
}

/// Without anything that acts by itself. Between pods that trust each other, so that the tools of every release can log in; with
/// an FTS and sessions that take half a minute for a host that is off, and not two.
pub(crate) fn failures(_: &Shared) -> Result<()> {
    let lab = Tool::find().map_err(anyhow::Error::msg)?;
    let mut values = values("trust");
    values["parameters"] = json!({ "gp_fts_probe_timeout": "5s", "gp_segment_connect_timeout": "20s" });
    values["failover"] = json!({ "mode": "off" });
    values["recovery"] = json!({ "segments": "manual" });
    let release = Release::up(values)?;
    release.sql("coordinator-0", "alter role gpadmin password 'of the test'")?;
    let client = Client {
        address: release.address("greenplum")?,
        port: 5432,
        password: "of the test".into(),
    };
    client.sql_when_served("select 1")?;
    client
        .sql("create table kept (id bigint) distributed by (id); insert into kept select generate_series(1, 1000)")?;
    wait_in_place(&release, &client)?;
    if primary_elsewhere(&release)?.is_none() {
        move_coordinator(&release)?;
        wait_in_place(&release, &client)?;
    }
    let primary = primary_elsewhere(&release)?.context("the coordinator did not move")?;
    let node = release.node(primary)?;
    let there = |pod: &&str| release.node(pod).is_ok_and(|at| at == node);
    let lost: Vec<&str> = PAIRS.iter().map(|(pod, _)| *pod).filter(there).collect();
    let restarts = lost.iter().map(|pod| release.restarts(pod));
    let restarts = restarts.collect::<Result<Vec<_>>>()?;
    lab.run(&["node", "stop", &node])?;
    let served = wait::until("writes while the node is off", || {
        client.sql("insert into kept select generate_series(-1000, -1)")
    });
    lab.run(&["node", "start", &node])?;
    served?;
    client.sql("delete from kept where id < 0")?;
    for (pod, before) in lost.iter().zip(restarts) {
        wait_for_recovery(&release, pod, before)?;
    }
    tool(&release, "coordinator-0", "gprecoverseg -a")?;
    lost.iter().try_for_each(|pod| release.wait_ready(pod))?;
    wait::until("every pair in sync", || {
        let query =
            "select count(*) from gp_segment_configuration where content >= 0 and (mode <> 's' or status <> 'u')";
        let behind = client.sql(query)?;
        ensure!(behind == "0", "{behind} are not");
        Ok(())
    })?;
    tool(&release, "coordinator-0", "gprecoverseg -a -r")?;
    wait_in_place(&release, &client)?;
    rows(&client)?;
    promoted(&release, &client)
}

/// The standby is activated by hand: the balancer follows, the old coordinator stays out.
fn promoted(release: &Release, client: &Client) -> Result<()> {
    release.exec("coordinator-0", &["gp-agent", "hold", "a test"])?;
    tool(release, "coordinator-0", "pg_ctl stop -m fast -D /greenplum/gpseg-1")?;
    tool(
        release,
        "coordinator-1",
        "gpactivatestandby -a -f -d /greenplum/gpseg-1",
    )?;
    wait::until("the balancer leads to the new coordinator", || {
        rows(client)?;
        let (found, wanted) = (service_addresses(release)?, release.ip("coordinator-1")?);
        ensure!(found == [wanted.to_string()], "{found:?}");
        Ok(())
    })?;
    release.exec("coordinator-0", &["gp-agent", "resume"])?;
    release
        .wait_status("coordinator-0", "stays out", |s| {
            s["phase"] == "refused" && s["reason"].as_str().is_some_and(|reason| reason.contains("activated"))
        })
        .map(drop)
}
