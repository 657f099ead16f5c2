//! What a fault does to the world, and how it ends.

use super::data::Log;
use super::fault::{Fault, Relief};
use super::pod::{Hung, Pod, Runs};
use super::state::World;
use crate::cluster::directory::DirectoryKind;
use crate::failover::candidate::{Command, CommitsWait, Ended, Event};
use crate::failover::record::{Mode, Record, Seen};

/// A server of a standby takes so long to stop.
const STOPS_WITHIN: u64 = 2000;

impl World {
    /// Whether the fault changes anything now.
    pub(crate) fn can(&self, fault: Fault) -> bool {
        let alive = |p: usize| !self.pods[p].gone;
        let awake = |p: usize| alive(p) && !self.pods[p].frozen;
        match fault {
            Fault::CutAuthority(p) => !self.cut[p] && alive(p),
            Fault::CutPeers | Fault::Twin(_) => !self.peers_cut,
            // A volume of the same epoch is not told from the right one: see what stays open in docs/design/failover.md.
            Fault::RollBack(p) => {
                let young =
                    |record: &Record| matches!(&self.backup, Seen::Record(first) if first.epoch == record.epoch);
                alive(p) && self.record().is_some_and(|record| !young(record))
            }
            Fault::Freeze(p) => awake(p),
            // Neither a container nor an agent starts on a volume that hangs.
            Fault::RestartPod(p) => awake(p) && !self.pods[p].has_hung_volume(),
            Fault::ReplacePod(p) => alive(p) && !self.pods[p].has_hung_volume(),
            Fault::LosePod(p) => alive(p),
            Fault::RestartAgent(p) => self.pods[p].thinks() && !self.pods[p].has_hung_volume(),
            Fault::FreezeAgent(p) | Fault::Switchover(p) | Fault::Pause(p) => self.pods[p].thinks(),
            Fault::CrashServer(p) | Fault::HangServer(p) | Fault::HangVolume(p) => self.pods[p].works(),
            Fault::Drain(p) => self.pods[p].thinks() && !self.pods[p].draining,
            Fault::DrainAll => [0, 1].iter().all(|p| self.pods[*p].thinks() && !self.pods[*p].draining),
            Fault::EndStream => self.stream.as_ref().is_some_and(|s| {
                let lives = s.at_primary && s.ended.is_none() && self.pods[s.primary].hung.is_none();
                let noticed = !self.peers_cut && self.pods[1 - s.primary].works();
                lives && (noticed || self.waits == CommitsWait::Always)
            }),
            // Who has not seen the record that is lost cannot know of it.
            Fault::Restore | Fault::Delete | Fault::Garble => self.record().is_some_and(|record| {
                let knows = |pod: &Pod| pod.agent.view().epoch == record.epoch;
                self.pods.iter().all(|pod| pod.thinks() && knows(pod))
            }),
        }
    }

    pub(crate) fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::CutAuthority(p) => self.cut[p] = true,
            Fault::CutPeers => self.peers_cut = true,
            Fault::Twin(p) => (self.peers_cut, self.twin) = (true, Some(p)),
            Fault::RollBack(p) => self.roll_back(p),
            Fault::Freeze(p) => self.pods[p].frozen = true,
            Fault::FreezeAgent(p) => self.pods[p].agent_frozen = true,
            Fault::RestartAgent(p) => self.start_agent(p),
            Fault::CrashServer(p) => self.end_server(p, Ended::Crashed),
            Fault::HangServer(p) => self.hang(p, Hung::Server),
            Fault::HangVolume(p) => self.hang(p, Hung::Volume),
            Fault::RestartPod(p) => self.restart(p),
            Fault::ReplacePod(p) => self.replace(p),
            Fault::LosePod(p) => self.lose(p),
            Fault::EndStream => {
                let (now, cut) = (self.now, self.peers_cut);
                if let Some(stream) = &mut self.stream {
                    stream.leave(now);
                    stream.ended = (!cut).then_some(now);
                }
            }
            Fault::Switchover(p) => {
                let (when_idle, by) = (false, String::new());
                self.tell(p, Event::Command(Command::Switchover { when_idle, by }));
            }
            Fault::Drain(p) => self.drain(p, true),
            Fault::DrainAll => [0, 1].into_iter().for_each(|p| self.drain(p, true)),
            Fault::Pause(p) => self.tell(p, Event::Command(Command::Takeovers(Mode::Paused))),
            Fault::Restore => self.replace_record(self.backup.clone()),
            Fault::Delete => self.replace_record(Seen::Absent),
            Fault::Garble => self.replace_record(Seen::Garbled("?".into())),
        }
    }

    fn hang(&mut self, p: usize, what: Hung) {
        self.pods[p].hung = Some((what, self.now, self.pods[p].life));
    }

    /// What was killed in the meantime does nothing any more: a signal comes before the return from the kernel.
    fn answer_again(&mut self, p: usize) {
        self.pods[p].hung = None;
        if self.pods[p].dies_at.is_some_and(|at| at <= self.now) {
            self.end_server(p, Ended::Crashed);
        }
        if let Some(memory) = self.pods[p].agent.remembered() {
            self.pods[p].memory = Some(memory.clone());
        }
    }

    fn drain(&mut self, p: usize, hand_over: bool) {
        self.pods[p].draining = true;
        self.pods[p].stops_at = self.now + STOPS_WITHIN;
        self.tell(p, Event::Draining { hand_over });
    }

    fn replace_record(&mut self, seen: Seen) {
        self.version += 1;
        self.seen = seen;
    }

    /// All processes end; the container starts again.
    fn restart(&mut self, p: usize) {
        self.end_server(p, Ended::Crashed);
        self.pods[p].fence = None;
        (self.pods[p].closed, self.pods[p].shot) = (false, false);
        self.pods[p].frozen = false;
        self.pods[p].draining = false;
        self.start_agent(p);
    }

    /// Another pod of that name, on the same volume.
    pub(crate) fn replace(&mut self, p: usize) {
        self.pods[p].uid += 1;
        self.restart(p);
    }

    /// The memory and the log of the first epoch.
    fn roll_back(&mut self, p: usize) {
        let mut memory = self.pods[p].memory.clone();
        if let (Some(memory), Seen::Record(first)) = (&mut memory, &self.backup) {
            (memory.epoch, memory.serial) = (first.epoch, first.serial);
            memory.holder = first.holder.clone().unwrap_or(memory.holder.clone());
            (memory.held, memory.claimed) = (if p == 0 { first.epoch } else { 0 }, 0);
        }
        let kind = match p {
            0 => DirectoryKind::Primary,
            _ => DirectoryKind::Standby,
        };
        let pod = &mut self.pods[p];
        (pod.memory, pod.log, pod.kind, pod.hung) = (memory, Log::new(), kind, None);
        self.replace(p);
    }

    fn lose(&mut self, p: usize) {
        let cut = std::mem::replace(&mut self.peers_cut, true);
        self.end_server(p, Ended::Crashed);
        self.peers_cut = cut;
        self.pods[p].gone = true;
        self.pods[p].hung = None;
        self.pods[p].fence = None;
    }

    pub(crate) fn can_relieve(&self, relief: Relief) -> bool {
        match relief {
            Relief::Authority(p) => self.cut[p],
            Relief::Peers => self.peers_cut,
            Relief::Thaw(p) => self.pods[p].frozen && !self.pods[p].gone,
            Relief::Resume(p) => self.pods[p].agent_frozen && !self.pods[p].frozen && !self.pods[p].gone,
            Relief::Answer(p) => self.pods[p].hung.is_some() && !self.pods[p].frozen && !self.pods[p].gone,
            Relief::Return(p) => self.pods[p].gone,
        }
    }

    pub(crate) fn relieve(&mut self, relief: Relief) {
        match relief {
            Relief::Authority(p) => self.cut[p] = false,
            Relief::Peers => (self.peers_cut, self.twin) = (false, None),
            Relief::Thaw(p) => self.thaw(p),
            Relief::Resume(p) => self.pods[p].agent_frozen = false,
            Relief::Answer(p) => self.answer_again(p),
            Relief::Return(p) => {
                self.pods[p].gone = false;
                self.replace(p);
            }
        }
    }

    /// init's timer is overdue, and it is the first to act: see what stays open in docs/design/failover.md.
    fn thaw(&mut self, p: usize) {
        self.pods[p].frozen = false;
        if self.pods[p].fence.take_if(|fence| *fence <= self.now).is_some() {
            self.pods[p].closed = true;
        }
        let shot = self.pods[p].closed || self.pods[p].dies_at.is_some_and(|at| at <= self.now);
        if shot && self.pods[p].runs != Runs::Nothing && self.pods[p].has_hung_volume() {
            self.pods[p].dies_at = Some(self.now);
        } else if shot && self.pods[p].runs != Runs::Nothing {
            self.end_server(p, Ended::Crashed);
        }
    }
}
