//! Effects: one file for each outside surface.

pub(crate) mod config;
pub(crate) mod discovery;
pub(crate) mod failover;
pub(crate) mod greenplum;
pub(crate) mod http;
pub(crate) mod kubernetes;
pub(crate) mod log;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod resources;
pub(crate) mod ssh;
pub(crate) mod storage;
pub(crate) mod text;
