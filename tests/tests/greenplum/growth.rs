//! Mirrors and a standby that cluster.yaml gets after the cluster was made: no command, and no restart of a server.

use crate::recovery::whole;
use crate::remedies;
use crate::support::{check, coordinator, fill, one_pair};
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::{Cluster, postmaster};
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use serde_json::Value;

const MANUAL: &str = "recovery: { segments: manual }";
const AUTO: &str = "recovery: { segments: auto }";

/// A cluster as `from`, with rows in it and a cluster.yaml that says `to` by now; the agents of its pods know that. The pods that
/// came to it have not begun.
pub(crate) fn grown(from: Settings, to: &Settings, late: &[&str]) -> Result<Cluster> {
    let cluster = Cluster::new(to.clone())?;
    cluster.configure(&from)?;
    let is_late = |pod: &&String| late.iter().any(|short| pod.ends_with(short));
    let early: Vec<&String> = cluster.pods.iter().filter(|pod| !is_late(pod)).collect();
    early.iter().try_for_each(|pod| cluster.create(pod, &[]))?;
    early.iter().try_for_each(|pod| cluster.wait_ready(pod))?;
    fill(&cluster, coordinator(&cluster), "kept")?;
    let before = statuses(&cluster, &early)?;
    cluster.configure(to)?;
    for (pod, before) in early.iter().zip(before) {
        let others = cluster.pods.len() - 1;
        let knows = |s: &Value| s["peers"]["total"] == others && s["postmaster"]["adopted"] == true;
        let after = cluster.wait_status(pod, "knows the new pods", knows)?;
        ensure!(
            postmaster(&before) == postmaster(&after),
            "{pod}: its server was restarted"
        );
        cluster.wait_ready(pod)?;
    }
    Ok(cluster)
}

fn statuses(cluster: &Cluster, pods: &[&String]) -> Result<Vec<Value>> {
    pods.iter().map(|pod| cluster.status(pod)).collect()
}

fn mirrors_later(recovery: &str) -> Result<Cluster> {
    let with = one_pair();
    let without = Settings {
        mirrors: false,
        ..with.clone()
    };
    let cluster = grown(without, &with, &["segment-b-0"])?;
    cluster.edit_configuration(|text| text.replace(MANUAL, recovery))?;
    let waits = |s: &Value| s["recovery"]["down"].to_string().contains("does not answer");
    cluster.wait_status(coordinator(&cluster), "waits for the mirror's pod", waits)?;
    cluster.create(cluster.pod("segment-b-0"), &[])?;
    Ok(cluster)
}

/// First only told, then done.
pub(crate) fn mirrors(_: &Shared) -> Result<()> {
    let cluster = mirrors_later(MANUAL)?;
    let (head, mirror) = (coordinator(&cluster), cluster.pod("segment-b-0"));
    let by_hand = format!("gp-agent recover {mirror}");
    let told = |s: &Value| {
        let findings = s["findings"].to_string();
        findings.contains("has no mirror") && findings.contains(&by_hand)
    };
    cluster.wait_status(head, "names the command", told)?;
    let remedy = remedies::wait_remedy(&cluster, mirror, "does not list this pod")?;
    ensure!(remedy.contains("gpaddmirrors -a -i FILE"), "{remedy}");
    cluster.edit_configuration(|text| text.replace(MANUAL, AUTO))?;
    let done = |s: &Value| {
        let last = &s["recovery"]["last"];
        last["method"] == "add" && last["recovered"].to_string().contains(mirror)
    };
    let status = cluster.wait_status(head, "made by itself", done)?;
    ensure!(status["recovery"]["counts"]["failed"] == 0, "{status}");
    let said = cluster.try_exec(head, &["gp-agent", "status"])?;
    let table = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(table.contains("became mirrors"), "{table}");
    remedies::nothing_is_left(&cluster, mirror)?;
    check(&cluster, head, "kept")?;
    let primary = cluster.pod("segment-a-0");
    cluster.container_do(&["kill"], primary)?;
    cluster.wait_status(mirror, "takes over", |s| s["activeRole"] == "primary")?;
    check(&cluster, head, "kept")
}

/// The coordinator's pod is lost with its tool, at whatever the tool was.
pub(crate) fn mirrors_broken_off(_: &Shared) -> Result<()> {
    let cluster = mirrors_later(AUTO)?;
    let (head, mirror) = (coordinator(&cluster), cluster.pod("segment-b-0"));
    cluster.wait_status(head, "at work", |s| s["recovery"]["activity"]["method"] == "add")?;
    cluster.container_do(&["kill"], head)?;
    cluster.container_do(&["start"], head)?;
    cluster.wait_ready(head)?;
    let listed = |s: &Value| s["activeRole"] == "mirror";
    cluster.wait_status(mirror, "is made", listed)?;
    whole(&cluster, head)?;
    let kept = cluster.exec(head, &["cat", "/greenplum/.gp-agent/recovery"])?;
    eprintln!("{kept}");
    ensure!(kept.contains("brokenOff") || kept.contains("recovered"), "{kept}");
    check(&cluster, head, "kept")
}

/// The new pod makes itself the standby, and can take the role.
pub(crate) fn standby(_: &Shared) -> Result<()> {
    let with = Settings {
        failover: true,
        ..one_pair()
    };
    let without = Settings {
        standby: false,
        ..with.clone()
    };
    let cluster = grown(without, &with, &["coordinator-1"])?;
    let (first, second) = (coordinator(&cluster), cluster.pod("coordinator-1"));
    let mine = |s: &Value| s["failover"]["mine"] == true;
    cluster.wait_status(first, "has the role", mine)?;
    cluster.create(second, &[])?;
    cluster.wait_status(second, "follows", |s| s["activeRole"] == "standby")?;
    let in_sync = |s: &Value| s["failover"]["inSync"].is_string() && mine(s);
    cluster.wait_status(first, "with a standby in sync", in_sync)?;
    cluster.exec(first, &["gp-agent", "switchover"])?;
    cluster.wait_status(second, "took the role", in_sync)?;
    check(&cluster, second, "kept")?;
    let gone = cluster.status(second)?;
    let found = gone["findings"].as_array().context("findings")?;
    ensure!(!found.iter().any(|f| f["severity"] == "error"), "{gone}");
    Ok(())
}
