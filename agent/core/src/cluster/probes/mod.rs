//! What the probes say: pure verdicts on what an agent knows of its pod.
//!
//! The three questions are Kubernetes' own: a startup probe holds the others back, a readiness probe takes the pod out
//! of its Services, a liveness probe restarts the container. So only readiness may depend on the database.

use super::replication::{LinkEnd, StreamState};
use super::status::{HungVolume, LastAnswer, Phase, PodStatus};
use super::topology::Role;
use crate::process::timeouts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds after which the database's last answer is too old to vouch for it.
pub(crate) const ANSWER_FRESH_SECONDS: u64 = timeouts::SQL_FRESH.as_secs();
/// Seconds after which an agent whose loop has not turned counts as dead.
pub(crate) const LOOP_FRESH_SECONDS: u64 = timeouts::LOOP_FRESH.as_secs();
/// Seconds for which a standby that streams is not ready because it is not in sync yet.
const CONFIRMED_WITHIN_SECONDS: u64 = timeouts::STANDBY_CONFIRMED.as_secs();

/// A probe's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Yes or no.
    pub ok: bool,
    /// One line: why.
    pub why: String,
}

fn yes(why: impl Into<String>) -> Verdict {
    verdict(true, why.into())
}

fn no(why: impl Into<String>) -> Verdict {
    verdict(false, why.into())
}

/// PostgreSQL's own words, which a reason may quote, can have several lines.
fn verdict(ok: bool, why: String) -> Verdict {
    let words: Vec<&str> = why.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    Verdict {
        ok,
        why: words.join(" "),
    }
}

/// `the volume at /greenplum does not answer since 2026-11-28T19:07:46Z`
pub fn hung(volume: &HungVolume) -> String {
    let since = i64::try_from(volume.since)
        .ok()
        .and_then(|s| Timestamp::from_second(s).ok());
    let since = since.unwrap_or_default();
    format!("the volume at {} does not answer since {since}", volume.path)
}

/// Where the pod is in its life, and why; a volume that hangs is the reason, whatever the pod was about to do.
fn phase_and_reason(status: &PodStatus) -> String {
    if let Some(volume) = status.hung_volumes.first() {
        format!("{}: {}", status.phase.as_str(), hung(volume))
    } else if status.reason.is_empty() {
        status.phase.as_str().to_string()
    } else {
        format!("{}: {}", status.phase.as_str(), status.reason)
    }
}

/// Whether this pod can take part: configuration, volume, peers and data directory are done.
pub fn startup(status: &PodStatus) -> Verdict {
    match status.phase {
        Phase::Preparing | Phase::Discovering | Phase::Bootstrapping | Phase::Refused => no(phase_and_reason(status)),
        Phase::Starting
        | Phase::Rejoining
        | Phase::Running
        | Phase::Stopped
        | Phase::Held
        | Phase::Crashed
        | Phase::CrashLoop
        | Phase::Hung
        | Phase::Draining => yes(phase_and_reason(status)),
    }
}

/// Whether this pod's role does its work at this moment: SQL answers, or write-ahead log streams.
pub fn ready(status: &PodStatus, now: u64) -> Verdict {
    if status.phase == Phase::Draining {
        return no("draining: the pod ends");
    }
    // What SQL answers from memory says nothing of what it can write.
    if !status.hung_volumes.is_empty() {
        return no(phase_and_reason(status));
    }
    let Some(role) = status.active_role else {
        return no(without_role(status));
    };
    let age = now.saturating_sub(status.postmaster.answered_at);
    if age > ANSWER_FRESH_SECONDS {
        return no(format!("the database last answered {age} s ago"));
    }
    if role.is_writable() {
        answering(status, role)
    } else {
        streaming(status, role, now)
    }
}

/// The reason of a pod that runs is of its server's last word; a time-out since then is no word.
fn without_role(status: &PodStatus) -> String {
    match &status.postmaster.answer {
        LastAnswer::Words(words) if status.phase == Phase::Running => {
            format!("running, but the database answers: {words}")
        }
        _ => phase_and_reason(status),
    }
}

fn answering(status: &PodStatus, role: Role) -> Verdict {
    match &status.postmaster.answer {
        words if status.postmaster.kept_out => yes(format!(
            "active as {role}, and the server works, though it has no connection for the agent: {words}"
        )),
        LastAnswer::Ok => yes(format!("active as {role}, and SQL answers")),
        LastAnswer::None => no(format!("active as {role}, but the database has not answered yet")),
        LastAnswer::Words(words) => no(format!("active as {role}, but the database answers: {words}")),
    }
}

/// A replica is asked for its stream alone: a healthy one of Greenplum refuses SQL (hot_standby = off) with "the database
/// system is in recovery mode".
fn streaming(status: &PodStatus, role: Role, now: u64) -> Verdict {
    if let Some(why) = &status.replay_paused {
        return no(format!("active as {role}, but {why}"));
    }
    let link = status.replication.iter().find(|r| r.sync_state == LinkEnd::Receiver);
    match link.map(|r| &r.state) {
        Some(StreamState::Streaming) if is_being_confirmed(status, now) => no(format!(
            "active as {role}, and write-ahead log streams, but it is not in sync yet"
        )),
        Some(StreamState::Streaming) => yes(format!("active as {role}, and write-ahead log streams")),
        Some(state) => no(format!("active as {role}, but its stream is in state {state}")),
        None => no(format!("active as {role}, but it receives no stream")),
    }
}

/// A roll-out goes on to the coordinator as soon as this standby is ready; and the coordinator hands over to one that is in sync
/// by the record alone, which is so a second after its stream began.
fn is_being_confirmed(status: &PodStatus, now: u64) -> bool {
    let failover = status.failover.as_ref().filter(|f| f.runs() && !f.mine);
    let missing = failover.filter(|f| f.in_sync.is_none() && f.holder.is_some());
    let since = missing.and_then(|f| Some(f.not_in_sync.as_ref()?.since));
    since.is_some_and(|since| now.saturating_sub(since) < CONFIRMED_WITHIN_SECONDS)
}

/// Whether the agent's loop turns. Never depends on the database: one that recovers for an hour is not dead.
pub fn live(status: &PodStatus, now: u64) -> Verdict {
    let age = now.saturating_sub(status.loop_turned_at);
    let why = format!("the agent's loop turned {age} s ago");
    if age <= LOOP_FRESH_SECONDS { yes(why) } else { no(why) }
}

/// Whether `role` is active here and does its work; load balancers route by it.
pub fn role(status: &PodStatus, role: Role, now: u64) -> Verdict {
    match status.active_role {
        Some(active) if active != role => no(format!("active as {active}, not as {role}")),
        _ => ready(status, now),
    }
}

#[cfg(test)]
pub(crate) mod tests;
