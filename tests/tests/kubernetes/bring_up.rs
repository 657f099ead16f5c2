//! What a release is like that has just been installed.

use crate::shared::{PAIRS, Shared};
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::{Client, Release};
use cluster_tests::wait;
use serde_json::Value;

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
            // How fast the disk is, is this machine's.
            let of_machine = |finding: &Value| finding["what"].as_str().is_some_and(|what| what.contains("is slow"));
            let findings = status["findings"].as_array().context("no findings")?;
            let ours: Vec<&Value> = findings.iter().filter(|finding| !of_machine(finding)).collect();
            ensure!(ours.is_empty(), "{pod}: {ours:#?}");
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
            let (coordinator, _) = release.coordinators()?;
            ensure!(address == release.ip(coordinator)?.to_string(), "{address}");
        }
        Ok(())
    })
}

pub(crate) fn labels(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let (coordinator, standby) = release.coordinators()?;
        for (pod, role) in [(coordinator, "coordinator"), (standby, "standby")] {
            wait::until(&format!("{pod} is labelled {role}"), || {
                ensure!(release.role_label(pod)? == role);
                Ok(())
            })?;
        }
        segments_labels(release)?;
        // A pod that does not serve any more says so first.
        release.exec(standby, &["gp-agent", "hold", "looking at labels"])?;
        release.exec(standby, &["pg_ctl", "stop", "-s", "-D", "/greenplum/gpseg-1"])?;
        let unlabelled = wait::until("the label is gone", || {
            ensure!(release.role_label(standby)?.is_null());
            Ok(())
        });
        release.exec(standby, &["gp-agent", "resume"])?;
        unlabelled
    })
}

/// They carry it where the admission policy keeps each to its own; elsewhere they do not try, and nothing is wrong.
fn segments_labels(release: &Release) -> Result<()> {
    let policies = release.kubectl(&["get", "validatingadmissionpolicies", "--output", "name"]);
    let held_to_own = policies.is_ok_and(|names| names.contains(&release.namespace));
    for (pod, role) in [("segment-a-0", "primary"), ("segment-b-1", "mirror")] {
        if held_to_own {
            wait::until(&format!("{pod} is labelled {role}"), || {
                ensure!(release.role_label(pod)? == role);
                Ok(())
            })?;
        } else {
            ensure!(release.role_label(pod)?.is_null(), "{pod} has a label");
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
        let lease = "leases.coordination.k8s.io/t-coordinator";
        ensure!(
            may("gp-agent", "update", lease)?,
            "a coordinator may not write the Lease"
        );
        ensure!(
            !may("gp-agent-segment", "update", lease)?,
            "a segment may write the Lease"
        );
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
