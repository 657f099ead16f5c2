//! The agent's HTTP servers, on the network and on the unix socket, from the first moment to the last.

use super::agent::Agent;
use super::handler::AgentApi;
use super::routes::{serve_tcp, serve_unix};
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::http::{HttpLimits, bind_tcp, bind_unix};
use anyhow::{Context, Result};
use gp_agent_core::config::HttpConfig;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Port while there is no configuration to say another.
const DEFAULT_PORT: u16 = 8008;

/// Open until closed.
pub(crate) struct ApiServer {
    servers: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// Listens on both sides.
///
/// # Errors
/// A port or a socket that somebody else holds, or a run directory that cannot be written to.
pub(crate) fn open(handler: &Arc<AgentApi>, config: Option<&HttpConfig>) -> Result<ApiServer> {
    let port = config.map_or(DEFAULT_PORT, |config| config.port);
    let dir = run_dir();
    std::fs::create_dir_all(&dir).with_context(|| {
        format!(
            "cannot make {}; mount a writable tmpfs or emptyDir there, or set GP_AGENT_RUN_DIR",
            dir.display()
        )
    })?;
    let path = dir.join("agent.sock");
    let unix = bind_unix(&path)?;
    let (stop, stopped) = watch::channel(false);
    let agent: Arc<dyn Agent> = handler.clone();
    let limits = HttpLimits::default();
    let mut servers = JoinSet::new();
    servers.spawn(serve_unix(unix, path, agent.clone(), limits, stopped.clone()));
    servers.spawn(serve_tcp(bind_tcp(port)?, agent, limits, stopped));
    Ok(ApiServer { servers, stop })
}

impl ApiServer {
    /// Takes no more requests and removes the socket.
    pub(crate) async fn close(self) {
        self.stop.send_replace(true);
        self.servers.join_all().await;
    }
}
