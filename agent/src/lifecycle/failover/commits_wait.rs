//! Commits wait for the standby, and the proof that they do.
//!
//! `sync_state` alone proves nothing: whether commits wait at all is a flag in shared memory that the checkpointer sets when it
//! has read the file (SyncRepUpdateSyncStandbysDefined). So, once for each time that the parameter is set: a new session that
//! knows the value was forked by a postmaster that has read the file and told its children; the checkpointer, told before, does
//! what it was told before any checkpoint that is asked for later (HandleCheckpointerInterrupts). After a checkpoint in that
//! session everything that is inserted waits. And for each stream: what was inserted before has to be flushed over it.
//!
//! On Greenplum's coordinator no parameter is asked: a commit waits when a standby streams (SyncRepWaitForLSN in syncrep.c looks
//! for one after it has written its record). So what is inserted once the stream is seen to stream waits, and only the second half
//! of the proof is left.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings::sync_standby;
use anyhow::{Context, Result, bail};
use gp_agent_core::failover::candidate::CommitsWait;
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::process::timeouts;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Until a new session knows the value.
const READ_WITHIN: Duration = timeouts::COMMITS_WAIT_KNOWN;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For a checkpoint of a busy server.
const CHECKPOINT_WITHIN: Duration = timeouts::CHECKPOINT_WHEN_BUSY;
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// Between two tries that fail.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How far the proof has come.
#[derive(Debug, Default)]
struct State {
    /// Whether commits shall wait, and for the how many-th time: see [`CommitsWait`](gp_agent_core::failover::candidate::Action::CommitsWait).
    wanted: Option<u64>,
    /// Grows with every change of that: what was begun before proves nothing.
    turn: u64,
    /// The server has not been told yet. When it waits, it does so from the checkpoint on that was made for it.
    owed: bool,
    /// The stream that is to be proven, or is.
    stream: Option<String>,
    /// What has to be flushed over it.
    probe: Option<Lsn>,
    proven: bool,
}

/// Shared by the looks, which see the stream, and the task that sets the parameter.
#[derive(Debug, Default)]
pub(super) struct Proof {
    state: Mutex<State>,
    changed: Notify,
}

impl Proof {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server is gone: a new one begins without.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        *state = State {
            wanted: state.wanted,
            turn: state.turn + 1,
            owed: state.wanted.is_some(),
            ..State::default()
        };
        self.changed.notify_one();
    }

    /// Commits shall wait, or not.
    pub(super) fn want(&self, wanted: Option<u64>) {
        let mut state = self.lock();
        *state = State {
            wanted,
            turn: state.turn + 1,
            owed: true,
            ..State::default()
        };
        self.changed.notify_one();
    }

    /// What a look saw of the stream: whether the server takes it for synchronous now, and what is flushed. Says for which time that
    /// it was wanted it is proven.
    pub(super) fn note(&self, stream: &str, waiting: bool, flushed: Lsn) -> Option<u64> {
        let mut state = self.lock();
        if state.stream.as_deref() != Some(stream) {
            (state.stream, state.probe, state.proven) = (Some(stream.to_string()), None, false);
            self.changed.notify_one();
        }
        let able = !state.owed && waiting;
        state.proven = able && (state.proven || state.probe.is_some_and(|probe| flushed >= probe));
        state.wanted.filter(|_| state.proven)
    }

    fn needs(&self) -> (u64, Need) {
        let state = self.lock();
        let need = match (state.wanted, state.owed, &state.stream, state.probe) {
            (None, true, ..) => Need::Release,
            (Some(_), true, ..) => Need::Definition,
            (Some(_), false, Some(stream), None) => Need::Probe(stream.clone()),
            _ => Need::Nothing,
        };
        (state.turn, need)
    }

    /// The server was told what was wanted in that turn.
    fn told(&self, turn: u64) {
        let mut state = self.lock();
        state.owed &= state.turn != turn;
    }

    fn probe(&self, stream: &str, lsn: Lsn) {
        let mut state = self.lock();
        if state.stream.as_deref() == Some(stream) && state.wanted.is_some() && !state.owed {
            state.probe = Some(lsn);
        }
    }

    /// Comes back once something else is wanted than in that turn.
    async fn passed(&self, turn: u64) {
        while self.lock().turn == turn {
            self.changed.notified().await;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Release,
    Definition,
    Probe(String),
}

/// Brings the proof forward, for as long as the pod lives. For a server that takes writes it alone sets the parameter: what is wanted
/// last is what the server is told last. Before a start and before a promotion it is emptied elsewhere.
pub(super) async fn keep(pod: Arc<Pod>, proof: Arc<Proof>) {
    loop {
        let (turn, need) = proof.needs();
        if need == Need::Nothing {
            proof.changed.notified().await;
            continue;
        }
        let done = tokio::select! {
            done = meet(&pod, &proof, turn, &need) => done,
            () = proof.passed(turn) => continue,
        };
        if let Err(error) = done {
            match need {
                Need::Release => tracing::warn!("commits still wait for the standby: {error:#}"),
                _ => tracing::debug!("cannot prove that commits wait for the standby: {error:#}"),
            }
            // What is wanted may change meanwhile.
            let _ = timeout(TRY_AGAIN, proof.passed(turn)).await;
        }
    }
}

async fn meet(pod: &Pod, proof: &Proof, turn: u64, need: &Need) -> Result<()> {
    match need {
        Need::Nothing => {}
        Need::Release => release(pod).await.map(|()| proof.told(turn))?,
        Need::Definition => define(pod).await.map(|()| proof.told(turn))?,
        Need::Probe(stream) => probe(pod).await.map(|lsn| proof.probe(stream, lsn))?,
    }
    Ok(())
}

/// Commits do not have to wait any more: those that do go on as soon as the server has read it.
async fn release(pod: &Pod) -> Result<()> {
    if pod.engine.commits_wait() == CommitsWait::WhileStreaming {
        return Ok(());
    }
    sync_standby::set(pod, None).await
}

async fn define(pod: &Pod) -> Result<()> {
    if pod.engine.commits_wait() == CommitsWait::WhileStreaming {
        return Ok(());
    }
    let standby = pod
        .partner()
        .map(|partner| partner.pod.clone())
        .context("there is no standby")?;
    let value = sync_standby::value(Some(&standby));
    sync_standby::set(pod, Some(standby)).await?;
    let read = async {
        loop {
            let mut session = pod.session(ANSWER_WITHIN);
            let shown = session.ask("show synchronous_standby_names").await;
            let shown = shown.ok().and_then(|rows| rows.first()?.first()?.clone());
            if shown.as_deref() == Some(&value) {
                return session;
            }
            sleep(LOOK_EVERY).await;
        }
    };
    let Ok(mut session) = timeout(READ_WITHIN, read).await else {
        bail!(
            "the server does not take synchronous_standby_names from {}",
            gp_agent_core::postgres::conf::SYNC_FILE
        );
    };
    session
        .ask_within("checkpoint", CHECKPOINT_WITHIN)
        .await
        .context("no checkpoint")?;
    Ok(())
}

async fn probe(pod: &Pod) -> Result<Lsn> {
    let rows = pod
        .utility_session(ANSWER_WITHIN)
        .ask(pod.engine.failover_sql().inserted())
        .await?;
    let lsn = rows
        .first()
        .and_then(|row| row.first().cloned().flatten())
        .context("no position")?;
    Ok(lsn.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Lsn = Lsn(100);

    fn defined() -> Proof {
        let proof = Proof::default();
        proof.want(Some(7));
        proof.told(1);
        proof.note("a", true, Lsn(0));
        proof.probe("a", PROBE);
        proof
    }

    #[test]
    fn a_stream_is_proven_once_what_was_inserted_before_is_flushed() {
        let proof = defined();
        assert_eq!(proof.note("a", true, Lsn(99)), None);
        assert_eq!(proof.note("a", true, PROBE), Some(7));
        assert_eq!(proof.note("a", true, Lsn(1)), Some(7), "once for each stream");
        assert_eq!(proof.note("a", false, Lsn(200)), None, "the server does not wait now");
    }

    #[test]
    fn another_stream_is_proven_anew() {
        let proof = defined();
        assert_eq!(proof.note("a", true, PROBE), Some(7));
        assert_eq!(proof.note("b", true, Lsn(200)), None);
        assert_eq!(proof.needs(), (1, Need::Probe("b".into())));
        proof.probe("a", PROBE);
        assert_eq!(proof.note("b", true, Lsn(200)), None, "a probe of the old one");
        proof.probe("b", PROBE);
        assert_eq!(proof.note("b", true, Lsn(200)), Some(7));
    }

    #[test]
    fn nothing_is_proven_before_commits_wait_and_after_they_do_not() {
        let proof = Proof::default();
        assert_eq!(
            proof.needs(),
            (0, Need::Nothing),
            "a server that is adopted is left as it is"
        );
        proof.want(Some(7));
        assert_eq!(proof.note("a", true, Lsn(200)), None);
        assert_eq!(proof.needs(), (1, Need::Definition));
        proof.probe("a", PROBE);
        assert_eq!(proof.note("a", true, Lsn(200)), None);
        let proof = defined();
        proof.forget();
        assert_eq!(proof.needs(), (2, Need::Definition));
        proof.told(1);
        assert_eq!(proof.needs(), (2, Need::Definition), "of the server before");
    }

    #[test]
    fn what_was_proven_before_commits_stopped_to_wait_is_not_proven_afterwards() {
        let proof = defined();
        assert_eq!(proof.note("a", true, PROBE), Some(7));
        proof.want(None);
        assert_eq!(proof.note("a", true, Lsn(200)), None);
        assert_eq!(proof.needs(), (2, Need::Release));
        proof.want(Some(8));
        proof.told(2);
        assert_eq!(proof.needs(), (3, Need::Definition), "the release came late");
        proof.told(3);
        assert_eq!(proof.note("a", true, Lsn(200)), None);
        proof.probe("a", PROBE);
        assert_eq!(proof.note("a", true, Lsn(200)), Some(8));
    }

    #[tokio::test]
    async fn what_is_not_wanted_any_more_is_not_waited_for() {
        let proof = defined();
        let ((), ()) = tokio::join!(proof.passed(1), async { proof.want(None) });
    }
}
