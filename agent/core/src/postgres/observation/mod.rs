//! What a database server answered about itself, and what follows for the pod.

use super::kept_out::{KeptOut, Room};
use super::slots::Slot;
use crate::cluster::content::ContentId;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::phase::Phase;
use crate::cluster::replay_pause::PauseCause;
use crate::cluster::replication::{Link, LinkEnd, StreamState, SyncState};
use crate::cluster::server::{ServerAnswer, ServerReport};
use crate::cluster::status::Tablespace;
use crate::cluster::topology::Role;
use crate::failover::lsn::Lsn;
use crate::postgres::standby::Pause;

/// The server's own account, read from the rows of the engine's question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Whether it replays instead of writing.
    pub in_recovery: bool,
    /// The timeline it writes on; `None` while in recovery.
    pub timeline: Option<u32>,
    /// Both directions of replication.
    pub replication: Vec<Link>,
    /// Whether it receives a stream now.
    pub receiving: bool,
    /// Up to where a replica that refuses SQL has replayed.
    pub replayed: Option<Lsn>,
    /// Its connections, where it says so.
    pub room: Option<Room>,
    /// Its replication slots that keep write-ahead log.
    pub slots: Vec<Slot>,
    /// Greenplum: whether it was asked in utility mode. A coordinator asks in the mode that it was started in.
    pub utility: bool,
    /// Its replay is paused.
    pub pause: Option<Pause>,
    /// Why, once somebody has looked.
    pub pause_cause: Option<PauseCause>,
    /// Why it receives no stream, where that is known: it can never follow again, or what its server said last.
    pub no_stream: Option<String>,
    /// Tablespaces with directories of their own.
    pub tablespaces: Vec<Tablespace>,
}

/// The receiving process of a replica that refuses SQL, as its title shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Receiver {
    /// There is none.
    Absent,
    /// It runs. Until the first write-ahead log arrives its title does not tell whether it is connected.
    Present,
    /// Write-ahead log has arrived.
    Streaming,
}

impl Observation {
    /// A replica that refuses SQL, and whether it receives a stream.
    pub fn of_replica(receiving: bool) -> Observation {
        Observation {
            in_recovery: true,
            replication: receiving.then(Link::received).into_iter().collect(),
            receiving,
            ..Observation::default()
        }
    }

    /// Reads tagged rows: `self`, `room`, `slot`, `send`, `receive`, `paused`, `tablespace`. `None` when the server did not give
    /// its `self` row.
    pub fn from_rows(rows: &[Vec<Option<String>>]) -> Option<Observation> {
        let mut seen = None;
        let mut replication = Vec::new();
        let mut receiving = false;
        let mut room = None;
        let mut slots = Vec::new();
        let mut pause: Option<Pause> = None;
        let mut tablespaces = Vec::new();
        for row in rows {
            let cell = |i: usize| row.get(i).cloned().flatten().unwrap_or_default();
            match cell(0).as_str() {
                "self" => {
                    let timeline = u32::from_str_radix(&cell(2), 16).ok();
                    let in_recovery = cell(1) == "true" || cell(1) == "t";
                    seen = Some((in_recovery, timeline, cell(3) == "utility"));
                }
                "slot" => slots.extend(Slot::of(&cell(1), &cell(2), &cell(3))),
                "room" => {
                    let number = |i| cell(i).parse().ok();
                    let said = (number(1), number(2), number(3));
                    if let (Some(used), Some(max), Some(reserved)) = said {
                        room = Some(Room { used, max, reserved });
                    }
                }
                tag @ ("send" | "receive") => {
                    let link = Link {
                        peer: cell(1),
                        end: end(tag, &cell(3)),
                        state: StreamState::from(cell(2).as_str()),
                        lag_bytes: cell(4).parse::<i64>().ok().map(|lag| lag.max(0)),
                    };
                    receiving |= link.receives();
                    replication.push(link);
                }
                "paused" => {
                    let setting = cell(2).parse().ok().map(|value| (cell(1), value));
                    pause.get_or_insert_default().settings.extend(setting);
                }
                "tablespace" => tablespaces.push(Tablespace {
                    name: cell(1),
                    location: cell(2),
                }),
                _ => {}
            }
        }
        seen.map(|(in_recovery, timeline, utility)| Observation {
            in_recovery,
            timeline,
            replication,
            receiving,
            room,
            slots,
            utility,
            pause,
            tablespaces,
            ..Observation::default()
        })
    }

    fn report(&self, content: ContentId, phase: Option<(Phase, String)>) -> ServerReport {
        let kind = match self.in_recovery {
            true => DirectoryKind::Standby,
            false => DirectoryKind::Primary,
        };
        ServerReport {
            answer: ServerAnswer::Serving,
            role: self.active_role(content),
            replication: self.replication.clone(),
            kind: Some(kind),
            timeline: self.timeline,
            phase,
            pause: self.pause_cause.clone(),
            tablespaces: self.tablespaces.clone(),
            replayed: self.replayed.map(|place| place.0),
        }
    }

    /// The role that this server does for `content` at this moment; a replica that does not stream does none, nor does a
    /// coordinator in admin mode (`gpstart -m`), which sees the catalog alone.
    pub fn active_role(&self, content: ContentId) -> Option<Role> {
        match (self.in_recovery, content) {
            (false, ContentId::COORDINATOR) if self.utility => None,
            (false, ContentId::COORDINATOR) => Some(Role::Coordinator),
            (false, _) => Some(Role::Primary),
            (true, _) if !self.receiving => None,
            (true, ContentId::COORDINATOR) => Some(Role::Standby),
            (true, _) => Some(Role::Mirror),
        }
    }
}

/// A sender without a word for it is waited for by nobody.
fn end(tag: &str, sync: &str) -> LinkEnd {
    match tag {
        "send" => LinkEnd::Sender(match sync.into() {
            SyncState::Other(_) => SyncState::Async,
            known => known,
        }),
        _ => LinkEnd::Receiver,
    }
}

/// How the question was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this.
    Ok(Observation),
    /// "Not now": it starts, recovers or stops; its words.
    NotNow(String),
    /// It works and refuses the agent's new connection.
    KeptOut {
        /// Why.
        why: KeptOut,
        /// Its words.
        words: String,
        /// Whether its directory is a replica's.
        replica: bool,
    },
    /// It refused; its words.
    Refused(String),
    /// Not within so many seconds.
    TimedOut(u64),
    /// Nobody listens.
    NoServer,
    /// Not asked: it waits for its sessions to end (a smart shutdown), and the agent's must not be one of them.
    Stopping,
}

/// Time-outs in a row after which a server that accepts connections counts as hung.
pub(crate) const HUNG_AFTER: u32 = 4;

/// What follows for the pod of `content` from an answer of its server, after that many time-outs in a row.
pub fn report(answer: &Answer, content: ContentId, timeouts_in_a_row: u32) -> ServerReport {
    let phase = phase(answer, content, timeouts_in_a_row);
    let said = match answer {
        Answer::Ok(seen) => return seen.report(content, phase),
        Answer::NotNow(words) => ServerAnswer::NotNow(words.clone()),
        Answer::KeptOut { words, replica, .. } => return kept_out(words, *replica, content, phase),
        Answer::Refused(words) => ServerAnswer::Refused(words.clone()),
        Answer::TimedOut(seconds) => ServerAnswer::TimedOut(*seconds),
        Answer::NoServer => ServerAnswer::NoServer,
        Answer::Stopping => ServerAnswer::Stopping,
    };
    ServerReport::without_role(said, phase)
}

/// What its directory tells counts until it has answered again: a replica's stream cannot be seen from there.
fn kept_out(words: &str, replica: bool, content: ContentId, phase: Option<(Phase, String)>) -> ServerReport {
    let seen = Observation {
        in_recovery: replica,
        ..Observation::default()
    };
    ServerReport {
        answer: ServerAnswer::KeptOut(words.to_string()),
        ..seen.report(content, phase)
    }
}

/// The phase that follows from an answer while the postmaster's process runs; `None` leaves it as it is.
fn phase(answer: &Answer, content: ContentId, timeouts_in_a_row: u32) -> Option<(Phase, String)> {
    Some(match answer {
        Answer::Ok(seen) => (Phase::Running, running(seen, content)),
        Answer::NotNow(words) => (Phase::Starting, words.clone()),
        Answer::KeptOut { words, .. } => (
            Phase::Running,
            format!("works, and has no connection for the agent: {words}"),
        ),
        Answer::NoServer => (Phase::Starting, "the postmaster does not listen yet".into()),
        Answer::Refused(words) => (Phase::Running, format!("the server refuses the agent: {words}")),
        Answer::TimedOut(_) if timeouts_in_a_row >= HUNG_AFTER => (
            Phase::Hung,
            format!("accepts connections and did not answer {timeouts_in_a_row} times in a row"),
        ),
        Answer::TimedOut(_) => return None,
        Answer::Stopping => (
            Phase::Stopped,
            "being stopped by an administrator: waits for its sessions to end (smart shutdown)".into(),
        ),
    })
}

fn running(seen: &Observation, content: ContentId) -> String {
    match seen.active_role(content) {
        Some(role) => format!("active as {role}"),
        None if !seen.in_recovery => "in admin mode (gpstart -m): serves no clients".to_string(),
        None => match &seen.no_stream {
            Some(why) => format!("replays, but receives no stream: {why}"),
            None => "replays, but receives no stream".to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
