//! Pages whose checksum was wrong, as the primaries have counted them: nothing is copied from or over a content that has some,
//! unless somebody asks for it. The count stays when the pages are mended: `pg_stat_reset()` ends it, in the database and on the
//! server that has it (pgstat.c, `reset_dbentry_counters`).

use crate::cluster::catalog::{CatalogRole, Segment};
use crate::cluster::content::ContentId;
use std::collections::BTreeMap;

/// The question of [`of`]. Engines before PostgreSQL 12 have not that column, and refuse it. A view has no gp_segment_id.
pub const SQL: &str = "select gp_execution_segment(), sum(checksum_failures), \
    string_agg(coalesce(datname::text, 'catalogs that all share'), ', ') \
    from gp_dist_random('pg_stat_database') where checksum_failures > 0 group by 1";
/// A refusal names what is not there, in every language.
const COLUMN: &str = "checksum_failures";

/// Whether the engine refused the question, in these words, since it counts no such pages.
pub fn is_not_counted(refusal: &str) -> bool {
    refusal.contains(COLUMN)
}

/// What is damaged, by the rows of the answer; in words.
pub fn of(rows: &[Vec<Option<String>>]) -> BTreeMap<ContentId, String> {
    let read = |row: &Vec<Option<String>>| {
        let cell = |i: usize| row.get(i)?.as_deref();
        let databases = cell(2).map_or(String::new(), |names| format!(" (in {names})"));
        let words = format!(
            "{} pages whose checksum was wrong, says its primary{databases}",
            cell(1)?
        );
        Some((cell(0)?.parse().ok()?, words))
    };
    rows.iter().filter_map(read).collect()
}

/// What was counted last, from look to look.
#[derive(Clone, Debug, Default)]
pub struct Counted(Option<BTreeMap<ContentId, String>>);

impl Counted {
    /// The answer of now.
    pub fn take(&mut self, now: BTreeMap<ContentId, String>) -> BTreeMap<ContentId, String> {
        self.0 = Some(now.clone());
        now
    }

    /// What holds where the engine does not answer. While one content has no primary it asks none of the others either: then
    /// the last count, that this content hinders no other. `None` where nothing was counted yet, or something else is wrong.
    pub fn last(&self, rows: &[Segment]) -> Option<BTreeMap<ContentId, String>> {
        let serves = |content| {
            let mut of_it = rows.iter().filter(|row| row.content == content);
            of_it.any(|row| row.role == CatalogRole::Primary && row.up)
        };
        let lost = rows.iter().any(|row| row.content.is_segment() && !serves(row.content));
        self.0.clone().filter(|_| lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::row;

    #[test]
    fn the_last_count_holds_while_a_content_has_no_primary() {
        let whole = ["2|0|p|p|n|u|1|a|a|/g", "3|1|p|p|n|u|1|b|b|/g"].map(row);
        let lost = ["2|0|p|p|n|d|1|a|a|/g", "3|1|p|p|n|u|1|b|b|/g"].map(row);
        let mut counted = Counted::default();
        assert_eq!(counted.last(&lost), None, "nobody has counted");
        let damaged = BTreeMap::from([(ContentId::new(1), "3 pages".to_string())]);
        assert_eq!(counted.take(damaged.clone()), damaged);
        assert_eq!(counted.last(&lost), Some(damaged));
        assert_eq!(counted.last(&whole), None, "it ought to answer");
    }

    #[test]
    fn only_an_engine_without_the_count_has_none() {
        assert!(is_not_counted("ERROR:  column \"checksum_failures\" does not exist"));
        assert!(!is_not_counted("failed to acquire resources on one or more segments"));
        assert!(!is_not_counted("canceling statement due to statement timeout"));
    }

    #[test]
    fn what_primaries_have_counted_is_told_by_content() {
        let row = |cells: [&str; 3]| cells.map(|cell| Some(cell.to_string())).to_vec();
        let damaged = of(&[row(["1", "3", "sales, postgres"])]);
        let content = ContentId::new(1);
        assert_eq!(
            damaged[&content],
            "3 pages whose checksum was wrong, says its primary (in sales, postgres)"
        );
        assert_eq!(damaged.len(), 1);
    }
}
