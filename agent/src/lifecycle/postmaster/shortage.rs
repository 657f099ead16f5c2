//! What the monitor's questions tell of what the server runs out of: connections, whether the agent has one, and write-ahead
//! log that slots keep.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Detour;
use gp_agent_core::cluster::state::Facts;
use gp_agent_core::finding::{Finding, FindingSource};
use gp_agent_core::postgres::kept_out;
use gp_agent_core::postgres::kept_out::Room;
use gp_agent_core::postgres::observation::Answer;
use gp_agent_core::postgres::slots;
use gp_agent_core::postgres::slots::Slot;

/// What was seen of it so far.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    /// What the server last said of its connections.
    room: Option<Room>,
    full: bool,
    told: Vec<Finding>,
    slots_told: Vec<Finding>,
}

impl Shortage {
    /// Says what the answer shows. A server that does not answer leaves what was said.
    pub(super) fn report(&mut self, pod: &Pod, answer: &Answer, detour: Option<&Detour>) {
        let name = &pod.me.pod;
        let findings = match answer {
            Answer::Ok(seen) => {
                self.room = seen.room.or(self.room);
                self.full = self.room.is_some_and(|room| room.is_full(self.full));
                let full = self.room.filter(|_| self.full).map(|room| room.finding(name));
                let detour = detour.map(|d| kept_out::detour_finding(name, &d.database, &d.why));
                full.into_iter().chain(detour).collect()
            }
            Answer::KeptOut { why, words, .. } => vec![why.finding(name, words, self.room)],
            Answer::NoServer => Vec::new(),
            Answer::NotNow(_) | Answer::Refused(_) | Answer::TimedOut(_) | Answer::Stopping => return,
        };
        if let Answer::Ok(seen) = answer {
            self.report_slots(pod, &seen.slots);
        }
        if findings != self.told {
            self.told.clone_from(&findings);
            pod.board.findings(FindingSource::Connections, findings);
        }
    }

    /// The volume of the write-ahead log is the last that the configuration names.
    fn report_slots(&mut self, pod: &Pod, slots: &[Slot]) {
        let path = pod.config.borrow().storage.volumes().pop();
        let path = path.map(|path| path.display().to_string());
        let room = |s: &Facts| s.rooms.iter().find(|r| Some(&r.path) == path.as_ref()).map(|r| r.space);
        let findings = slots::judge(slots, pod.board.read(room), &pod.me.pod);
        if findings != self.slots_told {
            self.slots_told.clone_from(&findings);
            pod.board.findings(FindingSource::Slots, findings);
        }
    }
}
