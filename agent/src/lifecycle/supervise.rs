//! Keeps this pod's postmaster running: makes its directory, starts or adopts it, tells how it ended and what follows.

use crate::domain::backoff::Backoff;
use crate::domain::finding::{Area, Finding};
use crate::domain::ladder::Ladder;
use crate::domain::start::{self, Decision, Directory, DirectoryKind, Partner};
use crate::domain::status::Phase;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::{bootstrap, held, partner, settings};
use crate::sys::files::set_aside;
use crate::sys::ports;
use crate::sys::postgres::directory::Examined;
use crate::sys::postgres::pidfile::{self, Occupant};
use crate::sys::process::{Ended, Process};
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What an administrator asks for.
#[derive(Debug)]
pub enum Command {
    /// Take the postmaster out of supervision, for this reason.
    Hold(String),
    /// Give it back.
    Resume,
}

const ASK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_FOR_RETURN: Duration = Duration::from_millis(500);
const PARTNER_EVERY: Duration = Duration::from_secs(5);
/// How long an existing primary waits for its partner's word before it starts alone.
const PARTNER_SILENT_FOR: Duration = Duration::from_secs(5);
const LEFTOVERS_END_WITHIN: Duration = Duration::from_secs(10);

/// The supervisor of one postmaster.
pub struct Supervisor<'a> {
    pod: &'a Pod,
    commands: mpsc::Receiver<Command>,
    backoff: Backoff,
    starts: u64,
}

/// Why the supervisor stopped watching a running postmaster.
enum Left {
    Ended(Ended),
    Draining,
    SteppedDown,
}

impl<'a> Supervisor<'a> {
    /// Nothing is started yet.
    pub fn new(pod: &'a Pod, commands: mpsc::Receiver<Command>) -> Self {
        Supervisor {
            pod,
            commands,
            backoff: Backoff::new(),
            starts: 0,
        }
    }

    /// Runs until the pod has to end and its postmaster is gone.
    pub async fn run(mut self) {
        while !*self.pod.shutdown.borrow() {
            match self.obtain().await {
                Ok(Some(process)) => self.stay_with(process).await,
                Ok(None) => {}
                Err(error) => {
                    self.pod.board.phase(Phase::Refused, format!("{error:#}"));
                    self.pause(ASK_AGAIN * 2).await;
                }
            }
        }
        self.drain_what_is_there().await;
    }

    /// A running postmaster, or `None` when there cannot be one yet (the phase says why).
    async fn obtain(&mut self) -> Result<Option<Process>> {
        if let Some(process) = self.adopt().await? {
            return Ok(Some(process));
        }
        if let Some(reason) = held::read(self.pod) {
            self.pod.board.phase(Phase::Held, format!("held: {reason}"));
            self.pause(LOOK_FOR_RETURN).await;
            return Ok(None);
        }
        let ending = self.pod;
        tokio::select! {
            result = self.prepare_and_start() => result,
            () = ending.ending() => Ok(None),
        }
    }

    async fn prepare_and_start(&mut self) -> Result<Option<Process>> {
        let pod = self.pod;
        let examined = self.examine().await?;
        match self.decide(&examined).await {
            Decision::Wait(reason) => {
                pod.board.phase(waiting_phase(&examined), reason);
                sleep(ASK_AGAIN).await;
                Ok(None)
            }
            Decision::Refuse { what, remedy } => {
                pod.board.findings(
                    "start",
                    vec![Finding::error(
                        Area::Postgres,
                        pod.dir().display().to_string(),
                        &what,
                        &remedy,
                    )],
                );
                bail!("{what}; {remedy}");
            }
            Decision::Create => {
                self.all_peers_found().await;
                bootstrap::create(pod).await?;
                Ok(None)
            }
            Decision::Clone => {
                let partner = pod.partner().context("no partner to copy")?;
                bootstrap::clone_partner(pod, partner).await?;
                Ok(None)
            }
            Decision::Start => self.start().await.map(Some),
        }
    }

    async fn examine(&self) -> Result<Examined> {
        let pod = self.pod;
        let dir = pod.dir();
        let examined = pod
            .engine
            .examine(dir)
            .await
            .with_context(|| format!("cannot examine {}", dir.display()))?;
        pod.board.update(|s| s.directory = examined.status());
        let ours = pod.engine.major_version();
        if let Some(version) = examined.version.as_deref().filter(|v| *v != ours) {
            bail!(
                "{} was made by PostgreSQL {version}, this image holds {ours}; use an image with version {version}, or upgrade with pg_upgrade",
                dir.display()
            );
        }
        if examined.directory.kind == DirectoryKind::HalfMade {
            let aside =
                set_aside(dir).with_context(|| format!("cannot set {} aside", dir.display()))?;
            tracing::warn!(path = %dir.display(), "not a whole data directory; set aside as {}", aside.display());
            bail!(
                "{} was half made and is set aside as {}",
                dir.display(),
                aside.display()
            );
        }
        Ok(examined)
    }

    async fn decide(&self, examined: &Examined) -> Decision {
        let name = self.pod.partner().map_or("nobody", |m| m.pod.as_str());
        let patience = Instant::now();
        loop {
            let partner = partner::ask(self.pod).await;
            let settled = partner != Partner::Silent
                || examined.directory.kind != DirectoryKind::Primary
                || patience.elapsed() >= PARTNER_SILENT_FOR;
            if settled {
                return start::decide(self.pod.me.role, &examined.directory, &partner, name);
            }
            let reason = format!("asking {name} about its data directory before starting this one");
            self.pod.board.phase(Phase::Starting, reason);
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// A cluster is created only when every pod that the topology names can be found.
    async fn all_peers_found(&self) {
        let mut peers = self.pod.peers.clone();
        let complete = |map: &crate::domain::peers::PeerMap| {
            self.pod
                .topology
                .peers(&self.pod.me)
                .all(|m| map.get(&m.pod).is_some_and(|p| !p.addresses.is_empty()))
        };
        if !complete(&peers.borrow()) {
            self.pod
                .board
                .phase(Phase::Discovering, "waiting for the names of all peers");
            // The sender lives as long as the pod.
            let _ = peers.wait_for(complete).await;
        }
    }

    async fn start(&mut self) -> Result<Process> {
        let pod = self.pod;
        ports::check_free(pod.me.port)?;
        settings::write_proven(pod).await?;
        pod.engine.check_settings(pod.dir()).await?;
        pod.board.findings("start", Vec::new());
        let process = Process::spawn(&mut pod.engine.start_command(pod.dir(), pod.me.port))
            .context("cannot start the postmaster")?;
        self.starts += 1;
        self.note_running(&process, format!("postmaster {} started", process.pid()));
        Ok(process)
    }

    /// Takes over a postmaster that runs on the directory, and clears a stale lock file when none does.
    async fn adopt(&mut self) -> Result<Option<Process>> {
        let dir = self.pod.dir();
        if !dir.try_exists()? {
            return Ok(None);
        }
        match pidfile::occupant(dir)? {
            Occupant::Postmaster(pid) => {
                let process = Process::adopt(pid)?;
                if pidfile::occupant(dir)? != Occupant::Postmaster(pid) {
                    return Ok(None);
                }
                self.note_running(
                    &process,
                    format!("postmaster {pid} was running already; adopted"),
                );
                Ok(Some(process))
            }
            Occupant::Leftovers(pids) => {
                self.end_leftovers(&pids).await?;
                Ok(None)
            }
            Occupant::Nobody => {
                if pidfile::remove_stale(dir)? {
                    tracing::info!(path = %dir.display(), "removed a stale postmaster.pid: no process of this pod runs there");
                }
                Ok(None)
            }
        }
    }

    async fn end_leftovers(&self, pids: &[i32]) -> Result<()> {
        let reason = format!(
            "waiting for {} server processes whose postmaster is gone",
            pids.len()
        );
        self.pod.board.phase(Phase::Crashed, reason);
        for pid in pids {
            let Ok(mut process) = Process::adopt(*pid) else {
                continue;
            };
            if tokio::time::timeout(LEFTOVERS_END_WITHIN, process.ended())
                .await
                .is_err()
            {
                tracing::warn!(pid, "asking a server process without a postmaster to quit");
                process.signal(Signal::QUIT)?;
            }
        }
        Ok(())
    }

    fn note_running(&self, process: &Process, what: String) {
        let (pid, adopted, starts) = (process.pid(), process.adopted(), self.starts);
        self.pod.board.update(|s| {
            s.postmaster.pid = Some(pid);
            s.postmaster.adopted = adopted;
            s.postmaster.restarts = starts.saturating_sub(1);
        });
        match held::read(self.pod) {
            Some(reason) => self.pod.board.phase(Phase::Held, format!("held: {reason}")),
            None => self.pod.board.phase(Phase::Starting, what),
        }
    }

    async fn stay_with(&mut self, mut process: Process) {
        let since = Instant::now();
        let left = self.watch(&mut process).await;
        let ended = match left {
            Left::Ended(ended) => Some(ended),
            Left::SteppedDown => {
                tracing::error!(
                    "the partner was promoted; stopping this server, which is on the older timeline"
                );
                self.stop(&mut process).await;
                None
            }
            Left::Draining => {
                self.pod
                    .board
                    .phase(Phase::Draining, "stopping the postmaster (fast)");
                self.stop(&mut process).await;
                None
            }
        };
        self.pod.board.update(|s| {
            s.postmaster.pid = None;
            s.active_role = None;
        });
        if let Some(ended) = ended {
            self.after_end(ended, since.elapsed()).await;
        }
    }

    async fn watch(&mut self, process: &mut Process) -> Left {
        let pod = self.pod;
        let mut partner_tick = tokio::time::interval(PARTNER_EVERY);
        loop {
            tokio::select! {
                ended = process.ended() => return Left::Ended(ended.unwrap_or(Ended::Unknown)),
                () = pod.ending() => return Left::Draining,
                Some(command) = self.commands.recv() => self.obey(command),
                _ = partner_tick.tick() => {
                    if self.must_step_down().await {
                        return Left::SteppedDown;
                    }
                }
            }
        }
    }

    async fn must_step_down(&self) -> bool {
        let (writable, timeline) = self.pod.board.read(|s| {
            (
                s.active_role.is_some_and(|r| r.is_writable()),
                s.directory.timeline.unwrap_or(0),
            )
        });
        writable && start::must_step_down(timeline, &partner::ask(self.pod).await)
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Hold(reason) => {
                held::hold(self.pod, &reason);
                self.pod.board.phase(Phase::Held, format!("held: {reason}"));
            }
            Command::Resume => {
                held::resume(self.pod);
                if self.pod.board.read(|s| s.phase) == Phase::Held {
                    self.pod.board.phase(Phase::Starting, "resumed");
                }
            }
        }
    }

    /// Fast at once, immediate when the ladder says so; never SIGKILL.
    async fn stop(&self, process: &mut Process) {
        let ladder = Ladder::new(Duration::from_secs(
            self.pod.config.borrow().shutdown.grace_seconds.into(),
        ));
        if let Err(error) = process.signal(Signal::INT) {
            tracing::warn!(pid = process.pid(), "cannot signal the postmaster: {error}");
        }
        let fast = tokio::time::timeout(ladder.immediate(), process.ended()).await;
        if fast.is_err() {
            tracing::warn!(
                "fast shutdown is not done in time; immediate shutdown, the next start will recover"
            );
            if let Err(error) = process.signal(Signal::QUIT) {
                tracing::warn!(pid = process.pid(), "cannot signal the postmaster: {error}");
            }
            let _ = process.ended().await;
        }
    }

    /// Tells a clean stop by an administrator from a crash, by pg_control, since an adopted postmaster has no exit status.
    async fn after_end(&mut self, ended: Ended, ran_for: Duration) {
        let pod = self.pod;
        let examined = pod.engine.examine(pod.dir()).await.ok();
        let clean = examined.is_some_and(|e| {
            pod.board.update(|s| s.directory = e.status());
            e.control.shut_down_cleanly()
        });
        // A start that failed leaves pg_control as the last clean stop left it.
        let clean = clean
            && !matches!(ended, Ended::Exited(code) if code != 0)
            && !matches!(ended, Ended::Signaled(_));
        let words = if clean {
            "stopped cleanly".to_string()
        } else {
            format!("ended: {ended}")
        };
        pod.board
            .update(|s| s.postmaster.last_end = Some(words.clone()));
        if held::read(pod).is_some() {
            return;
        }
        if clean {
            self.wait_for_return().await;
            return;
        }
        let pause = self.backoff.after_end(ran_for);
        let phase = if self.backoff.is_loop() {
            Phase::CrashLoop
        } else {
            Phase::Crashed
        };
        let again = if pause.is_zero() {
            "at once".to_string()
        } else {
            format!("in {} s", pause.as_secs())
        };
        pod.board.phase(
            phase,
            format!("the postmaster {words} (crash {} in a row); starting it again {again}; its own log lines above say why", self.backoff.crashes()),
        );
        self.pause(pause).await;
    }

    /// Somebody stopped it on purpose: it stays stopped until somebody starts it, or `gp-agent resume` is called.
    async fn wait_for_return(&mut self) {
        self.pod.board.phase(
            Phase::Stopped,
            "stopped by an administrator; start it with pg_ctl, or call gp-agent resume",
        );
        let pod = self.pod;
        loop {
            tokio::select! {
                () = pod.ending() => return,
                command = self.commands.recv() => match command {
                    Some(Command::Resume) => return held::resume(pod),
                    Some(command) => return self.obey(command),
                    None => return,
                },
                () = sleep(LOOK_FOR_RETURN) => {
                    if matches!(pidfile::occupant(pod.dir()), Ok(Occupant::Postmaster(_))) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits, unless the pod ends or an administrator speaks.
    async fn pause(&mut self, time: Duration) {
        let pod = self.pod;
        tokio::select! {
            () = sleep(time) => {}
            () = pod.ending() => {}
            Some(command) = self.commands.recv() => self.obey(command),
        }
    }

    /// A postmaster that came up in the last moment, or that was never ours, is stopped too.
    async fn drain_what_is_there(&mut self) {
        let dir = self.pod.dir();
        if let Ok(Occupant::Postmaster(pid)) = pidfile::occupant(dir)
            && let Ok(mut process) = Process::adopt(pid)
        {
            self.pod
                .board
                .phase(Phase::Draining, "stopping the postmaster (fast)");
            self.stop(&mut process).await;
        }
        self.pod.board.update(|s| s.postmaster.pid = None);
    }
}

fn waiting_phase(examined: &Examined) -> Phase {
    match examined.directory {
        Directory {
            kind: DirectoryKind::Absent,
            ..
        } => Phase::Bootstrapping,
        _ => Phase::Starting,
    }
}
