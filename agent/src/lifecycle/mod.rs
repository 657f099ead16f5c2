//! The life of a pod on one page: prepare, discover, bootstrap, supervise, drain.

pub(crate) mod api;
pub(crate) mod discovery;
pub(crate) mod greenplum;
pub(crate) mod heart;
pub(crate) mod kubernetes;
pub(crate) mod peers;
pub(crate) mod pod;
pub(crate) mod postmaster;
pub(crate) mod settings;
pub(crate) mod ssh;
pub(crate) mod startup;
pub(crate) mod status_board;

use crate::engine::Making;
use crate::sys::process::init_channel::Heartbeat;
use anyhow::{Context, Result};
use api::handler::AgentApi;
use api::server::ApiServer;
use gp_agent_core::cluster::status::Phase;
use heart::{Heart, VolumeWatch};
use pod::signals::Signals;
use postmaster::supervisor::Command;
use startup::Prepared;
use status_board::StatusBoard;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// `gp-agent run`: lives until a signal asks it to end and its postmaster has stopped.
pub(crate) async fn run(config_path: &Path) -> Result<()> {
    let (end, shutdown) = watch::channel(false);
    let board = Arc::new(StatusBoard::new(startup::first_state()));
    let (commands, obeyed) = mpsc::channel(4);
    let handler = Arc::new(AgentApi::new(board.clone(), commands));
    let init = Heartbeat::from_env().map(Arc::new);
    let heart = Heart::start().context("cannot start a thread")?;
    let alive = heart.within(|| Alive::begin(&heart, config_path, &board, &handler, end, init.clone()))?;
    tokio::spawn(heart.work().clone().turn());
    let (label, events) = kubernetes::begin(config_path, &board, shutdown.clone());
    let ending = wait_for(shutdown.clone());
    let prepared = tokio::select! {
        prepared = startup::prepare(config_path, &board, shutdown.clone(), init.as_ref(), label, &alive.volumes) => Some(prepared?),
        () = ending => None,
    };
    if let Some(prepared) = prepared {
        events.configure(prepared.pod.config.borrow().kubernetes.events);
        handler.attach(&prepared.pod);
        live(prepared, config_path, &alive.signals, obeyed).await;
    }
    board.phase(Phase::Draining, "everything is stopped");
    alive.door.close().await;
    Ok(())
}

/// What lives on the heart's thread, from the first moment to the last.
struct Alive {
    signals: Arc<Signals>,
    volumes: VolumeWatch,
    door: ApiServer,
}

impl Alive {
    fn begin(
        heart: &Heart,
        config_path: &Path,
        board: &Arc<StatusBoard>,
        handler: &Arc<AgentApi>,
        end: watch::Sender<bool>,
        init: Option<Arc<Heartbeat>>,
    ) -> Result<Alive> {
        let signals = Signals::listen(end)?;
        tokio::spawn(pod::signals::follow(signals.clone(), board.clone()));
        tokio::spawn(pod::log_identity::follow(board.clone()));
        let (volumes, watching) = VolumeWatch::new(board.clone());
        tokio::spawn(watching);
        tokio::spawn(heart::memory::watch(board.clone()));
        tokio::spawn(heart::beat(board.clone(), heart.work().clone(), init));
        let door = api::server::open(handler, config_path)?;
        Ok(Alive { signals, volumes, door })
    }
}

/// Bootstrap and supervise, then drain: until the pod has to end and its database is stopped. All else only serves that.
async fn live(prepared: Prepared, config_path: &Path, signals: &Signals, commands: mpsc::Receiver<Command>) {
    let Prepared {
        pod,
        lock,
        discovery,
        ssh,
        config,
    } = prepared;
    let database = async {
        match pod.engine.making() {
            Making::EachPod(postgres) => postmaster::postgres::run(&pod, postgres, commands).await,
            Making::Coordinator(greenplum) => greenplum::run(&pod, greenplum, commands).await,
        }
    };
    let beside = async {
        tokio::join!(
            peers::discovered::keep(&pod, discovery),
            postmaster::monitor::watch(&pod),
            startup::volume::prove_again(&pod),
            postmaster::leftovers::watch(&pod),
            settings::keep(&pod),
            settings::password::keep(&pod),
            settings::tls::keep(&pod),
            settings::config_watch::follow(config_path, &pod.board, config, &signals.reload),
        )
    };
    let (ended, stopped) = watch::channel(false);
    let supervised = async {
        tokio::select! {
            () = database => {}
            _ = beside => {}
        }
        ended.send_replace(true);
    };
    // Peers may still need ssh while databases stop, so sshd goes last.
    tokio::join!(supervised, ssh::service::keep(&pod, ssh, stopped));
    // A volume that hangs keeps this thread, not the end of the agent.
    tokio::task::spawn_blocking(move || drop(lock));
}

async fn wait_for(mut shutdown: watch::Receiver<bool>) {
    // The sender lives as long as the agent.
    let _ = shutdown.wait_for(|ending| *ending).await;
}
