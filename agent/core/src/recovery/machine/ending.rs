//! When a tool that runs is ended: nobody else would, and nothing is done beside it.

use super::in_question::InQuestion;
use super::steps::{Recovery, Work};
use crate::recovery::facts::charge::LostRole;
use crate::recovery::facts::evidence::{Evidence, Pair};

/// So long this pod may not know whether it has the coordinator's role. Whoever takes over waits for a minute.
const DOUBTFUL_SECONDS: u64 = 30;
/// So long none of the servers that it works on may answer.
const STUCK_SECONDS: u64 = 300;

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

/// Whether nothing that it works on, and is not up yet, can be worked on.
fn is_stuck(work: &Work, evidence: &Evidence) -> bool {
    let of_it = |pair: &&Pair| work.run.has(pair.row.content);
    let mut down = evidence.down.iter().filter(of_it).peekable();
    let away = |pair: &Pair| pair.target.server.as_ref().is_none_or(|server| server.hung);
    down.peek().is_some() && down.all(away)
}
