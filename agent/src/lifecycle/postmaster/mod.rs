//! Keeps this pod's postmaster running: makes its directory, starts or adopts it, tells how it ended and what follows.

mod adopt;
pub(crate) mod bootstrap;
pub(crate) mod maintenance;
pub(crate) mod monitor;
mod on_exit;
mod pidfile_watch;
mod running_tools;
mod start;
pub(crate) mod start_decision;
mod startup_order;
mod stop;

use super::greenplum::{catalog, creation, shutdown_order};
use super::pod::Pod;
use crate::sys::process::{Ended, Process};
use anyhow::Result;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::process::poll_interval::PollInterval;
use gp_agent_core::process::restart_backoff::Backoff;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What an administrator asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take the postmaster out of supervision, for this reason.
    Hold(String),
    /// Give it back.
    Resume,
}

const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Between two decisions while somebody else has to act first.
const DECIDE_AGAIN: PollInterval = PollInterval::new(Duration::from_millis(100), ASK_AGAIN);
const LOOK_FOR_RETURN: Duration = Duration::from_millis(500);
const PARTNER_EVERY: Duration = Duration::from_secs(5);

/// The supervisor of one postmaster.
pub(crate) struct Supervisor<'a> {
    pod: &'a Arc<Pod>,
    commands: mpsc::Receiver<Command>,
    backoff: Backoff,
    starts: u64,
    others: running_tools::ToolWatch,
    waiting: PollInterval,
}

/// Why the supervisor stopped watching a running postmaster.
enum WatchEnd {
    Ended(on_exit::End),
    Draining,
    SteppedDown(String),
}

impl<'a> Supervisor<'a> {
    /// Nothing is started yet.
    pub(crate) fn new(pod: &'a Arc<Pod>, commands: mpsc::Receiver<Command>) -> Self {
        Supervisor {
            pod,
            commands,
            backoff: Backoff::new(),
            starts: 0,
            others: running_tools::ToolWatch::default(),
            waiting: DECIDE_AGAIN,
        }
    }

    /// Runs until the pod has to end and its postmaster is gone.
    pub(crate) async fn run(mut self) {
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
        let ending = self.pod;
        if let Some(greenplum) = creation::unfinished(self.pod) {
            tokio::select! {
                result = creation::create(self.pod, greenplum) => result?,
                () = ending.ending() => {}
            }
            return Ok(None);
        }
        if let Some(pid) = self.standalone()? {
            let reason = format!("a single-user server (process {pid}) works on the directory");
            self.pod.board.phase(Phase::Starting, reason);
            self.pause(ASK_AGAIN).await;
            return Ok(None);
        }
        if let Some(process) = self.adopt().await? {
            return Ok(Some(process));
        }
        if let Some(reason) = maintenance::read(self.pod) {
            self.pod.board.phase(Phase::Held, format!("held: {reason}"));
            self.pause(LOOK_FOR_RETURN).await;
            return Ok(None);
        }
        tokio::select! {
            result = self.prepare_and_start() => result,
            () = ending.ending() => Ok(None),
        }
    }

    fn note_running(&mut self, process: &Process, what: String) {
        let (pid, adopted, starts) = (process.pid(), process.adopted(), self.starts);
        self.pod.board.on(Event::PostmasterRuns {
            pid,
            adopted,
            restarts: starts.saturating_sub(1),
        });
        self.others.running();
        self.waiting.reset();
        self.pod.board.findings(FindingSource::Start, Vec::new());
        // A whole coordinator's directory that no creation is at work on.
        if self.pod.me.role == Role::Coordinator {
            self.pod.board.on(catalog::CREATED);
        }
        self.pod.label.allow();
        match maintenance::read(self.pod) {
            Some(reason) => self.pod.board.phase(Phase::Held, format!("held: {reason}")),
            None => self.pod.board.phase(Phase::Starting, what),
        }
    }

    async fn stay_with(&mut self, mut process: Process) {
        let since = Instant::now();
        let left = self.watch(&mut process).await;
        let ended = match left {
            WatchEnd::Ended(ended) => Some(ended),
            WatchEnd::SteppedDown(why) => {
                tracing::error!("{why}; stopping this server");
                self.stop(&mut process, Instant::now()).await;
                None
            }
            WatchEnd::Draining => {
                let begun = Instant::now();
                let board = &self.pod.board;
                board.phase(Phase::Draining, "this pod ends");
                shutdown_order::coordinator_first(self.pod).await;
                board.phase(Phase::Draining, "stopping the postmaster (fast)");
                self.stop(&mut process, begun).await;
                None
            }
        };
        self.pod.board.on(Event::PostmasterGone);
        if let Some(ended) = ended {
            self.after_end(ended, since.elapsed()).await;
        }
    }

    async fn watch(&mut self, process: &mut Process) -> WatchEnd {
        let pod = self.pod;
        let mut partner_tick = tokio::time::interval(PARTNER_EVERY);
        let mut lock_file = pidfile_watch::LockFile::default();
        let listed = pidfile_watch::look(pod);
        tokio::pin!(listed);
        loop {
            tokio::select! {
                ended = process.ended() => return WatchEnd::Ended(on_exit::End {
                    how: ended.unwrap_or(Ended::Unknown),
                    lock_file_lost: lock_file.lost(),
                }),
                () = pod.ending() => return WatchEnd::Draining,
                Some(command) = self.commands.recv() => self.obey(command),
                pid = &mut listed => {
                    lock_file.note(pod.dir(), pid, process.pid());
                    listed.set(pidfile_watch::look(pod));
                }
                () = pod.recheck.notified() => partner_tick.reset_immediately(),
                _ = partner_tick.tick() => {
                    if let Some(why) = start_decision::must_step_down(pod).await {
                        return WatchEnd::SteppedDown(why);
                    }
                }
            }
        }
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Hold(reason) => {
                maintenance::hold(self.pod, &reason);
                self.pod.board.phase(Phase::Held, format!("held: {reason}"));
            }
            Command::Resume => {
                creation::forgive(self.pod);
                maintenance::resume(self.pod);
                if self.pod.board.read(|s| s.phase) == Phase::Held {
                    self.pod.board.phase(Phase::Starting, "resumed");
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
}
