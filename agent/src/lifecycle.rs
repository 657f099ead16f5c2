//! The life of a pod on one page: prepare, discover, bootstrap, supervise, drain.

pub mod board;
pub mod bootstrap;
pub mod configuration;
pub mod discover;
pub mod held;
pub mod host;
pub mod monitor;
pub mod owner;
pub mod partner;
pub mod password;
pub mod pod;
pub mod settings;
pub mod signals;
pub mod ssh;
pub mod supervise;
pub mod view;
pub mod volume;

use crate::domain::status::Phase;
use crate::sys::heartbeat::Heartbeat;
use anyhow::{Context, Result};
use board::{Board, now};
use host::Host;
use pod::Pod;
use signals::Signals;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// `gp-agent run`: lives until a signal asks it to end and its postmaster has stopped.
pub async fn run(config_path: &Path) -> Result<()> {
    let (end, shutdown) = watch::channel(false);
    let board = Arc::new(Board::new(host::first_status()));
    let signals = Signals::listen(end)?;
    let heartbeat = Heartbeat::from_env();
    let (commands, obeyed) = mpsc::channel(4);
    let host = Arc::new(Host::new(board.clone(), commands));
    tokio::spawn(signals::follow(signals.clone(), board.clone()));
    tokio::spawn(turn(board.clone(), heartbeat));
    let servers = host::serve(&host, config_path, shutdown.clone())?;
    let mut ending = shutdown.clone();
    tokio::select! {
        lived = live(config_path, &board, &host, &signals, shutdown, obeyed) => lived?,
        _ = ending.wait_for(|ending| *ending), if !host.has_pod() => {}
    }
    board.phase(Phase::Draining, "everything is stopped");
    servers.stop().await;
    Ok(())
}

async fn live(
    config_path: &Path,
    board: &Arc<Board>,
    host: &Host,
    signals: &Arc<Signals>,
    shutdown: watch::Receiver<bool>,
    commands: mpsc::Receiver<supervise::Command>,
) -> Result<()> {
    let prepared = host::prepare(config_path, board, shutdown).await;
    let (pod, lock, discovery, ssh, config) = prepared.context("cannot prepare this pod")?;
    host.attach(&pod);
    let supervisor = supervise::Supervisor::new(&pod, commands);
    let beside = async {
        tokio::join!(
            discovery.run(),
            ssh.run(),
            monitor::watch(&pod),
            settings::keep(&pod),
            password::keep(&pod),
            configuration::follow(config_path, board, config, &signals.reload),
        )
    };
    tokio::select! {
        () = supervisor.run() => {}
        _ = beside => {}
    }
    drop(lock);
    Ok(())
}

/// The heart: shows the probes and init that the loop turns.
async fn turn(board: Arc<Board>, heartbeat: Option<Heartbeat>) {
    let mut told = None;
    loop {
        board.update(|s| s.loop_turned_at = now());
        if let Some(heartbeat) = &heartbeat {
            heartbeat.beat();
            let grace = board.read(|s| s.grace_seconds);
            if told != Some(grace) && grace > 0 {
                heartbeat.grace(grace.into());
                told = Some(grace);
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
