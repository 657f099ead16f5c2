//! What servers, their streams, init and the supervisor do by themselves.

use super::data::Stream;
use super::pod::Runs;
use super::state::{WAL_SENDER_TIMEOUT, World};
use crate::cluster::directory::DirectoryKind;
use crate::failover::candidate::{CommitsWait, Doing, Ended, Event, Permit};
use crate::failover::lsn::Lsn;
use crate::failover::timing::TOGETHER;

impl World {
    pub(crate) fn servers_go_on(&mut self) {
        for p in 0..2 {
            self.init_goes_on(p);
        }
        self.stream_goes_on();
        for p in 0..2 {
            self.commit(p);
            self.pods[p].commits_wait = self.pods[p].told_to_wait;
            self.stop(p);
        }
    }

    fn init_goes_on(&mut self, p: usize) {
        let now = self.now;
        let pod = &mut self.pods[p];
        if pod.gone || pod.frozen {
            return;
        }
        if pod.fence.is_some_and(|fence| fence <= now) {
            pod.fence = None;
            pod.closed = true;
        }
        if pod.closed {
            self.shoot(p);
        }
        if self.pods[p].dies_at.is_some_and(|at| at <= now) && !self.pods[p].has_hung_volume() {
            self.end_server(p, Ended::Crashed);
        }
    }

    fn flows(&self) -> bool {
        let alive = |s: &Stream| s.at_primary && s.ended.is_none();
        self.stream.as_ref().is_some_and(|s| {
            let (from, to) = (&self.pods[s.primary], &self.pods[1 - s.primary]);
            alive(s) && !self.peers_cut && from.is_writable() && to.works() && to.runs == Runs::Standby
        })
    }

    fn stream_goes_on(&mut self) {
        let now = self.now;
        let flows = self.flows();
        if let Some(stream) = &mut self.stream {
            let p = stream.primary;
            if flows {
                stream.stalled_since = None;
                // The proof needs a look of its own after commits wait.
                stream.proven = self.pods[p].waits_turn.filter(|_| self.pods[p].commits_wait);
                let log = self.pods[p].log.clone();
                self.pods[1 - p].log = log;
                return;
            }
            let since = *stream.stalled_since.get_or_insert(now);
            if self.pods[p].is_writable() && now >= since + WAL_SENDER_TIMEOUT {
                stream.leave(now);
            }
            if !self.peers_cut && !self.pods[1 - p].frozen {
                let dead = self.pods[p].gone || self.pods[p].runs == Runs::Nothing;
                if !stream.at_primary || dead {
                    stream.ended.get_or_insert(now);
                    if dead {
                        stream.session_ended.get_or_insert(now);
                    }
                }
                if stream.ended.is_some() && self.pods[1 - p].works() && self.pods[p].hung.is_none() {
                    stream.leave(now);
                }
            }
        }
        let over = self.stream.as_ref().is_none_or(|s| !s.at_primary && s.ended.is_some());
        if over && !self.peers_cut {
            self.connect();
        }
    }

    fn connect(&mut self) {
        for p in 0..2 {
            let (from, to) = (&self.pods[p], &self.pods[1 - p]);
            if from.is_writable() && to.works() && to.runs == Runs::Standby && from.log.has(&to.log) {
                self.streams += 1;
                self.stream = Some(Stream::new(self.streams, p));
                return;
            }
        }
    }

    /// One commit for each loss of the standby is enough to be lost.
    fn commit(&mut self, p: usize) {
        if !self.pods[p].is_writable() {
            return;
        }
        let flows = self.flows();
        // A stream that was made a moment ago has brought nothing yet.
        let brought = flows && self.pods[1 - p].log.has(&self.pods[p].log);
        let waits = !brought
            && match self.waits {
                CommitsWait::Always => self.pods[p].commits_wait,
                CommitsWait::WhileStreaming => self.stream.as_ref().is_some_and(|s| s.primary == p && self.held_up(s)),
            };
        if !flows && self.pods[1 - p].log.has(&self.pods[p].log) {
            self.pods[p].log.commit();
        }
        if !waits {
            self.acknowledge(p);
        }
    }

    /// Whether a commit waits for the standby. What is let go within the time in which R7 cannot tell is left out: see what stays
    /// open in docs/design/failover.md.
    fn held_up(&self, stream: &Stream) -> bool {
        let together = u64::try_from(TOGETHER.as_millis()).unwrap_or(u64::MAX);
        stream.at_primary || stream.left.is_some_and(|left| self.now <= left + together)
    }

    /// Somebody knows now what is committed at that pod.
    fn acknowledge(&mut self, p: usize) {
        let log = &self.pods[p].log;
        if log.has(&self.acknowledged) {
            self.acknowledged = log.clone();
        } else if !self.forced {
            self.break_rule("a commit that was acknowledged is missing");
        } else {
            self.acknowledged = log.clone();
        }
    }

    fn stop(&mut self, p: usize) {
        let pod = &self.pods[p];
        if !pod.works() || !pod.stopping && !pod.draining {
            return;
        }
        match pod.runs {
            Runs::Standby if self.now < pod.stops_at => {}
            Runs::Standby => self.end_server(p, Ended::Crashed),
            Runs::Writable => {
                let sends = self.stream.as_ref().is_some_and(|s| s.primary == p && s.at_primary);
                if !sends || self.flows() {
                    let (lsn, timeline) = (Lsn(self.pods[p].log.end()), self.pods[p].log.timeline());
                    self.end_server(p, Ended::InOrder { lsn, timeline });
                }
            }
            Runs::Nothing => {}
        }
    }

    /// What the supervisor of a pod does.
    pub(crate) fn supervise(&mut self, p: usize) {
        let pod = &self.pods[p];
        if pod.runs != Runs::Nothing || pod.has_hung_volume() {
            return;
        }
        if pod.draining {
            if pod.agent.view().drained {
                self.replace(p);
            }
            return;
        }
        let rejoins = pod.agent.view().doing == Doing::Rejoining;
        match pod.kind {
            DirectoryKind::Standby if !pod.closed => self.pods[p].runs = Runs::Standby,
            DirectoryKind::Primary if rejoins => self.rejoin(p),
            DirectoryKind::Primary => {
                self.tell(p, Event::StartWanted);
                if self.pods[p].agent.may_start() == Permit::Yes && !self.pods[p].closed {
                    self.pods[p].runs = Runs::Writable;
                    self.pods[p].ended = None;
                    // Commits that waited for the standby can be read now.
                    self.acknowledge(p);
                }
            }
            _ => {}
        }
    }

    /// The old coordinator becomes a copy of the new one.
    fn rejoin(&mut self, p: usize) {
        let other = &self.pods[1 - p];
        if other.is_writable() && !self.peers_cut && !self.pods[p].closed {
            let log = other.log.clone();
            let pod = &mut self.pods[p];
            pod.log = log;
            pod.kind = DirectoryKind::Standby;
            pod.runs = Runs::Standby;
            pod.commits_wait = false;
            pod.told_to_wait = false;
            pod.waits_turn = None;
        }
    }
}
