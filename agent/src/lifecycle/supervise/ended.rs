//! What follows the end of a postmaster: a crash is started again, a clean stop by an administrator is respected.

use super::{Command, LOOK_FOR_RETURN, Supervisor};
use crate::domain::status::Phase;
use crate::lifecycle::held;
use crate::sys::postgres::pidfile::{self, Occupant};
use crate::sys::process::Ended;
use std::time::Duration;
use tokio::time::sleep;

impl Supervisor<'_> {
    /// Tells a clean stop by an administrator from a crash, by pg_control, since an adopted postmaster has no exit status.
    pub(super) async fn after_end(&mut self, ended: Ended, ran_for: Duration) {
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
}
