//! What follows the end of a postmaster: a crash is started again, a clean stop by an administrator is respected.

use super::maintenance;
use super::{Command, LOOK_FOR_RETURN, Supervisor};
use crate::engine::Making;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::pidfile::Occupant;
use crate::sys::process::Ended;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::exit_cause::{Ending, Evidence, Exit};
use std::time::Duration;
use tokio::time::sleep;

/// How a watched postmaster ended.
pub(super) struct End {
    /// As far as the agent could see it.
    pub how: Ended,
    /// See [`Evidence::lock_file_lost`].
    pub lock_file_lost: bool,
}

impl Supervisor<'_> {
    /// Tells a stop by an administrator from a crash.
    pub(super) async fn after_end(&mut self, end: End, ran_for: Duration) {
        let pod = self.pod;
        let ending = self.judge(&end).await;
        let words = match ending {
            Ending::Clean => "stopped cleanly".to_string(),
            Ending::Immediate => "stopped in immediate mode".to_string(),
            Ending::Crash => format!("ended: {}", end.how),
        };
        pod.board.on(Event::PostmasterEnded(words.clone()));
        if maintenance::read(pod).is_some() {
            return;
        }
        if ending.was_asked_for() {
            self.wait_for_return(ending).await;
        } else {
            self.after_crash(&words, ran_for).await;
        }
    }

    async fn judge(&self, end: &End) -> Ending {
        let pod = self.pod;
        let examined = pod.engine.examine(pod.dir()).await.ok();
        if let Some(examined) = &examined {
            pod.board.on(Event::DirectoryExamined(examined.facts()));
        }
        let control = examined.map(|e| e.control).filter(|c| c.state.is_some());
        Ending::of(Evidence {
            exit: match end.how {
                Ended::Exited(code) => Exit::Code(code),
                Ended::Signaled(_) => Exit::Signal,
                Ended::Unknown => Exit::Unknown,
            },
            shut_down: control.map(|c| c.shut_down_cleanly()),
            lock_file_lost: end.lock_file_lost,
        })
    }

    async fn after_crash(&mut self, words: &str, ran_for: Duration) {
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
        self.pod.board.phase(
            phase,
            format!("the postmaster {words} (crash {} in a row); starting it again {again}; its own log lines above say why", self.backoff.crashes()),
        );
        self.pause(pause).await;
    }

    /// Somebody stopped it on purpose: it stays stopped until somebody starts it, or `gp-agent resume` is called.
    async fn wait_for_return(&mut self, ending: Ending) {
        let how = match ending {
            Ending::Immediate => " (immediate mode; the next start recovers)",
            _ => "",
        };
        self.pod.board.phase(
            Phase::Stopped,
            format!("stopped by an administrator{how}; start it with pg_ctl, or call gp-agent resume"),
        );
        let pod = self.pod;
        loop {
            tokio::select! {
                () = pod.ending() => return,
                command = self.commands.recv() => match command {
                    Some(Command::Resume) => return maintenance::resume(pod),
                    Some(command) => return self.obey(command),
                    None => return,
                },
                () = sleep(LOOK_FOR_RETURN) => {
                    if matches!(pidfile::occupant(pod.dir()), Ok(Occupant::Postmaster(_))) {
                        return;
                    }
                    // A tool removed what it stopped (gpinitstandby -r): there is nothing to start any more.
                    if matches!(pod.engine.making(), Making::Coordinator(_)) && !pod.dir().exists() {
                        return;
                    }
                }
            }
        }
    }
}
