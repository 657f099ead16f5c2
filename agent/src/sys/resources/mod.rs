//! Memory and CPUs: the container's limits and this process's own memory.

pub(crate) mod cgroup;
pub(crate) mod memory;
pub(crate) mod overcommit;
