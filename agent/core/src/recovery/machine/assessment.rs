//! What is made of a look: since when each content is down, what may be done about it, and what stands in the way of all.

use super::model::SeenContent;
use super::steps::Recovery;
use crate::cluster::content::ContentId;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::recovery::facts::evidence::{Evidence, Pair};
use crate::recovery::new_mirrors::judgement as mirrors_judgement;
use crate::recovery::obstacle::Obstacle;
use crate::recovery::segments::judgement::{Background, judge};

/// After it has come to be the coordinator that decides, or another has, this pod does nothing for so long at least: the tool of a
/// coordinator that was cut off may go on until that one finds out.
const SETTLES_SECONDS: u64 = 60;
/// The rows of the segments have been the same for so long.
const STEADY_SECONDS: u64 = 20;

impl Recovery {
    pub(in crate::recovery) fn note(&mut self, evidence: &Evidence, now: u64) {
        self.roles.note(evidence, now);
        self.expansion.note(evidence);
        if self.rows.0 != evidence.rows {
            self.rows = (evidence.rows.clone(), now);
        }
        match evidence.circumstances.not_in_charge {
            Some(_) => self.in_charge_since = None,
            None if self.in_charge_since.is_none() => {
                self.in_charge_since = Some(now);
                // Another pod's clock may go ahead of this one's.
                self.attempts = std::mem::take(&mut self.attempts).recalled(now);
                self.roles.take_charge(now);
                self.expansion.take_charge(now);
            }
            None => {}
        }
        let down = |content: &ContentId| evidence.down.iter().find(|pair| pair.row.content == *content);
        self.down_since.retain(|content, _| down(content).is_some());
        self.coming_back.note(&evidence.down, now);
        self.steady_since.retain(|content, _| down(content).is_some_and(serves));
        for pair in &evidence.down {
            self.down_since.entry(pair.row.content).or_insert(now);
            if serves(pair) {
                self.steady_since.entry(pair.row.content).or_insert(now);
            }
        }
    }

    pub(in crate::recovery) fn judge(&self, pair: &Pair, evidence: &Evidence, now: u64) -> SeenContent {
        let content = pair.row.content;
        let since = self.down_since.get(&content).copied().unwrap_or(now);
        let asked = self.wish.as_ref().filter(|wish| wish.names(pair));
        let background = Background {
            circumstances: &evidence.circumstances,
            lacking: &evidence.lacking,
            attempts: &self.attempts,
            rebalances: self.roles.attempts(),
            accepted: &self.accepted,
            full: self.policy.full,
            differential: evidence.circumstances.differential && !self.refuses_differential,
            asked: asked.map(|wish| wish.full),
            now,
            down_since: since,
            comes_back: self.coming_back.has(content, now),
            steady_since: self.steady_since.get(&content).copied(),
        };
        SeenContent {
            pair: pair.clone(),
            since,
            judgement: match pair.listed {
                true => judge(pair, &background),
                false => mirrors_judgement::judge(pair, &background),
            },
        }
    }

    pub(in crate::recovery) fn hindrance_of(&self, evidence: &Evidence, now: u64) -> Option<Obstacle> {
        // What runs is this agent's own tool.
        let own = self.under_way() == Some(false);
        if let Some(obstacle) = evidence.hindrance().filter(|_| !own) {
            return Some(obstacle);
        }
        if self.inherited.is_some() {
            return Some(Obstacle::wait(
                "an earlier run was broken off; FTS is asked what became of it",
            ));
        }
        let settles = SETTLES_SECONDS.max(evidence.circumstances.cut_off_seconds);
        let for_long = |since: u64, seconds: u64| now.saturating_sub(since) >= seconds;
        if !self.in_charge_since.is_some_and(|since| for_long(since, settles)) {
            return Some(Obstacle::wait(format!(
                "this coordinator has been in charge for less than {settles} s"
            )));
        }
        if self.under_way().is_none() && !for_long(self.rows.1, STEADY_SECONDS) {
            return Some(Obstacle::wait(format!(
                "the catalog of the segments changed less than {STEADY_SECONDS} s ago"
            )));
        }
        None
    }
}

/// Whether the other server of the content serves as primary.
fn serves(pair: &Pair) -> bool {
    let server = pair.primary.as_ref().and_then(|place| place.server.as_ref());
    server.is_some_and(|server| server.active == Some(Role::Primary) && server.phase == Phase::Running)
}
