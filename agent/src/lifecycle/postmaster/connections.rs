//! What the monitor's questions tell of the server's connections: whether any is left, and whether the agent has one.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Detour;
use gp_agent_core::finding::{Finding, FindingSource};
use gp_agent_core::postgres::kept_out;
use gp_agent_core::postgres::kept_out::Room;
use gp_agent_core::postgres::observation::Answer;

/// What was seen of them so far.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// What the server last said of them.
    room: Option<Room>,
    full: bool,
    told: Vec<Finding>,
}

impl Connections {
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
        if findings != self.told {
            self.told.clone_from(&findings);
            pod.board.findings(FindingSource::Connections, findings);
        }
    }
}
