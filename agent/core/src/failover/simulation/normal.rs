//! Worlds that differ in the time of day alone are the same world to the checker. So what it can reach is finite.

use super::world::state::{Body, Letter, World};
use super::world::time::local;
use crate::failover::candidate::frame::{Found, Frame, Open};
use crate::failover::candidate::mutants::Mutant;
use crate::failover::record::Seen;
use crate::failover::timing::TOGETHER;
use std::time::Duration;

impl World {
    pub(super) fn normal(&self) -> World {
        let mut world = self.clone();
        let open = [0, 1].map(|p| self.open(p));
        let mut found = Found::default();
        world.show_all(&mut found, &open);
        for (p, pod) in world.pods.iter_mut().enumerate() {
            pod.agent.normalize(&mut found.at(local(self.now, pod.rate)), &open[p]);
        }
        world.normalize(&mut found.at(Duration::from_millis(self.now)), &open);
        world
    }

    fn open(&self, p: usize) -> Open {
        let pod = &self.pods[p];
        Open {
            asked: pod.asked.as_ref().map(|asked| asked.ticket),
            promise: pod.agent.asks_promise(),
        }
    }

    /// Shows every serial and version; the rest is left as it is.
    fn show_all(&mut self, found: &mut Found, open: &[Open; 2]) {
        let mut agents = self.pods.clone().map(|pod| pod.agent);
        for (p, agent) in agents.iter_mut().enumerate() {
            agent.normalize(found, &open[p]);
        }
        let mut current = self.current();
        found.version(&mut current);
        found.seen(&mut self.seen);
        self.wire.iter_mut().for_each(|letter| letter.body.normalize(found));
    }

    /// All but the agents.
    fn normalize(&mut self, frame: &mut impl Frame, open: &[Open; 2]) {
        let mut millis = |moment: &mut u64| {
            let mut time = Duration::from_millis(*moment);
            frame.time(&mut time);
            *moment = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        };
        let together = u64::try_from(TOGETHER.as_millis()).unwrap_or(u64::MAX);
        let turns = self.pods.clone().map(|pod| pod.agent.waits_turn());
        if let Some(stream) = &mut self.stream {
            stream.proven = stream.proven.map(|of| u64::from(of == turns[stream.primary]));
            if let (Some(session), Some(ended)) = (&mut stream.session_ended, stream.ended) {
                *session = u64::from(session.abs_diff(ended) <= together);
            }
            stream
                .ended
                .iter_mut()
                .chain(&mut stream.stalled_since)
                .chain(&mut stream.left)
                .for_each(&mut millis);
        }
        for (p, pod) in self.pods.iter_mut().enumerate() {
            millis(&mut pod.stops_at);
            pod.waits_turn = pod.waits_turn.map(|of| u64::from(of == turns[p]));
            pod.fence.iter_mut().chain(&mut pod.dies_at).for_each(&mut millis);
            if let Some((_, since, life)) = &mut pod.hung {
                millis(since);
                *life = u8::from(*life == pod.life);
            }
            if let Some(asked) = &mut pod.asked {
                open[p].ticket(&mut asked.ticket);
                millis(&mut asked.until);
            }
            if let Some(memory) = &mut pod.memory {
                // Only a record that was set back is compared with it.
                memory.serial = 0;
            }
        }
        for letter in &mut self.wire {
            let lives = letter.life == self.pods[letter.pod].life;
            letter.life = u8::from(lives);
            match lives {
                true => open[letter.pod].ticket(&mut letter.ticket),
                false => letter.ticket.0 = 0,
            }
            letter.body.normalize(frame);
        }
        self.pods.iter_mut().for_each(|pod| pod.life = 1);
        frame.seen(&mut self.seen);
        let mut current = self.current();
        frame.version(&mut current);
        self.version = current.0.parse().expect("a number");
        self.backup = Seen::Absent;
        self.now = 0;
        self.asking = 0;
    }

    /// Takes away what was held back and can have no effect any more.
    pub(super) fn forget_void_letters(&mut self) {
        let wire = std::mem::take(&mut self.wire);
        self.wire = wire
            .into_iter()
            .filter(|letter| !letter.late || self.has_effect(letter))
            .collect();
    }

    fn has_effect(&self, letter: &Letter) -> bool {
        let pod = &self.pods[letter.pod];
        let lives = letter.life == pod.life;
        let open = self.open(letter.pod);
        let asked = lives && open.asked == Some(letter.ticket);
        match &letter.body {
            Body::Read | Body::Found(..) | Body::Wrote(_) => asked,
            Body::Write(_, over) => asked || over.as_ref().is_none_or(|over| *over == self.current()),
            Body::Promised { .. } => lives && open.promise == Some(letter.ticket),
            Body::AskPromise { epoch, .. } => {
                let other = &self.pods[1 - letter.pod];
                let known = other.memory.as_ref().map_or(0, |memory| memory.epoch);
                *epoch >= known || lives && open.promise == Some(letter.ticket)
            }
            Body::Dead { version, .. } => {
                let number = |version: &crate::failover::record::Version| version.0.parse::<u64>().unwrap_or(0);
                let known = pod.agent.knows_version().map_or(0, number);
                lives && (number(version) >= known || self.mutant == Some(Mutant::TakesOldProof))
            }
        }
    }
}

impl Body {
    fn normalize(&mut self, frame: &mut impl Frame) {
        match self {
            Body::Write(record, over) => {
                frame.record(record);
                if let Some(over) = over {
                    frame.version(over);
                }
            }
            Body::Found(seen, version) => {
                frame.seen(seen);
                frame.version(version);
            }
            Body::Wrote(version) => version.iter_mut().for_each(|version| frame.version(version)),
            Body::Dead { version, .. } => frame.version(version),
            Body::Read | Body::AskPromise { .. } | Body::Promised { .. } => {}
        }
    }
}
