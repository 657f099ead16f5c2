//! The life of a pod on one page: prepare, discover, bootstrap, supervise, drain.

pub mod board;
pub mod bootstrap;
pub mod catalog;
pub mod cluster;
pub mod configuration;
pub mod creation;
pub mod decide;
pub mod discover;
pub mod door;
pub mod drain_order;
pub mod events;
pub mod fts;
pub mod held;
pub mod host;
pub mod in_cluster;
pub mod keys;
pub mod monitor;
pub mod owner;
pub mod partner;
pub mod password;
pub mod peers;
pub mod pod;
pub mod receiver;
pub mod role_label;
pub mod seen;
pub mod settings;
pub mod signals;
pub mod speaker;
pub mod ssh;
pub mod supervise;
pub mod view;
pub mod volume;

use crate::domain::status::Phase;
use crate::sys::heartbeat::Heartbeat;
use anyhow::Result;
use board::{Board, now};
use host::{Host, Prepared};
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
    let (commands, obeyed) = mpsc::channel(4);
    let host = Arc::new(Host::new(board.clone(), commands));
    tokio::spawn(signals::follow(signals.clone(), board.clone()));
    let init = Heartbeat::from_env().map(Arc::new);
    tokio::spawn(speaker::follow(board.clone()));
    tokio::spawn(turn(board.clone(), init.clone()));
    let door = door::open(&host, config_path)?;
    let (label, events) = in_cluster::begin(config_path, &board, shutdown.clone());
    let ending = wait_for(shutdown.clone());
    let prepared = tokio::select! {
        prepared = host::prepare(config_path, &board, shutdown.clone(), init.as_ref(), label) => Some(prepared?),
        () = ending => None,
    };
    if let Some(prepared) = prepared {
        events.configure(prepared.pod.config.borrow().kubernetes.events);
        host.attach(&prepared.pod);
        live(prepared, config_path, &signals, obeyed).await;
    }
    board.phase(Phase::Draining, "everything is stopped");
    door.close().await;
    Ok(())
}

/// Until the supervisor has nothing left to do; all else only serves it.
async fn live(
    prepared: Prepared,
    config_path: &Path,
    signals: &Signals,
    commands: mpsc::Receiver<supervise::Command>,
) {
    let Prepared {
        pod,
        lock,
        discovery,
        ssh,
        config,
    } = prepared;
    catalog::load(&pod);
    let beside = async {
        tokio::join!(
            peers::keep(&pod, discovery),
            catalog::keep(&pod),
            fts::watch(&pod),
            creation::after::keep(&pod),
            monitor::watch(&pod),
            settings::keep(&pod),
            password::keep(&pod),
            configuration::follow(config_path, &pod.board, config, &signals.reload),
        )
    };
    let (database, stopped) = watch::channel(false);
    let supervised = async {
        tokio::select! {
            () = supervise::Supervisor::new(&pod, commands).run() => {}
            _ = beside => {}
        }
        database.send_replace(true);
    };
    // Peers may still need ssh while databases stop, so sshd goes last.
    tokio::join!(supervised, keys::keep(&pod, ssh, stopped));
    drop(lock);
}

async fn wait_for(mut shutdown: watch::Receiver<bool>) {
    // The sender lives as long as the agent.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

/// The heart: shows the probes and init that the loop turns.
async fn turn(board: Arc<Board>, heartbeat: Option<Arc<Heartbeat>>) {
    let mut told = 0;
    loop {
        board.update(|s| s.loop_turned_at = now());
        if let Some(heartbeat) = &heartbeat {
            heartbeat.beat();
            let grace = board.read(|s| s.grace_seconds);
            if grace != told {
                heartbeat.grace(Duration::from_secs(grace.into()));
                told = grace;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
