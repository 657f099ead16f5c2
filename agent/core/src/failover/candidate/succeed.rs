//! What a candidate does while another pod holds the role: it watches, and takes over when the holder is lost and nothing that
//! was acknowledged is missing here.

use super::state::Forced;
use super::turn::Turn;
use super::{Action, Candidate, CommitsWait, DirectoryKind, Lack, Notice, Receiver, Server};
use crate::failover::record::{Holder, InSync, Record, Version};
use crate::failover::timing::{GONE_WITHIN, PREFERS_HOLDER, TOGETHER, Timing};
use std::time::Duration;

impl Candidate {
    pub(super) fn succeed(&mut self, turn: &mut Turn) {
        self.note_hand_promotion(turn);
        if self.force_if_asked(turn) {
            return;
        }
        let Some((record, holder)) = self.record().cloned().and_then(|r| r.holder.clone().map(|h| (r, h))) else {
            return;
        };
        let earlier = holder.pod == self.me.own.pod;
        let may = if earlier {
            self.may_go_on(&record)
        } else {
            self.lacks(&record).is_none()
        };
        if !may {
            return;
        }
        let lost = self.is_lost(&record, earlier, turn) && (earlier || self.has_looked_since(self.dead_since(&record)));
        if lost && self.promise_is_over(turn) && !self.requests.look_first && self.may_ask(turn) {
            let taken = self.taken(&record);
            self.send(taken, turn);
        } else if !lost && !earlier {
            self.look_for_proof(&holder, turn);
        }
    }

    fn is_proven_dead(&self) -> bool {
        let known = self.known.as_ref().map(|known| &known.version);
        known.is_some() && self.proof.as_ref() == known
    }

    /// Since when no server of the holder's acknowledges anything, where it is lost.
    fn dead_since(&self, record: &Record) -> Duration {
        let known = self.known.as_ref().map_or(Duration::ZERO, |known| known.since);
        let over = known + Timing::new(record.lease_seconds).deadline() * 102 / 100 + GONE_WITHIN;
        match self.is_proven_dead() {
            true => self.proof_at.min(over),
            false => over,
        }
    }

    /// What was seen here before may have changed while the holder's server lived, and nobody may have looked since: an agent
    /// that stood still decides by what it saw before.
    pub(super) fn has_looked_since(&self, moment: Duration) -> bool {
        rule!(
            self,
            TakesByOldFacts,
            self.local.as_ref().is_some_and(|local| local.at >= moment)
        )
    }

    /// Whether the holder is dead for certain, or has not renewed for a whole lease of this candidate's own watching (R6). One
    /// that was never seen alive may be on its way back, and gets longer. Not so an earlier pod of this name: what was on its way
    /// back is this one. No proof makes that wait shorter, so that a holder notices first that its record was set back.
    fn is_lost(&self, record: &Record, earlier: bool, turn: &mut Turn) -> bool {
        let Some(known) = &self.known else {
            return false;
        };
        let never_seen_alive = known.first && !earlier;
        let proven = self.is_proven_dead() && self.end_unseen().is_none();
        if proven && !known.first && !earlier {
            return true;
        }
        let longer = if never_seen_alive {
            PREFERS_HOLDER
        } else {
            Duration::ZERO
        };
        let over = turn.reached(known.since + self.lease_of(record) + longer);
        rule!(self, DoesNotWait, over)
    }

    pub(super) fn lease_of(&self, record: &Record) -> Duration {
        self.timing.lease().max(Timing::new(record.lease_seconds).lease())
    }

    /// Whether this pod may go on where an earlier one of its name held: on the same volume alone.
    fn may_go_on(&self, record: &Record) -> bool {
        let whole = self.directory().is_some_and(|d| d.kind.is_whole());
        let ready = self.start_wanted || matches!(self.server(), Some(Server::Standby { .. }));
        self.draining.is_none() && whole && ready && self.held_here(record.epoch)
    }

    /// Why this candidate could not take over if the holder were lost now.
    pub(super) fn lacks(&self, record: &Record) -> Option<Lack> {
        if let Some(lack) = Lack::of_mode(record.mode) {
            return Some(lack);
        }
        if !rule!(self, TakesWhileDraining, self.draining.is_none()) {
            return Some(Lack::PodEnds);
        }
        if let Some(lack) = self.unfenced_holder() {
            return Some(lack);
        }
        let (Some(directory), Some(Server::Standby { receiver, .. })) = (self.directory(), self.server()) else {
            return Some(Lack::NotStandby);
        };
        if directory.kind != DirectoryKind::Standby {
            return Some(Lack::NotStandby);
        }
        if directory.timeline != record.timeline {
            return Some(Lack::OtherTimeline(directory.timeline, record.timeline));
        }
        let named = match &record.in_sync {
            Some(named) if named.uid == self.me.own.uid && named.pod == self.me.own.pod => named,
            _ if rule!(self, TakesOutOfSync, false) => return None,
            Some(named) => return Some(Lack::OtherInSync(named.uid.clone())),
            None => return Some(Lack::NotInSync),
        };
        match self.me.waits {
            CommitsWait::Always => None,
            CommitsWait::WhileStreaming if rule!(self, IgnoresStream, false) => None,
            CommitsWait::WhileStreaming => lacks_stream(named, receiver.as_ref()),
        }
    }

    /// Whether the other one's last word was that no record ends its server in time.
    pub(super) fn unfenced_holder(&self) -> Option<Lack> {
        let unable = self.peer.as_ref()?.unable.as_ref()?;
        unable.unfences().then(|| Lack::HolderUnfenced(unable.clone()))
    }

    /// Where commits go on once the standby's connection has ended: of a server that is known to be dead that end has to be seen, and
    /// when it came, before its role is taken without waiting for a lease.
    pub(super) fn end_unseen(&self) -> Option<Lack> {
        let seen = match self.server() {
            Some(Server::Standby {
                receiver: Some(receiver),
                ..
            }) => receiver.ended.is_some(),
            _ => false,
        };
        let unseen = self.me.waits == CommitsWait::WhileStreaming && !seen;
        unseen.then_some(Lack::EndUnseen)
    }

    /// An administrator has promoted the server here, as gpactivatestandby does: it runs on a timeline after the record's. Where the
    /// holder is lost that is the wish to take the role by force; where it lives, the server is killed as any other.
    fn note_hand_promotion(&mut self, turn: &mut Turn) {
        let Some(record) = self.record().cloned() else {
            return;
        };
        if self.forced.is_none() && self.is_promoted_by_hand() && self.is_lost(&record, false, turn) {
            self.force("whoever promoted the server by hand".into(), turn);
        }
    }

    fn is_promoted_by_hand(&self) -> bool {
        let (Some(record), Some(directory)) = (self.record(), self.directory()) else {
            return false;
        };
        let others = record
            .holder
            .as_ref()
            .is_some_and(|holder| holder.pod != self.me.own.pod);
        others && directory.kind == DirectoryKind::Primary && directory.timeline > record.timeline && self.writes()
    }

    /// Whether the role is just being taken for a server that was promoted by hand. By a record that cannot be read nobody is lost.
    pub(super) fn adopts(&self) -> bool {
        self.forced.is_some() && self.is_promoted_by_hand() && self.requests.silent.is_none()
    }

    fn look_for_proof(&mut self, holder: &Holder, turn: &mut Turn) {
        let Some(known) = &self.known else {
            return;
        };
        let quiet = self.peer_silent
            || matches!(self.server(), Some(Server::Standby { receiver: Some(r), .. }) if r.ended.is_some());
        if quiet && !known.first && self.proof.as_ref() != Some(&known.version) && turn.reached(self.prove_at) {
            let (holder, version) = (holder.clone(), known.version.clone());
            self.prove_at = turn.now + super::state::AGAIN;
            turn.reached(self.prove_at);
            turn.push(Action::ProveDeath { holder, version });
        }
    }

    /// Counts as long as the record is as it was before the proof was looked for: a holder that starts again writes first.
    pub(super) fn proven_dead(&mut self, holder: &Holder, version: &Version, now: Duration) {
        let current = self
            .known
            .as_ref()
            .filter(|known| rule!(self, TakesOldProof, known.version == *version));
        let holds = self
            .record()
            .is_some_and(|record| record.holder.as_ref() == Some(holder));
        if let Some(current) = current.filter(|_| holds) {
            self.proof = Some(current.version.clone());
            self.proof_at = now;
        }
    }

    pub(super) fn force(&mut self, by: String, turn: &mut Turn) {
        let whole = self.directory().is_some_and(|d| d.kind.is_whole());
        let refused = if self.held.is_some() {
            Some("this pod is the coordinator".to_string())
        } else if self.draining.is_some() {
            Some("this pod ends".into())
        } else if !whole {
            Some("this pod has no whole data directory".into())
        } else {
            None
        };
        if let Some(why) = refused {
            turn.tell(Notice::Refused(why));
            return;
        }
        turn.tell(Notice::ForceBegins(by));
        self.forced = Some(Forced {
            seen: self.known.as_ref().map(|known| known.seen.clone()),
        });
    }

    /// Takes the role by force if that was asked for: after a whole lease without a sign of the holder, like any other takeover.
    /// Returns whether it was asked for.
    pub(super) fn force_if_asked(&mut self, turn: &mut Turn) -> bool {
        let (Some(forced), Some(known)) = (&mut self.forced, &self.known) else {
            return false;
        };
        let lives = *forced.seen.get_or_insert_with(|| known.seen.clone()) != known.seen;
        let writes = !self.peer_silent && self.peer.as_ref().is_some_and(|peer| peer.writable);
        let refused = if lives || writes || self.draining.is_some() {
            Some(
                "the coordinator lives; nothing is taken by force from it (gp-agent switchover hands over)".to_string(),
            )
        } else {
            let unclear = |why: &String| {
                format!(
                    "the agent of the other coordinator answers and is not understood, so its server may be at work ({why}); \
                     upgrade this pod's agent, or stop the other pod"
                )
            };
            self.peer_unclear.as_ref().map(unclear)
        };
        if let Some(why) = refused {
            self.forced = None;
            turn.tell(Notice::Refused(why));
            return false;
        }
        let lease = self
            .record()
            .map_or(self.timing.lease(), |record| self.lease_of(record));
        let waited = turn.reached(known.since + lease) && self.promise_is_over(turn);
        if waited
            && !self.requests.look_first
            && self.may_ask(turn)
            && let Some(anew) = self.anew()
        {
            let mode = self.record().map_or(anew.mode, |record| record.mode);
            self.send(Record { mode, ..anew }, turn);
        }
        true
    }
}

/// Why the standby may not have everything although it is named: its connection ended while the coordinator lived on, or it is
/// not that connection (R7).
fn lacks_stream(named: &InSync, receiver: Option<&Receiver>) -> Option<Lack> {
    let Some(receiver) = receiver.filter(|receiver| receiver.stream == named.stream) else {
        return Some(Lack::ConnectedAnew);
    };
    let ended = receiver.ended?;
    match receiver.session_ended {
        Some(session) if session.abs_diff(ended) <= TOGETHER => None,
        _ => Some(Lack::EndedAlone),
    }
}
