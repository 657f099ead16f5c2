//! The life of a pod on one page: prepare, discover, bootstrap, supervise, drain.

pub(crate) mod api;
pub(crate) mod discovery;
pub(crate) mod failover;
pub(crate) mod greenplum;
pub(crate) mod heart;
pub(crate) mod kubernetes;
pub(crate) mod peers;
pub(crate) mod pod;
pub(crate) mod postmaster;
pub(crate) mod recovery;
pub(crate) mod settings;
pub(crate) mod ssh;
pub(crate) mod startup;
pub(crate) mod status_board;

use crate::engine::{Greenplum, Making};
use crate::sys::process::init_channel::Heartbeat;
use anyhow::{Context, Result};
use api::handler::{AgentApi, RecoverySender};
use api::server::ApiServer;
use failover::command::Asked;
use failover::strategy::RoleStrategy;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::config::HttpConfig;
use greenplum::role::GreenplumRole;
use heart::{Heart, VolumeWatch};
use pod::Pod;
use pod::kept_config;
use pod::signals::Signals;
use postmaster::postgres::role::PostgresRole;
use postmaster::supervisor::Command;
use settings::password::Reach;
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
    let (ask_failover, failover) = mpsc::channel(4);
    let handler = Arc::new(AgentApi::new(board.clone(), commands, ask_failover));
    let init = Heartbeat::from_env().map(Arc::new);
    let heart = Heart::start().context("cannot start a thread")?;
    let known = kept_config::at_hand(config_path);
    let http = known.as_ref().map(|config| &config.http);
    let alive = heart.within(|| Alive::begin(&heart, http, &board, &handler, end, init.clone()))?;
    tokio::spawn(heart.work().clone().turn());
    let (label, events) = kubernetes::begin(known.map(|c| c.kubernetes).as_ref(), &board, shutdown.clone());
    let ending = wait_for(shutdown.clone());
    let prepared = tokio::select! {
        prepared = startup::prepare(config_path, &board, shutdown.clone(), init.as_ref(), label, &alive.volumes) => Some(prepared?),
        () = ending => None,
    };
    if let Some(prepared) = prepared {
        events.configure(prepared.pod.config.borrow().kubernetes.events);
        let pod = prepared.pod.clone();
        let part = EnginePart::of(&pod, obeyed);
        handler.attach(&pod, part.recovery);
        failover::begin(&pod, part.role, init)?;
        live(
            prepared,
            config_path,
            &alive.signals,
            (part.database, part.password),
            failover,
        )
        .await;
    }
    board.phase(Phase::Draining, "everything is stopped");
    alive.door.close().await;
    Ok(())
}

/// What the plot leaves to the engine. It is chosen once, here: no room asks which engine it is.
struct EnginePart<'a> {
    /// What a change of the coordinator's role means.
    role: Arc<dyn RoleStrategy>,
    /// Where a password is set.
    password: Reach,
    /// Who recovers segments.
    recovery: Option<RecoverySender>,
    /// Bootstraps and supervises, until the pod has to end and its database is stopped.
    database: LocalBoxFuture<'a, ()>,
}

impl<'a> EnginePart<'a> {
    fn of(pod: &'a Arc<Pod>, commands: mpsc::Receiver<Command>) -> EnginePart<'a> {
        match pod.engine.making() {
            Making::EachPod(postgres) => EnginePart {
                role: Arc::new(PostgresRole),
                password: Reach::Replicas,
                recovery: None,
                database: postmaster::postgres::run(pod, postgres, commands).boxed_local(),
            },
            Making::Coordinator(greenplum) => EnginePart::of_greenplum(pod, greenplum, commands),
        }
    }

    fn of_greenplum(pod: &'a Arc<Pod>, greenplum: &'a Greenplum, commands: mpsc::Receiver<Command>) -> EnginePart<'a> {
        let (recovery, asked) = mpsc::channel(4);
        let database = async move {
            tokio::select! {
                () = greenplum::run(pod, greenplum, commands) => {}
                () = recovery::keep(pod, greenplum, asked) => {}
            }
        };
        EnginePart {
            role: Arc::new(GreenplumRole),
            password: Reach::Segments,
            recovery: Some(recovery),
            database: database.boxed_local(),
        }
    }
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
        http: Option<&HttpConfig>,
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
        let door = api::server::open(handler, http)?;
        Ok(Alive { signals, volumes, door })
    }
}

/// Bootstrap and supervise, then drain: until the pod has to end and its database is stopped. All else only serves that.
async fn live(
    prepared: Prepared,
    config_path: &Path,
    signals: &Signals,
    (database, password): (LocalBoxFuture<'_, ()>, Reach),
    asked: mpsc::Receiver<Asked>,
) {
    let Prepared {
        pod,
        programs_missed,
        lock,
        discovery,
        ssh,
        config,
    } = prepared;
    let beside = async {
        tokio::join!(
            peers::discovered::keep(&pod, discovery),
            postmaster::monitor::watch(&pod),
            startup::volume::prove_again(&pod),
            startup::programs::find_again(&pod, programs_missed),
            postmaster::leftovers::watch(&pod),
            postmaster::left_behind::keep(&pod),
            failover::keep(&pod, asked),
            settings::keep(&pod),
            settings::password::keep(&pod, password),
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
    failover::end(&pod).await;
    // A volume that hangs keeps this thread, not the end of the agent.
    tokio::task::spawn_blocking(move || drop(lock));
}

async fn wait_for(mut shutdown: watch::Receiver<bool>) {
    // The sender lives as long as the agent.
    let _ = shutdown.wait_for(|ending| *ending).await;
}
