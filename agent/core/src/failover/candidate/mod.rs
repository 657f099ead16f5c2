//! One of the two candidates as a machine without effects: what happens goes in, what is to be done comes out. It reads no
//! clock; every moment is told, as a time on CLOCK_BOOTTIME.
//!
//! It keeps what it was told last and decides anew after every event, whatever the event was. So an event that is lost, late
//! or told twice can delay a step, and never leads to a wrong one.

#![allow(
    clippy::nonminimal_bool,
    reason = "a condition that a mutant of the tests leaves out stands whole"
)]

/// A condition that one of the tests' mutants leaves out. In the product it is the condition.
#[cfg(test)]
macro_rules! rule {
    ($machine:expr, $mutant:ident, $condition:expr) => {
        $machine.mutant == Some($crate::failover::candidate::mutants::Mutant::$mutant) || $condition
    };
}
#[cfg(not(test))]
macro_rules! rule {
    ($machine:expr, $mutant:ident, $condition:expr) => {
        $condition
    };
}

mod action;
mod authority;
mod event;
mod facts;
#[cfg(test)]
pub(super) mod frame;
mod giving_up;
mod guard;
mod hand_over;
mod hold;
mod lack;
#[cfg(test)]
pub(super) mod mutants;
#[cfg(test)]
mod normal;
mod promise;
mod requests;
mod standing;
mod state;
mod step_aside;
mod succeed;
mod sync;
#[cfg(test)]
mod tests;
mod turn;
mod view;
mod view_of;

pub use action::{Acquired, Action, Kill, Notice};
pub use event::{Command, Ended, Event, Outcome, Reply, RequestError, Ticket};
pub use facts::{CommitsWait, Directory, LocalFacts, Me, PeerAnswer, PeerFacts, Receiver, Remembered, Server, Stream};
pub use lack::{Doubt, Lack, Unable};
pub use view::{Doing, Permit, Standing, View};

use super::record::{InSync, Mode, Record, Switchover, Version};
use super::timing::Timing;
use crate::cluster::directory::DirectoryKind;
use requests::Requests;
use state::{Forced, HandOver, Known, Promise};
use std::time::Duration;
use turn::Turn;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    me: Me,
    timing: Timing,
    started: Duration,
    requests: Requests,
    /// What the authority held when it was read or written last.
    known: Option<Known>,
    /// The record as this candidate's own write left it, as long as it holds the role by what it knows.
    held: Option<Record>,
    /// Until when that write lets it write, if somebody may be promoted by it.
    lease: Option<Duration>,
    /// When the record is to be renewed.
    renew_at: Duration,
    /// What the other one has promised, and what was promised to it.
    promise: Promise,
    /// What init was told last; `None`: nothing yet, it may have a deadline of an earlier agent's.
    armed: Option<Option<Duration>>,
    /// init was told to kill the server at once, and nothing since: whatever is started now it kills too.
    shot: bool,
    /// Why init could not be told a deadline, and when it is tried again.
    fence_failed: Option<String>,
    fence_again_at: Duration,
    local: Option<LocalFacts>,
    peer: Option<PeerFacts>,
    /// When the other one's agent answered last.
    peer_heard: Duration,
    peer_silent: bool,
    /// Why its last answer is not understood: it lives, and what it said before may be true no more.
    peer_unclear: Option<String>,
    commits_wait: Option<bool>,
    /// How often they were told to wait: a proof of before proves nothing.
    waits_turn: u64,
    /// The connection of a standby that was let go, and when to end it again.
    to_end: Option<(String, Duration)>,
    /// Not in sync before: after each loss of a standby it takes longer to trust it again.
    confirm_at: Duration,
    confirm_pause: Duration,
    in_sync_since: Duration,
    withdrawn_for: Option<Lack>,
    /// Whom the record shall name no more, and why. What made it so may be gone from sight before the record says it.
    lost: Option<(InSync, Lack)>,
    start_wanted: bool,
    /// How the server ended, while none has been seen since.
    ended: Option<Ended>,
    /// When it has crashed lately.
    crashes: Vec<Duration>,
    /// Since when it runs and does not say what it is.
    unclear_since: Option<Duration>,
    killed_at: Option<Duration>,
    promote_at: Duration,
    prove_at: Duration,
    /// The record is being written anew.
    restoring: bool,
    /// The holder is dead for certain, as long as the record has this version.
    proof: Option<Version>,
    /// Since when that is known.
    proof_at: Duration,
    handing: Option<HandOver>,
    switchover: Option<Switchover>,
    idle: bool,
    ask_idle_at: Duration,
    /// Until when a moment without a transaction is waited for.
    idle_until: Duration,
    mode: Option<Mode>,
    forced: Option<Forced>,
    draining: Option<bool>,
    no_failover: Option<(Lack, Duration)>,
    wake: Option<Duration>,
    #[cfg(test)]
    pub(in crate::failover) mutant: Option<mutants::Mutant>,
}

impl Candidate {
    /// A candidate whose agent starts at `now`.
    pub fn new(me: Me, timing: Timing, now: Duration) -> Candidate {
        Candidate {
            timing,
            started: now,
            requests: Requests::new(now),
            known: None,
            held: None,
            lease: None,
            renew_at: now,
            promise: Promise::new(now),
            armed: None,
            shot: false,
            fence_failed: None,
            fence_again_at: now,
            local: None,
            peer: None,
            peer_heard: now,
            peer_silent: false,
            peer_unclear: None,
            commits_wait: None,
            waits_turn: 0,
            to_end: None,
            confirm_at: now,
            confirm_pause: Duration::ZERO,
            in_sync_since: now,
            withdrawn_for: None,
            lost: None,
            start_wanted: false,
            ended: None,
            crashes: Vec::new(),
            unclear_since: None,
            killed_at: None,
            promote_at: now,
            prove_at: now,
            restoring: false,
            proof: None,
            proof_at: now,
            handing: None,
            switchover: None,
            idle: false,
            ask_idle_at: now,
            idle_until: now,
            mode: None,
            forced: None,
            draining: None,
            no_failover: None,
            wake: Some(now),
            #[cfg(test)]
            mutant: None,
            me,
        }
    }

    /// What follows from `event` at `now`.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Action> {
        let mut turn = Turn::new(now);
        self.take(event, &mut turn);
        self.act(&mut turn);
        self.wake = turn.wake;
        turn.actions
    }

    /// When it wants [`Event::Due`] at the latest.
    pub fn due(&self) -> Option<Duration> {
        self.wake
    }

    fn take(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Due => {}
            Event::Changed => self.changed(turn),
            Event::Read { ticket, found } => self.read_ended(ticket, found, turn),
            Event::Wrote { ticket, outcome } => self.write_ended(ticket, outcome, turn),
            Event::PromiseAsked {
                ticket,
                epoch,
                seconds,
                by,
            } => self.promise_asked(ticket, epoch, seconds, &by, turn),
            Event::PromiseAnswered { ticket, by, reply } => self.promise_answered(ticket, &by, reply, turn),
            Event::Local(facts) => self.see_local(facts, turn.now),
            Event::Peer(answer) => self.see_peer(answer, turn.now),
            Event::ProofOfDeath { holder, version } => self.proven_dead(&holder, &version, turn.now),
            Event::FenceFailed(why) => self.fence_has_failed(why, turn),
            Event::StartWanted => self.start_wanted = true,
            Event::Ended(how) => self.server_ended(how, turn),
            Event::PromoteFailed(why) => self.promote_failed(why, turn),
            Event::Command(command) => self.command(command, turn),
            Event::Draining { hand_over } => self.draining = Some(hand_over),
        }
    }

    /// Does whatever is to be done by what is known now.
    fn act(&mut self, turn: &mut Turn) {
        self.give_up_late_requests(turn);
        self.try_fence_again(turn);
        match self.standing() {
            Standing::Unknown => {}
            Standing::Holder => self.hold(turn),
            Standing::Other => self.succeed(turn),
            Standing::Free => self.take_free(turn),
            Standing::Doubtful => self.doubt_or_create(turn),
        }
        self.keep_promising(turn);
        self.guard(turn);
        self.look(turn);
        self.note_no_failover(turn);
    }

    fn see_local(&mut self, facts: LocalFacts, now: Duration) {
        match facts.server {
            Server::Writable { .. } => {
                self.start_wanted = false;
                self.ended = None;
            }
            Server::Standby { .. } => self.ended = None,
            Server::Down => {
                self.killed_at = None;
                self.promote_at = now;
            }
            Server::Unclear => {}
        }
        self.unclear_since = match facts.server {
            Server::Unclear => self.unclear_since.or(Some(now)),
            _ => None,
        };
        self.local = Some(facts);
    }

    fn see_peer(&mut self, answer: PeerAnswer, now: Duration) {
        self.peer_silent = answer == PeerAnswer::Silent;
        self.peer_unclear = None;
        if !self.peer_silent {
            self.peer_heard = now;
        }
        match answer {
            PeerAnswer::Silent => {}
            PeerAnswer::NotUnderstood(why) => self.peer_unclear = Some(why),
            PeerAnswer::Facts(facts) => self.peer = Some(facts),
        }
    }

    fn server_ended(&mut self, how: Ended, turn: &mut Turn) {
        self.count_crash(how, turn.now);
        self.ended = Some(how);
        self.start_wanted = false;
        self.killed_at = None;
        if let Some(local) = &mut self.local {
            local.server = Server::Down;
        }
        self.hand_over_stopped(how, turn);
    }

    fn promote_failed(&mut self, why: String, turn: &mut Turn) {
        self.promote_at = turn.now + state::AGAIN;
        turn.tell(Notice::PromotionFailed(why));
    }

    fn command(&mut self, command: Command, turn: &mut Turn) {
        match command {
            Command::Switchover { when_idle, by } => self.ask_switchover(when_idle, by, turn),
            Command::Idle => self.idle = true,
            Command::CancelSwitchover => self.cancel_switchover(turn),
            Command::AcceptDataLoss { by } => self.force(by, turn),
            Command::Takeovers(mode) => self.set_mode(mode, turn),
        }
    }

    fn set_mode(&mut self, mode: Mode, turn: &mut Turn) {
        if self.held.is_some() {
            self.mode = Some(mode);
        } else {
            let why = self.not_mine("whether takeovers happen by themselves");
            turn.tell(Notice::Refused(why));
        }
    }

    fn directory(&self) -> Option<&Directory> {
        self.local.as_ref().map(|local| &local.directory)
    }

    fn server(&self) -> Option<&Server> {
        self.local.as_ref().map(|local| &local.server)
    }
}
