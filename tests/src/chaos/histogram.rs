//! How long clients waited, by class.

use super::outcome::Class;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The upper ends of the columns, in milliseconds; the last one has none.
const ENDS: [u64; 9] = [100, 250, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000];

/// Times by class.
#[derive(Clone, Debug, Default)]
pub struct Histogram(BTreeMap<Class, Vec<Duration>>);

impl Histogram {
    /// One more.
    pub fn add(&mut self, class: Class, took: Duration) {
        self.0.entry(class).or_default().push(took);
    }
}

fn column(took: Duration) -> usize {
    let millis = took.as_millis();
    ENDS.iter().take_while(|end| u128::from(**end) < millis).count()
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14}", "RTO, seconds")?;
        for end in ENDS {
            write!(f, "{:>7}", format!("<={}", end as f64 / 1000.0))?;
        }
        writeln!(f, "{:>7}{:>9}{:>9}{:>9}", "more", "min", "median", "max")?;
        for (class, times) in &self.0 {
            let mut times = times.clone();
            times.sort_unstable();
            let mut counts = [0; ENDS.len() + 1];
            for time in &times {
                counts[column(*time)] += 1;
            }
            write!(f, "{:<14}", class.to_string())?;
            for count in counts {
                write!(f, "{count:>7}")?;
            }
            for time in [times.first(), times.get(times.len() / 2), times.last()] {
                write!(f, "{:>9.2}", time.copied().unwrap_or_default().as_secs_f64())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_its_column() {
        assert_eq!(column(Duration::ZERO), 0);
        assert_eq!(column(Duration::from_millis(100)), 0);
        assert_eq!(column(Duration::from_millis(101)), 1);
        assert_eq!(column(Duration::from_secs(30)), 8);
        assert_eq!(column(Duration::from_secs(31)), 9);
    }

    #[test]
    fn classes_have_a_line_each() {
        let mut histogram = Histogram::default();
        for millis in [700, 900, 40_000] {
            histogram.add(Class::Failover, Duration::from_millis(millis));
        }
        histogram.add(Class::Goes, Duration::from_millis(40));
        insta::assert_snapshot!(histogram);
    }
}
