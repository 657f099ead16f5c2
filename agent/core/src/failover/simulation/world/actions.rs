//! What the agents' actions do to the world.

use super::data::Stream;
use super::pod::{Asked, Hung, Runs};
use super::state::{Body, DIES_WITHIN, Letter, World};
use super::time::global;
use crate::cluster::directory::DirectoryKind;
use crate::failover::candidate::{Action, Command, Ended, Event, Permit};
use crate::failover::record::{Record, Version};

/// What a pod that ends must not do.
pub(crate) const ENDS: &str = "a pod that ends took the role";

impl World {
    pub(crate) fn carry_out(&mut self, p: usize, action: Action) {
        match action {
            Action::Read(ticket) => self.ask(p, ticket, false, Body::Read),
            Action::Write { ticket, record, over } => {
                self.check_taker(p, &record, over.as_ref());
                self.ask(p, ticket, true, Body::Write(record, over));
            }
            // A volume that hangs has it when it answers again.
            Action::Remember(_) if self.pods[p].has_hung_volume() => {}
            Action::Remember(memory) => self.pods[p].memory = Some(memory),
            Action::AnswerPromise(ticket, reply) => {
                let by = self.pods[p].holder();
                self.post(1 - p, self.asking, ticket, Body::Promised { by, reply });
            }
            Action::AskPromise { ticket, epoch, seconds } => {
                let (by, life) = (self.pods[p].holder(), self.pods[p].life);
                self.post(p, life, ticket, Body::AskPromise { epoch, seconds, by });
            }
            Action::ArmFence(until) => {
                let pod = &mut self.pods[p];
                pod.fence = Some(global(until, pod.rate));
                (pod.closed, pod.shot) = (false, false);
            }
            Action::DisarmFence => self.open_fence(p),
            Action::KillNow(_) => {
                let pod = &mut self.pods[p];
                (pod.fence, pod.closed, pod.shot) = (None, true, true);
                self.shoot(p);
            }
            Action::Promote => self.promote(p),
            Action::StopFast => self.pods[p].stopping = true,
            Action::CommitsWait(wanted) => {
                self.pods[p].told_to_wait = wanted.is_some();
                self.pods[p].waits_turn = wanted;
                self.pods[p].commits_wait &= wanted.is_some();
            }
            Action::EndWalsender(id) => self.end_walsender(&id),
            Action::AskIdle => self.tell(p, Event::Command(Command::Idle)),
            Action::ProveDeath { holder, version } => {
                let other = &self.pods[1 - p];
                let whose = if other.holder().pod == holder.pod {
                    other
                } else {
                    &self.pods[p]
                };
                let dead = whose.holder() != holder || whose.gone || whose.runs == Runs::Nothing;
                if dead && self.proofs && !self.cut[p] {
                    let life = self.pods[p].life;
                    let ticket = crate::failover::candidate::Ticket(0);
                    self.post(p, life, ticket, Body::Dead { holder, version });
                }
            }
            Action::StripOtherLabel(_) | Action::Tell(_) => {}
        }
    }

    fn ask(&mut self, p: usize, ticket: crate::failover::candidate::Ticket, writes: bool, body: Body) {
        let until = self.now + self.request_time();
        self.pods[p].asked = Some(Asked { ticket, writes, until });
        self.post(p, self.pods[p].life, ticket, body);
    }

    pub(super) fn post(&mut self, pod: usize, life: u8, ticket: crate::failover::candidate::Ticket, body: Body) {
        let late = false;
        self.wire.push(Letter {
            pod,
            life,
            ticket,
            body,
            late,
        });
    }

    /// Who ends does not take the role from the other one.
    fn check_taker(&mut self, p: usize, record: &Record, over: Option<&Version>) {
        // One that goes by a record which is not there any more takes nothing.
        if over != Some(&self.current()) {
            return;
        }
        let own = self.pods[p].holder();
        let others = |now: &Record| now.holder.as_ref().is_some_and(|holder| holder.pod != own.pod);
        if self.pods[p].draining && record.is_held_by(&own) && self.record().is_some_and(others) {
            self.break_rule(ENDS);
        }
    }

    pub(super) fn shoot(&mut self, p: usize) {
        let pod = &mut self.pods[p];
        if pod.runs != Runs::Nothing {
            pod.dies_at.get_or_insert(self.now + DIES_WITHIN);
        }
    }

    fn open_fence(&mut self, p: usize) {
        let pod = &mut self.pods[p];
        (pod.fence, pod.closed, pod.shot) = (None, false, false);
    }

    /// What the driver does before it tells the machine that no server runs.
    pub(super) fn open_after_shot(&mut self, p: usize) {
        let pod = &self.pods[p];
        let may_start = pod.kind == DirectoryKind::Standby || pod.agent.may_start() == Permit::Yes;
        if pod.shot && pod.runs == Runs::Nothing && may_start {
            self.open_fence(p);
        }
    }

    /// The server of a pod is gone, however that came.
    pub(crate) fn end_server(&mut self, p: usize, how: Ended) {
        self.pods[p].runs = Runs::Nothing;
        self.pods[p].dies_at = None;
        self.pods[p].hung = self.pods[p].hung.filter(|(what, ..)| *what == Hung::Volume);
        self.pods[p].stopping = false;
        self.pods[p].ended = Some(how);
        let heard = !self.peers_cut && !self.pods[1 - p].frozen;
        let now = self.now;
        if let Some(stream) = &mut self.stream {
            if stream.primary == p {
                stream.leave(now);
                if heard {
                    stream.ended.get_or_insert(now);
                    stream.session_ended.get_or_insert(now);
                }
            } else {
                stream.ended.get_or_insert(now);
                stream.forgotten = true;
                if heard && self.pods[1 - p].hung.is_none() {
                    stream.leave(now);
                }
            }
        }
    }

    fn promote(&mut self, p: usize) {
        if self.pods[p].runs != Runs::Standby || self.pods[p].hung.is_some() {
            self.tell(p, Event::PromoteFailed("no standby runs".into()));
            return;
        }
        if !self.forced && !self.pods[p].log.has(&self.acknowledged) {
            self.break_rule("promoted without a commit that was acknowledged");
        }
        let pod = &mut self.pods[p];
        pod.log.promote();
        pod.kind = DirectoryKind::Primary;
        pod.runs = Runs::Writable;
        self.stream = None;
    }

    fn end_walsender(&mut self, id: &str) {
        let (now, cut) = (self.now, self.peers_cut);
        let hung = self.pods.clone().map(|pod| pod.hung.is_some());
        let answers = |s: &&mut Stream| s.id.to_string() == id && !hung[s.primary];
        if let Some(stream) = self.stream.as_mut().filter(answers) {
            stream.leave(now);
            if !cut {
                stream.ended.get_or_insert(now);
            }
        }
    }
}
