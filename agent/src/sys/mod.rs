//! Effects: one file for each outside surface.

pub mod account;
pub mod cgroup;
pub mod config_file;
pub mod descriptors;
pub mod dns;
pub mod files;
pub mod gather;
pub mod heartbeat;
pub mod host;
pub mod http;
pub mod http_client;
pub mod interfaces;
pub mod kubernetes;
pub mod log;
pub mod log_tail;
pub mod metrics;
pub mod names;
pub mod ports;
pub mod postgres;
pub mod preflight;
pub mod process;
pub mod resident;
pub mod secrets;
pub mod ssh;
pub mod storage;
