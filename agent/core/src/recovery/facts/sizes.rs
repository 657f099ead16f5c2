//! How large each content is, so that its copy finds room.

use crate::cluster::content::ContentId;
use std::collections::BTreeMap;

/// The question of [`of`]: on each segment its own databases are measured.
pub const SQL: &str = "select gp_execution_segment(), sum(pg_database_size(datname))::bigint \
    from gp_dist_random('pg_database') group by 1";

/// Bytes, by the rows of the answer. What is no number is left out.
pub fn of(rows: &[Vec<Option<String>>]) -> BTreeMap<ContentId, u64> {
    let read = |row: &Vec<Option<String>>| {
        let cell = |i: usize| row.get(i)?.as_deref();
        Some((cell(0)?.parse().ok()?, cell(1)?.parse().ok()?))
    };
    rows.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_has_its_size() {
        let row = |cells: [&str; 2]| cells.map(|cell| Some(cell.to_string())).to_vec();
        let sizes = of(&[row(["0", "73400320"]), row(["1", "unknown"]), vec![None]]);
        assert_eq!(sizes, BTreeMap::from([(ContentId::new(0), 73_400_320)]));
    }
}
