//! The agent's HTTP API: probes, status and metrics.

pub(crate) mod agent;
pub(crate) mod cluster_view;
pub(crate) mod endpoints;
pub(crate) mod handler;
pub(crate) mod metrics;
pub(crate) mod refusal;
pub(crate) mod routes;
pub(crate) mod server;
