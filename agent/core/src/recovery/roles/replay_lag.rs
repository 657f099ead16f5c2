//! How much of the log each mirror has still to replay: it does so before it takes over, and the content stands still meanwhile.

use crate::cluster::content::ContentId;
use std::collections::BTreeMap;

/// Bytes by content, of mirrors that stream: rows of content, state, and bytes.
pub fn of(rows: &[Vec<Option<String>>]) -> BTreeMap<ContentId, u64> {
    let read = |row: &Vec<Option<String>>| {
        let cell = |i: usize| row.get(i)?.as_deref();
        let content: ContentId = cell(0)?.parse().ok()?;
        let bytes: i64 = cell(2)?.parse().ok()?;
        let streams = cell(1)? == "streaming" && content.is_segment();
        // One that has replayed what was sent since this was asked is ahead.
        streams.then(|| (content, u64::try_from(bytes).unwrap_or(0)))
    };
    rows.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mirrors_that_stream_count() {
        let row = |cells: [Option<&str>; 3]| cells.map(|cell| cell.map(String::from)).to_vec();
        let found = of(&[
            row([Some("-1"), Some("streaming"), Some("9")]),
            row([Some("0"), Some("streaming"), Some("7")]),
            row([Some("1"), Some("catchup"), Some("7")]),
            row([Some("2"), None, None]),
            row([Some("3"), Some("streaming"), Some("-5")]),
        ]);
        let known: Vec<(i32, u64)> = found
            .iter()
            .map(|(content, bytes)| (content.number(), *bytes))
            .collect();
        assert_eq!(known, [(0, 7), (3, 0)]);
    }
}
