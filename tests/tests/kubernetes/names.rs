//! The second of the bugs that this project was made for: a name in pg_hba.conf that PostgreSQL never sees.

use crate::shared::Shared;
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::{Release, Tool};
use cluster_tests::wait;
use serde_json::{Value, json};

/// A server without an agent, beside the real one, whose pg_hba.conf is ours.
struct Bare<'a> {
    release: &'a Release,
    pod: String,
}

impl<'a> Bare<'a> {
    fn start(release: &'a Release, pod: &str, hba: &str) -> Result<Bare<'a>> {
        let script = format!(
            "rm -rf /tmp/bare && initdb -D /tmp/bare -U gpadmin --no-sync >/dev/null && printf '%s\\n' '{hba}' >/tmp/bare/pg_hba.conf && \
             pg_ctl start -w -s -D /tmp/bare -l /tmp/bare/log -o '-p 6000 -c listen_addresses=* -c unix_socket_directories=/tmp -c shared_buffers=1MB' || {{ cat /tmp/bare/log >&2; exit 1; }}"
        );
        release.exec(pod, &["bash", "-c", &script])?;
        Ok(Bare {
            release,
            pod: pod.into(),
        })
    }

    /// How many of `tries` logins from another pod are let in, and the words of the last refusal.
    fn logins(&self, from: &str, tries: u32) -> Result<(u32, String)> {
        let address = self.release.ip(&self.pod)?;
        let script = format!(
            "for i in $(seq {tries}); do psql -XAtw -h {address} -p 6000 -c 'select 0' postgres; done 2>/tmp/refusals; \
             tail -n 1 /tmp/refusals >&2"
        );
        let output = self.release.try_exec(from, &["bash", "-c", &script])?;
        let admitted = String::from_utf8_lossy(&output.stdout).lines().count();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((u32::try_from(admitted)?, words))
    }
}

impl Drop for Bare<'_> {
    fn drop(&mut self) {
        let stop = ["pg_ctl", "stop", "-s", "-D", "/tmp/bare", "-m", "immediate"];
        let _ = self.release.try_exec(&self.pod, &stop);
    }
}

fn domain(release: &Release) -> String {
    format!("agent.{}.svc.cluster.local", release.namespace)
}

/// A pod, another one of the same node, and one of another node.
fn neighbours(release: &Release) -> Result<[String; 3]> {
    let pods = release.pods()?;
    let nodes = pods.iter().map(|pod| release.node(pod)).collect::<Result<Vec<_>>>()?;
    for (i, pod) in pods.iter().enumerate() {
        let other = |same| (0..pods.len()).find(|j| *j != i && (nodes[*j] == nodes[i]) == same);
        if let (Some(near), Some(far)) = (other(true), other(false)) {
            return Ok([pod.clone(), pods[near].clone(), pods[far].clone()]);
        }
    }
    anyhow::bail!("no two pods on one node and a third one elsewhere: {nodes:?}")
}

pub(crate) fn samenet(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let [server, near, far] = neighbours(release)?;
        // The name is wrong: the headless service's part is missing.
        let wrong = format!("{far}.{}.svc.cluster.local", release.namespace);
        let hba = format!("host all all {wrong} trust\nhost all all samenet trust");
        let bare = Bare::start(release, &server, &hba)?;
        ensure!(bare.logins(&near, 1)?.0 == 1, "{near} is not let in by samenet");
        let (admitted, words) = bare.logins(&far, 1)?;
        ensure!(
            admitted == 0 && words.contains("no pg_hba.conf entry"),
            "{far}, on another node, was let in: {words}"
        );
        // With the agent's work: right names, nothing wide, and the pairs of different nodes replicate.
        for (pod, peer, content) in [("segment-a-0", "segment-b-0", 0), ("segment-a-1", "segment-b-1", 1)] {
            let hba = release.exec(pod, &["cat", &format!("/greenplum/gpseg{content}/pg_hba.conf")])?;
            let lines = || hba.lines().filter(|line| !line.trim_start().starts_with('#'));
            let name = format!("{peer}.{}", domain(release));
            ensure!(lines().any(|line| line.contains(&name)), "no {name} in\n{hba}");
            ensure!(!lines().any(|line| line.contains("samenet")), "samenet in\n{hba}");
            ensure!(release.node(pod)? != release.node(peer)?);
            release.wait_streaming(peer)?;
        }
        Ok(())
    })
}

/// A second Service over every pod, as one for monitoring would be: each address gets another reverse name.
fn second_service(release: &Release) -> Result<()> {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "second" },
        "spec": { "selector": { "greenplum.io/cluster": "t" }, "ports": [{ "port": 8008, "protocol": "TCP" }] },
    });
    release.apply(&service)
}

/// Waits until a pod sees the name that the second Service gives to another one's address.
fn foreign_name_is_seen(release: &Release, from: &str, of: &str) -> Result<()> {
    let address = release.ip(of)?.to_string();
    let script = format!("for i in $(seq 20); do getent hosts {address}; done | grep -c second");
    wait::until("the second Service's reverse name", || {
        let seen = release.try_exec(from, &["bash", "-c", &script])?;
        let seen = String::from_utf8_lossy(&seen.stdout).trim().to_string();
        ensure!(seen != "0", "{of} never has the second Service's name");
        Ok(())
    })
}

pub(crate) fn two_services(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        second_service(release)?;
        let tested = shuffled(release);
        release.kubectl(&["delete", "service", "second"])?;
        tested
    })
}

fn shuffled(release: &Release) -> Result<()> {
    let (primary, mirror) = ("segment-a-0", "segment-b-0");
    foreign_name_is_seen(release, primary, mirror)?;
    let right = format!("{mirror}.{}", domain(release));
    let bare = Bare::start(release, primary, &format!("host all all {right} trust"))?;
    // Names come in random order: forty times the right one is as likely as winning a lottery twice.
    let (admitted, words) = bare.logins(mirror, 40)?;
    ensure!(
        admitted < 40 && words.contains("no pg_hba.conf entry"),
        "{admitted} of 40: {words}"
    );
    drop(bare);
    let uid = release.uid(mirror)?;
    release.kubectl(&["delete", "pod", mirror, "--wait=false"])?;
    release.wait_replaced(mirror, &uid)?;
    release.wait_streaming(mirror)
}

pub(crate) fn foreign_reverse_name(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let tool = Tool::find().map_err(anyhow::Error::msg)?;
        second_service(release)?;
        let tested = foreign(release, &tool);
        release.kubectl(&["delete", "service", "second"])?;
        tested
    })
}

/// With one name for each address, the second Service's since that sorts first.
fn foreign(release: &Release, tool: &Tool) -> Result<()> {
    let (primary, mirror) = ("segment-a-1", "segment-b-1");
    tool.run(&["dns", "ptr", "first"])?;
    foreign_name_is_seen(release, primary, mirror)?;
    let right = format!("{mirror}.{}", domain(release));
    let bare = Bare::start(release, primary, &format!("host all all {right} trust"))?;
    ensure!(
        bare.logins(mirror, 5)?.0 == 0,
        "a name that PostgreSQL does not see let {mirror} in"
    );
    drop(bare);
    let uid = release.uid(mirror)?;
    release.kubectl(&["delete", "pod", mirror, "--wait=false"])?;
    release.wait_replaced(mirror, &uid)?;
    release.wait_streaming(mirror)?;
    // The second Service names the new address once the pod is ready; the agents ask again from time to time.
    let address = format!("{}/32", release.ip(mirror)?);
    wait::until("the address stands where the name does not help", || {
        let hba = release.exec(primary, &["cat", "/greenplum/gpseg1/pg_hba.conf"])?;
        ensure!(hba.contains(&address), "{address} is not in\n{hba}");
        Ok(())
    })?;
    let told = |s: &Value| s["findings"].to_string().contains(&right);
    release
        .wait_status(primary, "says which name is wrong", told)
        .context("the finding")?;
    // The clients' Service does the same to the coordinator, in every cluster: seen, admitted, and no finding.
    let coordinator = format!("coordinator-0.{}", domain(release));
    wait::until("the coordinator's other name is seen", || {
        let hba = release.exec(primary, &["cat", "/greenplum/gpseg1/pg_hba.conf"])?;
        ensure!(!hba.contains(&coordinator), "{hba}");
        Ok(())
    })?;
    let findings = &release.status(primary)?["findings"];
    ensure!(!findings.to_string().contains(&coordinator), "{findings}");
    Ok(())
}
