//! Decides from look to look whether roles are changed back: a part of [`Recovery`](crate::recovery::machine::steps::Recovery), which
//! lets it do nothing while segments are brought back.

use super::attempts::RebalanceAttempts;
use super::judgement::{Background, Wait, early, late};
use super::run::Rebalance;
use super::when::{NOTICE_SECONDS, When};
use crate::cluster::catalog::CatalogRole;
use crate::cluster::content::ContentId;
use crate::recovery::facts::evidence::{Evidence, Swap};
use crate::recovery::obstacle::Obstacle;
use crate::recovery::refusal::RecoveryRefusal;
use std::collections::BTreeMap;

/// An announcement or a wish is good for so long after its time: FTS may be slow to look.
const STAYS_GOOD_SECONDS: u64 = 120;
/// What is to be done about roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::recovery) enum Move {
    /// Nothing.
    Rest,
    /// It is to be told that they are changed back at that time.
    Announce(Rebalance, u64),
    /// What was announced or asked for is not done, and why.
    CallOff(String),
    /// As soon as FTS has looked.
    Begin,
}

/// What the tool is at, or was.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub contents: Vec<ContentId>,
    pub began: u64,
    /// When the tool ended, and what it said of a failure.
    pub ended: Option<(u64, Option<String>)>,
}

/// What is known at one look, beside the evidence.
#[derive(Clone, Copy, Debug)]
pub(in crate::recovery) struct Moment {
    pub when: When,
    pub now: u64,
    pub in_charge_since: Option<u64>,
}

/// Since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub rebalanced: u64,
    pub failed: u64,
    pub seconds: u64,
}

/// All of it.
#[derive(Clone, Debug)]
pub(in crate::recovery) struct Roles {
    pub(super) attempts: RebalanceAttempts,
    /// An attempt of an earlier agent that had not ended: until when the catalog may still show that it helped.
    pub(super) inherited: Option<Option<u64>>,
    pub(super) swapped: Vec<Swap>,
    pub(super) since: BTreeMap<ContentId, u64>,
    /// Who had which role at the last look, and since when.
    in_role: (Vec<(i32, CatalogRole)>, u64),
    idle_since: Option<u64>,
    wish: Option<u64>,
    /// When it begins that was announced.
    pub(super) notice: Option<u64>,
    called_off: Option<u64>,
    pub(super) work: Option<Work>,
    pub(super) waits: Option<Wait>,
    wants_detail: bool,
    /// How long the last took, by when it began.
    pub(super) took: Option<(u64, u64)>,
    pub(super) counts: Counts,
}

impl Roles {
    pub(in crate::recovery) fn new(attempts: RebalanceAttempts, now: u64) -> Roles {
        Roles {
            inherited: attempts.is_under_way().then_some(None),
            attempts,
            swapped: Vec::new(),
            since: BTreeMap::new(),
            in_role: (Vec::new(), now),
            idle_since: None,
            wish: None,
            notice: None,
            called_off: None,
            work: None,
            waits: None,
            wants_detail: false,
            took: None,
            counts: Counts::default(),
        }
    }

    pub(in crate::recovery) fn attempts(&self) -> &RebalanceAttempts {
        &self.attempts
    }

    pub(in crate::recovery) fn learn(&mut self, told: &[serde_json::Map<String, serde_json::Value>]) {
        self.attempts.learn(told);
        if self.attempts.is_under_way() {
            self.inherited = Some(None);
        }
    }

    /// This pod has come to be in charge: another one's clock may go ahead of its own.
    pub(in crate::recovery) fn take_charge(&mut self, now: u64) {
        self.attempts = std::mem::take(&mut self.attempts).recalled(now);
    }

    /// Whether the next look has to ask agents and servers.
    pub(in crate::recovery) fn wants_detail(&self) -> bool {
        self.wants_detail
    }

    /// Whether a run goes on; whether its tool has ended.
    pub(in crate::recovery) fn under_way(&self) -> Option<bool> {
        self.work.as_ref().map(|work| work.ended.is_some())
    }

    pub(in crate::recovery) fn note(&mut self, evidence: &Evidence, now: u64) {
        self.swapped.clone_from(&evidence.swapped);
        let is_swapped = |content: &ContentId| evidence.swapped.iter().any(|swap| swap.content == *content);
        self.since.retain(|content, _| is_swapped(content));
        for swap in &evidence.swapped {
            self.since.entry(swap.content).or_insert(now);
        }
        let roles: Vec<(i32, CatalogRole)> = evidence.rows.iter().map(|row| (row.dbid, row.role)).collect();
        if self.in_role.0 != roles {
            self.in_role = (roles, now);
        }
        match &evidence.detail {
            Some(detail) if !detail.busy => _ = self.idle_since.get_or_insert(now),
            _ => self.idle_since = None,
        }
    }

    /// What is to be done, where nothing else keeps recovery from working.
    pub(in crate::recovery) fn next(&mut self, evidence: &Evidence, moment: Moment) -> Move {
        let now = moment.now;
        if evidence.swapped.is_empty() {
            self.waits = None;
            self.wants_detail = false;
            return self.call_off("every segment is in the role that it was made for", now);
        }
        let background = self.background(evidence, moment, self.wish.is_some());
        let early = self.is_settled().map_err(Wait::from).and_then(|()| early(&background));
        let judged = match (&early, &evidence.detail) {
            (Ok(()), Some(detail)) => Some(late(&background, detail)),
            (Ok(()), None) => None,
            (Err(wait), _) => Some(Err(wait.clone())),
        };
        self.wants_detail = early.is_ok();
        match judged {
            // The next look asks for it.
            None => Move::Rest,
            Some(Err(wait)) => {
                let why = wait.obstacle.why.clone();
                self.waits = Some(wait);
                self.call_off(&why, now)
            }
            Some(Ok(())) => self.announced(now),
        }
    }

    /// Roles stay as they are for another reason.
    pub(in crate::recovery) fn keep(&mut self, obstacle: Obstacle, now: u64) -> Move {
        self.wants_detail = false;
        let why = obstacle.why.clone();
        self.waits = (!self.swapped.is_empty()).then(|| obstacle.into());
        self.call_off(&why, now)
    }

    fn announced(&mut self, now: u64) -> Move {
        self.waits = None;
        let begins = match (self.wish, self.notice) {
            (Some(at), _) => at,
            (None, Some(at)) => at,
            (None, None) => {
                let at = now + NOTICE_SECONDS;
                self.notice = Some(at);
                return Move::Announce(Rebalance::of(&self.swapped), at);
            }
        };
        match now {
            _ if now < begins => Move::Rest,
            _ if now > begins + STAYS_GOOD_SECONDS => self.call_off("FTS cannot be asked to look", now),
            _ => Move::Begin,
        }
    }

    fn is_settled(&self) -> Result<(), Obstacle> {
        match self.inherited {
            None => Ok(()),
            Some(_) => Err(Obstacle::wait(
                "an earlier run was broken off; FTS gets a minute to find what became of it",
            )),
        }
    }

    fn background<'a>(&'a self, evidence: &'a Evidence, moment: Moment, asked: bool) -> Background<'a> {
        Background {
            evidence,
            attempts: &self.attempts,
            when: moment.when,
            asked,
            announced: self.notice.is_some(),
            now: moment.now,
            quiet_since: [moment.in_charge_since.unwrap_or(moment.now), self.in_role.1],
            since: &self.since,
            called_off: self.called_off,
            idle_since: self.idle_since,
        }
    }

    /// What was announced or asked for is not done.
    pub(in crate::recovery) fn call_off(&mut self, why: &str, now: u64) -> Move {
        let wished = self.wish.take().is_some();
        if self.notice.take().is_some() {
            self.called_off = Some(now);
        } else if !wished {
            return Move::Rest;
        }
        Move::CallOff(why.to_string())
    }

    /// The tool is begun, once this is written down.
    pub(in crate::recovery) fn begin(&mut self, now: u64) -> Rebalance {
        let rebalance = Rebalance::of(&self.swapped);
        self.wish = None;
        self.notice = None;
        self.attempts.begin(now);
        self.work = Some(Work {
            contents: rebalance.contents.clone(),
            began: now,
            ended: None,
        });
        rebalance
    }

    /// The tool has ended; with words where it says that it failed.
    pub(in crate::recovery) fn ended(&mut self, failure: Option<String>, now: u64) {
        if let Some(work) = self.work.as_mut().filter(|work| work.ended.is_none()) {
            work.ended = Some((now, failure));
        }
    }

    /// Nothing was run: the attempt could not be written down, or the tool was locked out.
    pub(in crate::recovery) fn not_begun(&mut self) {
        if self.work.take().is_some() {
            self.attempts.take_back();
        }
    }

    /// Somebody asks for it, with what was just looked at.
    ///
    /// # Errors
    /// Why it cannot be done now.
    pub(in crate::recovery) fn ask(&mut self, evidence: &Evidence, moment: Moment) -> Result<String, RecoveryRefusal> {
        if evidence.swapped.is_empty() {
            return Err(RecoveryRefusal::InPlace);
        }
        let background = self.background(evidence, moment, true);
        let settled = self.is_settled().map_err(Wait::from);
        let judged = settled
            .and_then(|()| early(&background))
            .and_then(|()| match &evidence.detail {
                Some(detail) => late(&background, detail),
                None => Err(Obstacle::wait("the servers were not asked").into()),
            });
        if let Err(wait) = judged {
            return Err(wait.obstacle.into());
        }
        self.notice = None;
        self.wish = Some(moment.now);
        self.wants_detail = true;
        let warning = Rebalance::of(&evidence.swapped).warning();
        Ok(format!(
            "gprecoverseg -r begins within a few seconds; {warning}; gp-agent status says how it goes on"
        ))
    }
}
