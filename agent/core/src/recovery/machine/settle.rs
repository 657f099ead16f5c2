//! How runs ended: the catalog says, whatever the tool said.

use super::model::{Ended, Late};
use super::steps::Recovery;
use crate::cluster::content::ContentId;
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::segments::attempts::AttemptOutcome;
use crate::recovery::segments::method::Target;

/// After the tool's end FTS gets so long to find the segment up.
const FOUND_UP_SECONDS: u64 = 60;
/// While FTS cannot be asked nobody knows what a run has brought; for so long at most.
const UNASKED_SECONDS: u64 = 600;

impl Recovery {
    /// An earlier agent's tool may still be at work, and may have been successful.
    pub(in crate::recovery) fn settle_inherited(&mut self, evidence: &Evidence, now: u64) {
        let Some(until) = self.inherited else { return };
        if evidence.circumstances.not_in_charge.is_some() || evidence.circumstances.at_work.is_some() {
            return;
        }
        let until = until.unwrap_or(now + FOUND_UP_SECONDS);
        self.inherited = Some(Some(until));
        let open: Vec<ContentId> = self.attempts.under_way().map(|(content, _)| content).collect();
        let is_down = |content: ContentId| evidence.down.iter().any(|pair| pair.row.content == content);
        for content in open {
            match is_down(content) {
                false => self.attempts.end(content, AttemptOutcome::Recovered),
                true if now >= until => self.attempts.end(content, AttemptOutcome::BrokenOff),
                true => {}
            }
        }
        if self.attempts.under_way().next().is_none() {
            self.inherited = None;
        }
    }

    /// The catalog says what a run has brought. What replays meanwhile is judged later: other contents need not wait for it.
    pub(in crate::recovery) fn settle(&mut self, evidence: &Evidence, now: u64) {
        let Some(work) = &mut self.work else { return };
        let Some((ended, failure)) = &work.ended else { return };
        if evidence.circumstances.not_in_charge.is_some() {
            return;
        }
        let is_down = |target: &Target| evidence.down.iter().any(|pair| pair.row.content == target.row.content);
        let up = work.run.targets.iter().filter(|target| !is_down(target));
        work.recovered = up.map(|target| target.pod.clone()).collect();
        let all = work.recovered.len() == work.run.targets.len();
        // Forgotten as the tool ended.
        let patience = match self.probed {
            Some(_) => FOUND_UP_SECONDS,
            None => UNASKED_SECONDS,
        };
        if !all && now < ended + patience {
            return;
        }
        let failure = failure.clone();
        let Some(work) = self.work.take() else { return };
        let alone = work.run.targets.len() == 1;
        let words = match &failure {
            Some(failure) => failure.why.clone(),
            None => "FTS does not find it up after the tool has ended".into(),
        };
        self.counts.seconds += now.saturating_sub(work.began);
        self.last = Some(Ended {
            began: work.began,
            at: now,
            recovered: Vec::new(),
            failed: Vec::new(),
            run: work.run.clone(),
        });
        let streams = |content| {
            let mut down = evidence.down.iter();
            down.any(|pair| pair.row.content == content && pair.streams())
        };
        for target in &work.run.targets {
            let (content, pod) = (target.row.content, target.pod.clone());
            let late = Late {
                pod,
                words: words.clone(),
                elsewhere: failure
                    .as_ref()
                    .is_some_and(|failure| !failure.is_of(&target.row, alone)),
            };
            match work.recovered.contains(&late.pod) {
                true => self.is_up(content, late.pod),
                false if streams(content) || self.coming_back.has(content, now) => _ = self.late.insert(content, late),
                false => self.is_not_up(content, late),
            }
        }
    }

    /// What still replayed when its run was judged has come, or comes no further.
    pub(in crate::recovery) fn settle_late(&mut self, evidence: &Evidence, now: u64) {
        if evidence.circumstances.not_in_charge.is_some() {
            return;
        }
        for (content, late) in std::mem::take(&mut self.late) {
            let pair = evidence.down.iter().find(|pair| pair.row.content == content);
            match pair {
                None => self.is_up(content, late.pod),
                // FTS has only to look.
                Some(pair) if pair.streams() || self.coming_back.has(content, now) => {
                    self.late.insert(content, late);
                }
                Some(_) => self.is_not_up(content, late),
            }
        }
    }

    /// What is up again, by whomever it was brought back, begins anew when it is lost again.
    pub(in crate::recovery) fn forget_failures(&mut self, evidence: &Evidence) {
        let circumstances = &evidence.circumstances;
        let busy = circumstances.not_in_charge.is_some() || circumstances.at_work.is_some();
        if busy || self.under_way().is_some() || self.inherited.is_some() {
            return;
        }
        let is_down = |content: ContentId| evidence.down.iter().any(|pair| pair.row.content == content);
        for content in evidence.rows.iter().map(|row| row.content) {
            if !is_down(content) {
                self.attempts.is_up(content);
            }
        }
    }

    fn is_up(&mut self, content: ContentId, pod: String) {
        self.counts.recovered += 1;
        self.attempts.end(content, AttemptOutcome::Recovered);
        if let Some(last) = self.last.as_mut().filter(|last| last.run.has(content)) {
            last.recovered.push(pod);
        }
    }

    fn is_not_up(&mut self, content: ContentId, late: Late) {
        self.counts.failed += 1;
        match late.elsewhere {
            true => self.attempts.fail_elsewhere(content, late.words.clone()),
            false => self.attempts.end(content, AttemptOutcome::Failed(late.words.clone())),
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.run.has(content)) {
            last.failed.push((late.pod, late.words));
        }
    }
}
