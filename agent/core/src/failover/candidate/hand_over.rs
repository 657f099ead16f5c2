//! Giving the role away: the server stops in order, the record is released with the end of its log, and the other candidate
//! takes it when it has received as much. If it does not, the role is taken back.

use super::state::{HandOver, Stage};
use super::turn::Turn;
use super::{Action, Candidate, DirectoryKind, Ended, Lack, Notice, Server};
use crate::failover::lsn::Lsn;
use crate::failover::record::{Mode, Record, ReleaseWhy, Released, Switchover};
use crate::failover::timing::{PREFERS_HOLDER, TAKE_BACK_AFTER};
use crate::process::timeouts;
use std::time::Duration;

/// A hand-over that waits for a moment without a transaction is not waited for longer: whoever asked has long gone.
const IDLE_WITHIN: Duration = timeouts::HAND_OVER_IDLE;

impl Candidate {
    pub(super) fn ask_switchover(&mut self, when_idle: bool, by: String, turn: &mut Turn) {
        let refused = match &self.held {
            None => Some(self.not_mine("who is the coordinator")),
            Some(_) if self.draining.is_some() => Some("this pod ends already".into()),
            Some(held) if held.in_sync.is_none() => {
                let why = self
                    .no_failover
                    .as_ref()
                    .map_or(Lack::NotInSync, |(why, _)| why.clone());
                Some(format!("the standby is not in sync: {why}"))
            }
            Some(_) => None,
        };
        if let Some(why) = refused {
            turn.tell(Notice::Refused(why));
            return;
        }
        self.idle = false;
        self.ask_idle_at = turn.now;
        self.idle_until = turn.now + IDLE_WITHIN;
        let to = self.me.other.clone();
        self.switchover = Some(Switchover { to, by, when_idle });
    }

    pub(super) fn cancel_switchover(&mut self, turn: &mut Turn) {
        if self.handing.is_some() {
            turn.tell(Notice::Refused("the hand-over has begun".into()));
        } else if self.switchover.take().is_some() {
            turn.tell(Notice::HandOverFailed("it was cancelled".into()));
        } else {
            turn.tell(Notice::Refused("no hand-over is waited for here".into()));
        }
    }

    /// Begins what the record says is asked for, and what the end of the pod asks for.
    pub(super) fn begin_hand_over(&mut self, turn: &mut Turn) {
        if self.draining.is_some() {
            self.begin_at_end_of_pod();
            return;
        }
        let asked = self.held.as_ref().and_then(|held| held.switchover.clone());
        let Some(asked) = asked.filter(|_| self.handing.is_none() && self.switchover.is_some()) else {
            return;
        };
        if self.held.as_ref().is_none_or(|held| held.in_sync.is_none()) {
            self.fail_hand_over("the standby is not in sync any more", turn);
        } else if !matches!(self.server(), Some(Server::Writable { .. })) {
            self.fail_hand_over("the coordinator's server does not run", turn);
        } else if asked.when_idle && !std::mem::take(&mut self.idle) {
            if turn.reached(self.idle_until) {
                self.fail_hand_over("there was no moment without a transaction in ten minutes", turn);
            } else if turn.reached(self.ask_idle_at) {
                self.ask_idle_at = turn.now + super::state::AGAIN;
                turn.reached(self.ask_idle_at);
                turn.push(Action::AskIdle);
            }
        } else {
            self.handing = Some(HandOver {
                why: ReleaseWhy::Switchover,
                stage: Stage::Stopping,
            });
            turn.push(Action::StopFast);
        }
    }

    /// The supervisor stops the server; what counts here is how it ends.
    fn begin_at_end_of_pod(&mut self) {
        let why = self.why_at_end_of_pod();
        match &mut self.handing {
            Some(handing) if matches!(handing.why, ReleaseWhy::Switchover | ReleaseWhy::Crashed) => {}
            Some(handing) => handing.why = why,
            None => {
                // How the last one ended says nothing of one that starts.
                let ended = self.ended.filter(|_| self.is_down() && !self.start_wanted);
                let stage = match (ended, self.writes()) {
                    (Some(Ended::InOrder { lsn, timeline }), _) => Stage::Stopped { lsn, timeline },
                    (None, true) => Stage::Stopping,
                    _ => return,
                };
                self.handing = Some(HandOver { why, stage });
            }
        }
    }

    /// The other candidate goes on only if it does not end as well, has everything, and is to.
    fn why_at_end_of_pod(&self) -> ReleaseWhy {
        let other_ends = self.peer.as_ref().is_none_or(|peer| peer.draining);
        let in_sync = self.held.as_ref().is_some_and(|held| held.in_sync.is_some());
        match self.draining {
            Some(true) if in_sync && !other_ends => ReleaseWhy::PodEnds,
            _ => ReleaseWhy::Stopped,
        }
    }

    fn fail_hand_over(&mut self, why: &str, turn: &mut Turn) {
        self.handing = None;
        self.switchover = None;
        turn.tell(Notice::HandOverFailed(why.into()));
    }

    pub(super) fn hand_over_stopped(&mut self, how: Ended, turn: &mut Turn) {
        let Some(handing) = &mut self.handing else {
            return;
        };
        let in_sync = self.held.as_ref().is_some_and(|held| held.in_sync.is_some());
        if handing.why == ReleaseWhy::Crashed {
            handing.stage = Stage::Dead;
            return;
        }
        match how {
            Ended::InOrder { lsn, timeline } if in_sync || self.draining.is_some() => {
                handing.stage = Stage::Stopped { lsn, timeline };
            }
            Ended::InOrder { .. } => self.fail_hand_over("the standby was lost while the server stopped", turn),
            Ended::Crashed => self.fail_hand_over("the server did not stop in order", turn),
        }
    }

    /// Releases the record once the server has stopped for it. Returns whether that is what is to be written now.
    pub(super) fn release(&mut self, turn: &mut Turn) -> bool {
        let (Some(HandOver { why, stage }), Some(held)) = (self.handing.clone(), self.held.clone()) else {
            return false;
        };
        let (lsn, timeline) = match stage {
            Stage::Stopping => return false,
            Stage::Killed => return true,
            Stage::Stopped { lsn, timeline } => (lsn, timeline),
            Stage::Dead if self.stays(&held, turn) => return false,
            Stage::Dead => (Lsn::NONE, held.timeline),
        };
        if !self.requests.look_first && self.may_ask(turn) {
            let by = self.me.own.clone();
            let record = Record {
                serial: self.requests.serial + 1,
                holder: None,
                released: Some(Released { by, lsn, timeline, why }),
                ..held
            };
            self.send(record, turn);
        }
        true
    }

    /// Nobody holds the role: who may take it, does.
    pub(super) fn take_free(&mut self, turn: &mut Turn) {
        if self.force_if_asked(turn) {
            return;
        }
        let Some(record) = self.record().cloned() else {
            return;
        };
        let Some(released) = &record.released else {
            return;
        };
        let takes = if released.by.pod == self.me.own.pod {
            self.takes_back(&record, released, turn)
        } else {
            self.takes_over_released(&record, released, turn)
        };
        if takes && !self.requests.look_first && self.may_ask(turn) {
            self.handing = None;
            let taken = self.taken(&record);
            self.send(taken, turn);
        }
    }

    fn takes_back(&self, record: &Record, released: &Released, turn: &mut Turn) -> bool {
        let since = self.known.as_ref().map_or(turn.now, |known| known.since);
        let patient = match released.why {
            ReleaseWhy::Stopped => true,
            ReleaseWhy::Switchover | ReleaseWhy::PodEnds | ReleaseWhy::Crashed => turn.reached(since + TAKE_BACK_AFTER),
        };
        let here = self.directory().is_some_and(|d| {
            d.kind == DirectoryKind::Primary && d.timeline == released.timeline && self.held_here(record.epoch)
        });
        patient && here && self.start_wanted && self.draining.is_none()
    }

    /// Why a standby could not go on where the released server has stopped.
    pub(super) fn lacks_released(&self, record: &Record, released: &Released) -> Option<Lack> {
        if released.why == ReleaseWhy::Crashed {
            return self.lacks(record).or_else(|| self.end_unseen());
        }
        // A server that it runs beside this record has written since.
        if let Some(lack) = self.unfenced_holder() {
            return Some(lack);
        }
        let (Some(directory), Some(Server::Standby { received, .. })) = (self.directory(), self.server()) else {
            return Some(Lack::NotStandby);
        };
        if directory.timeline != released.timeline {
            return Some(Lack::OtherTimeline(directory.timeline, released.timeline));
        }
        let complete = received.is_some_and(|received| received >= released.lsn);
        if rule!(self, TakesReleasedIncomplete, complete) {
            return None;
        }
        Some(Lack::Incomplete(*received, released.lsn))
    }

    fn takes_over_released(&self, record: &Record, released: &Released, turn: &mut Turn) -> bool {
        if !rule!(self, TakesWhileDraining, self.draining.is_none()) || self.lacks_released(record, released).is_some()
        {
            return false;
        }
        let Some(known) = &self.known else {
            return false;
        };
        let asked = released.why != ReleaseWhy::Stopped && !known.first;
        if !self.has_looked_since(known.since) {
            return false;
        }
        let lease = self.lease_of(record);
        asked || record.mode == Mode::Auto && turn.reached(known.since + lease + PREFERS_HOLDER)
    }

    /// Whether the pod ends and there is nothing left to write about it. A lost write that would bring the role back is none: should
    /// it come into force yet, the next pod of this name goes on.
    pub(super) fn is_drained(&self) -> bool {
        let stopped = self.is_down();
        let releases = self.handing.is_some() && self.held.is_some();
        let writes = self.requests.is_writing();
        self.draining.is_some() && stopped && !releases && !writes
    }

    /// Whether no server runs, by what was seen or told last.
    fn is_down(&self) -> bool {
        match self.server() {
            Some(server) => *server == Server::Down,
            None => self.ended.is_some(),
        }
    }
}
