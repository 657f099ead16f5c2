//! Whether the standby is in sync: when it becomes so, and when the coordinator lets it go (R11 to R13).
//!
//! To become so: commits wait, it is proven that they do and that the standby has everything, init has the deadline, and only
//! then the record says it. To stop: the record first, then commits wait no longer.

use super::state::{AGAIN, Stage};
use super::turn::Turn;
use super::{Action, Candidate, CommitsWait, Ended, Lack, Notice, Server, Stream};
use crate::failover::record::{InSync, Record};
use crate::failover::timing::STANDBY_SILENT;
use std::time::Duration;

/// Before a standby that was lost is trusted again, at first; twice as long after each further loss, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long it has to have been in sync for its losses to be forgotten.
const STEADY: Duration = Duration::from_secs(60);

impl Candidate {
    /// Who is to be in sync by the next record; or why nobody is.
    pub(super) fn wanted_in_sync(&self, base: &Record, turn: &mut Turn) -> Result<InSync, Lack> {
        match &base.in_sync {
            Some(now) if self.has_lost(now) => Err(self.lost.as_ref().map_or(Lack::NotInSync, |(_, why)| why.clone())),
            Some(now) => match self.reason_to_withdraw(now, turn) {
                Some(why) => Err(why),
                None => Ok(now.clone()),
            },
            None => self.confirmed(turn),
        }
    }

    /// Whether it was found before that this standby has to go.
    pub(super) fn has_lost(&self, in_sync: &InSync) -> bool {
        self.lost.as_ref().is_some_and(|(lost, _)| lost == in_sync)
    }

    /// Why the standby that is in sync has to go.
    fn reason_to_withdraw(&self, now: &InSync, turn: &mut Turn) -> Option<Lack> {
        if self.start_wanted {
            return Some(Lack::ServerStarts);
        }
        if let Some(why) = &self.fence_failed {
            return Some(Lack::FenceFailed(why.clone()));
        }
        let Some(Server::Writable { stream, hangs_since }) = self.server() else {
            return self.stopped_by_hand().then_some(Lack::ServerDown);
        };
        let stopping = self.handing.as_ref().is_some_and(|h| h.stage == Stage::Stopping) || self.draining.is_some();
        match stream {
            // A server that stops ends its connections, the standby's last of all.
            None if stopping => None,
            None => Some(Lack::ConnectionEnded),
            Some(stream) if stream.id != now.stream => Some(Lack::ConnectedAnew),
            // Of a server that hangs nothing is seen of its standby, which may be the one that is well.
            Some(stream) if hangs_since.is_some() || self.volume_hangs_since().is_some() => {
                self.standby_silent(now, stream, stopping, turn)
            }
            Some(stream) => self.standby_lost(now, stream, stopping, turn),
        }
    }

    /// Whether an administrator or a tool has stopped the server. It is started by hand again, without this candidate's leave, and
    /// where commits wait only while a standby streams the first ones would not wait.
    fn stopped_by_hand(&self) -> bool {
        let in_order = matches!(self.ended, Some(Ended::InOrder { .. }));
        let own = self.handing.is_some() || self.draining.is_some();
        self.me.waits == CommitsWait::WhileStreaming && in_order && !own
    }

    fn standby_lost(&self, now: &InSync, stream: &Stream, stopping: bool, turn: &mut Turn) -> Option<Lack> {
        if let Some(why) = self.standby_silent(now, stream, stopping, turn) {
            return Some(why);
        }
        if !stream.waits && !stopping {
            return Some(Lack::CommitsGoOn);
        }
        if let Some(why) = self.gives_up_early(stream).filter(|_| !stopping) {
            return Some(why);
        }
        // Of a server that stops nothing is seen any more, and it ends with all of it flushed over there, or as one that crashed.
        (!stopping && is_behind(stream)).then_some(Lack::Behind)
    }

    /// What the other agent says, or does not say.
    fn standby_silent(&self, now: &InSync, stream: &Stream, stopping: bool, turn: &mut Turn) -> Option<Lack> {
        if let Some(peer) = &self.peer {
            if peer.pod.pod == now.pod && peer.pod.uid != now.uid {
                return Some(Lack::Replaced);
            }
            if let Some(why) = peer.unable.as_ref().filter(|_| !stopping) {
                return Some(Lack::PeerUnable(why.clone()));
            }
        }
        let heard = self.peer_heard.max(stream.heard);
        let silent = self.peer_silent && turn.reached(heard + STANDBY_SILENT);
        silent.then_some(Lack::StandbySilent)
    }

    /// The standby that can be confirmed now; or why there is none.
    fn confirmed(&self, turn: &mut Turn) -> Result<InSync, Lack> {
        let (stream, found) = self.prospect(turn)?;
        // Commits do not wait before that, so nothing could be proven.
        if !turn.reached(self.confirm_at) {
            return Err(Lack::LostJustNow);
        }
        if let Some(why) = self.gives_up_early(stream) {
            return Err(why);
        }
        // Told to wait for the last time, and not let go since.
        let in_turn = self.commits_wait == Some(true) && stream.proven == Some(self.waits_turn);
        let proven = stream.proven.is_some() && rule!(self, TakesOldProofOfWaiting, in_turn);
        if !rule!(self, ConfirmsUnproven, proven) {
            if self.commits_wait == Some(true) && !stream.waits {
                return Err(Lack::CommitsGoOn);
            }
            return Err(Lack::CatchingUp);
        }
        if is_behind(stream) {
            return Err(Lack::Behind);
        }
        Ok(found)
    }

    /// The standby that could be in sync, once it has everything.
    fn prospect(&self, turn: &mut Turn) -> Result<(&Stream, InSync), Lack> {
        if let Some(why) = &self.fence_failed {
            return Err(Lack::FenceFailed(why.clone()));
        }
        if !self.me.fence {
            return Err(Lack::NoFence);
        }
        if self.held.is_none() || self.start_wanted || self.draining.is_some() || self.handing.is_some() {
            return Err(Lack::Unsettled);
        }
        let Some(Server::Writable { stream, .. }) = self.server() else {
            return Err(Lack::ServerDown);
        };
        let Some(stream) = stream else {
            return Err(Lack::NotConnected);
        };
        if let Some(why) = &self.peer_unclear {
            return Err(Lack::PeerNotUnderstood(why.clone()));
        }
        let peer = match &self.peer {
            Some(peer) if !(self.peer_silent && turn.reached(self.peer_heard + STANDBY_SILENT)) => peer,
            _ => return Err(Lack::PeerSilent),
        };
        if let Some(why) = &peer.unable {
            return Err(Lack::PeerUnable(why.clone()));
        }
        if peer.stream.as_ref() != Some(&stream.id) {
            return Err(Lack::OtherConnected);
        }
        let found = InSync {
            pod: peer.pod.pod.clone(),
            uid: peer.pod.uid.clone(),
            stream: stream.id.clone(),
        };
        Ok((stream, found))
    }

    /// Lets commits wait as long as the standby is in sync or about to be; and ends what they would wait for in vain.
    pub(super) fn keep_commits_waiting(&mut self, turn: &mut Turn) {
        let claimed = !rule!(self, ReleasesCommitsFirst, false) && self.maybe_in_sync().next().is_some();
        let wanted = claimed || turn.reached(self.confirm_at) && self.prospect(turn).is_ok();
        if self.commits_wait != Some(wanted) {
            self.commits_wait = Some(wanted);
            self.waits_turn += u64::from(wanted);
            turn.push(Action::CommitsWait(wanted.then_some(self.waits_turn)));
        }
    }

    /// Ends the connection of a standby that was let go, until it is gone: a server that answers nothing for a moment must not keep
    /// what waits for that standby waiting.
    pub(super) fn end_lost_stream(&mut self, turn: &mut Turn) {
        let Some((lost, at)) = self.to_end.clone() else {
            return;
        };
        let streams = match self.server() {
            Some(Server::Writable { stream, .. }) => stream.as_ref().is_some_and(|stream| stream.id == lost),
            _ => false,
        };
        if !streams || self.maybe_in_sync().any(|in_sync| in_sync.stream == lost) {
            self.to_end = None;
        } else if turn.reached(at) {
            let again = turn.now + AGAIN;
            turn.reached(again);
            self.to_end = Some((lost.clone(), again));
            turn.push(Action::EndWalsender(lost));
        }
    }

    /// The record has begun or ceased to say that a standby is in sync.
    pub(super) fn sync_changed(&mut self, was: Option<&InSync>, is: Option<&InSync>, turn: &mut Turn) {
        match (was, is) {
            (_, Some(in_sync)) if was != is => {
                self.in_sync_since = turn.now;
                turn.tell(Notice::InSync(in_sync.clone()));
            }
            (Some(lost), None) => self.was_withdrawn(lost, turn),
            _ => {}
        }
    }

    fn was_withdrawn(&mut self, lost: &InSync, turn: &mut Turn) {
        if turn.now >= self.in_sync_since + STEADY {
            self.confirm_pause = PAUSE;
        } else if !self.start_wanted {
            self.confirm_pause = (self.confirm_pause * 2).clamp(PAUSE, LONGEST_PAUSE);
        }
        self.confirm_at = turn.now + self.confirm_pause;
        self.to_end = Some((lost.stream.clone(), turn.now));
        self.end_lost_stream(turn);
        let why = self.withdrawn_for.take();
        turn.tell(Notice::NotInSync(why.unwrap_or(Lack::Unsettled)));
    }
}

fn is_behind(stream: &Stream) -> bool {
    stream.behind_for.is_some_and(|time| time >= STANDBY_SILENT)
}

#[cfg(test)]
mod tests {
    use super::super::{Directory, LocalFacts, Me};
    use super::*;
    use crate::cluster::directory::DirectoryKind;
    use crate::failover::lsn::Lsn;
    use crate::failover::record::Holder;
    use crate::failover::timing::Timing;

    /// A holder whose server is down after it ended so.
    fn down(waits: CommitsWait, ended: Option<Ended>) -> Candidate {
        let me = Me {
            own: Holder {
                pod: "a".into(),
                uid: "1".into(),
            },
            other: "b".into(),
            cluster: "c".into(),
            waits,
            fence: true,
            remembered: None,
        };
        let mut candidate = Candidate::new(me, Timing::new(10), Duration::ZERO);
        candidate.local = Some(LocalFacts {
            at: Duration::ZERO,
            directory: Directory {
                kind: DirectoryKind::Primary,
                system_id: None,
                timeline: 1,
            },
            server: Server::Down,
            volume_hangs_since: None,
        });
        candidate.ended = ended;
        candidate
    }

    fn withdraws(candidate: &Candidate) -> bool {
        let now = InSync {
            pod: "b".into(),
            uid: "2".into(),
            stream: "1/1".into(),
        };
        candidate
            .reason_to_withdraw(&now, &mut Turn::new(Duration::ZERO))
            .is_some()
    }

    const IN_ORDER: Option<Ended> = Some(Ended::InOrder {
        lsn: Lsn(1),
        timeline: 1,
    });

    #[test]
    fn who_was_stopped_by_hand_where_commits_wait_for_a_stream_alone_is_started_without_a_standby() {
        assert!(withdraws(&down(CommitsWait::WhileStreaming, IN_ORDER)));
        assert!(!withdraws(&down(CommitsWait::Always, IN_ORDER)));
    }

    #[test]
    fn who_crashed_or_ends_with_the_pod_can_be_taken_over_from() {
        assert!(!withdraws(&down(CommitsWait::WhileStreaming, Some(Ended::Crashed))));
        assert!(!withdraws(&down(CommitsWait::WhileStreaming, None)));
        let mut ends = down(CommitsWait::WhileStreaming, IN_ORDER);
        ends.draining = Some(true);
        assert!(!withdraws(&ends));
    }
}
