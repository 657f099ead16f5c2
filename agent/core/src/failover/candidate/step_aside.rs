//! Giving the role away without a stop in order. A server that answers nothing any more, crashes again and again, or has lost
//! its files, serves nobody, while a standby that is in sync has all that was acknowledged.
//!
//! It has that for as long as no server is started here: what it has not received was told to nobody. So the record keeps saying
//! who is in sync, and is not renewed. Once the server is dead it is released. Where it cannot die, since its volume hangs, the
//! deadline passes: a process that waits in the kernel ends before it does anything else, once it was killed.

use super::state::{HandOver, Stage};
use super::turn::Turn;
use super::{Candidate, Ended, Kill, Notice, Server};
use crate::failover::record::{Record, ReleaseWhy};
use crate::failover::timing::{CRASH_LOOP, SERVER_HANGS};
use std::time::Duration;

impl Candidate {
    /// Begins it, if somebody can go on.
    pub(super) fn step_aside(&mut self, turn: &mut Turn) {
        let named = self.held.as_ref().and_then(|held| held.successor());
        let somebody = named.is_some_and(|named| !self.has_lost(named));
        // A write that is open may be the one that says that nobody can.
        let settled = self.requests.open().next().is_none();
        if self.handing.is_some() || self.draining.is_some() || !somebody || !settled {
            return;
        }
        let (stage, why) = if self.crashes_again_and_again() {
            (Stage::Dead, "the server has crashed three times within a minute")
        } else if self.has_lost_its_files() {
            (
                Stage::Dead,
                "the server has crashed, and its data directory is not whole",
            )
        } else if self.says_nothing(turn) {
            (Stage::Killed, "the server answers nothing any more")
        } else {
            return;
        };
        self.crashes.clear();
        self.switchover = None;
        self.handing = Some(HandOver {
            why: ReleaseWhy::Crashed,
            stage,
        });
        turn.tell(Notice::StepsAside(why));
        if stage == Stage::Killed {
            self.kill(Kill::Hangs, turn);
        }
    }

    pub(super) fn count_crash(&mut self, how: Ended, now: Duration) {
        let (_, within) = CRASH_LOOP;
        self.crashes.retain(|crash| *crash + within > now);
        if how == Ended::Crashed && self.killed_at.is_none() && self.held.is_some() {
            self.crashes.push(now);
        }
    }

    fn crashes_again_and_again(&self) -> bool {
        self.has_crashed() && self.crashes.len() >= CRASH_LOOP.0
    }

    /// Whether no server can be started here again. One that was stopped in order is somebody's, who may be at work on its
    /// directory.
    fn has_lost_its_files(&self) -> bool {
        self.has_crashed() && self.directory().is_some_and(|directory| !directory.kind.is_whole())
    }

    fn has_crashed(&self) -> bool {
        self.ended == Some(Ended::Crashed) && matches!(self.server(), Some(Server::Down))
    }

    /// Whether the server has left the agent without an answer for so long that it counts as hung.
    pub(super) fn says_nothing(&self, turn: &mut Turn) -> bool {
        let silent = match self.server() {
            Some(Server::Writable { hangs_since, .. }) => *hangs_since,
            // One that was never heard: while a standby is in sync nobody has started one.
            Some(Server::Unclear) if self.writes() => self.unclear_since,
            _ => return false,
        };
        let since = silent.into_iter().chain(self.volume_hangs_since()).min();
        since.is_some_and(|since| turn.reached(since + SERVER_HANGS))
    }

    pub(super) fn volume_hangs_since(&self) -> Option<Duration> {
        self.local.as_ref().and_then(|local| local.volume_hangs_since)
    }

    pub(super) fn steps_aside(&self) -> bool {
        self.handing
            .as_ref()
            .is_some_and(|handing| handing.why == ReleaseWhy::Crashed)
    }

    /// Whether its server is being killed for it; and one that somebody has started since by hand.
    pub(super) fn is_killing(&self) -> bool {
        self.handing
            .as_ref()
            .is_some_and(|handing| matches!(handing.stage, Stage::Killed | Stage::Dead))
    }

    /// Whether nobody was left to go on meanwhile; then the server starts here again.
    pub(super) fn stays(&mut self, held: &Record, turn: &mut Turn) -> bool {
        let stays = self.steps_aside() && held.successor().is_none();
        if stays {
            self.handing = None;
            turn.tell(Notice::HandOverFailed("the standby is not in sync any more".into()));
        }
        stays
    }
}
