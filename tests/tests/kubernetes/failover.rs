//! The coordinator's role moves by itself, to one pod and never two, with every acknowledged row.

use crate::faults::{clock, restarts, tool};
use crate::shared::{Shared, all_well, wait_served};
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::{Client, Clients, Release};
use cluster_tests::{wait, writers};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// Clients of the balancer, who write from before until after something happens.
pub(crate) struct Load {
    client: Client,
    clients: Clients,
}

impl Load {
    pub(crate) fn start(release: &Release) -> Result<Load> {
        let client = Client::served_by(release)?;
        client.sql("create table written (id bigint)")?;
        let clients = Clients::start(&client, "written", 2);
        clients.wait_for_more("clients write")?;
        clients.watch_gaps();
        Ok(Load { client, clients })
    }

    /// Once they are served by that pod; the longest time for which they were not served.
    pub(crate) fn served_by(&self, release: &Release, pod: &str) -> Result<Duration> {
        wait::until(&format!("{pod} is the coordinator"), || {
            ensure!(release.coordinators()?.0 == pod);
            Ok(())
        })?;
        self.clients.wait_for_more("clients write again")?;
        Ok(self.clients.longest_gap())
    }

    /// Nothing that was acknowledged is missing.
    pub(crate) fn end(self) -> Result<()> {
        let rows = self.clients.stop()?;
        let written = self.client.sql_when_served("select id from written")?;
        writers::check_among(&written, &rows)?;
        self.client.sql("drop table written").map(drop)
    }
}

pub(crate) fn pod_deleted(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let (coordinator, standby) = release.coordinators()?;
        let (uid, epoch) = (release.uid(coordinator)?, release.epoch()?);
        let load = Load::start(release)?;
        release.kubectl(&["delete", "pod", coordinator, "--wait=false"])?;
        let gap = load.served_by(release, standby);
        let back = release.wait_replaced(coordinator, &uid);
        let well = all_well(release);
        load.end()?;
        let gap = gap?;
        back.and(well)?;
        ensure!(release.coordinators()? == (standby, coordinator), "the role went on");
        ensure!(release.epoch()? == epoch + 1, "more than one change of the role");
        let how = release.came_by(standby)?;
        ensure!(how == "switchover", "not handed over: {how}");
        eprintln!("pod deleted: {:.1} s from client to client", gap.as_secs_f64());
        Ok(())
    })
}

pub(crate) fn node_off(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        let (coordinator, standby) = release.coordinators()?;
        let (node, epoch) = (release.node(coordinator)?, release.epoch()?);
        let load = Load::start(release)?;
        tool.run(&["node", "stop", &node])?;
        let gap = load.served_by(release, standby);
        // Nobody is there to take it off; and no client is to be sent into the void.
        let labelled = wait_served(release);
        tool.run(&["node", "start", &node])?;
        let well = all_well(release);
        load.end()?;
        let gap = gap?;
        labelled.and(well)?;
        ensure!(release.coordinators()? == (standby, coordinator), "the role went back");
        ensure!(release.epoch()? == epoch + 1, "more than one change of the role");
        let how = release.came_by(standby)?;
        ensure!(how == "failover", "not taken over: {how}");
        eprintln!("node off: {:.1} s from client to client", gap.as_secs_f64());
        Ok(())
    })
}

/// Cut off from the API server alone it writes by the standby's promise, for as long as that lasts.
pub(crate) fn cut_off_from_the_api(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        let (before, roles, epoch) = (restarts(release)?, release.coordinators()?, release.epoch()?);
        let (node, pid) = (release.node(roles.0)?, release.postmaster(roles.0)?);
        // Asked at its own address: the API server takes a node for lost that it does not hear of.
        let client = Client::of_pod(release, roles.0)?;
        client.sql("create table written (id bigint)")?;
        let clients = Clients::start(&client, "written", 2);
        clients.wait_for_more("clients write")?;
        clients.watch_gaps();
        tool.run(&["partition", &node, "master"])?;
        let promised = release.wait_status(roles.1, "promises", |s| !s["failover"]["promise"].is_null());
        let passed = seconds_pass(release, roles.0, 30);
        let gap = clients.longest_gap();
        tool.run(&["heal"])?;
        let rows = clients.stop()?;
        promised.and(passed)?;
        all_well(release)?;
        writers::check_among(&client.sql("select id from written")?, &rows)?;
        client.sql("drop table written")?;
        ensure!(
            release.coordinators()? == roles && release.epoch()? == epoch,
            "the role moved"
        );
        ensure!(
            release.postmaster(roles.0)? == pid,
            "the coordinator's server was stopped"
        );
        eprintln!(
            "without the API server: {:.1} s from row to row at most",
            gap.as_secs_f64()
        );
        ensure!(restarts(release)? == before, "a container was restarted");
        Ok(())
    })
}

/// Cut off from everybody else it stops writing before the standby begins, although clients reach it all the time.
pub(crate) fn cut_off_from_all(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        let (old, new) = release.coordinators()?;
        let node = release.node(old)?;
        let [to_old, to_new] = [Client::of_pod(release, old)?, Client::of_pod(release, new)?];
        to_old.sql("create table written (id bigint); create table also (id bigint)")?;
        let first = Clients::start(&to_old, "written", 2);
        let second = Clients::start(&to_new, "also", 2);
        first.wait_for_more("clients write")?;
        // In this order: alone with the record it would let the standby go within three seconds, and write on.
        let mut others = nodes()?;
        others.retain(|other| *other != node);
        others.push("master".into());
        for other in others.iter().rev() {
            tool.run(&["partition", &node, other])?;
        }
        let taken = second.wait_for_more("the standby takes over");
        let (last, begin) = (first.span()?.1, second.span());
        let acknowledged = first.acknowledged();
        let passed = seconds_pass(release, new, 5);
        let silent = first.acknowledged() == acknowledged;
        tool.run(&["heal"])?;
        let rows = [first.stop()?, second.stop()?];
        taken.and(passed)?;
        all_well(release)?;
        ensure!(release.coordinators()? == (new, old), "the role went back");
        let client = Client::served_by(release)?;
        writers::check_among(&client.sql("select id from written")?, &rows[0])?;
        writers::check_among(&client.sql("select id from also")?, &rows[1])?;
        client.sql("drop table written; drop table also")?;
        let begin = begin?.0;
        ensure!(last < begin && silent, "two coordinators acknowledged at once");
        eprintln!(
            "cut off from all: {:.1} s with no coordinator",
            (begin - last).as_secs_f64()
        );
        Ok(())
    })
}

/// By the clock of a pod's agent, at its own address.
fn seconds_pass(release: &Release, pod: &str, seconds: u64) -> Result<()> {
    let agent = SocketAddr::new(release.ip(pod)?, 8008);
    let since = clock(agent)?;
    wait::until(&format!("{seconds} s pass"), || {
        ensure!(clock(agent)? >= since + seconds);
        Ok(())
    })
}

fn nodes() -> Result<Vec<String>> {
    let names = cluster_tests::kube::kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])?;
    Ok(names.split(' ').map(String::from).collect())
}

/// A cluster without failover gets it with new pods. While one has it and the other has not, nobody takes over, and nobody is
/// fenced.
pub(crate) fn switched_on(_: &Shared) -> Result<()> {
    let next = std::env::var("GP_IMAGE_NEXT")?;
    let (repository, tag) = next.rsplit_once(':').context("GP_IMAGE_NEXT has no tag")?;
    let small = json!({ "segments": { "count": 1 }, "mirrors": { "enabled": false }, "failover": { "mode": "off" } });
    let release = Release::up(small)?;
    release.wait_streaming("coordinator-1")?;
    let load = Load::start(&release)?;
    let uids = ["coordinator-0", "coordinator-1"].map(|pod| release.uid(pod));
    release.upgrade(&json!({
        "image": { "repository": repository, "tag": tag }, "failover": { "mode": "auto" },
    }))?;
    let [zero, one] = uids;
    release.wait_replaced("coordinator-1", &one?)?;
    let beside = |status: &Value| status["failover"]["off"].is_null() && status["failover"]["holder"].is_null();
    let first = release.status("coordinator-1")?;
    ensure!(beside(&first), "{}", first["failover"]);
    release.wait_replaced("coordinator-0", &zero?)?;
    let roles = release.wait_in_sync()?;
    ensure!(roles == ("coordinator-0", "coordinator-1"), "the role moved");
    ensure!(release.epoch()? == 1, "epoch {}", release.epoch()?);
    load.served_by(&release, "coordinator-0")?;
    load.end()?;
    for pod in ["coordinator-0", "coordinator-1"] {
        ensure!(release.restarts(pod)? == 0, "{pod} was restarted");
        let log = release.logs(pod);
        ensure!(!log.contains("killing the server"), "{pod} was fenced:\n{log}");
    }
    // And off again, the other way round.
    release.upgrade(&json!({ "failover": { "mode": "off" }, "podAnnotations": { "test/off": "1" } }))?;
    for pod in ["coordinator-0", "coordinator-1"] {
        release.wait_status(pod, "without failover", |s| !s["failover"]["off"].is_null())?;
    }
    release.wait_all_ready()
}
