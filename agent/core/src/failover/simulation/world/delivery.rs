//! What letters do that arrive.

use super::pod::holder;
use super::state::{Body, TWIN, World};
use crate::failover::candidate::{Event, Outcome, Reply, Ticket};
use crate::failover::record::Seen;

impl World {
    /// A letter arrives. One for whom nobody is there is lost.
    pub(crate) fn deliver(&mut self, i: usize) {
        let letter = self.wire.remove(i);
        let p = letter.pod;
        match letter.body {
            Body::Read | Body::Write(..) if self.cut[p] => {}
            Body::Read => {
                let found = Body::Found(self.seen.clone(), self.current());
                self.post(letter.pod, letter.life, letter.ticket, found);
            }
            Body::Write(record, over) => {
                let current = (self.seen != Seen::Absent).then(|| self.current());
                let done = over == current;
                if done {
                    self.version += 1;
                    self.seen = Seen::Record(record);
                }
                let wrote = Body::Wrote(done.then(|| self.current()));
                self.post(letter.pod, letter.life, letter.ticket, wrote);
            }
            Body::AskPromise { epoch, seconds, by } => {
                let other = 1 - p;
                if self.twin == Some(other) {
                    let (by, reply) = (holder(other, TWIN), Reply::Yes);
                    self.post(p, letter.life, letter.ticket, Body::Promised { by, reply });
                } else if !self.peers_cut && self.pods[other].thinks() {
                    let ticket = letter.ticket;
                    self.asking = letter.life;
                    self.tell(
                        other,
                        Event::PromiseAsked {
                            ticket,
                            epoch,
                            seconds,
                            by,
                        },
                    );
                }
            }
            Body::Promised { by, reply } => {
                let arrives = !self.peers_cut || by.uid == TWIN.to_string();
                if arrives && self.pods[p].thinks() && self.pods[p].life == letter.life {
                    let ticket = letter.ticket;
                    self.tell(p, Event::PromiseAnswered { ticket, by, reply });
                }
            }
            Body::Dead { holder, version } => {
                if self.pods[p].thinks() && self.pods[p].life == letter.life {
                    self.tell(p, Event::ProofOfDeath { holder, version });
                }
            }
            Body::Found(..) | Body::Wrote(_) if self.cut[p] || !self.pods[p].thinks() => {}
            Body::Found(seen, version) => {
                let ticket = letter.ticket;
                self.answered(
                    p,
                    letter.life,
                    ticket,
                    Event::Read {
                        ticket,
                        found: Ok((seen, version)),
                    },
                );
            }
            Body::Wrote(version) => {
                let ticket = letter.ticket;
                let outcome = version.map_or(Outcome::Conflict, Outcome::Done);
                self.answered(p, letter.life, ticket, Event::Wrote { ticket, outcome });
            }
        }
    }

    /// The answer of the authority, which the agent may have given up.
    fn answered(&mut self, p: usize, life: u8, ticket: Ticket, event: Event) {
        let pod = &mut self.pods[p];
        if pod.life == life && pod.asked.take_if(|asked| asked.ticket == ticket).is_some() {
            self.tell(p, event);
        }
    }
}
