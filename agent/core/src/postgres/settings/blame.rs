//! Which parameters a server's refusal is about.

use super::ledger::Parameters;
use super::shared_memory::takes_shared_memory;
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

/// Whether `name` stands in `text` as a word of its own, in any case: the server spells some its own way.
fn has_word(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(&name).any(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Which parameters the server's `words` are about: of those that are not as in the set that is `good`, the ones whose names
/// are among the words, or else whose values are, or else all. Want of memory has no one parameter, whatever the server's hint
/// says: each that takes shared memory may be to blame.
pub fn blamed<'a>(words: &str, good: Option<&'a Parameters>, wanted: &'a Parameters) -> Vec<&'a str> {
    let changed: Vec<&str> = match good {
        Some(good) => changed(good, wanted).into_iter().collect(),
        None => wanted.keys().map(String::as_str).collect(),
    };
    // Messages about files of TLS name none.
    let is_tls = words.contains("certificate") || words.contains("private key");
    let by_name = |name: &&str| has_word(words, name) || (is_tls && name.starts_with("ssl"));
    // A value of one or two characters is among any words.
    let by_value = |name: &&str| {
        let values = wanted.get(*name).map(String::as_str).unwrap_or_default();
        let mut values = values.split(',').map(|value| value.trim().trim_matches('"'));
        values.any(|value| value.len() > 2 && has_word(words, value))
    };
    let those = |is_meant: &dyn Fn(&&str) -> bool| changed.iter().copied().filter(is_meant).collect::<Vec<_>>();
    let meant = match is_about_memory(words) {
        true => vec![those(&|name| takes_shared_memory(name))],
        false => vec![those(&by_name), those(&by_value)],
    };
    meant.into_iter().find(|named| !named.is_empty()).unwrap_or(changed)
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
        assert_eq!(blamed(certificate, Some(&good), &wanted), ["ssl"]);
        assert_eq!(blamed("work_mem is odd", None, &wanted), ["work_mem"]);
        let memory = "could not map anonymous shared memory (reduce work_mem)";
        assert_eq!(blamed(memory, None, &wanted), ["shared_preload_libraries"]);
        assert_eq!(blamed(memory, Some(&wanted), &good), ["shared_preload_libraries"]);
        let none_of_them = set(&[("log_line_prefix", "%m"), ("work_mem", "4MB")]);
        assert_eq!(blamed(memory, None, &none_of_them).len(), 2, "one of them it is");
        let huge = set(&[
            ("Huge_Pages", "on"),
            ("log_line_prefix", "%m"),
            ("shared_buffers", "64GB"),
        ]);
        assert_eq!(blamed(memory, Some(&good), &huge), ["Huge_Pages", "shared_buffers"]);
    }

    /// A value that is a part of a number, of a name or of a path is not meant.
    #[test]
    fn what_only_looks_like_a_name_or_a_value_is_not_blamed() {
        let pairs = [
            ("effective_io_concurrency", "5000"),
            ("log_destination", "syslog"),
            ("max_connections", "100"),
            ("port", "700"),
            ("syslog_facility", "local9"),
            ("timezone", "Europe/Berlni"),
        ];
        let wanted: Parameters = pairs.map(|(name, value)| (name.into(), value.into())).into();
        let blamed = |words| blamed(words, None, &wanted);
        assert_eq!(
            blamed("5000 is outside the valid range for parameter \"effective_io_concurrency\" (0 .. 1000)"),
            ["effective_io_concurrency"]
        );
        assert_eq!(
            blamed("invalid value for parameter \"syslog_facility\": \"local9\""),
            ["syslog_facility"]
        );
        assert_eq!(
            blamed("invalid value for parameter \"TimeZone\": \"Europe/Berlni\""),
            ["timezone"]
        );
        assert_eq!(blamed("important: at 7000").len(), wanted.len());
    }
}
