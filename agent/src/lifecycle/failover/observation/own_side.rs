//! What a standby says of what it receives: itself, where replicas answer SQL; elsewhere the title of a process says it, and the
//! words with which the server refuses a session.

use crate::engine::Engine;
use crate::sys::postgres::session::Session;
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::failover::stream_rows::Receives;

/// Receiving process, how far it came; how far was replayed.
const RECEIVES: &str = "select r.pid::text, r.status, r.received_tli::text, \
        pg_last_wal_receive_lsn()::text, pg_last_wal_replay_lsn()::text \
    from (select) always left join pg_stat_wal_receiver r on true";

/// A standby's server.
pub(super) enum OwnSide<'a> {
    /// It answers.
    Answers(&'a mut Session),
    /// It refuses every session while it is healthy.
    Silent {
        /// Which it is.
        engine: &'a Engine,
        /// Its postmaster.
        postmaster: i32,
        /// Up to where it has replayed.
        replayed: Lsn,
    },
}

impl OwnSide<'_> {
    /// `None` if it does not answer.
    pub(super) async fn receives(&mut self) -> Option<Receives> {
        match self {
            OwnSide::Answers(session) => receives(session).await,
            OwnSide::Silent {
                engine,
                postmaster,
                replayed,
            } => {
                let streaming = engine.streaming(*postmaster);
                Some(Receives {
                    streams: streaming.map(|(pid, _)| pid),
                    timeline: None,
                    received: Some(streaming.map_or(*replayed, |(_, flushed)| flushed.max(*replayed))),
                })
            }
        }
    }

    /// Whether that process streams now.
    pub(super) async fn still_streams(&mut self, pid: i32) -> bool {
        match self {
            OwnSide::Answers(session) => {
                let still = format!("select 1 from pg_stat_wal_receiver where pid = {pid} and status = 'streaming'");
                session.ask(&still).await.is_ok_and(|rows| !rows.is_empty())
            }
            OwnSide::Silent { engine, postmaster, .. } => {
                engine.streaming(*postmaster).is_some_and(|(now, _)| now == pid)
            }
        }
    }
}

async fn receives(session: &mut Session) -> Option<Receives> {
    let rows = session.ask(RECEIVES).await.ok()?;
    Some(rows.first().map_or_else(Receives::default, |row| Receives::of(row)))
}
