//! Pages whose checksum was wrong, as each primary has counted them: nothing is copied from or over a content that has some, unless
//! somebody asks for it.
//!
//! The server forgets its counts when it crashes, or somebody resets them (pgstat.c), and cannot be told which. So the agent of that
//! pod keeps the highest of them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Its own server's, with at least one such page. Engines before PostgreSQL 12 have not that column, and refuse it.
pub const SQL: &str = "select datname::text, checksum_failures from pg_stat_database where checksum_failures > 0";
/// A refusal names what is not there, in every language.
const COLUMN: &str = "checksum_failures";
/// What counts for no single database.
const SHARED: &str = "catalogs that all share";

/// Whether the engine refused the question, in these words, since it counts no such pages.
pub fn is_not_counted(refusal: &str) -> bool {
    refusal.contains(COLUMN)
}

/// Pages by database.
pub type Pages = BTreeMap<String, u64>;

/// What the agent keeps, on the volume of the server's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Which directory was counted in: a copy that took its place has pages of its own.
    pub directory: String,
    /// The highest counts.
    pub pages: Pages,
}

impl Kept {
    /// The counts, as far as they are of this directory.
    pub fn of(self, directory: &str) -> Pages {
        match self.directory == directory {
            true => self.pages,
            false => Pages::new(),
        }
    }
}

/// The highest counts, by what was kept and the rows of the answer.
pub fn highest(kept: &Pages, rows: &[Vec<Option<String>>]) -> Pages {
    let mut highest = kept.clone();
    for row in rows {
        let cell = |i: usize| row.get(i)?.as_deref();
        let database = cell(0).unwrap_or(SHARED).to_string();
        if let Some(pages) = cell(1).and_then(|cell| cell.parse::<u64>().ok()) {
            let known = highest.entry(database).or_default();
            *known = pages.max(*known);
        }
    }
    highest
}

/// How many they are, and where; nothing where there is none, or no more than somebody has accepted.
pub(in crate::recovery) fn words(pages: &Pages, accepted: u64) -> Option<String> {
    let all = total(pages);
    let databases: Vec<&str> = pages.keys().map(String::as_str).collect();
    (all > accepted).then(|| format!("{all} pages whose checksum was wrong (in {})", databases.join(", ")))
}

pub(in crate::recovery) fn total(pages: &Pages) -> u64 {
    pages.values().fold(0, |sum, pages| sum.saturating_add(*pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_pages_of_its_own() {
        let pages = Pages::from([("sales".to_string(), 3)]);
        let kept = || Kept {
            directory: "7/1".into(),
            pages: pages.clone(),
        };
        assert_eq!(kept().of("7/1"), pages);
        assert_eq!(kept().of("7/2"), Pages::new());
        assert_eq!(Kept::default().of("7/2"), Pages::new());
    }

    #[test]
    fn only_an_engine_without_the_count_has_none() {
        assert!(is_not_counted("ERROR:  column \"checksum_failures\" does not exist"));
        assert!(!is_not_counted("canceling statement due to statement timeout"));
    }

    #[test]
    fn a_crash_or_a_reset_makes_no_page_whole() {
        let row = |name: Option<&str>, pages: &str| vec![name.map(String::from), Some(pages.to_string())];
        let first = highest(&Pages::new(), &[row(Some("sales"), "3"), row(None, "1")]);
        assert_eq!(highest(&first, &[]), first);
        let then = highest(&first, &[row(Some("sales"), "2"), row(Some("hr"), "1")]);
        let told = "5 pages whose checksum was wrong (in catalogs that all share, hr, sales)";
        assert_eq!(words(&then, 4).as_deref(), Some(told));
        assert_eq!(words(&then, 5), None);
        assert_eq!(words(&Pages::new(), 0), None);
    }
}
