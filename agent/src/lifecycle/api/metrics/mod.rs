//! The status as Prometheus metrics.

mod expansion;
mod failover;
mod format;
mod recovery;
mod values;

use crate::sys::log::writer::Dropped;
use format::written;
use gp_agent_core::cluster::exposition::MetricsFormat;
use gp_agent_core::cluster::probes;
use gp_agent_core::cluster::status::{Phase, PodStatus, StorageStatus};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::finding::{Area, Severity};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use values::{Labels, counter, counters, family, flag, gauge};

/// The text that `/metrics` serves.
pub(crate) fn render(status: &PodStatus, dropped: Dropped, now: u64, format: MetricsFormat) -> String {
    let mut registry = Registry::with_prefix("gp_agent");
    roles(&mut registry, status);
    database(&mut registry, status, now);
    findings(&mut registry, status);
    volumes(&mut registry, status);
    certificate(&mut registry, status);
    if let Some(running) = status.failover.as_ref().filter(|failover| failover.runs()) {
        failover::failover(&mut registry, running, now);
    }
    if let Some(recovery) = &status.recovery {
        recovery::recovery(&mut registry, recovery);
        recovery::roles(&mut registry, &recovery.roles);
        expansion::expansion(&mut registry, &recovery.expansion);
    }
    agent(&mut registry, status);
    log(&mut registry, dropped);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => written(text, format),
        Err(error) => written(format!("# {error}\n# EOF\n"), format),
    }
}

fn roles(registry: &mut Registry, status: &PodStatus) {
    let all = [Role::Coordinator, Role::Standby, Role::Primary, Role::Mirror];
    let role = |r: Role| (vec![("role", r.to_string())], flag(status.active_role == Some(r)));
    family(
        registry,
        "role",
        "1 for the role that is active in this pod",
        all.map(role),
    );
    let phase = |p: Phase| (vec![("phase", p.as_str().to_string())], flag(status.phase == p));
    family(
        registry,
        "phase",
        "1 for the pod's current phase",
        Phase::ALL.into_iter().map(phase),
    );
}

fn database(registry: &mut Registry, status: &PodStatus, now: u64) {
    let p = &status.postmaster;
    gauge(
        registry,
        "ready",
        "1 when the pod's role does its work now",
        flag(probes::ready(status, now).ok),
    );
    gauge(
        registry,
        "postmaster_up",
        "1 while the postmaster's process runs",
        flag(p.pid.is_some()),
    );
    counter(
        registry,
        "postmaster_restarts",
        "Starts of the postmaster after the first one, since the agent started",
        p.restarts,
    );
    gauge(
        registry,
        "probe_latency_seconds",
        "Seconds that the database's last answer took",
        p.answer_seconds,
    );
    let lag = status.replication.iter().filter_map(|r| {
        let labels: Labels = vec![("peer", r.peer.clone()), ("state", r.state.to_string())];
        Some((labels, r.lag_bytes? as f64))
    });
    family(
        registry,
        "replication_lag_bytes",
        "Bytes of write-ahead log not yet replayed at the receiving end",
        lag,
    );
    gauge(
        registry,
        "pending_restart_parameters",
        "Parameters that wait for a restart of the postmaster",
        status.pending_restart.len() as f64,
    );
}

fn findings(registry: &mut Registry, status: &PodStatus) {
    let count = |area: Area| status.findings.iter().filter(|f| f.area == area).count() as f64;
    gauge(
        registry,
        "dns_findings",
        "Findings about names and addresses of peers",
        count(Area::Dns),
    );
    gauge(registry, "hba_findings", "Findings about pg_hba.conf", count(Area::Hba));
    let severities = [Severity::Info, Severity::Warning, Severity::Error];
    let mut values: Vec<(Labels, f64)> = Vec::new();
    for (area, severity) in Area::ALL.iter().flat_map(|a| severities.iter().map(move |s| (*a, *s))) {
        let n = status
            .findings
            .iter()
            .filter(|f| f.area == area && f.severity == severity)
            .count();
        values.push((
            vec![("area", area.to_string()), ("severity", severity.to_string())],
            n as f64,
        ));
    }
    family(registry, "findings", "Things that an administrator should know", values);
}

fn volumes(registry: &mut Registry, status: &PodStatus) {
    fsync(registry, &status.storage);
    let mut of_each = |name, help, value: fn(&StorageStatus) -> Option<f64>| {
        let values = status.storage.iter().filter_map(|s| Some((labels(s), value(s)?)));
        family(registry, name, help, values);
    };
    of_each(
        "storage_free_bytes",
        "Bytes free for this user; asked every two seconds",
        |s| Some(s.free_bytes as f64),
    );
    of_each("storage_size_bytes", "Bytes of the whole volume", |s| {
        Some(s.total_bytes as f64)
    });
    of_each(
        "storage_free_inodes",
        "Files that can still be created on the volume; asked every two seconds",
        |s| s.free_inodes.map(|free| free as f64),
    );
    of_each("storage_read_only", "1 while the volume is mounted read-only", |s| {
        Some(flag(s.read_only))
    });
    of_each("storage_durable", "1 when the volume passed as durable", |s| {
        Some(flag(s.durable))
    });
    hung(registry, status);
}

fn labels(volume: &StorageStatus) -> Labels {
    vec![("path", volume.path.clone()), ("purpose", volume.purpose.clone())]
}

fn fsync(registry: &mut Registry, volumes: &[StorageStatus]) {
    let mut latency: Vec<(Labels, f64)> = Vec::new();
    for s in volumes {
        for (percentile, value) in [("50", s.fsync_p50_seconds), ("99", s.fsync_p99_seconds)] {
            let mut with = labels(s);
            // The label `quantile` belongs to summaries.
            with.push(("percentile", percentile.to_string()));
            latency.push((with, value));
        }
    }
    family(
        registry,
        "storage_fsync_seconds",
        "Seconds of a small write and its fdatasync, measured at the start",
        latency,
    );
}

/// Of a volume that hangs from the start nothing else is known than its path.
fn hung(registry: &mut Registry, status: &PodStatus) {
    let hangs = |path: &str| status.hung_volumes.iter().any(|v| v.path == path);
    let mut paths: Vec<&str> = status.storage.iter().map(|s| s.path.as_str()).collect();
    paths.extend(status.hung_volumes.iter().map(|v| v.path.as_str()));
    paths.sort_unstable();
    paths.dedup();
    family(
        registry,
        "storage_hung",
        "1 while the volume's file system does not answer",
        paths
            .into_iter()
            .map(|path| (Labels::from([("path", path.to_string())]), flag(hangs(path)))),
    );
}

fn certificate(registry: &mut Registry, status: &PodStatus) {
    if let Some(tls) = &status.tls {
        gauge(
            registry,
            "tls_not_after_seconds",
            "End of the certificate that clients are shown, in Unix seconds; left out without TLS",
            tls.not_after as f64,
        );
    }
}

fn agent(registry: &mut Registry, status: &PodStatus) {
    counter(
        registry,
        "agent_restarts",
        "Times that init had to start the agent again",
        status.agent_restarts,
    );
    counter(
        registry,
        "oom_kills",
        "Processes of this container that the kernel killed for want of memory, since the container started",
        status.oom_kills,
    );
    gauge(
        registry,
        "peers_found",
        "Peers whose names resolve",
        status.peers.found as f64,
    );
    gauge(
        registry,
        "peers",
        "Peers that the topology names",
        status.peers.total as f64,
    );
    let labels: Labels = vec![("version", status.version.clone())];
    family(registry, "build_info", "Version of gp-agent", vec![(labels, 1.0)]);
}

fn log(registry: &mut Registry, dropped: Dropped) {
    let records = [("agent", dropped.agent), ("server", dropped.servers)];
    counters(
        registry,
        "log_dropped",
        "Log records dropped because nobody read standard error, since the agent started",
        records.map(|(source, records)| (vec![("source", source.to_string())], records)),
    );
}

#[cfg(test)]
mod tests;
