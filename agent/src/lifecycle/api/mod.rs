//! The agent's HTTP API: probes, status and metrics.

pub(crate) mod metrics;
pub(crate) mod server;
