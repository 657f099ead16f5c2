//! PostgreSQL's rules of thumb.

use super::{Derived, Limit, Limits, MIB, cpu_limit, megabytes, memory_limit, unless_given};
use std::collections::BTreeMap;

/// Below this even the defaults of everything else (100 connections, three autovacuum workers) find no room.
pub const LEAST: u64 = 256 * MIB;

/// Beyond this a larger cache in the server gains little over the kernel's.
const MOST_SHARED_BUFFERS: u64 = 16 * 1024 * MIB;

/// The parameters that follow from `limits` and that `configured` does not set.
pub fn derive(limits: &Limits, configured: &BTreeMap<String, String>) -> Vec<Derived> {
    let memory = limits.memory.limit.iter().flat_map(from_memory);
    let cpus = limits.cpus.limit.iter().flat_map(from_cpus);
    unless_given(memory.chain(cpus), configured)
}

/// shared_buffers: config.sgml: "a reasonable starting value ... is 25% of the memory in your system" with 1 GB or more,
/// "a smaller percentage" below. effective_cache_size: half of the memory is the conservative setting (PostgreSQL wiki,
/// "Tuning Your PostgreSQL Server"); a cgroup's page cache counts against its limit. maintenance_work_mem: each of three
/// autovacuum workers may use its default of 64 MB, which is too much for a small container.
fn from_memory(limit: &Limit) -> Vec<Derived> {
    let (from, bytes) = (memory_limit(limit), limit.value);
    let percent = if bytes >= 1024 * MIB { 25 } else { 15 };
    let buffers = (bytes * percent / 100).clamp(8 * MIB, MOST_SHARED_BUFFERS);
    let mut all = vec![
        Derived {
            name: "shared_buffers",
            value: megabytes(buffers),
            why: format!("{percent} % of {from}, at most 16 GiB"),
        },
        Derived {
            name: "effective_cache_size",
            value: megabytes((bytes / 2).max(8 * MIB)),
            why: format!("half of {from}"),
        },
    ];
    let maintenance = (bytes / 16).max(MIB);
    if maintenance < 64 * MIB {
        all.push(Derived {
            name: "maintenance_work_mem",
            value: megabytes(maintenance),
            why: format!("a sixteenth of {from}, since three autovacuum workers may use it at once"),
        });
    }
    all
}

/// Parallel queries take more memory and time than they save where there are no CPUs for their workers. Values are only
/// lowered from the defaults (config.sgml: 8, 2 and 2).
fn from_cpus(limit: &Limit) -> Vec<Derived> {
    let workers = limit.value.div_ceil(1000);
    let helpers = (limit.value / 2000).min(2);
    let lowered = |name, value: u64, default: u64, what: &str| {
        (value < default).then(|| Derived {
            name,
            value: value.to_string(),
            why: format!("{what} {}", cpu_limit(limit)),
        })
    };
    let rounded = "rounded up from";
    let half = "half, rounded down, of";
    [
        lowered("max_parallel_workers", workers, 8, rounded),
        lowered("max_parallel_workers_per_gather", helpers, 2, half),
        lowered("max_parallel_maintenance_workers", helpers, 2, half),
    ]
    .into_iter()
    .flatten()
    .collect()
}
