//! Single settings in a file of settings, such as postgresql.auto.conf (guc-file.l), whose other lines are somebody else's
//! and may be in any encoding.

/// What the last line that sets `name` sets it to.
pub fn value_of(file: &[u8], name: &str) -> Option<String> {
    let lines = file.split(|byte| *byte == b'\n');
    let mut values = lines.filter_map(|line| after_name(line, name));
    values.next_back().map(|rest| value(&String::from_utf8_lossy(rest)))
}

/// The file without the lines that set one of `names`: the same bytes when there are none.
pub fn without(file: &[u8], names: &[&str]) -> Vec<u8> {
    let sets = |line: &&[u8]| names.iter().any(|name| after_name(line, name).is_some());
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !sets(line)).flatten().copied().collect()
}

fn after_name<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let line = line.trim_ascii_start();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_.$".contains(b);
    let end = line.iter().position(|b| !is_name(b)).unwrap_or(line.len());
    let (found, rest) = line.split_at(end);
    found.eq_ignore_ascii_case(name.as_bytes()).then_some(rest)
}

/// `= 'it''s'`, `= word # remark`
fn value(rest: &str) -> String {
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
    let Some(quoted) = rest.strip_prefix('\'') else {
        let word = rest.split(|c: char| c.is_whitespace() || c == '#').next();
        return word.unwrap_or_default().to_string();
    };
    let mut value = String::new();
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.next_if_eq(&'\'').is_some() => value.push('\''),
            '\'' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::quote;
    use proptest::prelude::*;

    #[test]
    fn only_the_lines_of_a_name_count_and_go() {
        let file = b"# primary_conninfo\nprimary_conninfo = 'host=x'\nprimary_conninfo_too = 1\n\
            PRIMARY_SLOT_NAME='s'\n\xff = 1\nport=1 # 2";
        let names = ["primary_conninfo", "primary_slot_name"];
        assert_eq!(
            without(file, &names),
            b"# primary_conninfo\nprimary_conninfo_too = 1\n\xff = 1\nport=1 # 2"
        );
        assert_eq!(value_of(file, "primary_conninfo").as_deref(), Some("host=x"));
        assert_eq!(value_of(file, "port").as_deref(), Some("1"));
        assert_eq!(value_of(file, "host"), None);
        assert_eq!(
            value_of(b"a = 1\na '2'\n", "a").as_deref(),
            Some("2"),
            "the last line wins"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "\\PC{0,40}") {
            let line = format!("primary_conninfo = {}\n", quote::postgres_setting(&text));
            prop_assert_eq!(value_of(line.as_bytes(), "primary_conninfo"), Some(text));
        }

        #[test]
        fn no_file_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let once = without(&bytes, &["a", "b"]);
            prop_assert_eq!(value_of(&once, "a"), None);
            prop_assert_eq!(without(&once, &["a", "b"]), once);
        }
    }
}
