//! The status as Prometheus metrics.

use crate::sys::log::writer::Dropped;
use gp_agent_core::cluster::probes;
use gp_agent_core::cluster::status::{Phase, PodStatus, StorageStatus};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::finding::{Area, Severity};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

type Float = Gauge<f64, AtomicU64>;
type Labels = Vec<(&'static str, String)>;

/// The text that `/metrics` serves (OpenMetrics 1.0).
pub(crate) fn render(status: &PodStatus, dropped: Dropped, now: u64) -> String {
    let mut registry = Registry::with_prefix("gp_agent");
    roles(&mut registry, status);
    database(&mut registry, status, now);
    findings(&mut registry, status);
    volumes(&mut registry, status);
    certificate(&mut registry, status);
    agent(&mut registry, status);
    log(&mut registry, dropped);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => text,
        Err(error) => format!("# {error}\n# EOF\n"),
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Float::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter: Counter = Counter::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn family<L>(registry: &mut Registry, name: &str, help: &str, values: Vec<(L, f64)>)
where
    L: EncodeLabelSet + Clone + std::hash::Hash + Eq + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Float>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    registry.register(name, help, family);
}

fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

fn roles(registry: &mut Registry, status: &PodStatus) {
    let all = [Role::Coordinator, Role::Standby, Role::Primary, Role::Mirror];
    let role = |r: Role| (vec![("role", r.to_string())], flag(status.active_role == Some(r)));
    let values: Vec<(Labels, f64)> = all.into_iter().map(role).collect();
    family(registry, "role", "1 for the role that is active in this pod", values);
    let phase = |p: Phase| (vec![("phase", p.as_str())], flag(status.phase == p));
    family(
        registry,
        "phase",
        "1 for the phase of the pod's life that is on stage",
        Phase::ALL.into_iter().map(phase).collect(),
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
        let labels: Labels = vec![("peer", r.peer.clone()), ("state", r.state.clone())];
        Some((labels, r.lag_bytes? as f64))
    });
    family(
        registry,
        "replication_lag_bytes",
        "Bytes of write-ahead log not yet replayed at the receiving end",
        lag.collect(),
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
    let areas = [
        Area::Config,
        Area::Storage,
        Area::Dns,
        Area::Hba,
        Area::Ssh,
        Area::Postgres,
        Area::Limits,
        Area::Kubernetes,
    ];
    let severities = [Severity::Info, Severity::Warning, Severity::Error];
    let mut values: Vec<(Labels, f64)> = Vec::new();
    for (area, severity) in areas.iter().flat_map(|a| severities.iter().map(move |s| (*a, *s))) {
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
    let labels = |s: &StorageStatus| -> Labels { vec![("path", s.path.clone()), ("purpose", s.purpose.clone())] };
    let mut latency: Vec<(Labels, f64)> = Vec::new();
    for s in &status.storage {
        for (quantile, value) in [("0.5", s.fsync_p50_seconds), ("0.99", s.fsync_p99_seconds)] {
            let mut with = labels(s);
            with.push(("quantile", quantile.to_string()));
            latency.push((with, value));
        }
    }
    family(
        registry,
        "storage_fsync_seconds",
        "Seconds of a small write and its fdatasync, measured at the start",
        latency,
    );
    let free = status.storage.iter().map(|s| (labels(s), s.free_bytes as f64));
    family(
        registry,
        "storage_free_bytes",
        "Bytes free for this user; asked every two seconds",
        free.collect(),
    );
    let size = status.storage.iter().map(|s| (labels(s), s.total_bytes as f64));
    family(
        registry,
        "storage_size_bytes",
        "Bytes of the whole volume",
        size.collect(),
    );
    let inodes = status.storage.iter();
    let inodes = inodes.filter_map(|s| Some((labels(s), s.free_inodes? as f64)));
    family(
        registry,
        "storage_free_inodes",
        "Files that can still be created on the volume; asked every two seconds",
        inodes.collect(),
    );
    let read_only = status.storage.iter().map(|s| (labels(s), flag(s.read_only)));
    family(
        registry,
        "storage_read_only",
        "1 while the volume is mounted read-only",
        read_only.collect(),
    );
    let hung = |path: &str| status.hung_volumes.iter().any(|v| v.path == path);
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
            .map(|path| (Labels::from([("path", path.to_string())]), flag(hung(path))))
            .collect(),
    );
    let durable = status.storage.iter().map(|s| (labels(s), flag(s.durable)));
    family(
        registry,
        "storage_durable",
        "1 when the volume passed as durable",
        durable.collect(),
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
    let family = Family::<Labels, Counter>::default();
    for (source, records) in [("agent", dropped.agent), ("server", dropped.servers)] {
        let labels = vec![("source", source.to_string())];
        family.get_or_create(&labels).inc_by(records);
    }
    registry.register(
        "log_dropped",
        "Log records dropped because nobody read standard error, since the agent started",
        family,
    );
}

#[cfg(test)]
mod tests;
