//! What this pod's server answered when it was asked about itself.

use super::directory::DirectoryKind;
use super::last_answer::LastAnswer;
use super::phase::Phase;
use super::replication::Link;
use super::status::Tablespace;
use super::topology::Role;
use crate::cluster::replay_pause::PauseCause;

/// How the question was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAnswer {
    /// SQL answers, or a replica that refuses SQL is known to be well.
    Serving,
    /// It starts, recovers or stops; its words.
    NotNow(String),
    /// It works, and refuses the agent's new connection; its words.
    KeptOut(String),
    /// It refuses the agent; its words.
    Refused(String),
    /// Not within so many seconds.
    TimedOut(u64),
    /// Nobody listens.
    NoServer,
    /// Not asked: it waits for its sessions to end (a smart shutdown).
    Stopping,
}

impl ServerAnswer {
    /// As a status document has it.
    pub fn told(&self) -> LastAnswer {
        LastAnswer::Words(match self {
            ServerAnswer::Serving => return LastAnswer::Ok,
            ServerAnswer::NotNow(words) | ServerAnswer::KeptOut(words) | ServerAnswer::Refused(words) => words.clone(),
            ServerAnswer::TimedOut(seconds) => format!("no answer within {seconds} s"),
            ServerAnswer::NoServer => "nobody listens".into(),
            ServerAnswer::Stopping => "stops".into(),
        })
    }
}

/// An answer and what follows from it for the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// How the question was answered.
    pub answer: ServerAnswer,
    /// The role that the server does now.
    pub role: Option<Role>,
    /// Both directions of replication.
    pub replication: Vec<Link>,
    /// What the directory of the server has become; it may have been promoted. `None` leaves what is known.
    pub kind: Option<DirectoryKind>,
    /// The timeline that the server writes on; `None` leaves what is known.
    pub timeline: Option<u32>,
    /// The phase and its reason; `None` leaves them.
    pub phase: Option<(Phase, String)>,
    /// Why a replica does not replay what it receives; `None` while it does.
    pub pause: Option<PauseCause>,
    /// Its tablespaces.
    pub tablespaces: Vec<Tablespace>,
    /// Up to where a replica that refuses SQL has replayed, in bytes from the beginning of the write-ahead log.
    pub replayed: Option<u64>,
}

impl ServerReport {
    /// An answer that says nothing about role and replication.
    pub(crate) fn without_role(answer: ServerAnswer, phase: Option<(Phase, String)>) -> ServerReport {
        ServerReport {
            answer,
            role: None,
            replication: Vec::new(),
            kind: None,
            timeline: None,
            phase,
            pause: None,
            tablespaces: Vec::new(),
            replayed: None,
        }
    }
}
