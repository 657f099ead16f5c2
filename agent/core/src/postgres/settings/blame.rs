//! Which parameters a server's refusal is about.

use super::ledger::Parameters;
use super::trial::is_about_memory;
use std::collections::BTreeSet;

/// The names whose values differ.
fn changed<'a>(one: &'a Parameters, other: &'a Parameters) -> BTreeSet<&'a str> {
    let names = one.keys().chain(other.keys());
    names
        .filter(|name| one.get(*name) != other.get(*name))
        .map(String::as_str)
        .collect()
}

/// Which parameters the server's `words` are about: of those that are not as in the set that is `good`, the ones whose name or
/// value is among the words, or else all. Want of memory has no one parameter, whatever the server's hint says.
pub fn blamed<'a>(words: &str, good: Option<&'a Parameters>, wanted: &'a Parameters) -> Vec<&'a str> {
    let changed = match good {
        Some(good) => changed(good, wanted),
        None => wanted.keys().map(String::as_str).collect(),
    };
    // A value of one or two characters is among any words.
    let is_named = |name: &&str| {
        let values = wanted.get(*name).map(String::as_str).unwrap_or_default();
        let mut values = values.split(',').map(|value| value.trim().trim_matches('"'));
        words.contains(*name) || values.any(|value| value.len() > 2 && words.contains(value))
    };
    let named: Vec<&str> = changed.iter().copied().filter(is_named).collect();
    match named.is_empty() || is_about_memory(words) {
        true => changed.into_iter().collect(),
        false => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn names_that_differ() {
        let one = BTreeMap::from([("a".to_string(), "1".to_string()), ("b".into(), "1".into())]);
        let other = BTreeMap::from([("b".to_string(), "2".to_string()), ("c".into(), "1".into())]);
        assert_eq!(changed(&one, &other), BTreeSet::from(["a", "b", "c"]));
    }

    #[test]
    fn the_parameter_that_the_words_are_about() {
        let set = |pairs: &[(&str, &str)]| -> Parameters {
            let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
            pairs.iter().map(own).collect()
        };
        let good = set(&[("work_mem", "4MB")]);
        let wanted = set(&[
            ("shared_preload_libraries", "auto_explain, pg_stat_statments"),
            ("ssl", "on"),
            ("work_mem", "4MB"),
        ]);
        let library = "could not access file \"pg_stat_statments\": No such file or directory";
        assert_eq!(blamed(library, Some(&good), &wanted), ["shared_preload_libraries"]);
        let certificate = "could not load server certificate file \"server.crt\": No such file or directory";
        assert_eq!(
            blamed(certificate, Some(&good), &wanted),
            ["shared_preload_libraries", "ssl"]
        );
        assert_eq!(blamed("work_mem is odd", None, &wanted), ["work_mem"]);
        let memory = "could not map anonymous shared memory (reduce work_mem)";
        assert_eq!(blamed(memory, None, &wanted).len(), 3);
    }
}
