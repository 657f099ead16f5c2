//! The standby's own stream, by the name that the coordinator has for it, and whether it ended as that of a coordinator that
//! lives: a session that is kept there says so.

use super::own_side::OwnSide;
use crate::lifecycle::pod::{Pod, partner};
use crate::sys::postgres::partner_session::PartnerSession;
use crate::sys::process::{Process, clock};
use gp_agent_core::failover::candidate::Receiver;
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::failover::stream_rows::Newest;
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

/// A session that is to be at the server that sends the stream.
struct Beside {
    session: PartnerSession,
    /// That server has said that it sends it. Where a pod was may be another one by now, this one too: a session there would
    /// say nothing of the coordinator, and never end with it.
    sees_stream: bool,
}

/// Keeps the session, and remembers the last stream.
pub(super) struct StandbyStream {
    pod: Arc<Pod>,
    session: Option<Beside>,
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
        self.find_stream(&mut own).await;
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
        let Some(at) = self.session.as_ref().and_then(|beside| beside.session.ended()) else {
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
        if let Some(beside) = &mut self.session {
            beside.sees_stream = false;
        }
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
                self.session = Some(Beside {
                    session,
                    sees_stream: false,
                });
            }
            Err(error) => tracing::debug!("no session at the coordinator: {error}"),
        }
    }

    /// Has the server at the other end of the session say that it sends the stream that lives here, and by which name. Another
    /// server is left again: the pod's address is looked up in the meantime.
    async fn find_stream(&mut self, own: &mut OwnSide<'_>) {
        let lives = self.lives();
        let (Some(beside), Some(known)) = (&mut self.session, &mut self.known) else {
            return;
        };
        if beside.sees_stream || !lives {
            return;
        }
        let engine = &self.pod.engine;
        let sql = engine.failover_sql().newest_stream(engine.stream_of(&self.pod.me.pod));
        let database = self.pod.board.read(|s| s.directory.system_id.clone());
        let newest = match beside.session.ask(&sql, ANSWER_WITHIN).await {
            Ok(rows) => Newest::of(rows.first().map(Vec::as_slice), database.as_deref()),
            Err(error) => {
                tracing::debug!("the session at the coordinator: {error}");
                Newest::NotHere
            }
        };
        match newest {
            Newest::Begins => {}
            Newest::Streams { stream, timeline } if known.stream.as_ref().is_none_or(|told| *told == stream) => {
                // The newest stream there is the one of the walreceiver that is here before and after the question: an older one
                // cannot have been made later.
                if own.still_streams(known.pid).await {
                    (known.stream, known.timeline, known.session_ended) = (Some(stream), timeline, None);
                    beside.sees_stream = true;
                }
            }
            Newest::Streams { .. } | Newest::NotHere => {
                tracing::debug!("the session is not at the server that sends this standby its stream");
                self.session = None;
            }
        }
    }
}
