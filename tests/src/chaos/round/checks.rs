//! What a round came to, and what has to be true after it.

use super::Round;
use crate::chaos::bed::state::State;
use crate::chaos::ledger::{self, Acknowledged, Wrote};
use crate::chaos::outcome::{Class, Seen};
use crate::chaos::plan::Plan;
use crate::chaos::recipe::Recipe;
use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use std::time::Duration;

/// An address that has acknowledged nothing for so long is silent.
const SILENT: Duration = Duration::from_millis(2500);

impl Round<'_> {
    pub(super) fn seen(&self, at: Duration, state: &State) -> Seen {
        let ledger = &self.ground.writers.ledger;
        let dialect = self.ground.bed.dialect();
        // A gap begins with the last acknowledgement before the round.
        let mut acks = ledger.since(self.first.saturating_sub(1000));
        // Where a content is lost what needs the others alone goes on.
        acks.retain(|ack| dialect.needs_all(ack.wrote));
        let last = acks.iter().max_by_key(|ack| ack.acked);
        Seen {
            moved: last.is_some_and(|ack| ack.address != self.holder),
            silent: last.is_none_or(|ack| at.saturating_sub(ack.acked) > SILENT),
            in_order: state.in_order(),
            gap: ledger::longest_gap(&acks, self.begin, at),
        }
    }

    /// What it has come to, while what has no end still lasts.
    pub(super) fn look(&mut self, plan: &Plan, recipe: Option<&Recipe>) -> Result<()> {
        let Some(recipe) = recipe else { return Ok(()) };
        let state = self.ground.bed.state();
        let seen = self.seen(self.ground.writers.ledger.now(), &state);
        self.played.class = Some(seen.class());
        self.played.gap = seen.gap;
        let class = seen.expect(recipe.expect, recipe.within).map_err(anyhow::Error::msg)?;
        self.played.class = Some(class);
        let explained = !state.answers() || !state.reasons().is_empty();
        ensure!(
            class != Class::Nobody || explained,
            "nobody writes, and no status says why: {plan}"
        );
        Ok(())
    }

    pub(super) fn check(&mut self, holder: usize, recipe: Option<&Recipe>) -> Result<()> {
        // Before the table is read: whatever is acknowledged later may be missing there.
        let acks = self.ground.writers.ledger.since(self.first);
        let found = self.found(holder)?;
        let lost = ledger::lost(&acks, &found);
        let overlaps = ledger::overlaps(&acks);
        self.played.acknowledged = acks.len();
        self.played.lost = lost.len();
        self.played.overlaps = overlaps.len();
        self.played.late = ledger::latest_after_takeover(&acks);
        let may_lose = recipe.is_some_and(|recipe| recipe.may_lose);
        if !lost.is_empty() && !may_lose {
            bail!(
                "{} acknowledged transactions are lost, first {:?}",
                lost.len(),
                first(&lost)
            );
        }
        if let Some(overlap) = overlaps.first() {
            bail!("{} times two wrote at the same time, first {overlap:?}", overlaps.len());
        }
        self.ground.bed.consistent(holder)
    }

    fn found(&self, holder: usize) -> Result<BTreeSet<(Wrote, u64)>> {
        let mut session = self.ground.bed.session(holder)?;
        let dialect = self.ground.bed.dialect();
        let mut found = BTreeSet::new();
        for (wrote, query) in dialect.queries(self.first) {
            for row in session.rows(&query)? {
                found.insert((wrote, row.parse()?));
            }
        }
        if let Some(query) = dialect.torn() {
            let torn = session.rows(&query)?;
            ensure!(torn.is_empty(), "transactions of which a part is there: {torn:?}");
        }
        Ok(found)
    }
}

fn first(lost: &[Acknowledged]) -> Option<&Acknowledged> {
    lost.iter().min_by_key(|ack| ack.acked)
}
