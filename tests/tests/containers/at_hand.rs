//! What an administrator calls in a pod without any preparation.

use anyhow::{Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;

/// Ways into a pod; each runs a line and prints what it prints.
const WAYS: [&[&str]; 4] = [&["sh", "-c"], &["bash", "-c"], &["bash", "-lc"], &["bash", "-ic"]];

const PORT: &str = "psql -XAtc 'show port'";

pub(crate) fn tools(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for (pod, port) in [
            ("coordinator-0", "5432"),
            ("segment-a-1", "40000"),
            ("segment-b-0", "50000"),
        ] {
            let pod = cluster.pod(pod);
            expect_tools(cluster, pod, port, &cluster.data_dir(pod))?;
        }
        over_ssh(cluster)
    })
}

fn expect_tools(cluster: &Cluster, pod: &str, port: &str, dir: &str) -> Result<()> {
    let direct = cluster.exec(pod, &["psql", "-XAtc", "select current_user, current_setting('port')"])?;
    ensure!(direct == format!("gpadmin|{port}"), "psql in {pod}: {direct}");
    let status = cluster.exec(pod, &["pg_ctl", "status"])?;
    ensure!(status.contains("server is running"), "pg_ctl in {pod}: {status}");
    for way in WAYS {
        let answer = cluster.exec(pod, &[way, &[PORT]].concat())?;
        ensure!(answer == port, "{way:?} in {pod}: {answer}");
    }
    for way in [["bash", "-lc"], ["bash", "-ic"], ["sh", "-ic"]] {
        let line = "echo $PGDATA $PGPORT $USER $LOGNAME";
        let known = cluster.exec(pod, &[way[0], way[1], line])?;
        ensure!(
            known == format!("{dir} {port} gpadmin gpadmin"),
            "{way:?} in {pod}: {known}"
        );
    }
    Ok(())
}

/// sshd gives a session none of the container's variables.
fn over_ssh(cluster: &Cluster) -> Result<()> {
    let (from, to) = (cluster.pod("coordinator-0"), cluster.pod("segment-a-0"));
    let line = format!("bash -lc \"{PORT}\"");
    let answer = cluster.exec(from, &["ssh", "-o", "BatchMode=yes", to, &line])?;
    ensure!(answer == "40000", "over ssh: {answer}");
    let silent = cluster.exec(from, &["ssh", "-o", "BatchMode=yes", to, "true"])?;
    ensure!(silent.is_empty(), "a command over ssh prints {silent:?}");
    Ok(())
}

pub(crate) fn callers_word_counts(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("coordinator-0");
        let output = cluster.try_exec(pod, &["env", "PGPORT=1", "psql", "-XAtc", "select 1"])?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(words.contains("/tmp/.s.PGSQL.1"), "{words}");
        let code = cluster.try_exec(pod, &["psql", "-XAtc", "select no_such_column"])?;
        ensure!(code.status.code() == Some(1), "the exit code is psql's own: {code:?}");
        Ok(())
    })
}

pub(crate) fn other_configuration(_: &Shared) -> Result<()> {
    let settings = Settings {
        standby: false,
        mirrors: false,
        segments: 1,
        ..Settings::default()
    };
    let cluster = Cluster::new(settings)?;
    for pod in &cluster.pods {
        cluster.create(pod, &["--env=GP_AGENT_COORDINATOR_PORT=6432"])?;
    }
    cluster.wait_all_ready()?;
    expect_tools(&cluster, cluster.pod("coordinator-0"), "6432", "/greenplum/gpseg-1")
}
