//! Promises: with the authority silent, the word of the only one that could take over is enough (R2).

use super::turn::Turn;
use super::{Action, Candidate, Kill, Reply, Standing, Ticket};
use crate::failover::record::Holder;
use crate::failover::timing::{PROMISE_EVERY, Timing};

impl Candidate {
    /// The other one asks. It gets a yes if nothing newer than its epoch is known here, and this candidate is not taking the
    /// role itself. No disk keeps it: whoever starts anew watches for a whole lease anyway (R6).
    pub(super) fn promise_asked(&mut self, ticket: Ticket, epoch: u64, seconds: u32, by: &Holder, turn: &mut Turn) {
        let known = self.me.remembered.as_ref().map_or(0, |m| m.epoch);
        let other = self
            .record()
            .filter(|r| r.epoch == epoch)
            .and_then(|r| r.holder.as_ref());
        let contradicted = epoch < known || other.is_some_and(|holder| holder != by);
        let takes = self.standing() == Standing::Holder || self.requests.open().next().is_some();
        let reply = if contradicted || takes || by.pod != self.me.other {
            Reply::No { epoch: known }
        } else {
            let lease = self.timing.lease().max(Timing::new(seconds).lease());
            self.promise.given = self.promise.given.max(Some(turn.now + lease));
            Reply::Yes
        };
        turn.push(Action::AnswerPromise(ticket, reply));
    }

    /// Whether what this candidate has promised is over.
    pub(super) fn promise_is_over(&self, turn: &mut Turn) -> bool {
        let given = self.promise.given;
        rule!(self, BreaksPromise, given.is_none_or(|until| turn.reached(until)))
    }

    /// While the authority is silent, and somebody could take over: asks him not to.
    pub(super) fn keep_promising(&mut self, turn: &mut Turn) {
        if self.held.is_none() || !self.exposed() || self.requests.silent.is_none() || self.steps_aside() {
            return;
        }
        if let Some((_, at, _)) = self.promise.asked
            && turn.reached(at + PROMISE_EVERY)
        {
            self.promise.asked = None;
        }
        if self.promise.asked.is_none() && turn.reached(self.promise.ask_at) {
            let ticket = self.requests.ticket();
            let seconds = self.timing.lease_seconds();
            self.promise.asked = Some((ticket, turn.now, seconds));
            self.promise.ask_at = turn.now + PROMISE_EVERY;
            let epoch = self.held.as_ref().map_or(0, |held| held.epoch);
            turn.push(Action::AskPromise { ticket, epoch, seconds });
        }
    }

    /// The other one's answer. Only the word of him counts who alone could take over.
    pub(super) fn promise_answered(&mut self, ticket: Ticket, by: &Holder, reply: Reply, turn: &mut Turn) {
        let Some((_, at, seconds)) = self.promise.asked.take_if(|(asked, _, _)| *asked == ticket) else {
            return;
        };
        let Some(held) = &self.held else {
            return;
        };
        match reply {
            Reply::Yes => {
                let his = |uid: &String| *uid == by.uid;
                if rule!(self, BelievesAnybody, self.successors().all(|s| his(&s.uid))) {
                    let counted_from = if rule!(self, CountsFromAnswer, false) {
                        turn.now
                    } else {
                        at
                    };
                    let until = counted_from + Timing::new(seconds).deadline();
                    self.promise.of_other = self.promise.of_other.max(Some(until));
                }
            }
            Reply::No { epoch } if epoch > held.epoch => {
                self.requests.look_first = true;
                if self.writes() {
                    self.kill(Kill::NotHolder(Some(by.clone())), turn);
                }
            }
            Reply::No { .. } => {}
        }
    }
}
