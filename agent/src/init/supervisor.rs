//! init's loop: wait for a signal, a word of the agent or a deadline, and do what is due.

use super::child::{Agent, Pulse};
use super::exit_code::Outcome;
use super::fd_store::Locks;
use super::fence::Fence;
use super::log;
use super::log::{error, info, warning};
use super::options::InitOptions;
use super::process_tree::{Leftovers, Scope};
use super::reap::reap;
use super::server_log;
use super::server_log::ServerLog;
use super::shutdown::{LOOK_AGAIN, Shutdown};
use super::signals::{Signals, asks_for_the_end};
use crate::sys::process::{Ended, signal_name};
use crate::sys::resources::memory;
use gp_agent_core::process::restart_backoff::Backoff;
use gp_agent_core::process::shutdown_schedule::ShutdownStage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid};
use std::io;
use std::time::{Duration, Instant};

/// What rare work mapped of the program is unmapped when no more of it has come for this long.
const TIDY_AFTER: Duration = Duration::from_secs(1);

/// Everything that init remembers.
#[derive(Debug)]
pub(crate) struct InitSupervisor {
    options: InitOptions,
    signals: Signals,
    agent: Option<Agent>,
    locks: Locks,
    log: Option<ServerLog>,
    fence: Option<Fence>,
    backoff: Backoff,
    started_once: bool,
    restarts: u64,
    /// When the agent is to be started (again).
    start_at: Option<Instant>,
    shutdown: Option<Shutdown>,
    /// When the program is to be unmapped again.
    tidy_at: Option<Instant>,
}

impl InitSupervisor {
    /// Nothing is running yet.
    pub(crate) fn new(options: InitOptions, signals: Signals) -> InitSupervisor {
        InitSupervisor {
            options,
            signals,
            agent: None,
            locks: Locks::default(),
            log: ServerLog::create(),
            fence: Fence::create()
                .inspect_err(|why| error!("cannot make a timer, so there is no fence and no automatic failover: {why}"))
                .ok(),
            backoff: Backoff::new(),
            started_once: false,
            restarts: 0,
            start_at: Some(Instant::now()),
            shutdown: None,
            tidy_at: None,
        }
    }

    /// Keeps the agent until the end of the container.
    pub(crate) fn keep(mut self) -> Outcome {
        loop {
            let now = Instant::now();
            match self.turn(now) {
                Some(outcome) => {
                    self.log.as_mut().map(ServerLog::finish);
                    return outcome;
                }
                None => self.sleep(),
            }
        }
    }

    /// One turn of the loop; an outcome ends init.
    fn turn(&mut self, now: Instant) -> Option<Outcome> {
        match self.signals.take() {
            Ok(signals) => {
                for signal in signals {
                    self.on_signal(signal, now);
                    self.tidy_at = now.checked_add(TIDY_AFTER);
                }
            }
            Err(why) => error!("cannot read which signals came: {why}"),
        }
        self.listen(now);
        let reaped = reap(self.agent.as_ref().map(Agent::pid));
        if let Some(ended) = reaped.agent {
            self.on_agent_end(ended, now);
        }
        self.check_fence(now);
        self.check_pulse(now);
        if let Some(log) = self.log.as_mut().filter(|_| self.agent.is_none()) {
            log.mind(self.shutdown.is_some());
        }
        if self.shutdown.is_some() {
            return self.advance(now, reaped.childless);
        }
        let outcome = self.start_when_due(now);
        if self.tidy_at.is_some_and(|at| at <= now) {
            self.tidy_at = None;
            // Where it fails, only memory is lost.
            let _ = memory::unmap_program();
        }
        outcome
    }

    fn listen(&mut self, now: Instant) {
        let Some(agent) = &mut self.agent else { return };
        let heard = agent.listen(now);
        self.locks.keep(heard.locks);
        if let (Some(fence), Some(until)) = (&mut self.fence, heard.fence) {
            fence.set(until);
        }
        if let Some(grace) = heard.grace.filter(|grace| *grace != self.options.grace) {
            info!("the configuration sets the grace period grace={grace:?}");
            self.options.grace = grace;
        }
    }

    fn on_signal(&mut self, signal: Signal, now: Instant) {
        let name = signal_name(signal.as_raw());
        match &self.agent {
            Some(agent) => match agent.signal(signal) {
                Ok(()) => info!("handed on to the agent signal={name} pid={}", agent.pid()),
                Err(why) => error!(
                    "cannot hand on a signal to the agent signal={name} pid={}: {why}",
                    agent.pid()
                ),
            },
            None => info!("no agent runs that could be told signal={name}"),
        }
        if asks_for_the_end(signal) && self.shutdown.is_none() {
            info!("shutdown begins signal={name} grace={:?}", self.options.grace);
            self.begin_shutdown(now, None);
        }
    }

    fn begin_shutdown(&mut self, now: Instant, agent_end: Option<Ended>) {
        self.start_at = None;
        self.shutdown = Some(Shutdown {
            since: now,
            agent_ended: self.agent.is_none().then_some((Duration::ZERO, agent_end)),
            left: Leftovers::default(),
            stage: ShutdownStage::Watch,
            looked: None,
        });
    }

    fn on_agent_end(&mut self, ended: Ended, now: Instant) {
        // Its last words came after the ones that this turn has heard.
        self.listen(now);
        let Some(agent) = self.agent.take() else {
            return;
        };
        let (pid, ran_for) = (agent.pid(), agent.ran_for(now));
        if let Some(shutdown) = &mut self.shutdown {
            shutdown.agent_ended = Some((now - shutdown.since, Some(ended)));
            match ended {
                Ended::Exited(0) => info!("the agent has drained pid={pid}"),
                _ => error!("the agent {ended} before it had drained pid={pid}"),
            }
        } else if ended == Ended::Exited(0) {
            info!("the agent ended of its own accord, all is done pid={pid} ran_for={ran_for:?}");
            self.begin_shutdown(now, Some(ended));
        } else {
            let pause = self.backoff.after_end(ran_for);
            self.start_at = now.checked_add(pause);
            let hint = match ended {
                Ended::Signaled(libc::SIGKILL) => " (by hand, by the watchdog, or out of memory)",
                _ => "",
            };
            warning!(
                "the agent {ended}{hint} and is started again, the database is left alone \
                 pid={pid} ran_for={ran_for:?} pause={pause:?} ends_in_a_row={}",
                self.backoff.crashes()
            );
        }
    }

    /// Kills the databases when their time is up. What the agent said before is heard: of a renewal that waits here because
    /// init itself had no time, nobody is worse off.
    fn check_fence(&mut self, now: Instant) {
        let scope = self.scope();
        let Some(fence) = &mut self.fence else { return };
        let killed = fence.check(scope, now);
        if killed > 0 {
            self.tidy_at = now.checked_add(TIDY_AFTER);
            if let Some(shutdown) = &mut self.shutdown {
                shutdown.left.killed_database = true;
            }
        }
    }

    /// Kills an agent whose beats have ceased. Its postmasters fall to init and go on.
    fn check_pulse(&mut self, now: Instant) {
        let Some(agent) = &mut self.agent else { return };
        match agent.pulse(self.options.watchdog, now) {
            Pulse::Fine => (),
            Pulse::Forgiven(silent) => warning!(
                "the agent was silent, but init did not run either: it gets more time pid={} silent={silent:?}",
                agent.pid()
            ),
            Pulse::Hung(silent) => {
                let pid = agent.pid();
                error!("the agent hangs and is killed pid={pid} silent={silent:?}");
                if let Err(why) = agent.signal(Signal::KILL) {
                    error!("cannot kill the agent pid={pid}: {why}");
                }
            }
        }
    }

    fn start_when_due(&mut self, now: Instant) -> Option<Outcome> {
        self.start_at.filter(|at| *at <= now)?;
        if self.started_once {
            self.restarts += 1;
        }
        let fences = self.fence.is_some();
        match Agent::start(
            &self.options.program,
            self.restarts,
            fences,
            &self.locks,
            self.log.as_ref(),
        ) {
            Ok(agent) => {
                let restarts = self.restarts;
                info!("the agent started pid={} restarts={restarts}", agent.pid());
                self.agent = Some(agent);
                self.log.as_mut().map(ServerLog::leave_to_agent);
                self.start_at = None;
                self.started_once = true;
                // What follows is waiting.
                self.tidy_at = Some(now);
            }
            // Nothing runs yet, so nothing is lost; later there may be a database to look after.
            Err(why) if !self.started_once => return Some(Outcome::of_start(why)),
            Err(why) => {
                let pause = self.backoff.after_end(Duration::ZERO);
                self.start_at = now.checked_add(pause);
                error!("the agent could not be started again: {why} pause={pause:?}");
            }
        }
        None
    }

    fn scope(&self) -> Scope {
        let init = getpid();
        Scope {
            init: init.as_raw_nonzero().get(),
            agent: self.agent.as_ref().map(|agent| agent.pid().as_raw_nonzero().get()),
            namespace: init == Pid::INIT,
        }
    }

    /// Does what is due in a shutdown.
    fn advance(&mut self, now: Instant, childless: bool) -> Option<Outcome> {
        let scope = self.scope();
        let (grace, agent_runs) = (self.options.grace, self.agent.is_some());
        let shutdown = self.shutdown.as_mut()?;
        if childless && !scope.namespace {
            return Some(shutdown.outcome());
        }
        let elapsed = now.saturating_duration_since(shutdown.since);
        let stage = shutdown.plan(grace).stage(elapsed);
        if stage > shutdown.stage {
            shutdown.stage = stage;
            shutdown.looked = None;
            if agent_runs && stage == ShutdownStage::Fast {
                warning!("the agent has not drained in time, init takes over elapsed={elapsed:?}");
            }
        }
        match shutdown.stage {
            ShutdownStage::Watch => return None,
            ShutdownStage::End => return Some(Outcome::Abandoned),
            ShutdownStage::Fast | ShutdownStage::Quit | ShutdownStage::Kill => (),
        }
        if !childless && shutdown.looks_again().is_some_and(|at| at > now) {
            return None;
        }
        shutdown.looked = Some(now);
        match shutdown.left.stop(scope, shutdown.stage) {
            Ok(0) if childless => Some(shutdown.outcome()),
            Ok(_) => None,
            Err(why) => {
                error!("cannot list what is left in /proc: {why}");
                childless.then(|| shutdown.outcome())
            }
        }
    }

    /// When something is due without anything happening before.
    fn next_deadline(&self) -> Option<Instant> {
        let hangs_at = self
            .agent
            .as_ref()
            .and_then(|agent| agent.hangs_at(self.options.watchdog));
        let stage = self.shutdown.as_ref().and_then(|shutdown| {
            let elapsed = shutdown.since.elapsed();
            let next = shutdown.plan(self.options.grace).next(elapsed);
            let stage = shutdown.since.checked_add(next.unwrap_or(elapsed));
            shutdown.looks_again().into_iter().chain(stage).min()
        });
        let log = self.log.as_ref().filter(|_| self.agent.is_none());
        let log = log.and_then(|_| Instant::now().checked_add(server_log::LOOK_AGAIN));
        let tidy_at = self.tidy_at.filter(|_| self.shutdown.is_none());
        let fence = self.fence.as_ref().and_then(Fence::looks_at);
        let all = [self.start_at, hangs_at, stage, log, tidy_at, fence];
        all.into_iter().flatten().min()
    }

    fn sleep(&self) {
        let mut fds = vec![PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN)];
        if let Some(line) = self.agent.as_ref().and_then(Agent::fd) {
            fds.push(PollFd::from_borrowed_fd(line, PollFlags::IN));
        }
        if let Some(timer) = self.fence.as_ref().and_then(Fence::fd) {
            fds.push(PollFd::from_borrowed_fd(timer, PollFlags::IN));
        }
        let stderr = io::stderr();
        if !log::flush() {
            fds.push(PollFd::new(&stderr, PollFlags::OUT));
        }
        let timeout = self
            .next_deadline()
            .map(|at| at.saturating_duration_since(Instant::now()))
            .and_then(|wait| Timespec::try_from(wait).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(why) => {
                error!("cannot wait for events: {why}");
                std::thread::sleep(LOOK_AGAIN);
            }
        }
    }
}
