//! Plain PostgreSQL: every pod makes its own directory, and asks the pod on the other end of replication before it starts.

mod bootstrap;
pub(crate) mod diverged_wal;
mod newest_timeline;
mod rejoin;
pub(crate) mod role;
mod strategy;
mod tablespaces;

use super::supervisor::{Command, supervise};
use crate::engine::Postgres;
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::state::Event;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Keeps this pod, until it has to end and its postmaster is gone.
pub(crate) async fn run(pod: &Arc<Pod>, postgres: &Postgres, commands: mpsc::Receiver<Command>) {
    // No tool creates the cluster; the files are the agent's from the beginning.
    pod.board.on(Event::CREATED);
    supervise(pod, strategy::Strategy::new(pod, postgres), commands).await;
}
