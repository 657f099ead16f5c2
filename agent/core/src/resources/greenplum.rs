//! Greenplum's formulas, for a host that is a container with one postmaster.

use super::{Derived, Limit, Limits, MIB, cpu_limit, given, memory_limit, unless_given};
use std::collections::BTreeMap;

const GIB: u64 = 1024 * MIB;

/// Below this a few idle sessions, each with its processes on every segment, use all there is.
pub const LEAST: u64 = GIB;

/// The default of `shared_buffers` (gpinitsystem's DEFAULT_BUFFERS).
const SHARED_BUFFERS_KB: u64 = 128_000;

/// The default of `max_statement_mem` (guc_gp.c).
const MAX_STATEMENT_MEM_KB: u64 = 2_048_000;

/// ACTIVE_STATEMENTS of the resource queue pg_default: so many queries run at once unless queues are made.
const QUERIES_AT_ONCE: u64 = 20;

/// The parameters that follow from `limits` and that `configured` does not set.
pub fn derive(limits: &Limits, configured: &BTreeMap<String, String>) -> Vec<Derived> {
    let memory = limits.memory.limit.iter();
    let memory = memory.flat_map(|limit| from_memory(limit, configured));
    let cpus = limits.cpus.limit.iter().map(cores);
    unless_given(memory.chain(cpus), configured)
}

/// In the order of the file: `max_statement_mem` has to come before a larger `statement_mem` (reference guide,
/// max_statement_mem).
fn from_memory(limit: &Limit, configured: &BTreeMap<String, String>) -> Vec<Derived> {
    let from = memory_limit(limit);
    let vmem = vmem_protect_limit(limit.value);
    let mut all = vec![Derived {
        name: "gp_vmem_protect_limit",
        // Without a unit (reference guide): MB.
        value: vmem.to_string(),
        why: format!(
            "MB: {from}, less 5 % and {} MiB for all else, divided by {}",
            reserve(limit.value) / MIB,
            f64::from(divisor(limit.value)) / 100.0
        ),
    }];
    all.extend(shared_buffers(limit, &from));
    let most = limit.value / 1024 / QUERIES_AT_ONCE;
    if most > MAX_STATEMENT_MEM_KB {
        all.push(kilobytes(
            "max_statement_mem",
            most,
            format!("{from}, divided by {QUERIES_AT_ONCE} queries"),
        ));
    }
    all.extend(statement_mem(vmem, most, configured));
    all
}

/// gp_vmem_protect_limit in MB, for one acting primary: ((SWAP + RAM) - (7.5 GB + 0.05 * RAM)) / 1.7, from 256 GB on / 1.17
/// (Greenplum and Cloudberry reference guides, gp_vmem_protect_limit). A container has no swap.
fn vmem_protect_limit(bytes: u64) -> u64 {
    let left = bytes - bytes / 20 - reserve(bytes);
    left / u64::from(divisor(bytes)) * 100 / MIB
}

/// The guide's 7.5 GB are for a host's operating system, of which a container holds only the page cache and its kernel
/// memory, so they are at most a quarter: from 30 GiB on the formula is the guide's.
fn reserve(bytes: u64) -> u64 {
    (bytes / 4).min(15 * GIB / 2)
}

/// In hundredths.
fn divisor(bytes: u64) -> u32 {
    if bytes < 256 * GIB { 170 } else { 117 }
}

/// Only lowered, in containers where the default would be more than an eighth; at least 16 kB for each of the 750
/// connections that gpinitsystem gives a segment (reference guide, shared_buffers).
fn shared_buffers(limit: &Limit, from: &str) -> Option<Derived> {
    let kb = (limit.value / 8 / 1024).max(16 * 750);
    (kb < SHARED_BUFFERS_KB).then(|| kilobytes("shared_buffers", kb, format!("an eighth of {from}")))
}

/// (gp_vmem_protect_limit * .9) / max_expected_concurrent_queries (reference guide, statement_mem), in kB; below
/// max_statement_mem (cdbvars.c) and at least 4 MB, with which simple plans still run.
fn statement_mem(vmem: u64, most: u64, configured: &BTreeMap<String, String>) -> Option<Derived> {
    // With a cap that somebody chose, the default is as right as anything.
    if given(configured, "max_statement_mem").is_some() {
        return None;
    }
    let vmem = match given(configured, "gp_vmem_protect_limit") {
        Some(text) => text.trim().parse().ok().filter(|mb| *mb > 0)?,
        None => vmem,
    };
    let share = vmem.saturating_mul(1024) / 10 * 9 / QUERIES_AT_ONCE;
    let kb = share.clamp(4096, most.max(MAX_STATEMENT_MEM_KB) - 1);
    let why = format!(
        "90 % of gp_vmem_protect_limit ({vmem} MB), divided by {QUERIES_AT_ONCE} queries at once (pg_default); the \
         coordinator's value counts"
    );
    Some(kilobytes("statement_mem", kb, why))
}

/// gp_resqueue_priority_cpucores_per_segment: the cores that a segment may use (reference guide); default 4.
fn cores(limit: &Limit) -> Derived {
    Derived {
        name: "gp_resqueue_priority_cpucores_per_segment",
        value: format!("{}", limit.value as f64 / 1000.0),
        why: cpu_limit(limit),
    }
}

fn kilobytes(name: &'static str, kb: u64, why: String) -> Derived {
    Derived {
        name,
        value: format!("{kb}kB"),
        why,
    }
}
