//! Where this pod's short-lived files are.

use std::path::PathBuf;

/// Where sockets and other short-lived files go: GP_AGENT_RUN_DIR, or `/run/gp-agent`.
pub(crate) fn run_dir() -> PathBuf {
    std::env::var_os("GP_AGENT_RUN_DIR").map_or_else(|| PathBuf::from("/run/gp-agent"), PathBuf::from)
}
