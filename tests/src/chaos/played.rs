//! What a round came to, as a record and as a line.

use super::outcome::Class;
use std::fmt;
use std::time::Duration;

/// What a round came to.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// What was done, by kind.
    pub faults: Vec<String>,
    /// What could not be done, since something else had been done before.
    pub impossible: Vec<String>,
    /// How it went on, as clients saw it.
    pub class: Option<Class>,
    /// The longest time without an acknowledgement.
    pub gap: Duration,
    /// How long it took after the healing until everything was as it should be.
    pub whole: Duration,
    /// Transactions that were acknowledged.
    pub acknowledged: usize,
    /// Those of them that are not there.
    pub lost: usize,
    /// Pairs of coordinators that wrote at the same time.
    pub overlaps: usize,
    /// How much later than the first acknowledgement of the new coordinator one of the old one came.
    pub late: Duration,
    /// Commits that the server warned of.
    pub alone: usize,
    /// What a person had to do before it was whole, as the status said, and why.
    pub advice: Vec<String>,
    /// What was wrong.
    pub failure: Option<String>,
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class.map_or_else(|| "?".to_string(), |class| class.to_string());
        write!(
            f,
            "{class}, {:.2} s; whole after {:.1} s; {} acknowledged, {} lost, {} overlaps",
            self.gap.as_secs_f64(),
            self.whole.as_secs_f64(),
            self.acknowledged,
            self.lost,
            self.overlaps
        )?;
        for why in &self.impossible {
            write!(f, "\n    not possible: {why}")?;
        }
        for advice in &self.advice {
            write!(f, "\n    as the status said: {advice}")?;
        }
        match &self.failure {
            Some(why) => write!(f, "\n    FAILED: {why}"),
            None => Ok(()),
        }
    }
}
