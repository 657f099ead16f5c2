//! The two pods, what is between them, and what must never be.

use super::data::{Log, Stream};
use super::pod::{Asked, Pod, me};
use super::time::{global, local};
use crate::failover::candidate::mutants::Mutant;
use crate::failover::candidate::{Candidate, CommitsWait, Event, Outcome, PeerAnswer, Reply, RequestError, Ticket};
use crate::failover::record::{Holder, Record, Seen, Version};
use crate::failover::timing::Timing;

/// From a shot of the fence, or SIGKILL, to the last process gone, a throttled init included.
pub(crate) const DIES_WITHIN: u64 = 1000;
/// When a coordinator ends the connection of a standby that says nothing.
pub(crate) const WAL_SENDER_TIMEOUT: u64 = 20_000;
/// The UID of a pod that takes the name of another one.
pub(crate) const TWIN: u8 = 99;

/// Something on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Read,
    Write(Record, Option<Version>),
    Found(Seen, Version),
    Wrote(Option<Version>),
    AskPromise { epoch: u64, seconds: u32, by: Holder },
    Promised { by: Holder, reply: Reply },
    Dead { holder: Holder, version: Version },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Letter {
    /// Whose question this is, or the answer to whose.
    pub(crate) pod: usize,
    pub(crate) life: u8,
    pub(crate) ticket: Ticket,
    pub(crate) body: Body,
    /// Held back somewhere, for any time.
    pub(crate) late: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) pods: [Pod; 2],
    pub(crate) wire: Vec<Letter>,
    pub(crate) seen: Seen,
    pub(crate) version: u64,
    /// Which pod cannot reach the authority.
    pub(crate) cut: [bool; 2],
    pub(crate) peers_cut: bool,
    /// Another pod of that name answers in the place of the one that is cut off: it was deleted, and lives on.
    pub(crate) twin: Option<usize>,
    pub(crate) stream: Option<Stream>,
    pub(crate) streams: u8,
    /// The longest log of which somebody was told that it is committed, or could read it.
    pub(crate) acknowledged: Log,
    pub(crate) forced: bool,
    pub(crate) broken: Option<String>,
    pub(crate) waits: CommitsWait,
    pub(crate) timing: Timing,
    /// All that happens by itself happens at a multiple of this.
    pub(crate) grid: u64,
    pub(crate) looks: u64,
    pub(crate) mutant: Option<Mutant>,
    /// What an old backup of the authority holds.
    pub(crate) backup: Seen,
    /// To which life of an agent the promise goes that is being answered.
    pub(crate) asking: u8,
    /// Whether a death can be proven.
    pub(crate) proofs: bool,
}

impl World {
    pub(crate) fn record(&self) -> Option<&Record> {
        match &self.seen {
            Seen::Record(record) => Some(record),
            _ => None,
        }
    }

    pub(crate) fn is_in_sync(&self) -> bool {
        self.record().is_some_and(|r| r.in_sync.is_some() && r.holder.is_some())
    }

    /// What happens when nothing goes wrong: the next letter arrives, else time passes.
    pub(crate) fn go_on(&mut self) {
        match self.wire.iter().position(|letter| !letter.late) {
            Some(i) => self.deliver(i),
            None => self.pass_time(),
        }
    }

    pub(crate) fn tell(&mut self, p: usize, event: Event) {
        let now = local(self.now, self.pods[p].rate);
        let actions = self.pods[p].agent.on(event, now);
        for action in actions {
            self.carry_out(p, action);
        }
        self.check();
    }

    pub(crate) fn current(&self) -> Version {
        Version(self.version.to_string())
    }

    /// The next moment at which somebody wants to do something; and what they do then.
    pub(crate) fn pass_time(&mut self) {
        let mut next = self.now + self.looks;
        for pod in self.pods.iter().filter(|pod| !pod.gone) {
            let due = pod
                .agent
                .due()
                .filter(|_| pod.thinks())
                .map(|due| global(due, pod.rate));
            let fence = pod.fence.filter(|_| !pod.frozen);
            let asked = pod.asked.as_ref().map(|asked| asked.until);
            for moment in [due, fence, pod.dies_at, asked].into_iter().flatten() {
                if moment > self.now {
                    next = next.min(moment);
                }
            }
        }
        self.now = next.next_multiple_of(self.grid);
        self.servers_go_on();
        for p in 0..2 {
            if self.pods[p].thinks() {
                self.agent_looks(p);
            }
        }
        self.check();
    }

    fn agent_looks(&mut self, p: usize) {
        if let Some(Asked { ticket, writes, .. }) = self.pods[p].asked.take_if(|asked| asked.until <= self.now) {
            let why = RequestError::NoAnswer;
            let event = match writes {
                true => Event::Wrote {
                    ticket,
                    outcome: Outcome::Unknown(why),
                },
                false => Event::Read {
                    ticket,
                    found: Err(why),
                },
            };
            self.tell(p, event);
        }
        if let Some(how) = self.pods[p].ended.take() {
            self.tell(p, Event::Ended(how));
        }
        self.open_after_shot(p);
        let facts = self.local_facts(p);
        self.tell(p, Event::Local(facts));
        let peer = self.peer_facts(p);
        self.tell(p, Event::Peer(peer.map_or(PeerAnswer::Silent, PeerAnswer::Facts)));
        self.supervise(p);
        self.tell(p, Event::Due);
    }

    /// What must never be.
    pub(crate) fn check(&mut self) {
        if self.broken.is_none() && !self.forced && self.pods.iter().all(Pod::is_writable) {
            self.break_rule("both take writes");
        }
    }

    pub(crate) fn break_rule(&mut self, what: &str) {
        if self.broken.is_none() {
            self.broken = Some(what.into());
        }
    }

    pub(crate) fn request_time(&self) -> u64 {
        u64::try_from(self.timing.request().as_millis()).unwrap_or(u64::MAX)
    }

    /// The agent of a pod starts anew, with what its volume remembers.
    pub(crate) fn start_agent(&mut self, p: usize) {
        let now = local(self.now, self.pods[p].rate);
        let (waits, timing, mutant) = (self.waits, self.timing, self.mutant);
        let pod = &mut self.pods[p];
        let me = me(p, pod.uid, waits, pod.memory.clone());
        pod.agent = Candidate::new(me, timing, now);
        pod.agent.mutant = mutant;
        pod.asked = None;
        pod.life += 1;
        pod.agent_frozen = false;
        pod.ended = None;
        pod.waits_turn = None;
        let draining = pod.draining;
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.primary == p) {
            stream.proven = None;
        }
        if draining {
            self.tell(p, Event::Draining { hand_over: true });
        }
    }
}
