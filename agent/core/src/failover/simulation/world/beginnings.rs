//! How worlds begin.

use super::data::Log;
use super::fault::Fault;
use super::pod::Pod;
use super::state::{Body, Letter, WAL_SENDER_TIMEOUT, World};
use super::time::Pace;
use crate::failover::candidate::CommitsWait;
use crate::failover::candidate::mutants::Mutant;
use crate::failover::record::Seen;
use crate::failover::timing::Timing;

impl World {
    /// A cluster that was created, is in sync and at rest.
    pub(crate) fn new(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::at_creation(pace, waits);
        world.go_on_until(|world| world.is_in_sync() && world.wire.is_empty());
        world.backup = world.seen.clone();
        world.adopt(mutant);
        world
    }

    fn at_creation(pace: Pace, waits: CommitsWait) -> World {
        let Pace {
            lease,
            grid,
            looks,
            rates,
        } = pace;
        let timing = Timing::new(lease);
        World {
            now: 0,
            pods: [0, 1].map(|p| Pod::new(p, rates[p], waits, timing)),
            wire: Vec::new(),
            seen: Seen::Absent,
            version: 0,
            cut: [false; 2],
            peers_cut: false,
            twin: None,
            stream: None,
            streams: 0,
            acknowledged: Log::new(),
            forced: false,
            broken: None,
            waits,
            timing,
            grid,
            looks,
            mutant: None,
            backup: Seen::Absent,
            asking: 0,
            proofs: true,
        }
    }

    /// A cluster that was created, and whose standby is not in sync yet.
    pub(crate) fn young(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::at_creation(pace, waits);
        world.go_on_until(|world| world.pods[0].is_writable() && world.wire.is_empty());
        world.adopt(mutant);
        world
    }

    /// At rest, when the holder has renewed and the other one looks; the holder's answer is held back.
    pub(crate) fn answered_late(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::new(pace, waits, mutant);
        let answer = |letter: &Letter| letter.pod == 0 && matches!(letter.body, Body::Wrote(_));
        let look = |letter: &Letter| letter.pod == 1 && letter.body == Body::Read;
        world.go_on_until(|world| world.wire.iter().any(answer) && world.wire.iter().any(look));
        world.wire.iter_mut().for_each(|letter| letter.late = answer(letter));
        world
    }

    /// Young; the write by which it becomes in sync is held back, the pod starts again, cut off from the other.
    pub(crate) fn restarted_before_its_write(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::confirming(pace, waits, mutant);
        world.wire.iter_mut().for_each(|letter| letter.late = confirms(letter));
        world.suffer(Fault::RestartPod(0));
        world.suffer(Fault::CutPeers);
        world
    }

    /// Young; the write by which it becomes in sync is on its way, and the pods do not reach each other any more.
    pub(crate) fn cut_off_before_it_is_in_sync(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::confirming(pace, waits, mutant);
        world.suffer(Fault::CutPeers);
        world
    }

    /// In sync; the standby's server has stopped to answer, the holder does not reach the authority, and lives by the word of the
    /// standby's agent. A moment later its server gives the standby up.
    pub(crate) fn living_by_promises(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::new(pace, waits, mutant);
        world.suffer(Fault::HangServer(1));
        world.suffer(Fault::CutAuthority(0));
        let gives_up = world.now + WAL_SENDER_TIMEOUT;
        world.go_on_until(|world| world.now + 4000 >= gives_up);
        world
    }

    fn confirming(pace: Pace, waits: CommitsWait, mutant: Option<Mutant>) -> World {
        let mut world = World::young(pace, waits, mutant);
        world.go_on_until(|world| world.wire.iter().any(confirms));
        world
    }

    fn adopt(&mut self, mutant: Option<Mutant>) {
        self.mutant = mutant;
        self.pods.iter_mut().for_each(|pod| pod.agent.mutant = mutant);
    }

    fn go_on_until(&mut self, there: impl Fn(&World) -> bool) {
        for _ in 0..400 {
            if there(self) {
                return;
            }
            self.go_on();
        }
        panic!("it never came there:\n{}", self.line());
    }
}

fn confirms(letter: &Letter) -> bool {
    matches!(&letter.body, Body::Write(record, _) if record.in_sync.is_some())
}
