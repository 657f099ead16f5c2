//! "Did you mean ...?"

/// The candidate that `word` was most likely meant to be, when one is near enough.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    // Beyond this length nothing is near, and the comparison would be slow for nothing.
    if word.len() > 64 {
        return None;
    }
    candidates
        .into_iter()
        .map(|c| (distance(&word, &normal(c)), c))
        .filter(|&(d, c)| d <= (c.len() / 3).clamp(1, 3))
        .min_by_key(|&(d, _)| d)
        .map(|(_, c)| c)
}

/// Lower case, without `-` and `_`: `primary_port` is `primaryPort` in another dialect.
fn normal(word: &str) -> Vec<char> {
    word.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Levenshtein distance, two neighbours swapped counting once.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let changed = rows[i][j] + usize::from(ca != cb);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *ca == b[j - 1] && a[i - 1] == *cb {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_other_dialects() {
        let keys = ["count", "primaries", "mirrors", "primaryPort", "mirrorPort"];
        let near = |word| nearest(word, keys);
        assert_eq!(near("coutn"), Some("count"));
        assert_eq!(near("primary_port"), Some("primaryPort"));
        assert_eq!(near("mirror-port"), Some("mirrorPort"));
        assert_eq!(near("Mirrors"), Some("mirrors"));
        assert_eq!(near("mirror"), Some("mirrors"));
        assert_eq!(near("replicas"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"x".repeat(100_000)), None);
    }

    #[test]
    fn counts_edits() {
        let d = |a: &str, b: &str| distance(&normal(a), &normal(b));
        assert_eq!(d("", ""), 0);
        assert_eq!(d("abc", ""), 3);
        assert_eq!(d("kitten", "sitting"), 3);
        assert_eq!(d("ab", "ba"), 1);
    }
}
