//! What a release is like that has just been installed.

use crate::shared::{PAIRS, Shared};
use anyhow::{Result, ensure};
use cluster_tests::kube::{Client, Release};
use cluster_tests::wait;
use serde_json::json;

pub(crate) fn comes_up(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        for (pod, partner) in PAIRS {
            let (one, two) = (release.node(pod)?, release.node(partner)?);
            ensure!(one != two, "{pod} and {partner} share {one}");
        }
        for pod in release.pods()? {
            ensure!(release.exec(&pod, &["id", "-u"])? != "0", "{pod} runs as root");
            ensure!(release.restarts(&pod)? == 0, "{pod} was restarted");
            let status = release.status(&pod)?;
            let findings = &status["findings"];
            ensure!(*findings == json!([]), "{pod}: {findings:#}");
        }
        let doctor = release.try_exec("segment-b-1", &["gp-agent", "check"])?;
        ensure!(doctor.status.success(), "the doctor: {doctor:?}");
        let status = release.status("segment-b-0")?;
        let fqdn = status["fqdn"].as_str().unwrap_or_default();
        for name in [fqdn, "segment-b-0"] {
            wait::until("ssh", || {
                let ssh = ["ssh", "-o", "BatchMode=yes", name, "hostname"];
                ensure!(release.exec("coordinator-0", &ssh)? == "segment-b-0");
                Ok(())
            })?;
        }
        if Client::missing().is_none() {
            let address = Client::of(release)?.sql("select host(inet_server_addr())")?;
            ensure!(address == release.ip("coordinator-0")?.to_string(), "{address}");
        }
        Ok(())
    })
}

pub(crate) fn labels(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        for (pod, role) in [("coordinator-0", "coordinator"), ("coordinator-1", "standby")] {
            wait::until(&format!("{pod} is labelled {role}"), || {
                ensure!(role_label(release, pod)? == role);
                Ok(())
            })?;
        }
        segments_labels(release)?;
        // A pod that does not serve any more says so first.
        release.exec("coordinator-1", &["gp-agent", "hold", "looking at labels"])?;
        release.exec("coordinator-1", &["pg_ctl", "stop", "-s", "-D", "/greenplum/gpseg-1"])?;
        let unlabelled = wait::until("the label is gone", || {
            ensure!(role_label(release, "coordinator-1")?.is_null());
            Ok(())
        });
        release.exec("coordinator-1", &["gp-agent", "resume"])?;
        unlabelled
    })
}

fn role_label(release: &Release, pod: &str) -> Result<serde_json::Value> {
    Ok(release.pod(pod)?["metadata"]["labels"]["greenplum.io/role"].clone())
}

/// They carry it where the admission policy keeps each to its own; elsewhere they do not try, and nothing is wrong.
fn segments_labels(release: &Release) -> Result<()> {
    let policies = release.kubectl(&["get", "validatingadmissionpolicies", "--output", "name"]);
    let held_to_own = policies.is_ok_and(|names| names.contains(&release.namespace));
    for (pod, role) in [("segment-a-0", "primary"), ("segment-b-1", "mirror")] {
        if held_to_own {
            wait::until(&format!("{pod} is labelled {role}"), || {
                ensure!(role_label(release, pod)? == role);
                Ok(())
            })?;
        } else {
            ensure!(role_label(release, pod)?.is_null(), "{pod} has a label");
            let findings = release.status(pod)?["findings"].to_string();
            ensure!(!findings.contains("\"kubernetes\""), "{pod}: {findings}");
        }
    }
    Ok(())
}

/// Asks the API server itself what the pods' tokens are good for.
pub(crate) fn rights(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let may = |account: &str, verb: &str, what: &str| {
            let who = format!("--as=system:serviceaccount:{}:{account}", release.namespace);
            let said = release.output(&["auth", "can-i", verb, what, &who])?;
            Ok::<_, anyhow::Error>(said.status.success())
        };
        let coordinators = ["pods/coordinator-0", "pods/coordinator-1"];
        for pod in coordinators {
            ensure!(may("gp-agent", "patch", pod)?, "a coordinator may not patch {pod}");
            ensure!(!may("gp-agent-segment", "patch", pod)?, "a segment may patch {pod}");
        }
        for account in ["gp-agent", "gp-agent-segment"] {
            ensure!(may(account, "create", "events")?, "{account} may not write Events");
            for (verb, what) in [
                ("get", "secrets"),
                ("list", "pods"),
                ("create", "pods"),
                ("delete", "pods/coordinator-0"),
                ("create", "pods/exec"),
                ("patch", "pods/another"),
            ] {
                ensure!(!may(account, verb, what)?, "{account} may {verb} {what}");
            }
        }
        ensure!(
            !may("gp-agent", "patch", "pods/segment-a-0")?,
            "a coordinator may patch a segment"
        );
        Ok(())
    })
}

pub(crate) fn helm_test(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let said = release.test()?;
        ensure!(said.contains("the active coordinator is"), "helm test said {said:?}");
        Ok(())
    })
}
