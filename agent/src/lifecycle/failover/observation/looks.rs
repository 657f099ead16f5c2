//! What the machine is told of this pod's directory and server, five times a second and at once after something happened.

use super::own_side::OwnSide;
use super::standby_stream::StandbyStream;
use super::standbys::Standbys;
use crate::lifecycle::failover::strategy::RoleStrategy;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::pidfile::{Occupant, occupant};
use crate::sys::postgres::session::{NoAnswer, Session};
use crate::sys::process::clock;
use crate::sys::storage::queue::VolumeQueue;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::failover::candidate::{Directory, Ended, Event, LocalFacts, Server};
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::greenplum::replica_refusal;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);
/// For one question to the server; one that hangs is asked again.
const ANSWER_WITHIN: Duration = timeouts::FAILOVER_SQL_ANSWERS;
/// Without an answer of the volume nobody can say that a server is down.
const VOLUME_ANSWERS_WITHIN: Duration = timeouts::VOLUME_LOOKED_AT;

/// For pg_control of a server that has ended: a slow disk is waited for, since much depends on the answer.
const CONTROL_WITHIN: Duration = timeouts::CONTROL_FILE_READ;

/// By which a directory is that of a standby; the second before PostgreSQL 12.
const STANDBY_FILES: [&str; 2] = ["standby.signal", "recovery.conf"];

/// Looks, for as long as the pod lives.
pub(crate) struct Looks {
    pod: Arc<Pod>,
    role: Arc<dyn RoleStrategy>,
    /// Nobody else's work stands in the way of a look.
    volume: VolumeQueue,
    session: Session,
    standbys: Standbys,
    stream: StandbyStream,
    /// Since when the server that answered before has not.
    unanswered: Option<Duration>,
    answered: bool,
    /// The newest timeline that the server has said it is on, or receives: with its stream a standby's word is gone.
    timeline: u32,
    /// A server was there at the last look.
    had_server: bool,
    /// Since when the volume has answered nothing.
    volume_hangs: Option<Duration>,
}

/// What a server answered about itself.
enum Answer {
    Writable {
        timeline: Option<u32>,
    },
    Replays,
    /// It refuses every session, as a standby of Greenplum does that is healthy; up to where it has replayed.
    ReplaysSilently(Lsn),
    None,
}

impl Looks {
    pub(crate) fn new(pod: &Arc<Pod>, role: &Arc<dyn RoleStrategy>, standbys: Standbys) -> Looks {
        Looks {
            volume: VolumeQueue::default(),
            session: pod.utility_session(ANSWER_WITHIN),
            stream: StandbyStream::new(pod),
            pod: pod.clone(),
            role: role.clone(),
            standbys,
            unanswered: None,
            answered: false,
            timeline: 0,
            had_server: false,
            volume_hangs: None,
        }
    }

    /// Tells what it sees, at the least each time that `now` is rung.
    pub(crate) async fn keep(mut self, tell: mpsc::UnboundedSender<Event>, now: Arc<Notify>) {
        // The directory is known once somebody has looked; so the first one is this.
        if let Err(error) = examine(&self.pod).await {
            tracing::warn!("cannot examine the data directory: {error:#}");
        }
        loop {
            let told = self.pod.leadership.ends_told();
            for event in self.look().await {
                let down = matches!(&event, Event::Local(facts) if facts.server == Server::Down);
                if tell.send(event).is_err() {
                    return;
                }
                if down {
                    // Behind the event, so that the machine has it when this is seen.
                    self.pod.leadership.ends_known(told);
                }
            }
            let _ = timeout(EVERY, now.notified()).await;
        }
    }

    async fn look(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if self.role.is_being_created(&self.pod, &self.volume).await {
            return events;
        }
        let at = clock::boottime();
        let (server, timeline) = self.server().await;
        if server == Server::Down && std::mem::take(&mut self.had_server) {
            self.forget();
            events.push(Event::Ended(how_it_ended(&self.pod).await));
        }
        self.had_server |= server != Server::Down;
        if let Some(directory) = self.directory(timeline, &server) {
            events.push(Event::Local(LocalFacts {
                at,
                directory,
                server,
                volume_hangs_since: self.volume_hangs(),
            }));
        }
        events
    }

    /// The heart asks it, and says so when it was silent for a while. Which moment that makes is kept: the wall's clock may be set.
    fn volume_hangs(&mut self) -> Option<Duration> {
        let path = self.pod.config.borrow().storage.path.display().to_string();
        let hangs = self
            .pod
            .board
            .read(|s| s.hung_volumes.iter().any(|hung| hung.path == path));
        let since = || clock::boottime().saturating_sub(timeouts::VOLUME_ANSWERS);
        self.volume_hangs = hangs.then(|| self.volume_hangs.unwrap_or_else(since));
        self.volume_hangs
    }

    fn forget(&mut self) {
        (self.unanswered, self.answered, self.timeline) = (None, false, 0);
        self.session.close();
        self.standbys.forget();
        self.stream.forget();
    }

    fn directory(&mut self, timeline: Option<u32>, server: &Server) -> Option<Directory> {
        self.timeline = self.timeline.max(timeline.unwrap_or(0));
        let facts = self.pod.board.read(|s| s.directory.clone());
        // What a server says is newer than what somebody saw in the directory.
        let kind = match server {
            Server::Writable { .. } if self.answered => DirectoryKind::Primary,
            _ => facts.kind?,
        };
        let timeline = self.timeline.max(facts.timeline.unwrap_or(0));
        Some(Directory {
            system_id: facts.system_id,
            kind,
            timeline,
        })
    }

    async fn server(&mut self) -> (Server, Option<u32>) {
        if !self.pod.board.read(|s| s.postmaster.runs()) {
            match self.occupant().await {
                Some(Occupant::Nobody) => return (Server::Down, None),
                Some(Occupant::Postmaster(_)) => {}
                _ => return (Server::Unclear, None),
            }
        }
        match self.ask().await {
            Answer::Writable { timeline } => (self.writable().await, timeline),
            Answer::Replays => self.standby(None).await,
            Answer::ReplaysSilently(replayed) => self.standby(Some(replayed)).await,
            Answer::None => (self.silent(), None),
        }
    }

    /// `None` where the volume does not say.
    async fn occupant(&self) -> Option<Occupant> {
        let dir = self.pod.dir().to_path_buf();
        let look = move || match dir.try_exists()? {
            true => occupant(&dir),
            false => Ok(Occupant::Nobody),
        };
        let seen = self.volume.run_within(VOLUME_ANSWERS_WITHIN, look).await;
        seen?.ok()
    }

    async fn ask(&mut self) -> Answer {
        let asked = clock::boottime();
        let rows = match self.session.ask(self.pod.engine.failover_sql().what_it_is()).await {
            Ok(rows) => rows,
            Err(NoAnswer::NotNow(words)) => return self.refused(&words).await,
            Err(NoAnswer::TimedOut(_)) if self.answered => {
                self.unanswered.get_or_insert(asked);
                return Answer::None;
            }
            Err(_) => return Answer::None,
        };
        (self.answered, self.unanswered) = (true, None);
        let cell = |i: usize| rows.first().and_then(|row| row.get(i).cloned().flatten());
        match cell(0).as_deref() {
            Some("false") => Answer::Writable {
                timeline: cell(1).and_then(|hex| u32::from_str_radix(&hex, 16).ok()),
            },
            Some("true") => Answer::Replays,
            _ => Answer::None,
        }
    }

    async fn writable(&mut self) -> Server {
        self.stream.forget();
        self.pod.leadership.report.receives(None);
        match self.standbys.look(&mut self.session).await {
            Some(stream) => Server::Writable {
                stream,
                hangs_since: None,
            },
            None => Server::Unclear,
        }
    }

    /// A replica without hot standby says that it replays, and so does a coordinator that recovers from a crash. Which it is says
    /// the directory.
    async fn refused(&self, words: &str) -> Answer {
        let Some(replayed) = replica_refusal::replayed(words) else {
            return Answer::None;
        };
        let dir = self.pod.dir().to_path_buf();
        let is_standby = move || STANDBY_FILES.iter().any(|file| dir.join(file).exists());
        match self.volume.run_within(VOLUME_ANSWERS_WITHIN, is_standby).await {
            Some(true) => Answer::ReplaysSilently(replayed),
            _ => Answer::None,
        }
    }

    async fn standby(&mut self, silent: Option<Lsn>) -> (Server, Option<u32>) {
        let own = match silent {
            None => OwnSide::Answers(&mut self.session),
            Some(replayed) => OwnSide::Silent {
                engine: &self.pod.engine,
                postmaster: self.pod.board.server().map_or(0, |server| server.pid()),
                replayed,
            },
        };
        let seen = self.stream.look(own).await;
        let lives = seen.receiver.as_ref().filter(|receiver| receiver.ended.is_none());
        self.pod
            .leadership
            .report
            .receives(lives.map(|receiver| receiver.stream.clone()));
        let server = Server::Standby {
            receiver: seen.receiver,
            received: seen.received,
        };
        (server, seen.timeline)
    }

    /// A server without an answer is what it was.
    fn silent(&self) -> Server {
        match self.standbys.seen() {
            Some(stream) => Server::Writable {
                stream,
                hangs_since: self.unanswered,
            },
            None => Server::Unclear,
        }
    }
}

/// Looks what the directory is, beside this thread's loop: a volume that hangs must not stop that.
pub(crate) async fn examine(pod: &Arc<Pod>) -> anyhow::Result<gp_agent_core::postgres::control_data::ControlData> {
    let (pod, here) = (pod.clone(), Handle::current());
    let examined = tokio::task::spawn_blocking(move || here.block_on(async move { pod.examine().await })).await?;
    Ok(examined?.control)
}

async fn how_it_ended(pod: &Arc<Pod>) -> Ended {
    let control = match timeout(CONTROL_WITHIN, examine(pod)).await {
        Ok(Ok(control)) => control,
        Err(_) => {
            tracing::warn!("cannot tell how the server ended: the volume does not answer");
            return Ended::Crashed;
        }
        Ok(Err(error)) => {
            tracing::warn!("cannot tell how the server ended: {error:#}");
            return Ended::Crashed;
        }
    };
    let in_order = control.state.as_deref() == Some("shut down");
    match (control.ends_at(), control.timeline) {
        (Some(lsn), Some(timeline)) if in_order => Ended::InOrder { lsn, timeline },
        _ => Ended::Crashed,
    }
}
