//! The agent's HTTP API: probes, status and metrics.

pub mod metrics;
pub mod server;
