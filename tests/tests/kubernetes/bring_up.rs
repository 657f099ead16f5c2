//! What a release is like that has just been installed.

use crate::shared::{PAIRS, Shared};
use anyhow::{Result, ensure};
use cluster_tests::kube::Client;
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
        let roles = [
            ("coordinator-0", "coordinator"),
            ("coordinator-1", "standby"),
            ("segment-a-0", "primary"),
            ("segment-a-1", "primary"),
            ("segment-b-0", "mirror"),
            ("segment-b-1", "mirror"),
        ];
        for (pod, role) in roles {
            wait::until(&format!("{pod} is labelled {role}"), || {
                let labels = release.pod(pod)?["metadata"]["labels"].clone();
                ensure!(labels["greenplum.io/role"] == role, "{labels}");
                Ok(())
            })?;
        }
        // A pod that does not serve any more says so first.
        release.exec("segment-b-0", &["gp-agent", "hold", "looking at labels"])?;
        release.exec("segment-b-0", &["pg_ctl", "stop", "-s", "-D", "/greenplum/gpseg0"])?;
        let unlabelled = wait::until("the label is gone", || {
            let labels = release.pod("segment-b-0")?["metadata"]["labels"].clone();
            ensure!(labels["greenplum.io/role"].is_null(), "{labels}");
            Ok(())
        });
        release.exec("segment-b-0", &["gp-agent", "resume"])?;
        unlabelled
    })
}

pub(crate) fn helm_test(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let said = release.test()?;
        ensure!(said.contains("the active coordinator is"), "helm test said {said:?}");
        Ok(())
    })
}
