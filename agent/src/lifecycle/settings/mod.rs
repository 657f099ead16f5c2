//! The settings files: gp-agent.conf from `parameters`, the marked block of pg_hba.conf from the topology. Written before
//! every start and whenever the configuration or a peer's name changes; no change, no write, no reload.

mod begin_anew;
pub(crate) mod config_watch;
mod hba;
pub(crate) mod hba_verification;
mod overrides;
mod own_file;
pub(crate) mod password;
mod proof;
pub(crate) mod reload;
mod server_words;
pub(crate) mod standby;
pub(crate) mod start_record;
pub(crate) mod sync_standby;
pub(crate) mod tls;

use super::pod::Pod;
use crate::engine::Engine;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE as MODE;
use crate::sys::postgres::session::Session;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::failover::candidate::CommitsWait;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::archiving::ArchiveWatch;
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::hba::LoadMark;
use gp_agent_core::postgres::lost_databases::LostDatabases;
use gp_agent_core::process::timeouts;
use hba::{ExtraLines, Refusals};
use own_file::own_file;
use proof::Proven;
use reload::{tell_postmaster, wait_for_reload};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Writes the files of a directory that was just made, as cluster.yaml says: whether a server starts with them is found out
/// before it is started ([`write_proven`]). May block: for the volume's queue alone, which [`write`] goes by.
pub(crate) fn write_now(pod: &Pod, dir: &Path) -> Result<()> {
    tls::refresh(pod);
    let parameters = pod.config.borrow().parameters.clone();
    let text = own_file(pod, &parameters);
    write_files(pod, dir, Some(&text), &ExtraLines::Certain).map(drop)
}

/// The same when the volume lets us.
pub(crate) async fn write(pod: &Arc<Pod>, dir: &Path) -> Result<()> {
    let (writer, dir) = (pod.clone(), dir.to_path_buf());
    pod.volume.run(move || write_now(&writer, &dir)).await
}

/// Writes `conf` as gp-agent.conf, unless it is to stay as it is, and the agent's part of the other two files.
fn write_files(pod: &Pod, dir: &Path, conf: Option<&str>, lines: &ExtraLines) -> Result<WrittenFiles> {
    let config = pod.config.borrow().clone();
    let main = dir.join("postgresql.conf");
    let included = conf::with_include(&read(&main)?);
    let own = dir.join(conf::FILE);
    let mut changed = match conf {
        Some(text) => write_atomically(&own, text.as_bytes(), MODE)?,
        None if synchronous(pod) => keep_sync(&own)?,
        None => false,
    };
    changed |= write_atomically(&main, &included, MODE)?;
    let hba = hba::write(pod, &config, dir, lines)?;
    changed |= hba.changed;
    Ok(WrittenFiles {
        changed,
        mark: hba.mark,
    })
}

/// Whether the agent says for whom commits wait.
fn synchronous(pod: &Pod) -> bool {
    pod.leadership.off().is_none() && pod.engine.commits_wait() == CommitsWait::Always
}

/// A file that stays as it is has to include who commits wait for all the same.
fn keep_sync(own: &Path) -> Result<bool> {
    let Ok(text) = std::fs::read_to_string(own) else {
        return Ok(false);
    };
    Ok(write_atomically(
        own,
        conf::with_last(&text, conf::SYNC_FILE).as_bytes(),
        MODE,
    )?)
}

/// What a start of the server would say to `parameters`, for whoever looks once, beside an agent that may run.
pub(crate) async fn check_parameters(engine: &Engine, me: &Member, config: &Config) -> Vec<Finding> {
    proof::check(engine, me, config).await
}

/// Who else sets what the agent sets in the directory, for whoever looks once.
pub(crate) fn check_overrides(engine: &Engine, dir: &Path) -> Vec<Finding> {
    overrides::look(engine, dir)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenFiles {
    /// A file is not what it was.
    changed: bool,
    /// Tells whether a server has read pg_hba.conf.
    mark: LoadMark,
}

/// Writes the files for a server that will be started: without the lines of `hba.extra` that might keep it from starting,
/// which come in by the first reload, and with parameters that a server starts with.
///
/// # Errors
/// The files cannot be written, or no server would start with them.
pub(crate) async fn write_proven(pod: &Arc<Pod>) -> Result<()> {
    // Before the proof, which is about files that name it.
    tls::renew(pod).await;
    let proven = proof::prove(pod, true).await?;
    pod.settings.choose(proven.parameters.clone());
    write_as(pod, proven, ExtraLines::Certain).await.map(drop)
}

async fn write_as(pod: &Arc<Pod>, proven: Proven, lines: ExtraLines) -> Result<WrittenFiles> {
    let writer = pod.clone();
    let write = move || write_files(&writer, writer.dir(), proven.text.as_deref(), &lines);
    pod.volume.run(write).await
}

/// Writes the files for a server that runs, with these lines of `hba.extra`.
async fn write_for_running(pod: &Arc<Pod>, lines: ExtraLines) -> Result<WrittenFiles> {
    let proven = proof::prove(pod, false).await?;
    write_as(pod, proven, lines).await
}

/// Keeps the files right while the pod lives.
pub(crate) async fn keep(pod: &Arc<Pod>) {
    let mut keeper = Keeper {
        session: pod.session(timeouts::STATEMENT_ENDS),
        refusals: Refusals::default(),
        lost: LostDatabases::default(),
        archive: ArchiveWatch::default(),
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
        let renewed = keeper.refresh(pod).await;
        // Told by the board once, as long as it does not change.
        let finding = renewed.err().map(|error| not_renewed(pod, &error));
        pod.board
            .findings(FindingSource::SettingsFiles, finding.into_iter().collect());
        // The next question comes much later, and a smart shutdown waits for every session.
        keeper.session.close();
    }
}

fn not_renewed(pod: &Pod, error: &anyhow::Error) -> Finding {
    Finding::error(
        Area::Postgres,
        format!("settings files in {}", pod.dir().display()),
        format!("they cannot be renewed: {error:#}; the server goes on with what it has read"),
        "mend what is named (owner and mode of the file: the server's user, 0600; room on the volume); it is tried again within 30 s",
    )
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
    lost: LostDatabases,
    archive: ArchiveWatch,
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
        let renewed = self.renew(pod).await;
        // What the server says counts all the more where the files are not what they should be.
        let verified = pod.clone();
        let verify = move || {
            hba_verification::report_hba(&verified);
            overrides::report(&verified);
        };
        pod.volume.run(verify).await;
        server_words::ask(pod, &mut self.session).await;
        server_words::ask_for_lost_databases(pod, &mut self.session, &mut self.lost).await;
        server_words::ask_for_archiving(pod, &mut self.session, &mut self.archive).await;
        standby::report(pod, &mut self.session).await;
        renewed
    }

    async fn renew(&mut self, pod: &Arc<Pod>) -> Result<()> {
        // A pair that is in force has to be read, whatever becomes of the files.
        self.unread |= tls::renew(pod).await;
        let lines = self.refusals.lines(pod).await;
        let written = write_for_running(pod, lines).await?;
        self.unread |= written.changed;
        self.refusals.report(pod);
        if self.unread && tell_postmaster(pod).await? {
            tracing::info!("settings changed; asked the postmaster to reload");
            self.unread = false;
            wait_for_reload(&mut self.session).await;
            self.refusals.settle(pod, &written.mark).await?;
        }
        Ok(())
    }
}
