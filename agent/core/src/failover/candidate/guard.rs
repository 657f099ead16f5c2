//! The fence: until when the server may write, what init is told, and when the server is killed.

use super::state::AGAIN;
use super::turn::Turn;
use super::{Action, Candidate, DirectoryKind, Kill, Permit, Server, Standing};
use crate::failover::record::{InSync, Record};
use crate::failover::timing::SERVER_HANGS;
use std::time::Duration;

/// Before init is told a deadline again that could not be told one.
const FENCE_AGAIN: Duration = Duration::from_secs(10);

/// Whether the server may write.
enum Authority {
    /// Without a deadline: nobody else can be promoted (R2).
    Alone,
    /// Until then.
    Until(Duration),
    /// As far as an earlier life of this agent had it: init has the deadline.
    Inherited,
    /// It may not.
    None,
}

impl Candidate {
    /// Everybody who may be in sync by what this candidate has written, or may have.
    pub(super) fn maybe_in_sync(&self) -> impl Iterator<Item = &InSync> {
        self.writings().filter_map(|record| record.in_sync.as_ref())
    }

    /// Everybody who may promote himself by what this candidate has written, or may have.
    pub(super) fn successors(&self) -> impl Iterator<Item = &InSync> {
        self.writings().filter_map(Record::successor)
    }

    /// Whether somebody may.
    pub(super) fn exposed(&self) -> bool {
        self.successors().next().is_some()
    }

    /// The records of this candidate's that may be in force. Before its first own write that is the one that it read.
    fn writings(&self) -> impl Iterator<Item = &Record> {
        let base = self.held.as_ref().or_else(|| self.record());
        let own = |record: &&Record| record.is_held_by(&self.me.own);
        base.into_iter().chain(self.requests.open()).filter(own)
    }

    /// Until when the server may write, if there is a deadline that this agent knows.
    pub(super) fn deadline(&self) -> Option<Duration> {
        if !self.exposed() {
            return None;
        }
        let until = self.until();
        match self.armed {
            // What init could not be told does not count.
            Some(Some(armed)) if self.fence_failed.is_some() => until.map(|until| until.min(armed)),
            _ => until,
        }
    }

    /// By the last renewal or promise; never longer than commits wait for the one that is in sync.
    fn until(&self) -> Option<Duration> {
        let until = self.lease.max(self.promise.of_other)?;
        Some(self.commits_wait_until().map_or(until, |end| until.min(end)))
    }

    fn authority(&self) -> Authority {
        match self.standing() {
            Standing::Other if self.adopts() => Authority::Inherited,
            Standing::Other | Standing::Free => Authority::None,
            Standing::Unknown => Authority::Inherited,
            Standing::Doubtful if self.held.is_none() => self.authority_in_doubt(),
            Standing::Holder | Standing::Doubtful => match self.deadline() {
                Some(until) => Authority::Until(until),
                None if self.exposed() || self.held.is_none() => Authority::Inherited,
                None => Authority::Alone,
            },
        }
    }

    fn authority_in_doubt(&self) -> Authority {
        match &self.me.remembered {
            Some(memory) if memory.holder.pod != self.me.own.pod => Authority::None,
            _ => Authority::Inherited,
        }
    }

    /// Whether the server takes writes, or may.
    pub(super) fn writes(&self) -> bool {
        match self.server() {
            Some(Server::Writable { .. }) => true,
            Some(Server::Unclear) => self.directory().is_some_and(|d| d.kind == DirectoryKind::Primary),
            Some(Server::Down | Server::Standby { .. }) | None => false,
        }
    }

    /// Tells init the deadline, or that there is none; kills the server when it may not write (R4).
    pub(super) fn guard(&mut self, turn: &mut Turn) {
        let authority = self.authority();
        if self.writes() {
            let kill = match authority {
                Authority::None => Some(Kill::NotHolder(self.record().and_then(|r| r.holder.clone()))),
                Authority::Until(until) if turn.reached(until) => Some(Kill::Deadline),
                _ => (self.is_killing() || self.hangs(turn)).then_some(Kill::Hangs),
            };
            if let Some(why) = kill {
                self.kill(why, turn);
            }
        }
        match authority {
            Authority::Until(_) => self.arm(turn),
            Authority::Alone => self.disarm(turn),
            // Programs that make the directory a standby's are servers to init.
            Authority::None if self.is_down_or_standby() => {
                if std::mem::take(&mut self.shot) {
                    self.armed = None;
                }
                self.disarm(turn);
            }
            Authority::None | Authority::Inherited => {}
        }
    }

    fn is_down_or_standby(&self) -> bool {
        matches!(self.server(), Some(Server::Down | Server::Standby { .. }))
    }

    /// With its volume well: a server whose volume hangs would not start again either.
    fn hangs(&self, turn: &mut Turn) -> bool {
        match self.server() {
            _ if self.volume_hangs_since().is_some() => false,
            Some(Server::Writable {
                hangs_since: Some(since),
                ..
            }) => turn.reached(*since + SERVER_HANGS),
            _ => false,
        }
    }

    pub(super) fn kill(&mut self, why: Kill, turn: &mut Turn) {
        if self.killed_at.is_none_or(|at| turn.reached(at + AGAIN)) {
            self.killed_at = Some(turn.now);
            self.shot = true;
            turn.push(Action::KillNow(why));
        }
    }

    /// Tells init the deadline, if there is one that it does not have.
    pub(super) fn arm(&mut self, turn: &mut Turn) {
        let until = self.until();
        if let Some(until) = until.filter(|_| self.fence_failed.is_none())
            && self.armed != Some(Some(until))
        {
            self.armed = Some(Some(until));
            self.shot = false;
            turn.push(Action::ArmFence(until));
        }
    }

    pub(super) fn fence_has_failed(&mut self, why: String, turn: &Turn) {
        self.fence_failed = Some(why);
        self.fence_again_at = turn.now + FENCE_AGAIN;
    }

    /// While nobody can be promoted no deadline is needed, and the next one may be told.
    pub(super) fn try_fence_again(&mut self, turn: &mut Turn) {
        if self.fence_failed.is_some() && !self.exposed() && turn.reached(self.fence_again_at) {
            self.fence_failed = None;
        }
    }

    fn disarm(&mut self, turn: &mut Turn) {
        if self.armed != Some(None) {
            self.armed = Some(None);
            self.shot = false;
            turn.push(Action::DisarmFence);
        }
    }

    /// Whether a server that takes writes may be started (R1). Asked as the last thing before it is.
    pub fn may_start(&self) -> Permit {
        match self.no_start() {
            None => Permit::Yes,
            Some(why) => Permit::No(why),
        }
    }

    fn no_start(&self) -> Option<String> {
        match self.standing() {
            Standing::Unknown => return Some("the record has not been read yet".into()),
            Standing::Doubtful => return self.doubt().map(|doubt| doubt.to_string()),
            Standing::Other => {
                let holder = self.record().and_then(|r| r.holder.as_ref());
                return Some(holder.map_or_else(String::new, |h| format!("{h} holds the coordinator's role")));
            }
            Standing::Free => return Some("the coordinator's role is free, and not taken yet".into()),
            Standing::Holder => {}
        }
        if self.draining.is_some() {
            Some("the pod ends".into())
        } else if self.handing.is_some() {
            Some("the coordinator's role is handed over".into())
        } else if !rule!(self, StartsWithoutOwnWrite, self.held.is_some()) {
            Some("the coordinator's role has to be renewed first".into())
        } else if !rule!(self, StartsInSync, self.maybe_in_sync().next().is_none()) {
            Some("the standby has to be taken out of sync first".into())
        } else {
            None
        }
    }
}
