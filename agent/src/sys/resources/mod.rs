//! Memory and CPUs: the container's limits and this process's own memory.

pub mod cgroup;
pub mod memory;
