//! When a tool that runs is ended: nobody else would, and nothing is done beside it.

use super::in_question::InQuestion;
use super::model::Work;
use super::steps::Recovery;
use crate::recovery::facts::charge::LostRole;
use crate::recovery::facts::evidence::{Evidence, Pair};

/// So long this pod may not know whether it has the coordinator's role. Whoever takes over waits for a minute.
const DOUBTFUL_SECONDS: u64 = 30;
/// So long none of the servers that it works on may answer.
const STUCK_SECONDS: u64 = 300;
/// So long a segment is down while tables are spread, which may take days.
const DOWN_SECONDS: u64 = 300;

impl Recovery {
    /// Why the tool that runs has to end, in words.
    pub(super) fn has_to_end(&mut self, evidence: &Evidence, now: u64) -> Option<String> {
        if self.under_way() != Some(false) {
            self.in_question = InQuestion::default();
            return None;
        }
        let lost = evidence.circumstances.lost_role;
        if lost == Some(LostRole::Elsewhere) {
            return Some("another pod has the coordinator's role".into());
        }
        if self.expansion.is_spreading() && self.has_long_been_down(evidence, now) {
            self.expansion.cut();
            return Some("a segment is down, and is brought back before more tables are spread".into());
        }
        let stuck = self.work.as_ref().is_some_and(|work| is_stuck(work, evidence));
        let since = |known: Option<u64>, holds: bool| holds.then(|| known.unwrap_or(now));
        let InQuestion { doubtful, stuck: known } = self.in_question;
        self.in_question = InQuestion {
            doubtful: since(doubtful, lost.is_some()),
            stuck: since(known, stuck),
        };
        let lasts = |since: Option<u64>, seconds| since.is_some_and(|at| now.saturating_sub(at) >= seconds);
        if lasts(self.in_question.doubtful, DOUBTFUL_SECONDS) {
            return Some(format!(
                "for {DOUBTFUL_SECONDS} s it is not known whether this pod has the coordinator's role"
            ));
        }
        let pods = || self.work.as_ref().map_or(String::new(), |work| work.run.pods());
        lasts(self.in_question.stuck, STUCK_SECONDS).then(|| {
            format!(
                "for {STUCK_SECONDS} s no agent answers, or a volume does not, where a server is still down: {}",
                pods()
            )
        })
    }
}

impl Recovery {
    /// Whether one of the catalog's segments is down that has been so for a while.
    fn has_long_been_down(&self, evidence: &Evidence, now: u64) -> bool {
        let mut listed = evidence.down.iter().filter(|pair| pair.listed);
        listed.any(|pair| {
            let since = self.down_since.get(&pair.row.content);
            since.is_some_and(|at| now.saturating_sub(*at) >= DOWN_SECONDS)
        })
    }
}

/// Whether nothing that it works on, and is not up yet, can be worked on.
fn is_stuck(work: &Work, evidence: &Evidence) -> bool {
    let of_it = |pair: &&Pair| work.run.has(pair.row.content);
    let mut down = evidence.down.iter().filter(of_it).peekable();
    // An agent that is not understood is at work all the same.
    let away = |pair: &Pair| match &pair.target.server {
        Some(server) => server.hung,
        None => !pair.target.unclear,
    };
    down.peek().is_some() && down.all(away)
}
