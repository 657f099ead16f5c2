//! The life of one postmaster as a machine: which event leads from which state to which other, and what is done then.
//!
//! The loop around it (the agent's `lifecycle/postmaster`) runs one activity at a time and hands in what happened; whatever
//! interrupts (the pod ends, an administrator holds) drops the activity and begins another. So nothing is waited for that
//! cannot be broken off, and every decision about a start is made here, where no file, process or clock is.

mod model;
mod table;
#[cfg(test)]
mod tests;

pub use model::{Activity, Effect, Event, Found, Inquiry, ServerRefusal, State};
pub use table::{TRANSITIONS, Transition};

use super::exit_cause::Ending;
use super::start_decision::{Decision, DirectoryKind};
use crate::cluster::status::Phase;
use crate::process::poll_interval::PollInterval;
use crate::process::restart_backoff::Backoff;
use crate::process::retry::doubling;
use std::time::Duration;

/// Between two looks while somebody else has to act first.
const WAIT: PollInterval = PollInterval::new(Duration::from_millis(100), Duration::from_secs(1));
/// Between two looks at something that a person has to mend.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two tries to make a directory: each puts load on another pod, a forced checkpoint at the least.
const LONGEST_BETWEEN_TRIES: Duration = Duration::from_secs(60);
/// Between two looks whether a server is back that an administrator stopped or holds.
const LOOK_FOR_RETURN_EVERY: Duration = Duration::from_millis(500);

/// The machine.
#[derive(Clone, Debug)]
pub struct Supervisor {
    state: State,
    held: Option<String>,
    stopped: Option<Ending>,
    /// Given back while the server that runs was ending already: it is started again when it has ended.
    given_back: bool,
    backoff: Backoff,
    waiting: PollInterval,
    tries_failed: u32,
    asking_since: Option<Duration>,
    running_since: Duration,
    crashed_at: Option<Duration>,
    starts: u64,
}

impl Supervisor {
    /// Nothing is known yet but that an administrator had `stopped` the server before this agent came; the first activity
    /// is a look.
    pub fn new(stopped: Option<Ending>) -> (Supervisor, Activity) {
        let machine = Supervisor {
            state: State::Looking,
            held: None,
            stopped,
            given_back: false,
            backoff: Backoff::new(),
            waiting: WAIT,
            tries_failed: 0,
            asking_since: None,
            running_since: Duration::ZERO,
            crashed_at: None,
            starts: 0,
        };
        (
            machine,
            Activity::Look {
                passive: stopped.is_some(),
            },
        )
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// What follows from `event` at `now`, which counts from any fixed moment. An event that the state has no use for (the
    /// answer to a question that was dropped) changes nothing.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        match (self.state, event) {
            (State::Over, _) => Vec::new(),
            (State::Draining, Event::Drained) => {
                self.state = State::Over;
                vec![Effect::Gone]
            }
            (State::Draining, Event::Hold(reason)) => {
                self.held = Some(reason);
                Vec::new()
            }
            (State::Draining, _) => Vec::new(),
            (_, Event::Shutdown) => self.go(State::Draining, Activity::Drain),
            (_, Event::Hold(reason)) => self.hold(reason),
            (_, Event::Resume { ending }) => self.resume(ending),
            (State::Looking, Event::Found { held, found }) => {
                self.held = held;
                self.found(found, now)
            }
            (State::Deciding | State::Starting, Event::Decided { decision, directory }) => {
                self.decided(decision, directory, now)
            }
            (State::Starting, Event::Started { pid }) => {
                self.starts += 1;
                self.run(format!("postmaster {pid} started"), false, now)
            }
            (State::Starting, Event::NotYet(reason)) => self.wait(Phase::Starting, reason),
            (State::Running | State::SteppingDown, Event::Ended { ending, words }) => self.ended(ending, words, now),
            (State::Running, Event::Overtaken(_)) => self.go(State::SteppingDown, Activity::Stop),
            // An administrator who holds it decides when.
            (State::Running, Event::Outgrown(_)) if self.held.is_some() => self.go(State::Running, Activity::Watch),
            (State::Running, Event::Outgrown(_)) => self.go(State::SteppingDown, Activity::Stop),
            (State::SteppingDown, Event::ServerGone) => {
                let mut effects = vec![Effect::Gone];
                effects.extend(self.look());
                effects
            }
            (State::Making, Event::Made) => {
                self.tries_failed = 0;
                self.look()
            }
            (State::Making, Event::Failed(what)) => self.try_again(&what),
            (State::Looking | State::Deciding | State::Starting, Event::Failed(what)) => self.refuse(what),
            (state, Event::Due) if state.pauses() => self.look(),
            _ => Vec::new(),
        }
    }

    fn go(&mut self, state: State, activity: Activity) -> Vec<Effect> {
        self.state = state;
        vec![Effect::Begin(activity)]
    }

    fn look(&mut self) -> Vec<Effect> {
        let passive = self.stopped.is_some();
        self.go(State::Looking, Activity::Look { passive })
    }

    fn pause(&mut self, state: State, time: Duration, phase: Phase, reason: String) -> Vec<Effect> {
        self.state = state;
        let listens = match state {
            State::Waiting => Some(Duration::ZERO),
            // A copy may have failed because its source was away; it costs the source much.
            State::Refused if self.tries_failed > 0 => Some(LOOK_AGAIN),
            _ => None,
        };
        vec![
            Effect::Show(phase, reason),
            Effect::Begin(Activity::Pause { time, listens }),
        ]
    }

    fn wait(&mut self, phase: Phase, reason: String) -> Vec<Effect> {
        let time = self.waiting.pause();
        self.pause(State::Waiting, time, phase, reason)
    }

    fn refuse(&mut self, what: String) -> Vec<Effect> {
        self.pause(State::Refused, LOOK_AGAIN, Phase::Refused, what)
    }

    fn try_again(&mut self, what: &str) -> Vec<Effect> {
        self.tries_failed = self.tries_failed.saturating_add(1);
        let time = doubling(LOOK_AGAIN, self.tries_failed, LONGEST_BETWEEN_TRIES);
        let reason = format!("{what}; trying again in {} s", time.as_secs());
        self.pause(State::Refused, time, Phase::Refused, reason)
    }

    fn hold(&mut self, reason: String) -> Vec<Effect> {
        self.held = Some(reason.clone());
        self.given_back = false;
        match self.state {
            State::Running | State::SteppingDown => vec![Effect::Show(Phase::Held, format!("held: {reason}"))],
            _ => self.stay_held(&reason),
        }
    }

    fn stay_held(&mut self, reason: &str) -> Vec<Effect> {
        self.asking_since = None;
        let words = format!("held: {reason}");
        self.pause(State::Held, LOOK_FOR_RETURN_EVERY, Phase::Held, words)
    }

    fn resume(&mut self, ending: bool) -> Vec<Effect> {
        let held = self.held.take().is_some();
        self.given_back |= ending && matches!(self.state, State::Running | State::SteppingDown);
        match self.state {
            State::Running | State::SteppingDown if held => vec![Effect::Show(Phase::Starting, "resumed".into())],
            State::Running | State::SteppingDown => Vec::new(),
            _ => {
                let mut effects = self.forget_stop();
                self.tries_failed = 0;
                self.asking_since = None;
                // The look may find one that is ending: it was meant.
                self.given_back = true;
                effects.extend(self.look());
                effects
            }
        }
    }

    fn forget_stop(&mut self) -> Vec<Effect> {
        let known = self.stopped.take();
        known.map(|_| Effect::RecordStop(None)).into_iter().collect()
    }

    /// The order counts: a server that runs is watched whatever else is so; a hold keeps everything else back; and what an
    /// administrator stopped stays stopped.
    fn found(&mut self, found: Found, now: Duration) -> Vec<Effect> {
        match (found, self.held.clone()) {
            (Found::Server { pid, ending }, _) => {
                self.run(format!("postmaster {pid} was running already; adopted"), ending, now)
            }
            (_, Some(reason)) => self.stay_held(&reason),
            (Found::Busy(reason), _) => self.wait(Phase::Starting, reason),
            (Found::Unfinished, _) => self.go(State::Making, Activity::Create),
            (Found::Nobody { removed }, _) => self.free(removed, now),
        }
    }

    fn free(&mut self, removed: bool, now: Duration) -> Vec<Effect> {
        if let Some(ending) = self.stopped.filter(|_| !removed) {
            return self.stay_stopped(ending);
        }
        let mut effects = self.forget_stop();
        let inquiry = self.inquiry(now);
        effects.extend(self.go(State::Deciding, Activity::Decide(inquiry)));
        effects
    }

    fn inquiry(&mut self, now: Duration) -> Inquiry {
        let since = *self.asking_since.get_or_insert(now);
        Inquiry {
            asked_for: now.saturating_sub(since),
            crashed_for: self.crashed_at.map(|then| now.saturating_sub(then)),
        }
    }

    fn decided(&mut self, decision: Decision, directory: DirectoryKind, now: Duration) -> Vec<Effect> {
        let asks = self.state;
        let mut effects = match &decision {
            Decision::Refuse { .. } => Vec::new(),
            _ => vec![Effect::Refusal(None)],
        };
        effects.extend(match decision {
            Decision::Start => {
                let inquiry = self.inquiry(now);
                self.go(State::Starting, Activity::Start(inquiry))
            }
            // The directory is not what it was when the start was begun.
            Decision::Create | Decision::Clone | Decision::Rejoin if asks == State::Starting => self.look(),
            Decision::Create => self.go(State::Making, Activity::Create),
            Decision::Clone => self.go(State::Making, Activity::Copy),
            Decision::Rejoin => self.go(State::Making, Activity::Rejoin),
            Decision::Wait(reason) => {
                let phase = match directory {
                    DirectoryKind::Absent => Phase::Bootstrapping,
                    _ => Phase::Starting,
                };
                self.wait(phase, reason)
            }
            Decision::Refuse { what, remedy } => {
                self.asking_since = None;
                let mut refused = self.refuse(format!("{what}; {remedy}"));
                refused.push(Effect::Refusal(Some(ServerRefusal { what, remedy })));
                refused
            }
        });
        effects
    }

    fn run(&mut self, what: String, ending: bool, now: Duration) -> Vec<Effect> {
        self.waiting.reset();
        self.asking_since = None;
        self.running_since = now;
        self.given_back &= ending;
        let mut effects = self.forget_stop();
        effects.push(Effect::Refusal(None));
        effects.push(Effect::Runs { starts: self.starts });
        effects.push(match &self.held {
            Some(reason) => Effect::Show(Phase::Held, format!("held: {reason}")),
            None => Effect::Show(Phase::Starting, what),
        });
        effects.extend(self.go(State::Running, Activity::Watch));
        effects
    }

    fn ended(&mut self, ending: Ending, words: String, now: Duration) -> Vec<Effect> {
        let mut effects = vec![Effect::Gone, Effect::LastEnd(words.clone())];
        self.crashed_at = (ending == Ending::Crash).then_some(now);
        if let Some(reason) = self.held.clone() {
            effects.extend(self.stay_held(&reason));
        } else if ending.was_asked_for() && self.given_back {
            effects.extend(self.look());
        } else if ending.was_asked_for() {
            self.stopped = Some(ending);
            effects.push(Effect::RecordStop(Some(ending)));
            effects.extend(self.stay_stopped(ending));
        } else {
            effects.extend(self.crashed(&words, now));
        }
        effects
    }

    /// Somebody stopped it on purpose: it stays stopped until somebody starts it, or `gp-agent resume` is called.
    fn stay_stopped(&mut self, ending: Ending) -> Vec<Effect> {
        let how = match ending {
            Ending::Immediate => " (immediate mode; the next start recovers)",
            _ => "",
        };
        let reason = format!("stopped by an administrator{how}; start it with pg_ctl, or call gp-agent resume");
        self.pause(State::Stopped, LOOK_FOR_RETURN_EVERY, Phase::Stopped, reason)
    }

    fn crashed(&mut self, words: &str, now: Duration) -> Vec<Effect> {
        let time = self.backoff.after_end(now.saturating_sub(self.running_since));
        let phase = if self.backoff.is_loop() {
            Phase::CrashLoop
        } else {
            Phase::Crashed
        };
        let again = if time.is_zero() {
            "at once".to_string()
        } else {
            format!("in {} s", time.as_secs())
        };
        let crashes = self.backoff.crashes();
        let reason = format!("the postmaster {words} (crash {crashes} in a row); starting it again {again}");
        self.pause(State::Crashed, time, phase, reason)
    }
}
