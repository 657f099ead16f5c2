//! The pure core: no clock, no files, no network, no async runtime.

pub mod cluster;
pub mod config;
pub mod discovery;
pub mod failover;
pub mod finding;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod greenplum;
pub mod kubernetes;
pub mod log;
pub mod postgres;
pub mod process;
pub mod recovery;
pub mod resources;
pub mod ssh;
pub mod storage;
