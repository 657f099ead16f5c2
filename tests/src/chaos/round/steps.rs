//! What is done in a round, and what is waited for.

use super::{EVENT, Lasting, Round};
use crate::chaos::bed::Pair;
use crate::chaos::fault::{Fault, Step, Target, When};
use crate::chaos::plan::Plan;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Who waits for so long does what the status says.
const ADVICE: Duration = Duration::from_secs(60);
/// A cluster that is not whole for so long says why.
const EXPLAINED: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);

impl Round<'_> {
    pub(super) fn steps(&mut self, plan: &Plan) -> Result<()> {
        for step in &plan.steps {
            self.wait_for(step.when).with_context(|| format!("before \"{step}\""))?;
            self.step(step);
        }
        // What has an end is over before it is looked at.
        while let Some(end) = self.lasting.iter().filter_map(|lasting| lasting.until).min() {
            self.sleep(end.saturating_duration_since(Instant::now()));
            self.undo_due();
        }
        self.sleep(plan.settle);
        Ok(())
    }

    fn step(&mut self, step: &Step) {
        let indexes = match step.target {
            Target::Holder => vec![self.holder],
            Target::Standby => vec![1 - self.holder],
            Target::Both if step.fault.is_shared() => vec![0],
            Target::Both => vec![0, 1],
            Target::HolderNow => vec![self.ground.bed.state().holder().unwrap_or(self.holder)],
            Target::Primary(content) => self.pair(content).map(|(primary, _)| primary).into_iter().collect(),
            Target::Mirror(content) => self.pair(content).map(|(_, mirror)| mirror).into_iter().collect(),
        };
        if step.fault == Fault::Undo {
            let (theirs, rest) = std::mem::take(&mut self.lasting)
                .into_iter()
                .partition(|lasting| indexes.contains(&lasting.index));
            self.lasting = rest;
            let theirs: Vec<Lasting> = theirs;
            for lasting in &theirs {
                self.ground.bed.undo(lasting.index, lasting.fault);
            }
            return;
        }
        if step.fault == Fault::Nothing {
            return;
        }
        let bed = &self.ground.bed;
        // To both at the same time.
        let results: Vec<(usize, Result<()>)> = std::thread::scope(|scope| {
            let started: Vec<_> = indexes
                .iter()
                .map(|index| (*index, scope.spawn(move || bed.inflict(*index, step.fault))))
                .collect();
            let join = |(index, thread): (usize, std::thread::ScopedJoinHandle<'_, Result<()>>)| {
                (index, thread.join().unwrap_or_else(|_| bail!("it panicked")))
            };
            started.into_iter().map(join).collect()
        });
        for (index, result) in results {
            match result {
                Ok(()) => self.played.faults.push(step.fault.kind()),
                Err(why) => self
                    .played
                    .impossible
                    .push(format!("{step}: {why:#}").replace('\n', " ")),
            }
            self.lasting.push(Lasting {
                index,
                fault: step.fault,
                until: step.lasts.map(|lasts| Instant::now() + lasts),
            });
        }
    }

    fn pair(&self, content: u8) -> Option<Pair> {
        self.pairs.get(usize::from(content)).copied()
    }

    fn undo_due(&mut self) {
        let now = Instant::now();
        let lasting = std::mem::take(&mut self.lasting);
        let (due, rest): (Vec<_>, Vec<_>) = lasting
            .into_iter()
            .partition(|l| l.until.is_some_and(|until| until <= now));
        self.lasting = rest;
        for lasting in due {
            self.ground.bed.undo(lasting.index, lasting.fault);
        }
    }

    /// Sleeps, and ends meanwhile what is to end.
    pub(super) fn sleep(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            self.undo_due();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    pub(super) fn until(&mut self, what: &str, patience: Duration, mut is: impl FnMut(&Self) -> bool) -> Result<()> {
        let begin = Instant::now();
        while !is(self) {
            ensure!(
                begin.elapsed() < patience,
                "not within {} s: {what}",
                patience.as_secs()
            );
            self.sleep(TICK);
        }
        Ok(())
    }

    fn wait_for(&mut self, when: When) -> Result<()> {
        match when {
            When::After(time) => {
                self.sleep(time);
                Ok(())
            }
            When::NotInSync => self.until("the standby is let go", EVENT, |round| {
                let state = round.ground.bed.state();
                state.holder().is_some() && !state.in_sync()
            }),
            When::InSync => self.until("the standby is in sync", EVENT, |round| {
                round.ground.bed.state().in_sync()
            }),
            When::Moved => self.until("the other takes over", EVENT, |round| {
                let last = round.ground.writers.ledger.last(1 - round.holder);
                last.is_some_and(|last| last > round.begin)
            }),
            When::Whole => self.until_whole().map(drop),
        }
    }

    /// Waits until all is as it should be. Who waits for long hears why.
    pub(super) fn until_whole(&mut self) -> Result<usize> {
        let (begin, patience) = (Instant::now(), self.ground.bed.patience());
        let (mut reasons, mut advised) = (BTreeSet::new(), Instant::now());
        let mut lacked = String::new();
        loop {
            let why = match self.ground.bed.complete() {
                Ok(holder) => {
                    let took = begin.elapsed();
                    ensure!(
                        took < EXPLAINED || !reasons.is_empty(),
                        "it was whole after {:.0} s, and no status said what was waited for; at last: {lacked}",
                        took.as_secs_f64()
                    );
                    return Ok(holder);
                }
                Err(why) => why,
            };
            lacked.clone_from(&why);
            reasons.extend(self.ground.bed.state().reasons());
            if begin.elapsed() > patience {
                bail!(
                    "not whole within {} s: {why}; they say: {reasons:?}",
                    patience.as_secs()
                );
            }
            if advised.elapsed() > ADVICE {
                advised = Instant::now();
                let done = self
                    .ground
                    .bed
                    .follow_advice()
                    .unwrap_or_else(|why| Some(format!("{why:#}")));
                self.played.advice.extend(done);
            }
            self.sleep(TICK * 4);
        }
    }

    pub(super) fn heal(&mut self) {
        let lasting = std::mem::take(&mut self.lasting);
        let faults: Vec<(usize, Fault)> = lasting.iter().map(|l| (l.index, l.fault)).collect();
        self.ground.bed.heal(&faults);
    }
}
