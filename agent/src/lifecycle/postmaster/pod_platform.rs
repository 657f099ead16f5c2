//! The supervisor's pod as it really is.

use super::access;
use super::crash_cause;
use super::maintenance;
use super::pidfile_watch;
use super::pidfile_watch::LockFile;
use super::platform::{Platform, Server, StopMode};
use super::strategy::EngineStrategy;
use crate::engine::ServerOption;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings;
use crate::lifecycle::settings::start_record;
use crate::sys::log;
use crate::sys::postgres::database_record;
use crate::sys::postgres::orphaned_backends;
use crate::sys::postgres::orphaned_backends::Patience;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::postgres::port_check;
use crate::sys::process::{Ended, Process};
use crate::sys::resources::cgroup;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::replay_pause::PauseCause;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind};
use gp_agent_core::postgres::supervisor::Refusal;
use gp_agent_core::storage::room;
use rustix::process::Signal;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Where the server's socket is; so Greenplum's tools expect it.
const SOCKETS: &str = "/tmp";

/// One pod and its engine.
pub(super) struct PodPlatform<'a, E> {
    pod: &'a Arc<Pod>,
    engine: E,
    /// What the next server is told on its command line.
    options: Mutex<Vec<ServerOption>>,
}

impl<'a, E> PodPlatform<'a, E> {
    pub(super) fn new(pod: &'a Arc<Pod>, engine: E) -> Self {
        PodPlatform {
            pod,
            engine,
            options: Mutex::default(),
        }
    }

    /// Writes down which database this pod has: from then on no empty one is made here.
    async fn remember_database(&self) -> Result<()> {
        let Some(system_id) = self.pod.board.read(|s| s.directory.system_id.clone()) else {
            return Ok(());
        };
        let (state_dir, id) = (self.pod.state_dir(), system_id.clone());
        let keep = move || database_record::keep(&state_dir, &id);
        let before = self.pod.volume.run(keep).await;
        if let Some(before) = before.context("cannot write down which database this pod has")? {
            tracing::warn!("the data directory holds database {system_id}; until now this pod had {before}");
        }
        Ok(())
    }
}

impl Server for Process {
    fn pid(&self) -> i32 {
        Process::pid(self)
    }

    async fn gone(&self) {
        if let Err(error) = self.ended().await {
            tracing::warn!(pid = self.pid(), "cannot wait for the postmaster: {error}");
        }
    }

    fn stop(&self, mode: StopMode) {
        let signal = match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        };
        if let Err(error) = self.signal(signal) {
            tracing::warn!(pid = self.pid(), "cannot signal the postmaster: {error}");
        }
    }
}

impl<E: EngineStrategy> Platform for PodPlatform<'_, E> {
    type Server = Process;
    type Engine = E;

    fn engine(&self) -> &E {
        &self.engine
    }

    async fn ending(&self) {
        self.pod.ending().await;
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(self.pod.config.borrow().shutdown.grace_seconds.into())
    }

    fn held(&self) -> io::Result<Option<String>> {
        maintenance::held(self.pod)
    }

    fn set_held(&self, reason: Option<&str>) -> io::Result<()> {
        maintenance::set_held(self.pod, reason)
    }

    fn stopped(&self) -> Option<Ending> {
        maintenance::stopped(self.pod)
    }

    fn set_stopped(&self, ending: Option<Ending>) {
        maintenance::set_stopped(self.pod, ending);
    }

    async fn occupant(&self) -> io::Result<Occupant> {
        let dir = self.pod.dir().to_path_buf();
        let look = move || match dir.try_exists()? {
            true => pidfile::occupant(&dir),
            false => Ok(Occupant::Nobody),
        };
        let seen = self.pod.volume.run(look.clone()).await;
        match seen {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                access::open(self.pod).await?;
                self.pod.volume.run(look).await
            }
            seen => seen,
        }
    }

    fn directory_exists(&self) -> bool {
        self.pod.dir().exists()
    }

    async fn adopt(&self, pid: i32) -> Result<Option<Arc<Process>>> {
        let dir = self.pod.dir();
        let Ok(process) = Process::adopt(pid) else {
            return Ok(None);
        };
        // Only now does the PID stand for one process.
        if pidfile::occupant(dir)? != Occupant::Postmaster(pid) {
            return Ok(None);
        }
        self.pod.examine().await?;
        // The server runs; what cannot be written down now is written before its next start.
        if let Err(error) = self.remember_database().await {
            tracing::warn!("{error:#}");
        }
        Ok(Some(Arc::new(process)))
    }

    async fn end_leftovers(&self, pids: &[i32]) {
        let reason = format!("waiting for {} server processes whose postmaster is gone", pids.len());
        self.pod.board.phase(Phase::Crashed, reason);
        orphaned_backends::end(pids, Patience::default()).await;
    }

    async fn examine(&self) -> Result<Directory> {
        let pod = self.pod;
        let dir = pod.dir();
        access::mend(pod).await?;
        let examined = pod.examine().await;
        let examined = examined.with_context(|| format!("cannot examine {}", dir.display()))?;
        let ours = pod.engine.major_version();
        if let Some(version) = examined.version.as_deref().filter(|v| *v != ours) {
            bail!(
                "{} was made by PostgreSQL {version}, this image holds {ours}; use an image with version {version}, or upgrade with pg_upgrade",
                dir.display()
            );
        }
        Ok(examined.directory)
    }

    fn running_directory(&self) -> Directory {
        let directory = self.pod.board.read(|s| s.directory.clone());
        Directory {
            kind: directory.kind.unwrap_or(DirectoryKind::Absent),
            system_id: directory.system_id,
            timeline: directory.timeline.unwrap_or(0),
        }
    }

    async fn prepare_start(&self) -> Result<()> {
        let pod = self.pod;
        if let Some(finding) = &*pod.unproven.borrow() {
            bail!("{finding}");
        }
        port_check::check_free(pod.me.port)?;
        settings::write_proven(pod).await?;
        self.remember_database().await?;
        let options = settings::standby::prepare(pod).await?;
        *self.options.lock().unwrap_or_else(PoisonError::into_inner) = options;
        // An emptyDir at /tmp outlives the container, whose PIDs begin anew.
        if pidfile::remove_stale_socket_lock(Path::new(SOCKETS), pod.me.port)? {
            tracing::info!("removed the lock file of a server socket: its server is gone");
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Arc<Process>> {
        let pod = self.pod;
        if pidfile::remove_stale(pod.dir())? {
            tracing::info!(path = %pod.dir().display(), "removed a stale postmaster.pid: no process of this pod runs there");
        }
        start_record::begin(pod);
        log::forget_last_words();
        let options = self.options.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut command = pod
            .engine
            .start_command(pod.dir(), pod.me.port, pod.me.content, &options);
        log::attach(&mut command);
        let process = Process::spawn(&mut command).context("cannot start the postmaster")?;
        Ok(Arc::new(process))
    }

    async fn ended(&self, server: &Process) -> (Ending, String) {
        let mut lock_file = LockFile::default();
        let began = SystemTime::now();
        // As of two looks, since a look may come between the kill and the end that it brings.
        let mut memory = [cgroup::memory(), cgroup::memory()];
        let ended = server.ended();
        let listed = pidfile_watch::look(self.pod);
        let came_up = crash_cause::note_coming_up(self.pod);
        tokio::pin!(ended, listed, came_up);
        let how = loop {
            tokio::select! {
                biased;
                () = &mut came_up => {}
                how = &mut ended => break how.unwrap_or(Ended::Unknown),
                pid = &mut listed => {
                    let full = self.pod.board.read(|s| room::trouble(&s.rooms));
                    lock_file.note(self.pod.dir(), pid, server.pid(), full);
                    memory.swap(0, 1);
                    memory[1] = cgroup::memory();
                    listed.set(pidfile_watch::look(self.pod));
                }
            }
        };
        // Before the directory is looked at, which takes as long as its volume does.
        self.show_no_server();
        let ending = crash_cause::judge(self.pod, how, lock_file.lost()).await;
        let words = match ending {
            Ending::Clean => "stopped cleanly".to_string(),
            Ending::Immediate => "stopped in immediate mode".to_string(),
            Ending::Crash => crash_cause::words(self.pod, how, &memory[0], began).await,
        };
        match ending {
            Ending::Crash => start_record::failed(self.pod, &words).await,
            Ending::Clean | Ending::Immediate => start_record::stopped(self.pod).await,
        }
        (ending, words)
    }

    async fn outgrown(&self) -> String {
        let board = &self.pod.board;
        let has_to_be_larger = |pause: &Option<PauseCause>| match pause {
            Some(cause @ PauseCause::Settings(_)) => Some(cause.words()),
            _ => None,
        };
        board
            .until(|s| s.held.is_none() && has_to_be_larger(&s.replay_pause).is_some())
            .await;
        board.read(|s| has_to_be_larger(&s.replay_pause)).unwrap_or_default()
    }

    async fn withdraw_role(&self, within: Duration) {
        self.pod.label.withdraw(within).await;
    }

    async fn mended(&self) {
        let mut config = self.pod.config.clone();
        let before = config.borrow().parameters.clone();
        // The sender lives as long as the pod.
        let _ = config.wait_for(|config| config.parameters != before).await;
    }

    async fn news(&self) {
        let pod = self.pod;
        let mut peers = pod.peers.clone();
        let partner = pod.partner();
        let addresses = |map: &gp_agent_core::discovery::peers::PeerMap| {
            let known = partner.and_then(|partner| map.get(&partner.pod));
            known.map(|peer| peer.addresses.clone()).unwrap_or_default()
        };
        let before = addresses(&peers.borrow());
        tokio::select! {
            () = pod.recheck.notified() => {}
            // The sender lives as long as the pod.
            _ = peers.wait_for(|map| addresses(map) != before) => {}
        }
    }

    /// A server that finds no room ends with words of its own for it, or without any: the volume knows better.
    fn show(&self, phase: Phase, reason: &str) {
        let fails = matches!(phase, Phase::Crashed | Phase::CrashLoop | Phase::Refused);
        let trouble = self.pod.board.read(|s| room::trouble(&s.rooms)).filter(|_| fails);
        let reason = trouble.map_or_else(|| reason.to_string(), |trouble| format!("{trouble}; {reason}"));
        crash_cause::show_crash_loop(self.pod, phase, &reason);
        self.pod.board.phase(phase, reason);
    }

    fn show_server(&self, server: &Process, starts: u64) {
        self.pod.board.on(Event::PostmasterRuns {
            pid: server.pid(),
            adopted: server.adopted(),
            restarts: starts.saturating_sub(1),
        });
        self.pod.label.allow();
    }

    fn show_no_server(&self) {
        self.pod.board.on(Event::PostmasterGone);
    }

    fn show_last_end(&self, words: &str) {
        self.pod.board.on(Event::PostmasterEnded(words.to_string()));
    }

    fn show_refusal(&self, refusal: Option<&Refusal>) {
        let subject = self.pod.dir().display().to_string();
        let finding = |refusal: &Refusal| Finding::error(Area::Postgres, &subject, &refusal.what, &refusal.remedy);
        let findings = refusal.map(finding).into_iter().collect();
        self.pod.board.findings(FindingSource::Start, findings);
    }
}
