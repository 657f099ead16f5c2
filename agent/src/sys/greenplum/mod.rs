//! What Greenplum's tools need of a host, and what they leave there.

pub(crate) mod admin_logs;
pub(crate) mod cluster_tools;
pub(crate) mod expansion_files;
pub(crate) mod preflight;
pub(crate) mod tool_lock;
