//! The settings files: gp-agent.conf from `parameters`, the marked block of pg_hba.conf from the topology. Written before
//! every start and whenever the configuration or a peer's name changes; no change, no write, no reload.

pub(crate) mod config_watch;
pub(crate) mod hba_verification;
pub(crate) mod password;

use super::pod::Pod;
use crate::engine::limits::judge_limits;
use crate::sys::log;
use crate::sys::postgres::session::Session;
use crate::sys::process::{catches, process};
use crate::sys::resources::cgroup;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::cluster::state::Event;
use gp_agent_core::config::Config;
use gp_agent_core::discovery::kept_names::keep_names;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::hba;
use gp_agent_core::postgres::hba::BlockRequest;
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const MODE: u32 = 0o600;
const SCRAM: &str = "scram-sha-256";
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Writes both files below `dir`. Returns whether anything changed.
pub(crate) fn write(pod: &Pod, dir: &Path) -> Result<bool> {
    let config = pod.config.borrow().clone();
    let conf = own_file(pod, &config);
    let main = dir.join("postgresql.conf");
    let included = conf::with_include(&read(&main)?);
    let mut changed = !pod.was_refused(&conf) && write_atomically(&dir.join(conf::FILE), conf.as_bytes(), MODE)?;
    changed |= write_atomically(&main, included.as_bytes(), MODE)?;
    changed |= write_hba(pod, &config, dir)?;
    Ok(changed)
}

/// gp-agent.conf as it should be. The limits are read each time: a container can be resized while it runs.
fn own_file(pod: &Pod, config: &Config) -> String {
    let limits = cgroup::limits();
    let judged = judge_limits(config.engine, &limits);
    pod.board.findings(FindingSource::Limits, judged.into_iter().collect());
    let derived = pod.engine.derive(&limits, &config.parameters);
    let mut own = pod.engine.own_parameters(&pod.me.pod);
    if pod.engine.logs_to_standard_error() {
        own.extend(log::server_parameters());
    }
    conf::render(&own, &derived, &config.parameters)
}

fn write_hba(pod: &Pod, config: &Config, dir: &Path) -> Result<bool> {
    let path = dir.join("pg_hba.conf");
    let existing = read(&path)?;
    let mut peers = hba_verification::hba_peers(&pod.topology, &pod.me, &pod.peers.borrow());
    keep_names(&existing, &pod.topology, &pod.account.name, &mut peers);
    let block = hba::render_block(&BlockRequest {
        topology: &pod.topology,
        me: &pod.me,
        user: &pod.account.name,
        auth: config.hba.auth,
        peers: &peers,
        extra: &config.hba.extra,
    });
    let block = match block {
        Ok(block) if block.contains(SCRAM) && !pod.engine.knows_scram() => {
            let finding = Finding::error(
                Area::Hba,
                format!("hba: {SCRAM}"),
                "this server does not know the method, and would keep the pg_hba.conf that it has read before",
                "hba.auth: trust between the pods, and md5 in hba.extra",
            );
            pod.board.findings(FindingSource::HbaBlock, vec![finding]);
            return Ok(false);
        }
        Ok(block) => {
            pod.board.findings(FindingSource::HbaBlock, Vec::new());
            block
        }
        Err(errors) => {
            let findings = errors
                .iter()
                .map(|e| {
                    Finding::error(
                        Area::Hba,
                        format!("hba.extra[{}]", e.index),
                        format!("\"{}\": {}", e.line, e.why),
                        "mend the line in cluster.yaml; until then the earlier lines stay",
                    )
                })
                .collect();
            pod.board.findings(FindingSource::HbaBlock, findings);
            return Ok(false);
        }
    };
    Ok(write_atomically(
        &path,
        hba::splice(&existing, &block).as_bytes(),
        MODE,
    )?)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What [`write_proven`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// A file is not what it was.
    pub changed: bool,
    /// The server program was not asked about the files as they are now.
    pub stands_unproven: bool,
}

/// Writes the files and proves them with the server program; a setting that would keep the server from starting is taken
/// back and reported, so that a bad ConfigMap never survives into the next restart.
pub(crate) async fn write_proven(pod: &Arc<Pod>) -> Result<Written> {
    let conf = pod.dir().join(conf::FILE);
    let (path, written) = (conf.clone(), pod.clone());
    let write_all = move || {
        let before = std::fs::read(&path).ok();
        (before, write(&written, written.dir()))
    };
    let (before, changed) = pod.volume.run(write_all).await;
    let changed = changed?;
    let wanted = own_file(pod, &pod.config.borrow());
    let unproven = |changed| Written {
        changed,
        stands_unproven: true,
    };
    if pod.was_refused(&wanted) {
        return Ok(unproven(changed));
    }
    let Err(error) = pod.engine.check_settings(pod.dir()).await else {
        pod.board.findings(FindingSource::Settings, Vec::new());
        return Ok(Written {
            changed,
            stands_unproven: false,
        });
    };
    let finding = Finding::error(
        Area::Postgres,
        conf.display().to_string(),
        format!("the server would refuse its settings: {error}"),
        "mend `parameters` in cluster.yaml (or postgresql.conf, postgresql.auto.conf); the last good file stays in use",
    );
    pod.board.findings(FindingSource::Settings, vec![finding]);
    match before {
        Some(before) if before != wanted.as_bytes() => {
            pod.refuse(wanted);
            pod.volume.run(move || write_atomically(&conf, &before, MODE)).await?;
            Ok(unproven(false))
        }
        _ => Ok(unproven(changed)),
    }
}

/// Keeps the files right while the pod lives.
pub(crate) async fn keep(pod: &Arc<Pod>) {
    let mut session = pod.session(Duration::from_secs(5));
    let mut config = pod.config.clone();
    let mut peers = pod.peers.clone();
    let mut unread = false;
    loop {
        tokio::select! {
            Ok(()) = config.changed() => {}
            Ok(()) = peers.changed() => {}
            () = pod.settings_changed.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        config.mark_unchanged();
        peers.mark_unchanged();
        if let Err(error) = refresh(pod, &mut session, &mut unread).await {
            tracing::error!("cannot renew the settings files: {error:#}");
        }
        // The next question comes much later, and a smart shutdown waits for every session.
        session.close();
    }
}

/// `unread`: files were changed while no postmaster was known; one that is adopted has not read them.
async fn refresh(pod: &Arc<Pod>, session: &mut Session, unread: &mut bool) -> Result<()> {
    // An administrator works on the directory by hand.
    if pod.board.read(|s| s.held.is_some() && !s.postmaster.runs()) {
        return Ok(());
    }
    let control = pod.dir().join("global/pg_control");
    // Until then the files belong to the tool that creates the cluster.
    if !pod.board.is_created() || !pod.volume.run(move || control.try_exists()).await? {
        return Ok(());
    }
    *unread |= write_proven(pod).await?.changed;
    if *unread
        && let Some(server) = pod.board.server()
        && can_be_told(server.pid()).await
    {
        tracing::info!("settings changed; asking the postmaster to reload");
        server.signal(Signal::HUP)?;
        *unread = false;
        wait_for_reload(session).await;
    }
    let verified = pod.clone();
    pod.volume.run(move || hba_verification::report_hba(&verified)).await;
    ask_server(pod, session).await;
    Ok(())
}

/// Waits until the postmaster has a handler for SIGHUP, which would end one that has just been started. False when it has gone.
async fn can_be_told(pid: i32) -> bool {
    while !catches(pid, Signal::HUP) {
        if process(pid).is_none() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// The postmaster reloads on its own time: a fresh connection that knows a newer load is the sign.
async fn wait_for_reload(session: &mut Session) {
    let loaded_lately = "select 1 where pg_conf_load_time() > now() - interval '2 seconds'";
    for _ in 0..10 {
        if session.ask(loaded_lately).await.is_ok_and(|rows| !rows.is_empty()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the server itself says of its files: lines it could not read, parameters that wait for a restart.
async fn ask_server(pod: &Pod, session: &mut Session) {
    let Ok(rows) = session.ask(pod.engine.settings_sql()).await else {
        return;
    };
    let cell = |row: &[Option<String>], i: usize| row.get(i).cloned().flatten().unwrap_or_default();
    let tagged = |tag: &'static str| rows.iter().filter(move |row| cell(row, 0) == tag);
    let pending: Vec<String> = tagged("pending").map(|row| cell(row, 1)).collect();
    let mut findings: Vec<Finding> = tagged("hba")
        .map(|row| {
            Finding::error(
                Area::Hba,
                format!("{}:{}", pod.dir().join("pg_hba.conf").display(), cell(row, 1)),
                format!(
                    "PostgreSQL cannot read the line ({}) and keeps using the file as it was before",
                    cell(row, 2)
                ),
                "mend the line; if it is one of hba.extra, mend cluster.yaml",
            )
        })
        .collect();
    findings.extend(tagged("file").map(|row| {
        Finding::error(
            Area::Postgres,
            format!("parameter {}", cell(row, 1)),
            cell(row, 2),
            "mend `parameters` in cluster.yaml",
        )
    }));
    if !pending.is_empty() {
        findings.push(Finding::warning(
            Area::Postgres,
            pending.join(", "),
            "changed in the configuration, but takes effect only after a restart of the postmaster",
            "restart the pod when convenient",
        ));
    }
    pod.board.findings(FindingSource::Server, findings);
    pod.board.on(Event::PendingRestart(pending));
}
