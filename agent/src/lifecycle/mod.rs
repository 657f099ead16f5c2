//! The life of a pod on one page: prepare, discover, bootstrap, supervise, drain.

pub(crate) mod api;
pub(crate) mod discovery;
pub(crate) mod greenplum;
pub(crate) mod kubernetes;
pub(crate) mod peers;
pub(crate) mod pod;
pub(crate) mod postmaster;
pub(crate) mod settings;
pub(crate) mod ssh;
pub(crate) mod startup;
pub(crate) mod status_board;

use crate::sys::process::init_channel::Heartbeat;
use anyhow::Result;
use api::handler::AgentApi;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use pod::signals::Signals;
use startup::Prepared;
use status_board::StatusBoard;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// `gp-agent run`: lives until a signal asks it to end and its postmaster has stopped.
pub(crate) async fn run(config_path: &Path) -> Result<()> {
    let (end, shutdown) = watch::channel(false);
    let board = Arc::new(StatusBoard::new(startup::first_state()));
    let signals = Signals::listen(end)?;
    let (commands, obeyed) = mpsc::channel(4);
    let handler = Arc::new(AgentApi::new(board.clone(), commands));
    tokio::spawn(pod::signals::follow(signals.clone(), board.clone()));
    let init = Heartbeat::from_env().map(Arc::new);
    tokio::spawn(pod::log_identity::follow(board.clone()));
    tokio::spawn(turn(board.clone(), init.clone()));
    let door = api::server::open(&handler, config_path)?;
    let (label, events) = kubernetes::begin(config_path, &board, shutdown.clone());
    let ending = wait_for(shutdown.clone());
    let prepared = tokio::select! {
        prepared = startup::prepare(config_path, &board, shutdown.clone(), init.as_ref(), label) => Some(prepared?),
        () = ending => None,
    };
    if let Some(prepared) = prepared {
        events.configure(prepared.pod.config.borrow().kubernetes.events);
        handler.attach(&prepared.pod);
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
    commands: mpsc::Receiver<postmaster::Command>,
) {
    let Prepared {
        pod,
        lock,
        discovery,
        ssh,
        config,
    } = prepared;
    greenplum::catalog::load(&pod);
    let beside = async {
        tokio::join!(
            peers::discovered::keep(&pod, discovery),
            greenplum::catalog::keep(&pod),
            greenplum::fts_trigger::watch(&pod),
            greenplum::creation::post_create::keep(&pod),
            postmaster::monitor::watch(&pod),
            settings::keep(&pod),
            settings::password::keep(&pod),
            settings::config_watch::follow(config_path, &pod.board, config, &signals.reload),
        )
    };
    let (database, stopped) = watch::channel(false);
    let supervised = async {
        tokio::select! {
            () = postmaster::Supervisor::new(&pod, commands).run() => {}
            _ = beside => {}
        }
        database.send_replace(true);
    };
    // Peers may still need ssh while databases stop, so sshd goes last.
    tokio::join!(supervised, ssh::service::keep(&pod, ssh, stopped));
    drop(lock);
}

async fn wait_for(mut shutdown: watch::Receiver<bool>) {
    // The sender lives as long as the agent.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

/// The heart: shows the probes and init that the loop turns.
async fn turn(board: Arc<StatusBoard>, heartbeat: Option<Arc<Heartbeat>>) {
    let mut told = 0;
    loop {
        board.on(Event::LoopTurned);
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
