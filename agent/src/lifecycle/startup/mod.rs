//! The first act: from a host name to a pod that may touch its volume.

mod tools_at_hand;
pub(crate) mod volume;
pub(crate) mod volume_owner;

use super::discovery::Discovery;
use super::greenplum::catalog;
use super::heart::VolumeWatch;
use super::kubernetes::role_label::RoleLabel;
use super::peers::discovered;
use super::pod::Pod;
use super::pod::paths::run_dir;
use super::settings::config_watch;
use super::ssh::{Setup, Ssh};
use super::status_board::{StatusBoard, now};
use crate::engine;
use crate::sys::config::config_file;
use crate::sys::process::init_channel::{Heartbeat, restarts_from_env};
use crate::sys::process::passwd::Account;
use crate::sys::storage::fs::VolumeLock;
use crate::sys::storage::queue::VolumeQueue;
use anyhow::Result;
use gp_agent_core::cluster::identity;
use gp_agent_core::cluster::phase::Phase;
use gp_agent_core::cluster::state::{Event, PodState};
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::Config;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use volume::OwnVolume;

const TRY_AGAIN: Duration = Duration::from_secs(2);

/// What is known before anything has been read.
pub(crate) fn first_state() -> PodState {
    PodState::new(&config_file::host_name(), restarts_from_env(), now())
}

/// Everything that lives as long as the pod.
pub(crate) struct Prepared {
    /// What every act knows.
    pub pod: Arc<Pod>,
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
    let (config, account, topology, me) = loop {
        let config = config_watch::wait_for_valid(config_path, board).await;
        // getent may wait long for a dead name server.
        let asked = config.clone();
        let identity = tokio::task::spawn_blocking(move || identify(&asked)).await?;
        match identity {
            Ok((account, topology, me)) => break (config, account, topology, me),
            Err(finding) => {
                board.phase(Phase::Refused, finding.to_string());
                board.findings(FindingSource::Identity, vec![finding]);
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    };
    board.findings(FindingSource::Identity, Vec::new());
    introduce(board, &config, &topology, &me);
    label.configure(config.kubernetes.labels);
    volumes.over(config.storage.volumes());
    let OwnVolume { lock, unproven } = volume::wait_for(&config, &me, board, init).await;
    let engine = loop {
        match engine::find(&config).await {
            Ok(engine) => break engine,
            Err(error) => board.phase(Phase::Refused, error.to_string()),
        }
        tokio::time::sleep(TRY_AGAIN).await;
    };
    tools_at_hand::provide(&engine, &me, &account).await;
    let topology = Arc::new(topology);
    let discovery = discovered::start(&topology, &me);
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
        settings: Default::default(),
        settings_changed: board.settings_due(),
        catalog: catalog::unknown("the agent starts"),
        recheck: Notify::new(),
        volume: VolumeQueue::default(),
        unproven: watch::Sender::new(unproven),
    });
    Ok(Prepared {
        pod,
        lock,
        discovery,
        ssh,
        config: sender,
    })
}

/// Who this pod is, from its host name, and the cluster it belongs to.
pub(crate) fn identify(config: &Config) -> Result<(Account, Topology, Member), Finding> {
    let host = config_file::host_name();
    let account = Account::current().map_err(|e| {
        Finding::error(
            Area::Config,
            "/etc/passwd",
            e.to_string(),
            "run the container as gpadmin, or add the user to the image",
        )
    })?;
    let domain = config
        .domain
        .clone()
        .or_else(|| config_file::own_fqdn().and_then(|fqdn| identity::domain_of(&fqdn, &host).map(str::to_string)))
        .ok_or_else(|| {
            Finding::error(
                Area::Config,
                "domain",
                format!("left out, and this pod's own name ({host}) has no domain in /etc/hosts or DNS"),
                "set `domain:` in cluster.yaml, or give the pod a subdomain (the headless service's name)",
            )
        })?;
    let topology = Topology::new(config, &domain);
    let me = identity::identify(&host, &topology)
        .map_err(|e| Finding::error(Area::Config, &host, e.what(), e.remedy()))?
        .clone();
    Ok((account, topology, me))
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
