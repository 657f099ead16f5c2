//! For the model checker: what of a machine only ever grows is shown to a frame, which makes it relative.

use super::event::Ticket;
use super::frame::{Frame, Open};
use super::state::Promise;
use super::{Candidate, Remembered, Server};
use crate::failover::record::Version;
use crate::failover::timing::TOGETHER;
use std::time::Duration;

impl Candidate {
    /// The question for a promise that is open.
    pub(in crate::failover) fn asks_promise(&self) -> Option<Ticket> {
        self.promise.asked.map(|(ticket, _, _)| ticket)
    }

    /// How often commits were told to wait.
    pub(in crate::failover) fn waits_turn(&self) -> u64 {
        self.waits_turn
    }

    /// What its volume shall remember.
    pub(in crate::failover) fn remembered(&self) -> Option<&Remembered> {
        self.me.remembered.as_ref()
    }

    /// What it knows the authority to hold.
    pub(in crate::failover) fn knows_version(&self) -> Option<&Version> {
        self.known.as_ref().map(|known| &known.version)
    }

    /// Shows everything that only ever grows to `frame`.
    pub(in crate::failover) fn normalize(&mut self, frame: &mut impl Frame, open: &Open) {
        for due in [
            &mut self.renew_at,
            &mut self.confirm_at,
            &mut self.promote_at,
            &mut self.prove_at,
            &mut self.ask_idle_at,
            &mut self.idle_until,
            &mut self.fence_again_at,
        ] {
            frame.due(due);
        }
        frame.time(&mut self.peer_heard);
        // How long the standby was in sync changes the pause before it is trusted again, and no more.
        self.in_sync_since = Duration::ZERO;
        self.started = Duration::ZERO;
        self.no_failover = None;
        frame.times(self.to_end.iter_mut().map(|(_, at)| at));
        frame.times(&mut self.crashes);
        frame.times(self.unclear_since.iter_mut());
        frame.times(self.lease.iter_mut().chain(&mut self.killed_at).chain(&mut self.wake));
        frame.times(self.armed.iter_mut().flatten());
        if let Some(known) = &mut self.known {
            frame.seen(&mut known.seen);
            frame.version(&mut known.version);
            frame.time(&mut known.since);
        }
        self.held.iter_mut().for_each(|held| frame.record(held));
        self.proof.iter_mut().for_each(|version| frame.version(version));
        if let Some(memory) = &mut self.me.remembered {
            frame.serial(&mut memory.serial);
        }
        self.requests.normalize(frame, open);
        self.promise.normalize(frame, open);
        let turn = std::mem::replace(&mut self.waits_turn, 1);
        frame.due(&mut self.proof_at);
        if let Some(local) = &mut self.local {
            frame.time(&mut local.at);
            if let Server::Writable {
                stream: Some(stream), ..
            } = &mut local.server
            {
                stream.proven = stream.proven.map(|of| u64::from(of == turn));
            }
            local.server.normalize(frame);
            frame.times(local.volume_hangs_since.iter_mut());
        }
    }
}

impl Promise {
    fn normalize(&mut self, frame: &mut impl Frame, open: &Open) {
        let (given, of_other, asked, ask_at) = self.parts();
        if let Some(given) = given {
            frame.due(given);
        }
        frame.times(of_other.iter_mut());
        if let Some((ticket, at, _)) = asked {
            open.ticket(ticket);
            frame.time(at);
        }
        frame.due(ask_at);
    }
}

impl Server {
    fn normalize(&mut self, frame: &mut impl Frame) {
        match self {
            Server::Writable { stream, hangs_since } => {
                frame.times(hangs_since.iter_mut());
                if let Some(stream) = stream {
                    frame.times([&mut stream.heard, &mut stream.replied]);
                }
            }
            Server::Standby { receiver, .. } => {
                if let Some(receiver) = receiver {
                    together(&mut receiver.session_ended, receiver.ended);
                    frame.times(receiver.ended.iter_mut());
                }
            }
            Server::Down | Server::Unclear => {}
        }
    }
}

/// Of the end of the session counts whether it came with that of the stream.
fn together(session_ended: &mut Option<Duration>, ended: Option<Duration>) {
    if let (Some(session), Some(ended)) = (session_ended, ended) {
        *session = match session.abs_diff(ended) <= TOGETHER {
            true => Duration::ZERO,
            false => Duration::MAX,
        };
    }
}
