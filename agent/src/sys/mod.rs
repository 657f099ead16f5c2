//! Effects: one file for each outside surface.

pub mod config;
pub mod discovery;
pub mod greenplum;
pub mod http;
pub mod kubernetes;
pub mod log;
pub mod postgres;
pub mod process;
pub mod resources;
pub mod ssh;
pub mod storage;
