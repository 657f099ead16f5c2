//! What a cluster is like that came up from empty volumes.

use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::suite::Shared;
use cluster_tests::wait;

pub(crate) fn comes_up(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in &cluster.pods {
            let status = cluster.wait_status(pod, "in its role, replicating", |s| {
                let ends = s["replication"].as_array().into_iter().flatten();
                s["activeRole"] == s["preferredRole"] && ends.filter(|end| end["state"] == "streaming").count() == 1
            })?;
            let findings = status["findings"].as_array().into_iter().flatten();
            let worse: Vec<_> = findings.filter(|f| f["severity"] != "info").collect();
            ensure!(worse.is_empty(), "{pod}: {worse:?}");
            ensure!(cluster.exec(pod, &["id", "-u"])? != "0", "{pod} runs as root");
        }
        let table = cluster.exec(cluster.pod("coordinator-0"), &["gp-agent", "status"])?;
        for pod in &cluster.pods {
            ensure!(table.contains(pod.as_str()), "{pod} is not in the table:\n{table}");
        }
        let doctor = cluster.try_exec(cluster.pod("segment-b-1"), &["gp-agent", "check"])?;
        ensure!(doctor.status.success(), "the doctor: {doctor:?}");
        Ok(())
    })
}

pub(crate) fn mirrors(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pairs = [
            ("coordinator-0", "coordinator-1"),
            ("segment-a-0", "segment-b-0"),
            ("segment-a-1", "segment-b-1"),
        ];
        for (primary, mirror) in pairs.map(|(p, m)| (cluster.pod(p), cluster.pod(m))) {
            cluster.sql(
                primary,
                &format!("create table mirrored as select '{primary}' as source"),
            )?;
            wait::until(&format!("{mirror} has what {primary} wrote"), || {
                let source = cluster.sql(mirror, "select source from mirrored")?;
                ensure!(source == primary, "{mirror} has {source:?}");
                Ok(())
            })?;
        }
        Ok(())
    })
}

pub(crate) fn ssh(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let fqdn = |pod: &str| format!("{pod}.{}", cluster.domain());
        for from in [cluster.pod("coordinator-0"), cluster.pod("segment-b-1")] {
            for to in &cluster.pods {
                for name in [to.clone(), fqdn(to)] {
                    let there = cluster.exec(from, &["ssh", "-o", "BatchMode=yes", &name, "hostname"])?;
                    ensure!(there == *to, "ssh {name} from {from} reached {there}");
                }
            }
        }
        Ok(())
    })
}

pub(crate) fn names_in_hba(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pairs = [("coordinator-0", "coordinator-1"), ("segment-a-1", "segment-b-1")];
        pairs
            .iter()
            .try_for_each(|(pod, peer)| cluster.expect_name_in_hba(cluster.pod(pod), cluster.pod(peer)))
    })
}

pub(crate) fn http_roles(shared: &Shared) -> Result<()> {
    shared.with(Cluster::expect_roles_over_http)
}
