//! What administrators do to a running cluster.

use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::settings::Settings;
use cluster_tests::suite::Shared;
use cluster_tests::wait;
use std::os::unix::fs::PermissionsExt;

/// Whether the key in `file` of one pod opens the door of another, whatever ~/.ssh/config says.
fn opens(cluster: &Cluster, file: &str, from: &str, to: &str) -> Result<()> {
    let port = cluster.status(to)?["ssh"]["ports"][0].as_u64().context("no port")?;
    let (port, fqdn) = (port.to_string(), format!("{to}.{}", cluster.domain()));
    let ssh = [
        "ssh",
        "-F",
        "/dev/null",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
    ];
    cluster
        .exec(from, &[&ssh[..], &["-p", &port, "-i", file, &fqdn, "true"]].concat())
        .map(drop)
}

pub(crate) fn key_rotation(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (from, to) = (cluster.pod("coordinator-0"), cluster.pod("segment-a-0"));
        let key = cluster.status(to)?["ssh"]["key"].clone();
        cluster.exec(from, &["cp", "/etc/ssh-key/id_ed25519", "/tmp/old-key"])?;
        opens(cluster, "/tmp/old-key", from, to)?;
        cluster.rotate_secret()?;
        for pod in [from, to] {
            cluster.wait_status(pod, "the new key", |s| s["ssh"]["key"] != key)?;
        }
        wait::until("the new key opens the door", || {
            opens(cluster, "/home/gpadmin/.ssh/id_ed25519", from, to)
        })?;
        let new = cluster.exec(from, &["ssh-keygen", "-yf", "/home/gpadmin/.ssh/id_ed25519"])?;
        let old = cluster.exec(from, &["ssh-keygen", "-yf", "/tmp/old-key"])?;
        ensure!(new != old, "the key in ~/.ssh is still the old one");
        opens(cluster, "/tmp/old-key", from, to).context("the old key, during the overlap")?;
        ensure!(cluster.status(to)?["agentRestarts"] == 0 || cluster.agent_pid(to).is_ok());
        cluster
            .exec(from, &["ssh", "-o", "BatchMode=yes", to, "true"])
            .map(drop)
    })
}

pub(crate) fn hold_and_resume(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-b-0");
        let pid = cluster.status(pod)?["postmaster"]["pid"]
            .as_i64()
            .context("no postmaster")?;
        cluster.exec(pod, &["gp-agent", "hold", "moving the volume"])?;
        cluster.wait_status(pod, "held", |s| {
            s["phase"] == "held" && s["held"] == "moving the volume"
        })?;
        cluster.signal(pod, "KILL", pid)?;
        let turned = cluster.wait_status(pod, "no postmaster", |s| s["postmaster"]["pid"].is_null())?;
        wait_for_turns(cluster, pod, &turned["loopTurnedAt"])?;
        let status = cluster.status(pod)?;
        ensure!(status["postmaster"]["pid"].is_null(), "started while held: {status}");
        cluster.exec(pod, &["gp-agent", "resume"])?;
        cluster.wait_status(pod, "running again", |s| s["phase"] == "running")?;
        cluster.wait_ready(pod)
    })
}

/// As after a node lost its power: a pod's /tmp outlives its containers, and PIDs begin anew in each. PostgreSQL takes any
/// process of this user for the server (miscinit.c).
pub(crate) fn lock_of_another_life(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-0");
        let status = cluster.status(pod)?;
        let pid = status["postmaster"]["pid"].as_i64();
        let lock = format!("/tmp/.s.PGSQL.{}.lock", status["port"]);
        cluster.exec(pod, &["gp-agent", "hold", "a test"])?;
        cluster.signal(pod, "KILL", pid.context("no postmaster")?)?;
        cluster.wait_status(pod, "no postmaster", |s| s["postmaster"]["pid"].is_null())?;
        let forge = format!("sed -i \"1s/.*/$(pgrep -o -x sshd)/\" {lock}; cat {lock}");
        cluster.exec(pod, &["bash", "-c", &forge])?;
        cluster.exec(pod, &["gp-agent", "resume"])?;
        cluster.wait_ready(pod)
    })
}

/// Lets the agent's loop turn for some seconds, in which a first restart would long be over.
fn wait_for_turns(cluster: &Cluster, pod: &str, since: &serde_json::Value) -> Result<()> {
    let since = since.as_u64().context("no time")?;
    let later = |s: &serde_json::Value| s["loopTurnedAt"].as_u64() >= Some(since + 4);
    cluster.wait_status(pod, "the loop turns", later).map(drop)
}

pub(crate) fn pg_ctl(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (pod, dir) = (cluster.pod("segment-a-1"), "/greenplum/gpseg1");
        let port = format!("-p {}", cluster.port(pod)?);
        cluster.exec(pod, &["pg_ctl", "stop", "-D", dir, "-m", "fast", "-s"])?;
        let stopped = cluster.wait_status(pod, "stopped", |s| s["phase"] == "stopped")?;
        wait_for_turns(cluster, pod, &stopped["loopTurnedAt"])?;
        let status = cluster.status(pod)?;
        ensure!(status["phase"] == "stopped", "does not stay stopped: {status}");
        cluster.exec(
            pod,
            &["pg_ctl", "start", "-D", dir, "-o", &port, "-s", "-l", "/tmp/pg.log"],
        )?;
        cluster.wait_status(pod, "adopted", |s| {
            s["phase"] == "running" && s["postmaster"]["adopted"] == true
        })?;
        cluster.wait_ready(pod)
    })
}

pub(crate) fn immediate_stop(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let (pod, dir) = (cluster.pod("segment-a-1"), "/greenplum/gpseg1");
        // Adopted postmasters end as crashes: nobody tells the agent how.
        cluster.container_do(&["restart", "--time", "40"], pod)?;
        cluster.wait_ready(pod)?;
        cluster.sql(pod, "create table kept as select 7 as n")?;
        cluster.exec(pod, &["pg_ctl", "stop", "-D", dir, "-m", "immediate", "-s"])?;
        let stopped = cluster.wait_status(pod, "stopped", |s| s["phase"] == "stopped")?;
        ensure!(
            stopped["reason"].as_str().is_some_and(|r| r.contains("immediate mode")),
            "the reason does not say how: {stopped}"
        );
        wait_for_turns(cluster, pod, &stopped["loopTurnedAt"])?;
        let status = cluster.status(pod)?;
        ensure!(
            status["phase"] == "stopped" && status["postmaster"]["pid"].is_null(),
            "does not stay stopped: {status}"
        );
        cluster.exec(pod, &["gp-agent", "resume"])?;
        cluster.wait_ready(pod)?;
        ensure!(cluster.sql(pod, "select n from kept")? == "7");
        cluster.sql(pod, "drop table kept").map(drop)
    })
}

/// In smart mode a server waits for its sessions, and the agent's is one.
pub(crate) fn smart_stop(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        for (pod, dir) in [
            ("segment-b-1", "/greenplum/gpseg1"),
            ("segment-a-1", "/greenplum/gpseg1"),
        ] {
            let pod = cluster.pod(pod);
            cluster.wait_ready(pod)?;
            let stop = ["pg_ctl", "stop", "-D", dir, "-m", "smart", "-s", "-t", "60"];
            cluster.exec(pod, &stop)?;
            cluster.wait_status(pod, "stopped", |s| {
                s["phase"] == "stopped" && s["postmaster"]["pid"].is_null()
            })?;
            cluster.exec(pod, &["gp-agent", "resume"])?;
            cluster.wait_ready(pod)?;
        }
        Ok(())
    })
}

/// A server whose lock file is gone asks itself for an immediate shutdown, once a minute; here the test asks.
pub(crate) fn removed_lock_file(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-b-1");
        cluster.container_do(&["restart", "--time", "40"], pod)?;
        cluster.wait_ready(pod)?;
        let pid = cluster.status(pod)?["postmaster"]["pid"]
            .as_i64()
            .context("no postmaster")?;
        let since = Cluster::now()?;
        cluster.exec(pod, &["bash", "-c", "rm $(find /greenplum -name postmaster.pid)"])?;
        wait::until("the agent misses the file", || {
            let log = cluster.logs_since(pod, &since)?;
            ensure!(log.contains("removed or changed the lock file"), "{log}");
            Ok(())
        })?;
        cluster.signal(pod, "QUIT", pid)?;
        cluster.wait_status(pod, "another postmaster", |s| {
            let now = s["postmaster"]["pid"].as_i64();
            now.is_some_and(|now| now != pid)
        })?;
        cluster.wait_ready(pod)
    })
}

pub(crate) fn changed_settings(shared: &Shared) -> Result<()> {
    shared.with(|cluster| {
        let pod = cluster.pod("segment-a-0");
        let mut settings = cluster.settings().clone();
        settings.parameters.push(("log_statement".into(), "ddl".into()));
        settings.parameters.push(("max_wal_senders".into(), "17".into()));
        cluster.configure(&settings)?;
        wait::until("reloaded", || {
            let value = cluster.sql(pod, "show log_statement")?;
            ensure!(value == "ddl", "log_statement is {value}");
            Ok(())
        })?;
        let pending = |s: &serde_json::Value| s["pendingRestart"].to_string();
        cluster.wait_status(pod, "waits for a restart", |s| pending(s).contains("max_wal_senders"))?;
        // A mirror must not allow fewer than its primary, so it goes first.
        for pod in [cluster.pod("segment-b-0"), pod] {
            cluster.container_do(&["restart", "--time", "40"], pod)?;
            cluster.wait_status(pod, "nothing waits", |s| s["phase"] == "running" && pending(s) == "[]")?;
            wait::until("restarted with it", || {
                ensure!(cluster.sql(pod, "show max_wal_senders")? == "17");
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// The agent's own lines are written whatever is wrong with those of `hba.extra`; what the grammar or the server refuses is
/// left out and named, at the creation, later, and at a restart.
pub(crate) fn bad_hba_lines(_: &Shared) -> Result<()> {
    const LINES: [&str; 5] = [
        "host all app 10.0.0.0/8 md5",
        "hostssl all app 10.0.0.0/8 md5 clientcert=1",
        "host all app 10.1.0.0/16 radius radiusservers=nowhere.invalid radiussecrets=s",
        "hostssl all app 10.2.0.0/16 scram-sha-256",
        "host all app 10.3.0.0/16 ldap ldapserver=l ldapbasedn=dc=x",
    ];
    let extra: String = LINES.map(|line| format!("\n    - {line}")).concat();
    let settings = Settings {
        standby: false,
        segments: 1,
        lines: vec![format!("hba:\n  extra:{extra}")],
        ..Settings::default()
    };
    let cluster = Cluster::up(settings)?;
    for pod in ["segment-a-0", "segment-b-0"].map(|pod| cluster.pod(pod)) {
        expect_left_out(&cluster, pod, &LINES)?;
        cluster.container_do(&["restart", "--time", "40"], pod)?;
        cluster.wait_ready(pod)?;
        expect_left_out(&cluster, pod, &LINES)?;
        let doctor = cluster.try_exec(pod, &["gp-agent", "check", "config"])?;
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        ensure!(!doctor.status.success() && said.contains("hba.extra[1]"), "{said}");
    }
    Ok(())
}

/// The second line is one of older servers, the third one keeps the server from reading the file.
fn expect_left_out(cluster: &Cluster, pod: &str, lines: &[&str; 5]) -> Result<()> {
    let named = |s: &serde_json::Value, subject: &str| {
        let mut findings = s["findings"].as_array().into_iter().flatten();
        findings.any(|f| f["subject"] == subject)
    };
    cluster.wait_status(pod, "names the two bad lines", |s| {
        named(s, "hba.extra[1]") && named(s, "hba.extra[2]")
    })?;
    let status = cluster.status(pod)?;
    for good in ["hba.extra[0]", "hba.extra[3]", "hba.extra[4]"] {
        ensure!(!named(&status, good), "{status}");
    }
    wait::until("the other lines are there", || {
        let file = cluster.exec(pod, &["bash", "-c", "cat $(find /greenplum -name pg_hba.conf)"])?;
        let there: Vec<bool> = lines.iter().map(|line| file.lines().any(|l| l == *line)).collect();
        ensure!(there == [true, false, false, true, true], "{file}");
        Ok(())
    })
}

/// Whatever kept the statement that set it, kept a verifier.
fn nowhere_in_clear(cluster: &Cluster, pod: &str, password: &str) -> Result<()> {
    let statements = cluster.sql(pod, "select query from pg_stat_statements where query ~* 'alter role'")?;
    ensure!(
        statements.contains("alter role") && !statements.contains(password),
        "{statements}"
    );
    let log = cluster.logs(pod);
    ensure!(
        log.contains("statement: ") && !log.contains(password) && !log.contains("SCRAM-SHA-256$"),
        "{log}"
    );
    Ok(())
}

pub(crate) fn scram(_: &Shared) -> Result<()> {
    let mut settings = Settings {
        standby: false,
        segments: 1,
        ..Settings::default()
    };
    // Everything that could keep a statement.
    for (name, value) in [
        ("shared_preload_libraries", "pg_stat_statements"),
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
    ] {
        settings.parameters.push((name.into(), value.into()));
    }
    let cluster = Cluster::new(settings)?;
    let secret = tempfile::tempdir()?;
    std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o755))?;
    let file = secret.path().join("password");
    std::fs::write(&file, "with:colon\\and'quote\n")?;
    let mount = format!("{}:/etc/pw:ro", secret.path().display());
    let extra = [
        "--env",
        "GP_AGENT_HBA_AUTH=scram-sha-256",
        "--env",
        "GP_AGENT_HBA_PASSWORD_FILE=/etc/pw/password",
        "--volume",
        &mount,
    ];
    for pod in &cluster.pods {
        cluster.create(pod, &extra)?;
    }
    cluster.wait_all_ready()?;
    let (primary, mirror) = (cluster.pod("segment-a-0"), cluster.pod("segment-b-0"));
    let host = format!("{primary}.{}", cluster.domain());
    let login = ["psql", "-XAtwh", &host, "-p", "40000", "-c", "select 1"];
    ensure!(cluster.exec(mirror, &login)? == "1");
    let without = [&["env", "PGPASSFILE=/dev/null"][..], &login].concat();
    ensure!(
        !cluster.try_exec(mirror, &without)?.status.success(),
        "no password was needed"
    );
    cluster.sql(primary, "create extension pg_stat_statements")?;
    let verifier = "select rolpassword from pg_authid where rolname = 'gpadmin'";
    let first = cluster.sql(primary, verifier)?;
    // The Secret rotates: both ends follow, and the old password opens nothing.
    std::fs::write(&file, "another one\n")?;
    let old = [&["env", "PGPASSWORD=with:colon\\and'quote"][..], &login].concat();
    wait::until("the old password is refused", || {
        ensure!(!cluster.try_exec(mirror, &old)?.status.success());
        Ok(())
    })?;
    wait::until("the new password opens", || cluster.exec(mirror, &login).map(drop))?;
    let second = cluster.sql(primary, verifier)?;
    ensure!(second.starts_with("SCRAM-SHA-256$") && second != first, "{second}");
    nowhere_in_clear(&cluster, primary, "another one")?;
    // Pods go over to trust one after the other: the one that has still streams from the one that has not.
    cluster.remove(mirror)?;
    let trust = extra.map(|word| word.replace("scram-sha-256", "trust"));
    cluster.create(mirror, &trust.each_ref().map(String::as_str))?;
    cluster.wait_ready(mirror)
}
