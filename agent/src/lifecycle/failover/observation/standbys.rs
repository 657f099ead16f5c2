//! The standby's stream as the coordinator sees it.

use crate::lifecycle::failover::commits_wait::Proof;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings::sync_standby;
use crate::sys::postgres::session::Session;
use crate::sys::process::clock;
use gp_agent_core::failover::candidate::{CommitsWait, Stream};
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::failover::stream_rows::Sends;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::time::Duration;

/// For a checkpoint of a busy server.
const CHECKPOINT_WITHIN: Duration = timeouts::CHECKPOINT_WHEN_BUSY;

/// Where the standby's word has no time that could be seen, it shows by what it has flushed. So that there is something to be
/// flushed, log is written when there was no sign of it for so long.
const SIGN_EVERY: Duration = Duration::from_secs(20);

/// What is kept from look to look.
pub(crate) struct Standbys {
    pod: Arc<Pod>,
    /// The stream for which log was written, so that a standby which answers no SQL knows that it streams.
    woken: Option<String>,
    sql: String,
    /// For whom commits have to wait; `None` where they wait for any standby that streams.
    wanted: Option<String>,
    proof: Arc<Proof>,
    last: Option<Last>,
    /// When the last look that was answered began.
    looked: Option<Duration>,
    /// What the last look that was answered saw; `None` before there was one.
    seen: Option<Option<Stream>>,
}

struct Last {
    stream: String,
    /// What the standby said last, by its own clock and by what it has flushed; when that was first seen; and when it was not yet.
    sign: (Option<String>, Lsn),
    heard: Duration,
    replied: Duration,
    /// When log was written to have a sign of it.
    asked: Duration,
    /// WAL that was written when there was none that waited, and when that was.
    waits_for: Option<(Lsn, Duration)>,
}

impl Standbys {
    pub(crate) fn new(pod: &Arc<Pod>, proof: &Arc<Proof>) -> Standbys {
        let standby = pod.partner().map(|partner| partner.pod.clone()).unwrap_or_default();
        Standbys {
            pod: pod.clone(),
            woken: None,
            sql: pod.engine.failover_sql().stream(pod.engine.stream_of(&standby)),
            wanted: match pod.engine.commits_wait() {
                CommitsWait::Always => Some(sync_standby::value(Some(&standby))),
                CommitsWait::WhileStreaming => None,
            },
            proof: proof.clone(),
            last: None,
            looked: None,
            seen: None,
        }
    }

    /// The server is gone, or is a standby.
    pub(crate) fn forget(&mut self) {
        self.last = None;
        self.looked = None;
        self.seen = None;
        self.proof.forget();
    }

    /// The newest stream of the standby, if there is one; `None` while that has not been said yet. A question that is not answered leaves what was seen: it grows old.
    pub(crate) async fn look(&mut self, session: &mut Session) -> Option<Option<Stream>> {
        let began = clock::boottime();
        if let Ok(rows) = session.ask(&self.sql).await {
            let row = rows.first().and_then(|row| Sends::of(row));
            self.seen = Some(row.map(|row| self.note(row, began)));
            self.looked = Some(began);
        }
        self.seen.clone()
    }

    /// What was seen last; `None` if nothing was yet.
    pub(crate) fn seen(&self) -> Option<Option<Stream>> {
        self.seen.clone()
    }

    /// The title of a walreceiver says that it streams once something was flushed. Where nothing is written that would be never.
    fn wake(&mut self, row: &Sends) {
        if self.wanted.is_some() || !row.streams || self.woken.as_ref() == Some(&row.stream) {
            return;
        }
        self.woken = Some(row.stream.clone());
        self.write_log("for a standby that has just connected");
    }

    fn write_log(&self, why: &'static str) {
        let mut session = self.pod.utility_session(CHECKPOINT_WITHIN);
        tokio::spawn(async move {
            if let Err(error) = session.ask("checkpoint").await {
                tracing::warn!("no checkpoint {why}: {error}");
            }
        });
    }

    /// What a look found that began then.
    fn note(&mut self, row: Sends, began: Duration) -> Stream {
        self.wake(&row);
        let now = clock::boottime();
        let same = self.last.take().filter(|last| last.stream == row.stream);
        let sign = (row.reply, row.flushed);
        let (heard, replied) = match &same {
            Some(last) if last.sign == sign => (last.heard, last.replied),
            _ => (now, self.looked.unwrap_or(began)),
        };
        let mut asked = same.as_ref().map_or(heard, |last| last.asked.max(heard));
        if sign.0.is_none() && row.flushed >= row.written && now >= asked + SIGN_EVERY {
            asked = now;
            self.write_log("for a sign of the standby");
        }
        let waits_for = same
            .and_then(|last| last.waits_for)
            .filter(|(lsn, _)| row.flushed < *lsn);
        let waits_for = waits_for.or_else(|| (row.flushed < row.written).then_some((row.written, now)));
        let waits = self.wanted.as_ref().is_none_or(|wanted| row.names == *wanted);
        let waiting = row.streams && waits && (row.sync || self.wanted.is_none());
        let proven = self.proof.note(&row.stream, waiting, row.flushed);
        self.last = Some(Last {
            stream: row.stream.clone(),
            sign,
            heard,
            replied,
            asked,
            waits_for,
        });
        Stream {
            id: row.stream,
            heard,
            replied,
            gives_up: row.gives_up,
            behind_for: waits_for.map(|(_, since)| now.saturating_sub(since)),
            proven,
            waits,
        }
    }
}
