//! Where commits wait for a standby only while it is connected, they go on once the server gives the standby up for its silence.
//! No coordinator may live to see that whose record still names the standby (R13).

use super::{Candidate, CommitsWait, Lack, Server, Stream};
use crate::failover::timing::GONE_WITHIN;
use std::time::Duration;

impl Candidate {
    /// Until when commits wait for a standby that is in sync and silent; `None` where that has no end, or the connection has one
    /// already.
    pub(super) fn commits_wait_until(&self) -> Option<Duration> {
        let Some(Server::Writable {
            stream: Some(stream), ..
        }) = self.server()
        else {
            return None;
        };
        let named = self.successors().any(|named| named.stream == stream.id);
        let gives_up = self.gives_up(stream).filter(|_| named)?;
        // The server counts on CLOCK_REALTIME.
        let alive = (gives_up * 99 / 100).saturating_sub(GONE_WITHIN);
        (!rule!(self, OutlivesStream, false)).then(|| stream.replied + alive)
    }

    /// Why a standby cannot be in sync whose server's patience is shorter than the coordinator's life without the authority.
    pub(super) fn gives_up_early(&self, stream: &Stream) -> Option<Lack> {
        let least = self.timing.least_patience();
        let gives_up = self.gives_up(stream).filter(|gives_up| *gives_up < least)?;
        Some(Lack::GivesUpEarly(gives_up, least))
    }

    fn gives_up(&self, stream: &Stream) -> Option<Duration> {
        stream.gives_up.filter(|_| self.me.waits == CommitsWait::WhileStreaming)
    }
}
