//! The supervisor's pod as it really is.

use super::access;
use super::crash_cause;
use super::maintenance;
use super::pidfile_watch::Listed;
use super::server_end;
use crate::engine::ServerOption;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::leadership::{Hindrance, Request, Wish};
use crate::lifecycle::postmaster::platform::{Platform, Server, StopMode, Withheld};
use crate::lifecycle::postmaster::strategy::EngineStrategy;
use crate::lifecycle::settings;
use crate::lifecycle::settings::start_record;
use crate::sys::log;
use crate::sys::postgres::database_record;
use crate::sys::postgres::orphaned_backends;
use crate::sys::postgres::orphaned_backends::Patience;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::postgres::port_check;
use crate::sys::process::Process;
use crate::sys::process::inherit::with_inherited;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::state::{Event, Facts};
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind};
use gp_agent_core::postgres::supervisor::ServerRefusal;
use gp_agent_core::storage::room;
use rustix::process::Signal;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where the server's socket is; so Greenplum's tools expect it.
const SOCKETS: &str = "/tmp";

/// One pod and its engine.
pub(in crate::lifecycle::postmaster) struct PodPlatform<'a, E> {
    pod: &'a Arc<Pod>,
    engine: E,
    /// What the next server is told on its command line.
    options: Mutex<Vec<ServerOption>>,
    listed: Listed,
}

impl<'a, E> PodPlatform<'a, E> {
    pub(in crate::lifecycle::postmaster) fn new(pod: &'a Arc<Pod>, engine: E) -> Self {
        PodPlatform {
            pod,
            engine,
            options: Mutex::default(),
            listed: Listed::default(),
        }
    }

    /// Writes down which database this pod has: from then on no empty one is made here.
    async fn remember_database(&self) -> Result<()> {
        let Some(database) = self.pod.database() else {
            return Ok(());
        };
        let (keepers, system_id) = (self.pod.keepers(), database.system_id.clone());
        let keep = move || database_record::keep(&keepers, &database);
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
        self.listed.note(Some(pid), pid);
        self.pod.examine_running().await;
        // The server runs; what cannot be written down now is written before its next start.
        if let Err(error) = self.remember_database().await {
            tracing::warn!("{error:#}");
        }
        Ok(Some(Arc::new(process)))
    }

    async fn end_leftovers(&self, pids: &[i32]) {
        let reason = format!("waiting for {} server processes whose postmaster is gone", pids.len());
        self.pod.board.phase(Phase::Crashed, reason);
        match self.pod.me.content.is_coordinator() {
            true => orphaned_backends::kill(pids).await,
            false => orphaned_backends::end(pids, Patience::default()).await,
        }
    }

    async fn examine(&self) -> Result<Directory> {
        let pod = self.pod;
        let dir = pod.dir();
        let mended = access::mend(pod).await;
        // Peers ask what the directory is, whether its server may start or not.
        let examined = pod.examine().await;
        // Of a program that could not be run, for want of memory it may be, nothing follows for the directory.
        if let Err(error) = &examined
            && error.kind() != io::ErrorKind::Interrupted
        {
            pod.show_unreadable(error).await;
        }
        mended?;
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
        settings::sync_standby::begin(pod).await?;
        self.remember_database().await?;
        let options = settings::standby::prepare(pod).await?;
        *self.options.lock().unwrap_or_else(PoisonError::into_inner) = options;
        // An emptyDir at /tmp outlives the container, whose PIDs begin anew.
        if pidfile::remove_stale_socket_lock(Path::new(SOCKETS), pod.me.port)? {
            tracing::info!("removed the lock file of a server socket: its server is gone");
        }
        Ok(())
    }

    fn withheld(&self, own: &Directory, wish: Wish) -> Option<Withheld> {
        let hindrance = self.pod.leadership.hindrance(own.kind, wish);
        hindrance.map(|hindrance| match hindrance {
            Hindrance::Wait(why) => Withheld::Wait(why),
            Hindrance::Rejoin => Withheld::Rejoin,
        })
    }

    async fn must_stop(&self) -> String {
        self.pod.leadership.must_stop().await
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
        let process = match pod.leadership.inherited() {
            Some(lock) => with_inherited(lock.as_fd(), || Process::spawn(&mut command)),
            None => Process::spawn(&mut command),
        };
        let process = process.context("cannot start the postmaster")?;
        Ok(Arc::new(process))
    }

    fn is_ending(&self, server: &Process) -> bool {
        self.listed.has_begun_to_end(self.pod.dir(), server.pid())
    }

    async fn has_begun_to_end(&self, server: &Process) -> bool {
        self.listed.ends(self.pod, server.pid()).await
    }

    async fn ended(&self, server: &Process) -> (Ending, String) {
        server_end::wait(self.pod, server, &self.listed).await
    }

    async fn outgrown(&self) -> String {
        let board = &self.pod.board;
        board.until(|s| s.outgrown().is_some()).await;
        board.read(Facts::outgrown).unwrap_or_default()
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
            () = pod.recheck.due() => {}
            () = pod.leadership.changed() => {}
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
        self.pod.leadership.request(Request::Look);
    }

    fn show_no_server(&self) {
        server_end::show_gone(self.pod);
    }

    fn show_last_end(&self, words: &str) {
        self.pod.board.on(Event::PostmasterEnded(words.to_string()));
    }

    fn show_refusal(&self, refusal: Option<&ServerRefusal>) {
        let subject = self.pod.dir().display().to_string();
        let finding =
            |refusal: &ServerRefusal| Finding::error(Area::Postgres, &subject, &refusal.what, &refusal.remedy);
        let findings = refusal.map(finding).into_iter().collect();
        self.pod.board.findings(FindingSource::Start, findings);
    }
}
