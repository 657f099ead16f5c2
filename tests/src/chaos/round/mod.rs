//! One round: faults, what they came to, healing, and everything that has to be true afterwards.

mod checks;
mod steps;

use super::bed::{Bed, COORDINATORS, Containers, Nodes, Pair, Warehouse};
use super::fault::Fault;
use super::plan::Plan;
use super::played::Played;
use super::recipe::Recipe;
use super::writers::Writers;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// Longer than anything takes that a step waits for.
const EVENT: Duration = Duration::from_secs(90);

/// A cluster with its writers.
#[derive(Debug)]
pub struct Playground {
    /// The cluster.
    pub bed: Box<dyn Bed>,
    /// Its clients.
    pub writers: Writers,
}

/// A fault that lasts.
struct Lasting {
    index: usize,
    fault: Fault,
    until: Option<Instant>,
}

struct Round<'a> {
    ground: &'a Playground,
    holder: usize,
    pairs: Vec<Pair>,
    first: u64,
    begin: Duration,
    lasting: Vec<Lasting>,
    played: Played,
}

impl Playground {
    /// A new cluster, with these parameters of postgresql.conf besides its own.
    ///
    /// # Errors
    /// Why there is none.
    pub fn up(lease: u32, parameters: &[(&str, &str)]) -> Result<Playground> {
        Ok(Playground::over(Box::new(Containers::up(lease, parameters)?)))
    }

    /// The same on Kubernetes.
    ///
    /// # Errors
    /// Why there is none.
    pub fn on_nodes(lease: u32) -> Result<Playground> {
        Ok(Playground::over(Box::new(Nodes::up(lease)?)))
    }

    /// The same with Greenplum on containers.
    ///
    /// # Errors
    /// Why there is none.
    pub fn greenplum(lease: u32) -> Result<Playground> {
        Ok(Playground::over(Box::new(Warehouse::up(lease)?)))
    }

    fn over(bed: Box<dyn Bed>) -> Playground {
        let writers = Writers::start(&bed.places()[..COORDINATORS.len()], bed.dialect());
        Playground { bed, writers }
    }

    /// Plays a round. What is wrong is in the result.
    pub fn play(&self, plan: &Plan, recipe: Option<&Recipe>) -> Played {
        let ledger = &self.writers.ledger;
        let alone = ledger.alone();
        let mut round = Round {
            ground: self,
            holder: 0,
            pairs: Vec::new(),
            first: 0,
            begin: Duration::ZERO,
            lasting: Vec::new(),
            played: Played::default(),
        };
        let wrong = round.all(plan, recipe).err().map(|why| format!("{why:#}"));
        let mut played = round.played;
        played.alone = ledger.alone() - alone;
        // What the checks found counts more than that something did not come in time.
        played.failure = played.failure.or(wrong);
        played
    }
}

impl Round<'_> {
    fn all(&mut self, plan: &Plan, recipe: Option<&Recipe>) -> Result<()> {
        let ledger = self.ground.writers.ledger.clone();
        self.holder = self.until_whole().context("before the round")?;
        self.pairs = self.ground.bed.pairs(self.holder).context("before the round")?;
        self.until("writes", EVENT, |round| {
            let last = round.ground.writers.ledger.last(round.holder);
            last.is_some_and(|last| ledger.now().saturating_sub(last) < Duration::from_millis(300))
        })?;
        self.first = ledger.next();
        let crowd = (plan.crowd > 0).then(|| self.ground.writers.crowd(plan.crowd));
        if crowd.is_some() {
            self.sleep(Duration::from_secs(2));
        }
        self.begin = ledger.now();
        let done = self.steps(plan);
        // Whatever failed, the cluster is healed and checked.
        let seen = done.and_then(|()| self.look(plan, recipe));
        self.heal();
        drop(crowd);
        let healed = Instant::now();
        let whole = self.until_whole();
        self.played.whole = healed.elapsed();
        let end = ledger.now();
        let checked = whole.and_then(|holder| {
            let seen = self.seen(end, &self.ground.bed.state());
            self.played.class.get_or_insert(seen.class());
            self.played.gap = self.played.gap.max(seen.gap);
            self.check(holder, recipe)
        });
        seen.and(checked)
    }
}
