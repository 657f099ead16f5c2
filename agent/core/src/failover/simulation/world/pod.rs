//! One pod: its agent, init's fence, its volume, its server.

use super::data::Log;
use super::time::{Rate, local};
use crate::cluster::directory::DirectoryKind;
use crate::failover::candidate::{Candidate, CommitsWait, Ended, Me, Remembered, Ticket};
use crate::failover::record::Holder;
use crate::failover::timing::Timing;

/// What the server of a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Runs {
    Nothing,
    Standby,
    Writable,
}

/// What answers nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hung {
    /// The server: all its processes stand still, and can be killed.
    Server,
    /// The volume: every process that uses it stands still, and one that is killed goes when the volume answers again.
    Volume,
}

/// What the agent has asked and not heard of, by the time at which it is told that it will not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) ticket: Ticket,
    pub(crate) writes: bool,
    pub(crate) until: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pod {
    pub(crate) name: usize,
    pub(crate) uid: u8,
    /// How often its agent was started: an answer to an earlier one reaches nobody.
    pub(crate) life: u8,
    pub(crate) gone: bool,
    pub(crate) frozen: bool,
    pub(crate) agent_frozen: bool,
    pub(crate) rate: Rate,
    pub(crate) agent: Candidate,
    pub(crate) asked: Option<Asked>,
    pub(crate) fence: Option<u64>,
    /// The fence has fired, and kills what is started until it is told something.
    pub(crate) closed: bool,
    /// The agent has closed it by a shot of its own, and opens it for the next server.
    pub(crate) shot: bool,
    /// What hangs, since when, and in which life of the agent.
    pub(crate) hung: Option<(Hung, u64, u8)>,
    /// What was killed is gone then.
    pub(crate) dies_at: Option<u64>,
    pub(crate) ended: Option<Ended>,
    pub(crate) memory: Option<Remembered>,
    pub(crate) kind: DirectoryKind,
    pub(crate) log: Log,
    pub(crate) runs: Runs,
    /// Whether commits wait, and whether they were told to: that takes a moment.
    pub(crate) commits_wait: bool,
    pub(crate) told_to_wait: bool,
    /// For the how many-th time, by its agent.
    pub(crate) waits_turn: Option<u64>,
    pub(crate) draining: bool,
    /// When a standby's server has stopped at the end of the pod.
    pub(crate) stops_at: u64,
    /// It stops for good, or until it is asked for.
    pub(crate) stopping: bool,
}

impl Pod {
    pub(crate) fn new(name: usize, rate: Rate, waits: CommitsWait, timing: Timing) -> Pod {
        let me = me(name, 0, waits, None);
        Pod {
            name,
            uid: 0,
            life: 0,
            gone: false,
            frozen: false,
            agent_frozen: false,
            rate,
            agent: Candidate::new(me, timing, local(0, rate)),
            asked: None,
            fence: None,
            closed: false,
            shot: false,
            hung: None,
            dies_at: None,
            ended: None,
            memory: None,
            kind: if name == 0 {
                DirectoryKind::Primary
            } else {
                DirectoryKind::Standby
            },
            log: Log::new(),
            runs: if name == 0 { Runs::Nothing } else { Runs::Standby },
            commits_wait: false,
            told_to_wait: false,
            waits_turn: None,
            draining: false,
            stops_at: 0,
            stopping: false,
        }
    }

    pub(crate) fn holder(&self) -> Holder {
        holder(self.name, self.uid)
    }

    /// Whether its agent does something.
    pub(crate) fn thinks(&self) -> bool {
        !self.gone && !self.frozen && !self.agent_frozen
    }

    /// Whether its server does something.
    pub(crate) fn works(&self) -> bool {
        !self.gone && !self.frozen && self.runs != Runs::Nothing && self.hung.is_none()
    }

    pub(crate) fn has_hung_volume(&self) -> bool {
        matches!(self.hung, Some((Hung::Volume, ..)))
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.works() && self.runs == Runs::Writable
    }
}

pub(crate) fn holder(name: usize, uid: u8) -> Holder {
    Holder {
        pod: format!("coordinator-{name}"),
        uid: uid.to_string(),
    }
}

pub(crate) fn me(name: usize, uid: u8, waits: CommitsWait, remembered: Option<Remembered>) -> Me {
    Me {
        own: holder(name, uid),
        other: format!("coordinator-{}", 1 - name),
        cluster: "c".into(),
        waits,
        fence: true,
        remembered,
    }
}
