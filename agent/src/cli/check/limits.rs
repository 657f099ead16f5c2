//! `gp-agent check limits`: what this container may use, and what follows from it.

use super::agent::{OwnAgent, is_its};
use crate::engine::limits::{derive, judge_limits};
use crate::sys::resources::cgroup;
use crate::sys::storage::shm_bytes;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::Finding;
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::settings::not_in_use;
use gp_agent_core::resources::oom;
use gp_agent_core::resources::{Limits, MIB, NEVER_DERIVED, Resource};
use std::path::Path;

/// What the pod has, which may not be what cluster.yaml says.
struct InForce {
    /// gp-agent.conf as it is.
    conf: Vec<u8>,
    /// Parameters that wait for a restart of the postmaster.
    pending: Vec<String>,
}

/// What is wrong, and a paragraph that explains each value. `file` is the cluster.yaml that is looked at.
pub(super) async fn check(config: &Config, me: &Member, file: &Path, agent: &OwnAgent) -> (Vec<Finding>, String) {
    let limits = cgroup::limits();
    let killed = oom::judge(&cgroup::memory());
    let findings = judge_limits(config.engine, &limits).into_iter().chain(killed).collect();
    let in_force = in_force(me, file, agent).await;
    (findings, explain(config, &limits, shm_bytes(), in_force.as_ref()))
}

/// None before the agent has written its file, and where another cluster.yaml than the agent's is looked at.
async fn in_force(me: &Member, file: &Path, agent: &OwnAgent) -> Option<InForce> {
    let conf = is_its(file).then(|| std::fs::read(me.data_dir.join(conf::FILE)).ok())??;
    let pending = agent.status().await.map(|status| status.pending_restart.clone());
    Some(InForce {
        conf,
        pending: pending.unwrap_or_default(),
    })
}

fn explain(config: &Config, limits: &Limits, shm: Option<u64>, in_force: Option<&InForce>) -> String {
    let memory = amount(&limits.memory, |bytes| format!("{} MiB", bytes / MIB));
    let cpus = amount(&limits.cpus, |milli| format!("{}", milli as f64 / 1000.0));
    let shm = shm.map_or("none".to_string(), |bytes| format!("{} MiB", bytes / MIB));
    let mut lines = vec![format!("memory {memory}; CPUs {cpus}; /dev/shm {shm}")];
    let derived = derive(config.engine, limits, &config.parameters);
    if limits.memory.limit.is_none() && limits.cpus.limit.is_none() {
        lines.push("nothing follows from limits, since there are none".into());
    }
    let mut tell = |name: &str, value: &str, why: &str| {
        let missed = in_force.and_then(|found| not_in_use(name, value, &found.conf, &found.pending));
        let but = missed.map(|why| format!(", but not in use: {why}"));
        lines.push(format!("{name} = {value}: {why}{}", but.unwrap_or_default()));
    };
    for d in &derived {
        tell(d.name, &d.value, &d.why);
    }
    for (name, value) in &config.parameters {
        tell(name, value, "set by `parameters`");
    }
    lines.push(format!(
        "{} never follow from limits: a replica needs at least its primary's, whose limits may be others; set them in \
         `parameters`",
        NEVER_DERIVED.join(", ")
    ));
    lines.join("\n         ")
}

fn amount(resource: &Resource, shown: impl Fn(u64) -> String) -> String {
    let host = shown(resource.host);
    match &resource.limit {
        Some(limit) => format!("{} of the host's {host} ({})", shown(limit.value), limit.file.display()),
        None => format!("{host}, the host's (no limit)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::config::load;
    use gp_agent_core::resources::Limit;

    fn config(more: &str) -> Config {
        let text = format!("cluster: w\nengine: postgres\nsegments: {{ count: 1 }}\n{more}");
        load(&text, "cluster.yaml", std::iter::empty()).unwrap()
    }

    fn resource(host: u64, limit: Option<u64>, file: &str) -> Resource {
        let limit = limit.map(|value| Limit {
            value,
            file: file.into(),
        });
        Resource::new(host, limit)
    }

    #[test]
    fn every_value_is_explained() {
        let limits = Limits {
            memory: resource(65_536 * MIB, Some(512 * MIB), "/sys/fs/cgroup/memory.max"),
            cpus: resource(8000, Some(1500), "/sys/fs/cgroup/cpu.max"),
        };
        let config = config("parameters: { work_mem: 8MB, effective_cache_size: 200MB }\n");
        insta::assert_snapshot!(explain(&config, &limits, Some(64 * MIB), None), @r"
        memory 512 MiB of the host's 65536 MiB (/sys/fs/cgroup/memory.max); CPUs 1.5 of the host's 8 (/sys/fs/cgroup/cpu.max); /dev/shm 64 MiB
                 shared_buffers = 76MB: 15 % of the memory limit of 512 MiB (/sys/fs/cgroup/memory.max), at most 16 GiB
                 maintenance_work_mem = 32MB: a sixteenth of the memory limit of 512 MiB (/sys/fs/cgroup/memory.max), since three autovacuum workers may use it at once
                 max_parallel_workers = 2: rounded up from the CPU limit of 1.5 (/sys/fs/cgroup/cpu.max)
                 max_parallel_workers_per_gather = 0: half, rounded down, of the CPU limit of 1.5 (/sys/fs/cgroup/cpu.max)
                 max_parallel_maintenance_workers = 0: half, rounded down, of the CPU limit of 1.5 (/sys/fs/cgroup/cpu.max)
                 effective_cache_size = 200MB: set by `parameters`
                 work_mem = 8MB: set by `parameters`
                 max_connections, max_locks_per_transaction, max_prepared_transactions, max_wal_senders, max_worker_processes never follow from limits: a replica needs at least its primary's, whose limits may be others; set them in `parameters`
        ");
    }

    #[test]
    fn what_is_only_wanted_is_told_from_what_is_in_use() {
        let in_force = InForce {
            conf: b"work_mem = '4MB'\nmax_connections = '300'\n".to_vec(),
            pending: vec!["max_connections".into()],
        };
        let config = config("parameters: { work_mem: 8MB, max_connections: \"300\", wal_level: logical }\n");
        let all = explain(&config, &Limits::default(), None, Some(&in_force));
        let said: Vec<&str> = all
            .lines()
            .filter_map(|line| line.split_once("`parameters`, but "))
            .map(|(_, why)| why)
            .collect();
        assert_eq!(
            said,
            [
                "not in use: it waits for a restart of the postmaster",
                "not in use: gp-agent.conf does not set it",
                "not in use: gp-agent.conf has 4MB"
            ]
        );
    }

    #[test]
    fn without_limits_it_says_so() {
        let limits = Limits {
            memory: resource(65_536 * MIB, None, ""),
            cpus: resource(8000, None, ""),
        };
        insta::assert_snapshot!(explain(&config(""), &limits, None, None), @r"
        memory 65536 MiB, the host's (no limit); CPUs 8, the host's (no limit); /dev/shm none
                 nothing follows from limits, since there are none
                 max_connections, max_locks_per_transaction, max_prepared_transactions, max_wal_senders, max_worker_processes never follow from limits: a replica needs at least its primary's, whose limits may be others; set them in `parameters`
        ");
    }
}
