//! Asks the server once a second, on a connection that is kept, what it is and how it does.

use super::shortage::Shortage;
use super::timeline_record::TimelineRecord;
use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::sys::log;
use crate::sys::postgres::data_directory::has_standby_marker;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::server_log;
use crate::sys::postgres::session::{NoAnswer, Session};
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::replication::{LinkEnd, StreamState};
use gp_agent_core::cluster::state::{Event, Facts};
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::greenplum::replica_refusal;
use gp_agent_core::postgres::kept_out::KeptOut;
use gp_agent_core::postgres::major::Major;
use gp_agent_core::postgres::observation;
use gp_agent_core::postgres::observation::{Answer, Observation, Receiver};
use gp_agent_core::process::poll_interval::PollInterval;
use gp_agent_core::process::retry::Retry;
use gp_agent_core::process::timeouts;
use std::time::{Duration, Instant, SystemTime};

const EVERY: Duration = Duration::from_secs(1);
/// While a server starts. One that recovers for long is asked less often: it logs each refusal.
const STARTING_EVERY: PollInterval = PollInterval::new(Duration::from_millis(10), EVERY);
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// Without an answer of the volume the server is asked all the same.
const VOLUME_ANSWERS_WITHIN: Duration = timeouts::VOLUME_GLANCED_AT;
/// A replica connects again every few seconds, and says each time why it could not; at most so much later.
const TRIES_APART: Duration = Duration::from_secs(60);
/// Between two tries to make the slot.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A copy through a slot that is not there fails.
const SLOT_EVERY: Duration = Duration::from_secs(10);
/// In turns.
const TRY_NEW_SESSION: u32 = 5;

/// Runs as long as the pod.
pub(crate) async fn watch(pod: &Pod) {
    let mut session = pod.session(ANSWER_WITHIN);
    let mut shortage = Shortage::default();
    let mut timeouts = 0;
    let mut slot = Slot::new();
    let mut timeline = TimelineRecord::default();
    let mut starting = STARTING_EVERY;
    let mut turn: u32 = 0;
    loop {
        if !runs(pod) {
            slot = Slot::new();
            timeline = TimelineRecord::default();
            pod.board.findings(FindingSource::Replay, Vec::new());
            starting.reset();
            turn = 1;
            pod.board.until(|s| s.postmaster.runs()).await;
        }
        let asked = Instant::now();
        let answer = if stops(pod, turn).await {
            session.close();
            Answer::Stopping
        } else {
            explained(pod, ask(pod, &mut session).await).await
        };
        turn = turn.wrapping_add(1);
        timeouts = if matches!(answer, Answer::TimedOut(_)) {
            timeouts + 1
        } else {
            0
        };
        record(pod, &answer, timeouts, asked.elapsed());
        timeline.follow(pod).await;
        shortage.report(pod, &answer, session.detour());
        doubt_absent(pod, &answer);
        if let Answer::Ok(seen) = &answer
            && !seen.in_recovery
        {
            slot.ensure(pod, &mut session).await;
        }
        let settled = !matches!(answer, Answer::NotNow(_) | Answer::NoServer | Answer::Refused(_));
        if settled {
            starting.reset();
        }
        tokio::time::sleep(if settled { EVERY } else { starting.pause() }).await;
    }
}

/// The slot of the other end: made where there is none, and made anew where somebody dropped it or the server gave it up. A server
/// whose slots are all taken logs each try as an error.
struct Slot {
    there_at: Option<Instant>,
    retry: Retry,
    begin: Instant,
}

impl Slot {
    fn new() -> Slot {
        Slot {
            there_at: None,
            retry: Retry::new(EVERY, LONGEST_PAUSE),
            begin: Instant::now(),
        }
    }

    async fn ensure(&mut self, pod: &Pod, session: &mut Session) {
        let fresh = self.there_at.is_some_and(|at| at.elapsed() < SLOT_EVERY);
        if fresh || pod.partner().is_none() || !self.retry.is_due(self.begin.elapsed()) {
            return;
        }
        let made = match pod.engine.ensure_slot_sql() {
            Some(sql) => session.ask(&sql).await.is_ok(),
            None => true,
        };
        if made {
            self.there_at = Some(Instant::now());
        } else {
            self.retry.failed(self.begin.elapsed());
        }
    }
}

fn runs(pod: &Pod) -> bool {
    pod.board.read(|s| s.postmaster.runs())
}

/// Whether the server waits for its sessions to end. Where nothing but a new session shows that, one is tried every few turns.
async fn stops(pod: &Pod, turn: u32) -> bool {
    if pod.engine.tells_that_it_stops() {
        let dir = pod.dir().to_path_buf();
        let look = move || pidfile::is_stopping(&dir);
        let seen = pod.volume.run_within(VOLUME_ANSWERS_WITHIN, look).await;
        return seen.unwrap_or_else(|| pod.board.read(|s| s.postmaster.stopping));
    }
    if !turn.is_multiple_of(TRY_NEW_SESSION) {
        return pod.board.read(|s| s.postmaster.stopping);
    }
    let answer = pod.session(ANSWER_WITHIN).ask("select 1").await;
    matches!(answer, Err(NoAnswer::NotNow(words)) if words.contains("shutting down"))
}

async fn ask(pod: &Pod, session: &mut Session) -> Answer {
    match session.ask(pod.engine.observe_sql()).await {
        Ok(rows) => match Observation::from_rows(&rows) {
            Some(seen) => Answer::Ok(seen),
            None => Answer::Refused("no answer about itself".into()),
        },
        Err(NoAnswer::NoServer) => Answer::NoServer,
        Err(NoAnswer::NotNow(words)) => match replica(pod).await {
            Some(seen) => Answer::Ok(Observation {
                replayed: replica_refusal::replayed(&words),
                ..seen
            }),
            None => Answer::NotNow(words),
        },
        Err(NoAnswer::KeptOut(why, words)) => match has_marker(pod).await {
            Some(replica) => kept_out(pod, why, words, replica).await,
            None => Answer::Refused(words),
        },
        Err(NoAnswer::Refused(words)) => Answer::Refused(words),
        Err(NoAnswer::TimedOut(_)) => Answer::TimedOut(ANSWER_WITHIN.as_secs()),
    }
}

/// Why replay stands still, when it does: what the write-ahead log needs that waits stands in pg_control.
async fn explained(pod: &Pod, answer: Answer) -> Answer {
    let Answer::Ok(mut seen) = answer else {
        return answer;
    };
    if let Some(pause) = &seen.pause {
        let examined = tokio::time::timeout(VOLUME_ANSWERS_WITHIN, pod.engine.examine(&pod.whereabouts())).await;
        // A volume that does not answer leaves the cause as it was known.
        seen.pause_cause = match examined {
            Ok(Ok(examined)) => Some(pause.cause(&examined.control.required)),
            _ => pod.board.read(|s| s.replay_pause.clone()),
        };
    }
    let finding = seen.pause_cause.as_ref().map(|cause| cause.finding(&pod.me.pod));
    pod.board.findings(FindingSource::Replay, finding.into_iter().collect());
    seen.no_stream = match seen.in_recovery && !seen.receiving {
        true => why_no_stream(pod).await,
        false => {
            log::forget_stream_words();
            None
        }
    };
    Answer::Ok(seen)
}

/// Why a replica receives no stream: what somebody found out, or what its server said last, here or in a log file of its own.
async fn why_no_stream(pod: &Pod) -> Option<String> {
    let left_behind = |s: &Facts| s.left_behind.as_ref().map(|left| left.words.clone());
    if let Some(words) = pod.board.read(left_behind).or_else(log::stream_words) {
        return Some(words);
    }
    let (dir, since) = (pod.dir().to_path_buf(), SystemTime::now().checked_sub(TRIES_APART)?);
    let read = move || server_log::stream_words_since(&dir, since);
    let said = pod.volume.run_within(VOLUME_ANSWERS_WITHIN, read).await?;
    said.unwrap_or_default()
}

/// A replica that refuses SQL while it is healthy. Where its own processes do not tell, the sending end knows.
async fn replica(pod: &Pod) -> Option<Observation> {
    let postmaster = pod.board.server()?.pid();
    if !has_marker(pod).await? {
        return None;
    }
    let receiving = match pod.engine.receiver(postmaster)? {
        Receiver::Absent => false,
        Receiver::Streaming => true,
        Receiver::Present => partner_sends(pod).await,
    };
    Some(Observation::of_replica(receiving))
}

/// Whether the directory is a replica's; `None` when its volume does not answer.
async fn has_marker(pod: &Pod) -> Option<bool> {
    let dir = pod.dir().to_path_buf();
    let major = Major::of(pod.engine.major_version());
    let look = move || has_standby_marker(&dir, major);
    pod.volume.run_within(VOLUME_ANSWERS_WITHIN, look).await
}

/// A server that was promoted meanwhile cannot say on which timeline it writes: its directory does.
async fn kept_out(pod: &Pod, why: KeptOut, words: String, replica: bool) -> Answer {
    let was_replica = pod.board.read(|s| s.directory.kind == Some(DirectoryKind::Standby));
    if was_replica && !replica {
        // What cannot be looked at now is looked at with the next answer.
        let _ = pod.examine().await;
    }
    Answer::KeptOut { why, words, replica }
}

async fn partner_sends(pod: &Pod) -> bool {
    let Some(partner) = pod.partner() else {
        return false;
    };
    let sends = |s: PodStatus| {
        let mut links = s.replication.into_iter();
        links.any(|l| l.sync_state != LinkEnd::Receiver && l.state == StreamState::Streaming)
    };
    client::status_of(pod, partner).await.is_some_and(sends)
}

/// A replica that does not connect may be shut out by its name in pg_hba.conf.
fn doubt_absent(pod: &Pod, answer: &Answer) {
    if let Answer::Ok(seen) = answer
        && !seen.in_recovery
        && seen.replication.is_empty()
        && let Some(partner) = pod.partner()
    {
        pod.doubts.about(&partner.pod);
    }
}

fn record(pod: &Pod, answer: &Answer, timeouts: u32, took: Duration) {
    pod.board.on(Event::Answered {
        report: observation::report(answer, pod.me.content, timeouts),
        seconds: took.as_secs_f64(),
    });
}
