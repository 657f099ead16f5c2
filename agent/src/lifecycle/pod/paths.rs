//! Where this pod's short-lived files are.

use std::path::PathBuf;

/// Where sockets and other short-lived files go: GP_AGENT_RUN_DIR, or `/run/gp-agent`.
pub(crate) fn run_dir() -> PathBuf {
    std::env::var_os("GP_AGENT_RUN_DIR").map_or_else(|| PathBuf::from("/run/gp-agent"), PathBuf::from)
}

/// What the engine's programs have to be told; written once the agent knows it.
pub(crate) fn tool_environment_file() -> PathBuf {
    run_dir().join("tools.json")
}

/// What the engine was when its programs were last there.
pub(crate) fn engine_file() -> PathBuf {
    run_dir().join("engine.json")
}

/// The engine's programs as links to this one. The image's PATH begins with it.
pub(crate) fn tool_links_dir() -> PathBuf {
    run_dir().join("bin")
}

/// Mode of the files that servers read: nobody else's.
pub(crate) const SERVER_FILE_MODE: u32 = 0o600;
