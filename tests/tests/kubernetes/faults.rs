//! Nodes without power, cables cut, DNS gone wrong, no API server.

use crate::shared::{PAIRS, Shared, all_well, check_rows, write_rows};
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::{Client, Clients, Release, Tool, kubectl, streams};
use cluster_tests::{http, wait, writers};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

pub(crate) fn tool() -> Result<Tool> {
    Tool::find().map_err(anyhow::Error::msg)
}

pub(crate) fn restarts(release: &Release) -> Result<Vec<u64>> {
    let pods = release.pods()?;
    pods.iter().map(|pod| release.restarts(pod)).collect()
}

pub(crate) fn node(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        write_rows(release, "before")?;
        let node = release.node("segment-a-0")?;
        tool.run(&["node", "stop", &node])?;
        let survived = written_elsewhere(release, &node);
        tool.run(&["node", "start", &node])?;
        let others = survived.context("while the node was off")?;
        all_well(release)?;
        for pod in others {
            ensure!(release.sql(pod, "select n from meanwhile")? == "7");
            release.sql(pod, "drop table meanwhile")?;
        }
        check_rows(release, "before")
    })
}

/// Writes to every server that was written to and is not on a node, and to the coordinator wherever it is then.
fn written_elsewhere(release: &Release, node: &str) -> Result<Vec<&'static str>> {
    let coordinator = wait::until("a coordinator elsewhere", || {
        let (coordinator, _) = release.coordinators()?;
        ensure!(release.node(coordinator)? != node, "{coordinator} is on {node}");
        Ok(coordinator)
    })?;
    let mut pods = vec![coordinator];
    for (pod, _) in &PAIRS[1..] {
        pods.extend((release.node(pod)? != node).then_some(*pod));
    }
    for pod in &pods {
        let rows = release.sql(pod, "create table meanwhile as select 7 as n; select n from meanwhile")?;
        ensure!(rows == "7", "{pod} has {rows}");
    }
    Ok(pods)
}

pub(crate) fn partition(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        let before = restarts(release)?;
        let (primary, mirror) = ("segment-a-0", "segment-b-0");
        let nodes = [release.node(primary)?, release.node(mirror)?];
        let roles = release.coordinators()?;
        tool.run(&["partition", &nodes[0], &nodes[1]])?;
        write_rows(release, "meanwhile").context("while the nodes were apart")?;
        // Nothing is lost in silence: the mirror says that it receives nothing.
        release.wait_status(mirror, "misses its stream", |s| !streams(s))?;
        tool.run(&["heal"])?;
        all_well(release)?;
        check_rows(release, "meanwhile")?;
        ensure!(release.coordinators()? == roles, "the coordinators changed places");
        ensure!(restarts(release)? == before, "a container was restarted");
        Ok(())
    })
}

fn ready(node: &str) -> Result<bool> {
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
    Ok(kubectl(&["get", "node", node, "-o", path])? == "True")
}

fn wait_for_node(node: &str, wanted: bool) -> Result<()> {
    wait::until(&format!("{node} ready: {wanted}"), || {
        ensure!(ready(node)? == wanted);
        Ok(())
    })
}

pub(crate) fn lost_master(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        let before = restarts(release)?;
        let node = release.node("segment-a-1")?;
        // Asked at its own address, since nothing of the API reaches it now.
        let client = Client::of_pod(release, "segment-a-1")?;
        tool.run(&["partition", &node, "master"])?;
        wait_for_node(&node, false)?;
        let answered = client.sql("create table meanwhile as select 7 as n; select n from meanwhile");
        tool.run(&["heal"])?;
        ensure!(answered.context("while the node was alone")? == "7");
        wait_for_node(&node, true)?;
        all_well(release)?;
        release.sql("segment-a-1", "drop table meanwhile")?;
        ensure!(restarts(release)? == before, "a container was restarted");
        Ok(())
    })
}

pub(crate) fn dns(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = tool()?;
        let before = restarts(release)?;
        for fault in ["servfail", "drop", "stale"] {
            tool.run(&["dns", fault])?;
            let tested = without_dns(release, fault);
            tool.run(&["dns", "ok"])?;
            tested.with_context(|| format!("while DNS did {fault}"))?;
            all_well(release).with_context(|| format!("after DNS did {fault}"))?;
        }
        ensure!(restarts(release)? == before, "a container was restarted");
        Ok(())
    })
}

/// Streams go on, servers are written to, one that crashes comes back; who has noticed says so.
fn without_dns(release: &Release, fault: &str) -> Result<()> {
    write_rows(release, "meanwhile")?;
    check_rows(release, "meanwhile")?;
    let pod = "segment-a-1";
    let pid = release.postmaster(pod)?;
    release.exec(pod, &["kill", "-s", "KILL", &pid.to_string()])?;
    release.wait_status(pod, "another postmaster", |s| {
        s["postmaster"]["pid"].as_i64().is_some_and(|new| new != pid)
    })?;
    release.wait_ready(pod)?;
    if fault == "stale" {
        // A new address that DNS does not tell: the stream comes back when it does.
        let uid = release.uid("segment-b-0")?;
        release.kubectl(&["delete", "pod", "segment-b-0", "--wait=false"])?;
        return wait::until("segment-b-0 replaced", || {
            ensure!(release.uid("segment-b-0")? != uid);
            release.status("segment-b-0")
        })
        .map(drop);
    }
    // The mirror has lost its stream with that postmaster, and cannot find the new one.
    release.wait_status("segment-b-1", "misses its stream", |s| !streams(s))?;
    let told = |s: &Value| s["findings"].to_string().contains("cannot be looked up");
    release
        .wait_status("segment-b-1", "says that DNS fails", told)
        .map(drop)
}

/// Stops a process of this machine while it lives.
struct Stopped(Pid);

impl Stopped {
    fn named(name: &str) -> Result<Stopped> {
        let found = Command::new("pgrep").args(["-x", name]).output()?;
        let pid = String::from_utf8_lossy(&found.stdout).trim().parse();
        let pid = Pid::from_raw(pid.with_context(|| format!("no single {name} runs here"))?);
        let pid = pid.context("PID 0")?;
        kill_process(pid, Signal::STOP)?;
        Ok(Stopped(pid))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Seconds on the clock of an agent, asked at its own address.
pub(crate) fn clock(agent: SocketAddr) -> Result<u64> {
    let (_, body) = http::get(agent, "/status")?;
    let status: Value = serde_json::from_str(&body)?;
    status["loopTurnedAt"].as_u64().context("no time")
}

pub(crate) fn api_down(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let _tool = tool()?;
        let before = restarts(release)?;
        let client = Client::served_by(release)?;
        client.sql("create table written (id bigint)")?;
        let (roles, epoch) = (release.coordinators()?, release.epoch()?);
        let pid = release.postmaster(roles.0)?;
        let agent = SocketAddr::new(release.ip(roles.0)?, 8008);
        let clients = Clients::start(&client, "written", 1);
        let down = Stopped::named("kube-apiserver")?;
        let (since, first) = (clock(agent)?, clients.acknowledged());
        let minute = wait::until("a minute", || {
            ensure!(clock(agent)? >= since + 60);
            Ok(clients.acknowledged())
        });
        let gap = clients.longest_gap();
        let (_, body) = http::get(agent, "/status")?;
        drop(down);
        let rows = clients.stop()?;
        ensure!(minute? > first + 100, "clients were not served: {} rows", rows.len());
        ensure!(body.contains("\"promise\""), "not by the standby's promise: {body}");
        wait::until("the API server answers again", || release.pods())?;
        all_well(release)?;
        let written = client.sql_when_served("select id from written")?;
        writers::check_among(&written, &rows)?;
        client.sql_when_served("drop table if exists written")?;
        ensure!(release.coordinators()? == roles, "the coordinators changed places");
        ensure!(release.epoch()? == epoch, "the role moved");
        ensure!(
            release.postmaster(roles.0)? == pid,
            "the coordinator's server was stopped"
        );
        eprintln!("API server down: {:.1} s from row to row at most", gap.as_secs_f64());
        ensure!(restarts(release)? == before, "a container was restarted");
        Ok(())
    })
}
