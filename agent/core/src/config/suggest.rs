//! "Did you mean ...?"

/// The candidate that `word` was most likely meant to be, when one is near enough.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    // Beyond this length nothing is near, and the comparison would be slow for nothing.
    if word.chars().count() > 64 {
        return None;
    }
    // Two neighbours swapped count as one slip.
    candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(&word, &normal(c)), c))
        .filter(|&(d, c)| d <= (c.len() / 3).clamp(1, 3))
        .min_by_key(|&(d, _)| d)
        .map(|(_, c)| c)
}

/// Lower case, without `-` and `_`: `primary_port` is `primaryPort` in another dialect.
fn normal(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
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
        // No further than a third of the key's length, and three at most.
        assert_eq!(nearest("prt", ["port"]), Some("port"));
        assert_eq!(nearest("pt", ["port"]), None);
        assert_eq!(nearest("stting", ["kitten"]), None);
    }
}
