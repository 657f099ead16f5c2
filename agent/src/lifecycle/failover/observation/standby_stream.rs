//! The standby's own stream, by the name that the coordinator has for it, and whether it ended as that of a coordinator that
//! lives: a session that is kept there says so.

use super::own_side::OwnSide;
use crate::lifecycle::pod::{Pod, partner};
use crate::sys::postgres::partner_session::PartnerSession;
use crate::sys::process::{Process, clock};
use gp_agent_core::failover::candidate::Receiver;
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// For a question to the coordinator, and for a connection.
const ANSWER_WITHIN: Duration = timeouts::STANDBY_STREAM_ANSWERS;
/// Between two connections that fail.
const CONNECT_EVERY: Duration = Duration::from_millis(500);

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct StreamSeen {
    pub(super) receiver: Option<Receiver>,
    pub(super) received: Option<Lsn>,
    pub(super) timeline: Option<u32>,
}

/// One walreceiver.
struct Known {
    pid: i32,
    /// When its process ended.
    ended: watch::Receiver<Option<Duration>>,
    /// Its stream, once the coordinator has told its name.
    stream: Option<String>,
    /// The coordinator's timeline, told with it.
    timeline: Option<u32>,
    /// When the session beside it ended; one that was made anew while the stream lived takes its place.
    session_ended: Option<Duration>,
}

/// Keeps the session, and remembers the last stream.
pub(super) struct StandbyStream {
    pod: Arc<Pod>,
    session: Option<PartnerSession>,
    connected_at: Duration,
    known: Option<Known>,
}

impl StandbyStream {
    pub(super) fn new(pod: &Arc<Pod>) -> StandbyStream {
        StandbyStream {
            pod: pod.clone(),
            session: None,
            connected_at: Duration::ZERO,
            known: None,
        }
    }

    /// The server is gone, or takes writes: its stream proves nothing any more.
    pub(super) fn forget(&mut self) {
        self.session = None;
        self.known = None;
    }

    /// One look, which `own` answers.
    pub(super) async fn look(&mut self, mut own: OwnSide<'_>) -> StreamSeen {
        self.note_session();
        let Some(receives) = own.receives().await else {
            return StreamSeen {
                receiver: self.receiver(),
                ..StreamSeen::default()
            };
        };
        if let Some(pid) = receives.streams {
            self.meet(pid);
        }
        self.connect().await;
        self.learn_name(&mut own).await;
        StreamSeen {
            receiver: self.receiver(),
            received: receives.received,
            timeline: receives
                .timeline
                .or(self.known.as_ref().and_then(|known| known.timeline)),
        }
    }

    fn receiver(&self) -> Option<Receiver> {
        let known = self.known.as_ref()?;
        Some(Receiver {
            stream: known.stream.clone()?,
            ended: *known.ended.borrow(),
            session_ended: known.session_ended,
        })
    }

    fn lives(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.ended.borrow().is_none())
    }

    /// A session that has ended is gone for good; beside a stream that lives there will be another.
    fn note_session(&mut self) {
        let Some(at) = self.session.as_ref().and_then(PartnerSession::ended) else {
            return;
        };
        self.session = None;
        if let Some(known) = &mut self.known {
            known.session_ended.get_or_insert(at);
        }
    }

    /// Another process is another stream, whose name is not known yet.
    fn meet(&mut self, pid: i32) {
        if self
            .known
            .as_ref()
            .is_some_and(|known| known.pid == pid && known.ended.borrow().is_none())
        {
            return;
        }
        let Ok(process) = Process::adopt(pid) else { return };
        let (over, ended) = watch::channel(None);
        tokio::spawn(async move {
            let _ = process.ended().await;
            over.send_replace(Some(clock::boottime()));
        });
        self.known = Some(Known {
            pid,
            ended,
            stream: None,
            timeline: None,
            session_ended: None,
        });
    }

    /// Only beside a stream that lives: a session that is made later would say that the coordinator lives, not that it did.
    async fn connect(&mut self) {
        let now = clock::boottime();
        if self.session.is_some() || !self.lives() || now < self.connected_at + CONNECT_EVERY {
            return;
        }
        self.connected_at = now;
        let Some(partner) = partner::of(&self.pod).await else {
            return;
        };
        match PartnerSession::connect(&partner, ANSWER_WITHIN).await {
            Ok(session) => {
                self.session = Some(session);
                if let Some(known) = &mut self.known {
                    known.session_ended = None;
                }
            }
            Err(error) => tracing::debug!("no session at the coordinator: {error}"),
        }
    }

    /// The newest stream of this pod at the coordinator is the one of the walreceiver that is there before and after the
    /// question: an older one cannot have been made later.
    async fn learn_name(&mut self, own: &mut OwnSide<'_>) {
        let (Some(session), Some(known)) = (&self.session, &self.known) else {
            return;
        };
        if known.stream.is_some() || known.ended.borrow().is_some() {
            return;
        }
        let pid = known.pid;
        let engine = &self.pod.engine;
        let sql = engine.failover_sql().newest_stream(engine.stream_of(&self.pod.me.pod));
        let Ok(rows) = session.ask(&sql, ANSWER_WITHIN).await else {
            return;
        };
        let cell = |i: usize| rows.first().and_then(|row| row.get(i).cloned().flatten());
        let same = own.still_streams(pid).await;
        if let Some(known) = &mut self.known
            && same
            && known.pid == pid
        {
            known.stream = cell(0);
            known.timeline = cell(1).and_then(|hex| u32::from_str_radix(&hex, 16).ok());
        }
    }
}
