//! What a cluster is like that came up from empty volumes.

use anyhow::{Result, ensure};
use cluster_tests::suite::Shared;
use cluster_tests::{http, wait};

pub fn comes_up(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for pod in &cluster.pods {
            let status = cluster.wait_status(pod, "in its role, replicating", |s| {
                let ends = s["replication"].as_array().into_iter().flatten();
                s["activeRole"] == s["preferredRole"]
                    && ends.filter(|end| end["state"] == "streaming").count() == 1
            })?;
            let findings = status["findings"].as_array().into_iter().flatten();
            let worse: Vec<_> = findings.filter(|f| f["severity"] != "info").collect();
            ensure!(worse.is_empty(), "{pod}: {worse:?}");
            ensure!(
                cluster.exec(pod, &["id", "-u"])? != "0",
                "{pod} runs as root"
            );
        }
        let table = cluster.exec(cluster.pod("coordinator-0"), &["gp-agent", "status"])?;
        for pod in &cluster.pods {
            ensure!(
                table.contains(pod.as_str()),
                "{pod} is not in the table:\n{table}"
            );
        }
        let doctor = cluster.try_exec(cluster.pod("segment-b-1"), &["gp-agent", "check"])?;
        ensure!(doctor.status.success(), "the doctor: {doctor:?}");
        Ok(())
    })
}

pub fn mirrors(shared: &Shared) -> Result<()> {
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

pub fn ssh(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let fqdn = |pod: &str| format!("{pod}.{}", cluster.domain());
        for from in [cluster.pod("coordinator-0"), cluster.pod("segment-b-1")] {
            for to in &cluster.pods {
                for name in [to.clone(), fqdn(to)] {
                    let there =
                        cluster.exec(from, &["ssh", "-o", "BatchMode=yes", &name, "hostname"])?;
                    ensure!(there == *to, "ssh {name} from {from} reached {there}");
                }
            }
        }
        Ok(())
    })
}

pub fn names_in_hba(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for (pod, peer, content) in [
            ("coordinator-0", "coordinator-1", "-1"),
            ("segment-a-1", "segment-b-1", "1"),
        ] {
            let name = format!("{}.{}", cluster.pod(peer), cluster.domain());
            let file = format!("/greenplum/gpseg{content}/pg_hba.conf");
            wait::until("names in pg_hba.conf", || {
                let hba = cluster.exec(cluster.pod(pod), &["cat", &file])?;
                let lines = hba
                    .lines()
                    .filter(|line| !line.trim_start().starts_with('#'));
                let wide = |line: &str| line.contains("samenet") || line.contains("/0 ");
                ensure!(
                    lines.clone().any(|line| line.contains(&name)),
                    "{name} is not in {file}:\n{hba}"
                );
                ensure!(
                    !lines.clone().any(wide),
                    "a line that is too wide in {file}:\n{hba}"
                );
                Ok(())
            })?;
        }
        Ok(())
    })
}

pub fn http_roles(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let active = [
            ("coordinator-0", "coordinator"),
            ("coordinator-1", "standby"),
            ("segment-a-0", "primary"),
            ("segment-b-0", "mirror"),
        ];
        for (pod, role) in active {
            let address = cluster.address(cluster.pod(pod))?;
            for (_, path) in active {
                let (code, body) = http::get(address, &format!("/{path}"))?;
                let expected = if path == role { 200 } else { 503 };
                ensure!(code == expected, "{pod}: /{path} answered {code}: {body}");
            }
            let (code, metrics) = http::get(address, "/metrics")?;
            ensure!(
                code == 200 && metrics.contains("# HELP"),
                "{pod}: /metrics: {code} {metrics}"
            );
        }
        Ok(())
    })
}
