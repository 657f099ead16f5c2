//! `gp-agent check limits`: what this container may use, and what follows from it.

use crate::engine::limits::{derive, judge_limits};
use crate::sys::resources::cgroup;
use crate::sys::storage::shm_bytes;
use gp_agent_core::config::Config;
use gp_agent_core::finding::Finding;
use gp_agent_core::resources::oom;
use gp_agent_core::resources::{Limits, MIB, NEVER_DERIVED, Resource};

/// What is wrong, and a paragraph that explains each value.
pub(super) fn check(config: &Config) -> (Vec<Finding>, String) {
    let limits = cgroup::limits();
    let killed = oom::judge(&cgroup::memory());
    let findings = judge_limits(config.engine, &limits).into_iter().chain(killed).collect();
    (findings, explain(config, &limits, shm_bytes()))
}

fn explain(config: &Config, limits: &Limits, shm: Option<u64>) -> String {
    let memory = amount(&limits.memory, |bytes| format!("{} MiB", bytes / MIB));
    let cpus = amount(&limits.cpus, |milli| format!("{}", milli as f64 / 1000.0));
    let shm = shm.map_or("none".to_string(), |bytes| format!("{} MiB", bytes / MIB));
    let mut lines = vec![format!("memory {memory}; CPUs {cpus}; /dev/shm {shm}")];
    let derived = derive(config.engine, limits, &config.parameters);
    if limits.memory.limit.is_none() && limits.cpus.limit.is_none() {
        lines.push("nothing follows from limits, since there are none".into());
    }
    for d in &derived {
        lines.push(format!("{} = {}: {}", d.name, d.value, d.why));
    }
    for (name, value) in &config.parameters {
        lines.push(format!("{name} = {value}: set by `parameters`"));
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
        insta::assert_snapshot!(explain(&config, &limits, Some(64 * MIB)), @r"
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
    fn without_limits_it_says_so() {
        let limits = Limits {
            memory: resource(65_536 * MIB, None, ""),
            cpus: resource(8000, None, ""),
        };
        insta::assert_snapshot!(explain(&config(""), &limits, None), @r"
        memory 65536 MiB, the host's (no limit); CPUs 8, the host's (no limit); /dev/shm none
                 nothing follows from limits, since there are none
                 max_connections, max_locks_per_transaction, max_prepared_transactions, max_wal_senders, max_worker_processes never follow from limits: a replica needs at least its primary's, whose limits may be others; set them in `parameters`
        ");
    }
}
