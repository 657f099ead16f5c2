//! All rounds together.

use super::histogram::Histogram;
use super::played::Played;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Counts and times.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    rounds: usize,
    failed: usize,
    faults: BTreeMap<String, usize>,
    impossible: usize,
    acknowledged: usize,
    lost: usize,
    overlaps: usize,
    alone: usize,
    late: Duration,
    whole: Duration,
    healed: Vec<Duration>,
    by_command: usize,
    waits: Histogram,
}

impl Tally {
    /// One more round.
    pub fn add(&mut self, played: &Played) {
        self.rounds += 1;
        self.failed += usize::from(played.failure.is_some());
        for kind in &played.faults {
            *self.faults.entry(kind.clone()).or_default() += 1;
        }
        self.impossible += played.impossible.len();
        self.acknowledged += played.acknowledged;
        self.lost += played.lost;
        self.overlaps += played.overlaps;
        self.alone += played.alone;
        self.late = self.late.max(played.late);
        self.whole = self.whole.max(played.whole);
        self.by_command += usize::from(!played.advice.is_empty());
        if played.failure.is_none() && played.advice.is_empty() {
            self.healed.push(played.whole);
        }
        if let Some(class) = played.class {
            self.waits.add(class, played.gap);
        }
    }

    /// How many rounds were whole again within which time, without a command.
    fn healing(&self) -> String {
        const WITHIN: [u64; 5] = [5, 15, 60, 120, 300];
        let within = |seconds: u64| {
            let count = self.healed.iter().filter(|took| took.as_secs() < seconds).count();
            format!("{count} within {seconds} s")
        };
        format!("{} rounds: {}", self.healed.len(), WITHIN.map(within).join(", "))
    }

    /// Whether a round failed.
    pub fn has_failed(&self) -> bool {
        self.failed > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rounds             {} ({} failed)", self.rounds, self.failed)?;
        writeln!(f, "acknowledged       {} transactions", self.acknowledged)?;
        writeln!(f, "lost               {}", self.lost)?;
        writeln!(f, "overlaps           {}", self.overlaps)?;
        writeln!(
            f,
            "latest in-flight   {:.3} s after a takeover",
            self.late.as_secs_f64()
        )?;
        writeln!(f, "local only         {} commits that the server warned of", self.alone)?;
        writeln!(f, "longest to whole   {:.1} s", self.whole.as_secs_f64())?;
        writeln!(f, "whole by itself    {}", self.healing())?;
        writeln!(f, "whole by a command {} rounds, as the status said", self.by_command)?;
        writeln!(
            f,
            "faults             {} ({} not possible any more)",
            self.faults.values().sum::<usize>(),
            self.impossible
        )?;
        for (kind, count) in &self.faults {
            writeln!(f, "  {count:>5}  {kind}")?;
        }
        write!(f, "{}", self.waits)
    }
}
