//! The settings files: gp-agent.conf from `parameters`, the marked block of pg_hba.conf from the topology. Written before
//! every start and whenever the configuration or a peer's name changes; no change, no write, no reload.

pub(crate) mod config_watch;
mod hba;
pub(crate) mod hba_verification;
pub(crate) mod password;
mod reload;
pub(crate) mod standby;
pub(crate) mod tls;

use super::pod::Pod;
use crate::engine::limits::judge_limits;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE as MODE;
use crate::sys::log;
use crate::sys::postgres::session::Session;
use crate::sys::resources::cgroup;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::config::Config;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::hba::LoadMark;
use hba::{ExtraLines, Refusals};
use reload::{tell_postmaster, wait_for_reload};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Writes the files below `dir` for a server that will be started, without the lines of `hba.extra` that might keep it from
/// starting: those come in by the first reload.
pub(crate) fn write(pod: &Pod, dir: &Path) -> Result<()> {
    write_with(pod, dir, &ExtraLines::Certain).map(drop)
}

fn write_with(pod: &Pod, dir: &Path, lines: &ExtraLines) -> Result<Written> {
    let config = pod.config.borrow().clone();
    let other_certificate = tls::refresh(pod);
    let conf = own_file(pod, &config);
    let main = dir.join("postgresql.conf");
    let included = conf::with_include(&read(&main)?);
    let mut changed = !pod.was_refused(&conf) && write_atomically(&dir.join(conf::FILE), conf.as_bytes(), MODE)?;
    changed |= write_atomically(&main, &included, MODE)? || other_certificate;
    let hba = hba::write(pod, &config, dir, lines)?;
    changed |= hba.changed;
    Ok(Written {
        changed,
        mark: hba.mark,
        stands_unproven: false,
    })
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
    let certificate = tls::parameters(pod);
    own.extend(certificate.iter().map(|(name, value)| (*name, value.as_str())));
    conf::render(&own, &derived, &config.parameters)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What [`write_proven`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// A file is not what it was.
    changed: bool,
    /// Tells whether a server has read pg_hba.conf.
    mark: LoadMark,
    /// The server program was not asked about the files as they are now.
    pub stands_unproven: bool,
}

/// Writes the files for a server that will be started, as [`write`], and proves them with the server program; a setting that
/// would keep the server from starting is taken back and reported, so that a bad ConfigMap never survives into the next
/// restart.
pub(crate) async fn write_proven(pod: &Arc<Pod>) -> Result<Written> {
    write_proven_with(pod, ExtraLines::Certain).await
}

async fn write_proven_with(pod: &Arc<Pod>, lines: ExtraLines) -> Result<Written> {
    let conf = pod.dir().join(conf::FILE);
    let (path, writer) = (conf.clone(), pod.clone());
    let write_all = move || {
        let before = std::fs::read(&path).ok();
        (before, write_with(&writer, writer.dir(), &lines))
    };
    let (before, written) = pod.volume.run(write_all).await;
    let written = written?;
    let wanted = own_file(pod, &pod.config.borrow());
    let unproven = |changed| Written {
        changed,
        stands_unproven: true,
        ..written.clone()
    };
    if pod.was_refused(&wanted) {
        return Ok(unproven(written.changed));
    }
    let Err(error) = pod.engine.check_settings(pod.dir()).await else {
        pod.board.findings(FindingSource::Settings, Vec::new());
        return Ok(written);
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
        _ => Ok(unproven(written.changed)),
    }
}

/// Keeps the files right while the pod lives.
pub(crate) async fn keep(pod: &Arc<Pod>) {
    let mut keeper = Keeper {
        session: pod.session(Duration::from_secs(5)),
        refusals: Refusals::default(),
        unread: false,
    };
    let mut config = pod.config.clone();
    let mut peers = pod.peers.clone();
    let mut changes = pod.board.changes();
    let mut running = None;
    loop {
        tokio::select! {
            Ok(()) = config.changed() => {}
            Ok(()) = peers.changed() => {}
            () = pod.settings_changed.notified() => {}
            () = next_running(pod, &mut changes, &mut running) => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        config.mark_unchanged();
        peers.mark_unchanged();
        if let Err(error) = keeper.refresh(pod).await {
            tracing::error!("cannot renew the settings files: {error:#}");
        }
        // The next question comes much later, and a smart shutdown waits for every session.
        keeper.session.close();
    }
}

/// Returns when another postmaster than `running` accepts connections: it was started without the lines of `hba.extra` that
/// come in by a reload.
async fn next_running(pod: &Pod, changes: &mut watch::Receiver<()>, running: &mut Option<i32>) {
    loop {
        let now = pod
            .board
            .read(|s| s.postmaster.pid.filter(|_| s.phase == Phase::Running));
        if now.is_some() && now != *running {
            *running = now;
            return;
        }
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// What the files' keeper remembers.
struct Keeper {
    session: Session,
    refusals: Refusals,
    /// Files were changed while no postmaster was known; one that is adopted has not read them.
    unread: bool,
}

impl Keeper {
    async fn refresh(&mut self, pod: &Arc<Pod>) -> Result<()> {
        // An administrator works on the directory by hand.
        if pod.board.read(|s| s.held.is_some() && !s.postmaster.runs()) {
            return Ok(());
        }
        let control = pod.dir().join("global/pg_control");
        // Until then the files belong to the tool that creates the cluster.
        if !pod.board.is_created() || !pod.volume.run(move || control.try_exists()).await? {
            return Ok(());
        }
        let lines = self.refusals.lines(pod).await;
        let written = write_proven_with(pod, lines).await?;
        self.unread |= written.changed;
        self.refusals.report(pod);
        if self.unread && tell_postmaster(pod).await? {
            tracing::info!("settings changed; asked the postmaster to reload");
            self.unread = false;
            wait_for_reload(&mut self.session).await;
            self.refusals.settle(pod, &written.mark).await?;
        }
        let verified = pod.clone();
        pod.volume.run(move || hba_verification::report_hba(&verified)).await;
        ask_server(pod, &mut self.session).await;
        standby::report(pod, &mut self.session).await;
        Ok(())
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
