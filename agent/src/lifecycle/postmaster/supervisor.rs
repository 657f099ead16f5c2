//! The loop around [`gp_agent_core::postgres::supervisor`]: it does what that machine decides, and tells it what happened.

use super::activities;
use super::activities::{LastAnswer, Outcome};
use super::platform::Platform;
use super::real_pod::platform::PodPlatform;
use super::stop;
use super::strategy::EngineStrategy;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings::start_record;
use gp_agent_core::postgres::supervisor as machine;
use gp_agent_core::postgres::supervisor::{Activity, Effect, Event, State};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Where the answer goes: that the volume says so, or why it cannot be made to.
pub(crate) type HoldAnswer = oneshot::Sender<io::Result<()>>;

/// What an administrator asks for, and where the answer goes: it is given when the volume says so.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take the postmaster out of supervision, for this reason.
    Hold(String, HoldAnswer),
    /// Give it back.
    Resume(HoldAnswer),
}

impl Command {
    fn answer(&self) -> &HoldAnswer {
        match self {
            Command::Hold(_, answer) | Command::Resume(answer) => answer,
        }
    }
}

/// Keeps the postmaster of this pod, until the pod has to end and the postmaster is gone.
pub(crate) async fn supervise<E: EngineStrategy>(pod: &Arc<Pod>, engine: E, commands: mpsc::Receiver<Command>) {
    let platform = PodPlatform::new(pod, engine);
    Supervisor::new(&platform, commands).run().await;
    // That the pod ends says nothing of the settings of a server that had not come up yet.
    start_record::stopped(pod).await;
}

type Evidence<P> = <<P as Platform>::Engine as EngineStrategy>::Evidence;
type Running<'a, P> = Pin<Box<dyn Future<Output = Outcome<<P as Platform>::Server>> + 'a>>;

/// The supervisor of one postmaster: one activity at a time, which any event may break off.
pub(super) struct Supervisor<'a, P: Platform> {
    platform: &'a P,
    commands: mpsc::Receiver<Command>,
    server: Option<Arc<P::Server>>,
    last_answer: LastAnswer<Evidence<P>>,
    began: Instant,
}

impl<'a, P: Platform> Supervisor<'a, P> {
    pub(super) fn new(platform: &'a P, commands: mpsc::Receiver<Command>) -> Self {
        Supervisor {
            platform,
            commands,
            server: None,
            last_answer: LastAnswer::default(),
            began: Instant::now(),
        }
    }

    /// Runs until the pod has to end and its postmaster is gone.
    pub(super) async fn run(mut self) {
        let (mut machine, first) = machine::Supervisor::new(self.platform.stopped());
        let mut activity = self.begin(first);
        while machine.state() != State::Over {
            let draining = machine.state() == State::Draining;
            let event = tokio::select! {
                biased;
                () = self.platform.ending(), if !draining => Event::Shutdown,
                Some(command) = self.commands.recv() => match self.obey(command) {
                    Some(event) => event,
                    None => continue,
                },
                outcome = &mut activity => {
                    activity = Box::pin(std::future::pending());
                    self.server = outcome.server.or(self.server.take());
                    outcome.event
                }
            };
            for effect in machine.on(event, self.began.elapsed()) {
                if let Some(next) = self.perform(effect) {
                    activity = self.begin(next);
                }
            }
        }
    }

    /// Does what an administrator asks for, as far as the volume is concerned, and answers.
    fn obey(&self, command: Command) -> Option<Event> {
        // Whoever asked has given up, and will not expect it to be done.
        if command.answer().is_closed() {
            return None;
        }
        let (reason, answer, event) = match command {
            Command::Hold(reason, answer) => (Some(reason.clone()), answer, Event::Hold(reason)),
            Command::Resume(answer) => {
                let ending = self.server.as_ref().is_some_and(|s| self.platform.is_ending(s));
                (None, answer, Event::Resume { ending })
            }
        };
        let done = self.platform.set_held(reason.as_deref());
        if done.is_ok() && reason.is_none() {
            self.platform.engine().forgive();
        }
        let event = done.is_ok().then_some(event);
        // Nobody may wait for the answer any more.
        let _ = answer.send(done);
        event
    }

    /// Returns what to begin instead of the present activity.
    fn perform(&mut self, effect: Effect) -> Option<Activity> {
        let platform = self.platform;
        match effect {
            Effect::Begin(activity) => return Some(activity),
            Effect::Show(phase, reason) => platform.show(phase, &reason),
            Effect::Runs { starts } => {
                if let Some(server) = &self.server {
                    platform.show_server(server, starts);
                    platform.engine().runs();
                }
            }
            Effect::Gone => {
                self.server = None;
                platform.show_no_server();
            }
            Effect::LastEnd(words) => platform.show_last_end(&words),
            Effect::Refusal(refusal) => platform.show_refusal(refusal.as_ref()),
            Effect::RecordStop(ending) => platform.set_stopped(ending),
        }
        None
    }

    fn begin(&self, activity: Activity) -> Running<'a, P> {
        let platform = self.platform;
        let server = self.server.clone();
        let last = self.last_answer.clone();
        match activity {
            Activity::Look { passive } => Box::pin(activities::look(platform, passive)),
            Activity::Decide(inquiry) => Box::pin(async move { activities::decide(platform, inquiry, &last).await }),
            Activity::Create => Box::pin(activities::create(platform)),
            Activity::Copy => Box::pin(activities::copy(platform)),
            Activity::Rejoin => Box::pin(activities::rejoin(platform)),
            Activity::Start(inquiry) => Box::pin(async move { activities::start(platform, inquiry, &last).await }),
            Activity::Pause { time, listens } => Box::pin(activities::pause(platform, time, listens)),
            Activity::Watch => Box::pin(async move {
                match server {
                    Some(server) => activities::watch(platform, &server, &last).await,
                    None => activities::no_server(),
                }
            }),
            Activity::Stop => Box::pin(async move {
                if let Some(server) = server {
                    return stop::step_down(platform, &server).await;
                }
                Event::ServerGone.into()
            }),
            Activity::Drain => Box::pin(async move { stop::drain(platform, server.as_deref()).await }),
        }
    }
}
