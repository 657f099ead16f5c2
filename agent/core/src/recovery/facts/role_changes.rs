//! Contents whose primary changes again and again, by the catalog's own history.

use crate::cluster::catalog::{CatalogRole, Segment};
use crate::cluster::content::ContentId;
use std::collections::BTreeMap;

/// The rows of [`of`]: dbid, description, whether it is of the last half hour, and seconds since 1970; the oldest first. The day
/// before tells who was primary at its beginning.
pub const SQL: &str = "select dbid, \"desc\", time > now() - interval '30 minutes', extract(epoch from time)::bigint::text \
    from gp_configuration_history where time > now() - interval '1 day' and \"desc\" like 'FTS: update role%' order by time, dbid";
/// What is put back changes within so long, or the attempt has failed.
const PUT_BACK_SECONDS: u64 = 300;

/// Another server became a content's primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleChange {
    /// Seconds since 1970, by the server's clock.
    pub at: u64,
    /// It was the one that was made as the primary.
    pub back: bool,
}

/// How the primary of each content changed within half an hour, by the rows of [`SQL`] and the catalog as it is. FTS writes what
/// each server has become, whether its role is new or not.
pub fn of(history: &[Vec<Option<String>>], rows: &[Segment]) -> BTreeMap<ContentId, Vec<RoleChange>> {
    let contents: BTreeMap<i32, ContentId> = rows.iter().map(|row| (row.dbid, row.content)).collect();
    let mut primaries: BTreeMap<ContentId, i32> = BTreeMap::new();
    let mut changes: BTreeMap<ContentId, Vec<RoleChange>> = BTreeMap::new();
    for line in history {
        let cell = |i: usize| line.get(i)?.as_deref();
        let Some((dbid, description)) = cell(0).and_then(|c| c.parse().ok()).zip(cell(1)) else {
            continue;
        };
        let Some(content) = contents.get(&dbid).filter(|_| became_primary(description)) else {
            continue;
        };
        let made = made_as_primary(*content, rows);
        let before = primaries.insert(*content, dbid).unwrap_or(made);
        if before != dbid && cell(2) == Some("t") {
            let at = cell(3).and_then(|c| c.parse().ok()).unwrap_or(0);
            let change = RoleChange { at, back: dbid == made };
            changes.entry(*content).or_default().push(change);
        }
    }
    changes
}

/// How many of them nobody has asked for. `rebalances`: when roles began to be put back.
pub(in crate::recovery) fn unasked(changes: &[RoleChange], rebalances: impl Iterator<Item = u64> + Clone) -> usize {
    let asked = |change: &&RoleChange| {
        let since = |begun: u64| {
            change
                .at
                .checked_sub(begun)
                .is_some_and(|since| since <= PUT_BACK_SECONDS)
        };
        change.back && rebalances.clone().any(since)
    };
    changes.len() - changes.iter().filter(asked).count()
}

/// Of a content that the history says nothing of before.
fn made_as_primary(content: ContentId, rows: &[Segment]) -> i32 {
    let primary = |row: &&Segment| row.content == content && row.preferred_role == CatalogRole::Primary;
    rows.iter().find(primary).map_or(0, |row| row.dbid)
}

/// `... for dbid 4 with contentid 0 to p, u, and n`.
fn became_primary(description: &str) -> bool {
    let state = description.rsplit_once(" to ").map(|(_, state)| state);
    state.is_some_and(|state| state.starts_with('p'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::row;

    #[test]
    fn changes_of_the_primary_are_counted_and_nothing_else() {
        let rows = ["2|0|p|p|s|u|1|a|a|/g", "4|0|m|m|s|u|1|b|b|/g"].map(row);
        let line = |dbid: &str, state: &str, recent: &str| {
            let text = format!("FTS: update role, status, and mode for dbid {dbid} with contentid 0 to {state}");
            let cells = [dbid, &text, recent, "1000"];
            cells.map(|cell| Some(cell.to_string())).to_vec()
        };
        let count = |lines: &[Vec<Option<String>>]| of(lines, &rows).get(&ContentId::new(0)).map_or(0, Vec::len);
        let over = [line("4", "p, u, and n", "t"), line("2", "m, d, and n", "t")];
        assert_eq!(count(&over), 1);
        let in_sync = [line("4", "p, u, and s", "t"), line("2", "m, u, and s", "t")];
        assert_eq!(count(&[&over[..], &in_sync[..]].concat()), 1);
        let back = [line("2", "p, u, and n", "t"), line("4", "m, d, and n", "t")];
        let thrice = [&over[..], &in_sync[..], &back[..], &over[..]].concat();
        assert_eq!(count(&thrice), 3);
        let backs: Vec<bool> = of(&thrice, &rows)[&ContentId::new(0)].iter().map(|c| c.back).collect();
        assert_eq!(backs, [false, true, false]);
        assert_eq!(count(&back), 0, "its mirror was lost, it stays primary");
        let earlier = [line("4", "p, u, and n", "f"), line("2", "m, d, and n", "f")];
        assert_eq!(count(&[&earlier[..], &in_sync[..]].concat()), 0, "of long ago");
        assert_eq!(count(&[vec![None, None], vec![]]), 0);
    }

    #[test]
    fn roles_that_were_put_back_are_no_sign_of_trouble() {
        let change = |at, back| RoleChange { at, back };
        let all = [change(1000, false), change(1400, true), change(1500, false)];
        let count = |begun: &[u64]| unasked(&all, begun.iter().copied());
        assert_eq!(count(&[]), 3);
        assert_eq!(count(&[1390]), 2);
        assert_eq!(count(&[1390, 1395]), 2, "only the one that goes back");
        assert_eq!(count(&[1401]), 3, "begun after it");
        assert_eq!(count(&[1000]), 3, "long before it");
    }
}
