//! The agent: alone, and in a cluster of six containers.

use crate::inits::resident_kib;
use crate::samples::median;
use crate::table::Table;
use anyhow::{Context, Result, ensure};
use cluster_tests::cluster::Cluster;
use cluster_tests::{docker, http};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MIB: f64 = 1024.0 * 1024.0;
const GIVE_UP: Duration = Duration::from_secs(60);

/// Size of the binary.
///
/// # Errors
/// When it is not there.
pub(crate) fn binary(gp_agent: &Path, table: &mut Table) -> Result<()> {
    let bytes = std::fs::metadata(gp_agent)?.len() as f64;
    table.judge("binary", bytes / MIB, "MiB", 12.0);
    Ok(())
}

/// From exec to the first answer of /livez, on an empty directory.
///
/// # Errors
/// When the agent does not answer.
pub(crate) fn exec_to_livez(gp_agent: &Path, table: &mut Table) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let config = dir.path().join("cluster.yaml");
    let volume = dir.path().join("volume");
    std::fs::write(
        &config,
        format!(
            "cluster: bench\nengine: postgres\ndomain: bench.test\nsegments: {{ count: 1 }}\n\
             storage: {{ path: {} }}\nssh: {{ secret: {} }}\n",
            volume.display(),
            dir.path().join("keys").display(),
        ),
    )?;
    let millis = median(21, || {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut agent = Command::new(gp_agent)
            .arg("run")
            .env("GP_AGENT_CONFIG", &config)
            .env("GP_AGENT_RUN_DIR", dir.path())
            .env("GP_AGENT_HOST_NAME", "coordinator-0")
            .env("GP_AGENT_HTTP_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let begin = Instant::now();
        let answered = until_200(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "/livez", begin);
        agent.kill()?;
        agent.wait()?;
        Ok(answered? * 1e3)
    })?;
    table.judge("agent: exec to /livez", millis, "ms", 50.0);
    Ok(())
}

/// Seconds since `begin` when `path` first answers 200.
fn until_200(address: SocketAddr, path: &str, begin: Instant) -> Result<f64> {
    loop {
        match http::get(address, path) {
            Ok((200, _)) => return Ok(begin.elapsed().as_secs_f64()),
            answer => ensure!(begin.elapsed() < GIVE_UP, "{path} never answered 200: {answer:?}"),
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// The largest agent of the cluster.
///
/// # Errors
/// When one does not run.
pub(crate) fn resident(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let mut largest: f64 = 0.0;
    for pod in &cluster.pods {
        let status = format!("/proc/{}/status", cluster.agent_pid(pod)?);
        largest = largest.max(resident_kib(&cluster.exec(pod, &["cat", &status])?)?);
    }
    table.judge("agent: resident memory, largest of six", largest / 1024.0, "MiB", 16.0);
    Ok(())
}

/// Wall and user + system milliseconds of one call, from many in a row.
fn cost(cluster: &Cluster, pod: &str, call: &str) -> Result<(f64, f64)> {
    const CALLS: usize = 200;
    let script = format!("TIMEFORMAT='%R %U %S'; time for i in {{1..{CALLS}}}; do {call} >/dev/null || exit 1; done");
    let output = cluster.try_exec(pod, &["bash", "-c", &script])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{call}: {said}");
    let times: Vec<f64> = said
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{call} said {said}"))?;
    let each = |seconds: f64| seconds * 1e3 / CALLS as f64;
    match times[..] {
        [wall, user, system] => Ok((each(wall), each(user + system))),
        _ => anyhow::bail!("{call} said {said}"),
    }
}

/// `gp-agent probe ready` beside what images without an agent use.
///
/// # Errors
/// When one of the calls fails.
pub(crate) fn probes(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let pod = cluster.pod("coordinator-0");
    let (wall, cpu) = cost(cluster, pod, "gp-agent probe ready")?;
    let others = [
        ("pg_isready", "pg_isready -p 5432", "a third"),
        ("psql", "psql -XAtqc 'select 1'", ""),
        ("true(1)", "/bin/true", ""),
    ];
    for (name, call, aim) in others {
        let (their_wall, their_cpu) = cost(cluster, pod, call)?;
        table.compare("probe ready: CPU", cpu, name, their_cpu, "ms", aim);
        table.compare("probe ready: wall", wall, name, their_wall, "ms", aim);
    }
    Ok(())
}

/// From the container's start until ready, beside `pg_ctl start -w` on the same directory.
///
/// # Errors
/// When a container does not start.
pub(crate) fn restarts(cluster: &Cluster, table: &mut Table) -> Result<()> {
    let pod = cluster.pod("segment-a-0");
    let ours = median(5, || restart(cluster, pod))?;
    cluster.container_do(&["stop", "--time", "60"], pod)?;
    let theirs = pg_ctl(cluster, pod)?;
    cluster.container_do(&["start"], pod)?;
    cluster.wait_ready(pod)?;
    table.compare(
        "restart of a primary until ready",
        ours,
        "pg_ctl start -w",
        theirs,
        "s",
        "1.3",
    );
    Ok(())
}

/// Both times come from what was written down, since asking takes as long as what is measured.
fn restart(cluster: &Cluster, pod: &str) -> Result<f64> {
    cluster.container_do(&["stop", "--time", "60"], pod)?;
    cluster.container_do(&["start"], pod)?;
    cluster.wait_ready(pod)?;
    // Docker's own work before the container's first process is not ours.
    let started = cluster.inspect(pod, "{{.State.StartedAt}}")?;
    let log = cluster.logs_since(pod, &started)?;
    let active = log.lines().find(|line| line.contains("active as primary"));
    let time = active.and_then(|line| line.split(' ').next());
    Ok(seconds(time.with_context(|| format!("no time in {log}"))?)? - seconds(&started)?)
}

/// Unix seconds of a time as docker writes it.
fn seconds(time: &str) -> Result<f64> {
    let date = Command::new("date").args(["+%s.%N", "--date", time]).output()?;
    let text = String::from_utf8_lossy(&date.stdout).into_owned();
    text.trim()
        .parse()
        .with_context(|| format!("date(1) does not know {time:?}"))
}

/// `pg_ctl start -w` in a container like the pod's, with its volumes, five times.
fn pg_ctl(cluster: &Cluster, pod: &str) -> Result<f64> {
    let script = "TIMEFORMAT=%R; for i in 1 2 3 4 5; do \
        time pg_ctl start -w -s -D /greenplum/gpseg0 -o '-p 40000' -l /tmp/log; \
        pg_ctl stop -s -m fast -D /greenplum/gpseg0; done";
    let (container, image, network) = (cluster.container(pod), docker::image(), cluster.domain());
    let run = ["run", "--rm", "--volumes-from", &container, "--network", &network];
    let rest = [
        "--shm-size=256m",
        "--tmpfs=/tmp:mode=1777",
        "--entrypoint",
        "bash",
        &image,
        "-c",
        script,
    ];
    let output = docker::output(&[&run[..], &rest[..]].concat())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "pg_ctl: {said}");
    let mut times = said.split_whitespace().map(str::parse::<f64>);
    median(5, || Ok(times.next().context("too few times")??))
}
