//! Prepare: from a host name to a pod that may touch its volume.

mod configuration;
mod identity;
pub(crate) mod lowered;
pub(crate) mod programs;
mod tools_at_hand;
pub(crate) mod volume;
pub(crate) mod volume_owner;

use super::discovery::Discovery;
use super::greenplum::catalog;
use super::heart::VolumeWatch;
use super::kubernetes::role_label::RoleLabel;
use super::peers::discovered;
use super::pod::Pod;
use super::pod::kept_config;
use super::pod::leadership::Leadership;
use super::pod::paths::run_dir;
use super::ssh::{Setup, Ssh};
use super::status_board::{StatusBoard, now};
use crate::sys::discovery::hostname;
use crate::sys::process::init_channel::{Heartbeat, restarts_from_env};
use crate::sys::storage::fs::VolumeLock;
use crate::sys::storage::queue::VolumeQueue;
use anyhow::Result;
use configuration::Settled;
use gp_agent_core::cluster::state::{Event, PodState};
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::Config;
use gp_agent_core::process::passwd::Account;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use volume::OwnVolume;

pub(crate) use identity::{domain, identify};

/// What is known before anything has been read.
pub(crate) fn first_state() -> PodState {
    PodState::new(&hostname::host_name(), restarts_from_env(), now())
}

/// Everything that lives as long as the pod.
pub(crate) struct Prepared {
    /// What every task knows.
    pub pod: Arc<Pod>,
    /// Whether the engine's programs are gone, and a server runs without.
    pub programs_missed: bool,
    /// Keeps other agents off the volume.
    pub lock: VolumeLock,
    /// Finds the peers.
    pub discovery: Discovery,
    /// Keeps keys and sshd.
    pub ssh: Ssh,
    /// Where a changed configuration is published.
    pub config: watch::Sender<Arc<Config>>,
}

/// Reads the configuration, finds out who this pod is, takes its volume. What is wrong stays on the board until it is
/// mended; nothing is given up.
pub(crate) async fn prepare(
    config_path: &Path,
    board: &Arc<StatusBoard>,
    shutdown: watch::Receiver<bool>,
    init: Option<&Arc<Heartbeat>>,
    label: RoleLabel,
    volumes: &VolumeWatch,
) -> Result<Prepared> {
    let Settled {
        config,
        text,
        account,
        topology,
        me,
        ..
    } = configuration::settle(config_path, board).await?;
    introduce(board, &config, &topology, &me);
    label.configure(config.kubernetes.labels);
    volumes.over(config.storage.volumes());
    let OwnVolume { lock, unproven } = volume::wait_for(&config, &me, board, init).await;
    if let Some(text) = text {
        kept_config::keep(&config, text).await;
    }
    let (engine, programs_missed) = programs::wait_for(&config, &me, board).await;
    tools_at_hand::provide(&engine, &me, &account).await;
    let no_failover = no_failover(&config, &me);
    let topology = Arc::new(topology);
    let discovery = discovered::start(&config, &topology, &me).await;
    let ssh = Ssh::new(ssh_setup(&config, &account, &topology, &me));
    let (sender, config) = watch::channel(Arc::new(config));
    let pod = Arc::new(Pod {
        config,
        topology,
        me,
        account,
        engine,
        board: board.clone(),
        peers: discovery.peers(),
        doubts: discovery.doubts(),
        label,
        shutdown,
        leadership: Leadership::new(no_failover.as_deref()),
        settings: Default::default(),
        settings_changed: board.settings_due(),
        catalog: catalog::unknown("the agent starts"),
        recheck: Default::default(),
        silent_primaries: Default::default(),
        volume: VolumeQueue::default(),
        unproven: watch::Sender::new(unproven),
    });
    Ok(Prepared {
        pod,
        programs_missed,
        lock,
        discovery,
        ssh,
        config: sender,
    })
}

/// Why nothing watches over who writes in this pod, where that is so.
fn no_failover(config: &Config, me: &Member) -> Option<String> {
    if !me.content.is_coordinator() {
        return Some("this pod is no coordinator".into());
    }
    let off = "there is no standby, or failover is switched off";
    (!config.wants_failover()).then(|| off.into())
}

fn introduce(board: &StatusBoard, config: &Config, topology: &Topology, me: &Member) {
    tracing::info!(
        pod = me.pod,
        content = me.content.number(),
        "this pod is the {} of cluster {}",
        me.role,
        topology.cluster
    );
    board.on(Event::Identified {
        cluster: topology.cluster.clone(),
        member: Box::new(me.clone()),
        grace_seconds: config.shutdown.grace_seconds,
    });
}

/// How SSH is set up on this pod.
pub(crate) fn ssh_setup(config: &Config, account: &Account, topology: &Topology, me: &Member) -> Setup {
    Setup {
        config: config.ssh.clone(),
        account: account.clone(),
        topology: topology.clone(),
        me: me.clone(),
        state_dir: config.storage.path.join(".gp-agent"),
        run_dir: run_dir(),
        set_env: Vec::new(),
        timing: Default::default(),
    }
}
