//! The parameters file (`-p`): which values survive gpinitsystem, and how they are written.
//!
//! It takes the file apart into words, removes every space, puts each word into a script of sed, `s/NAME/WORD #NAME/`, and
//! on the other hosts into `ssh HOST "echo \"WORD\" >> FILE"` (`CREATE_QD_DB`, gpcreateseg.sh, `SED_PG_CONF`). A `/` ends
//! it with an error, a `&` or a space changes the value, a `$` is run on the other host. What it does with a name that
//! also stands in a comment of postgresql.conf is anybody's guess; the agent's own settings file has the last word.
//!
//! What arrives in postgresql.conf is read by the server and by Greenplum's Python tools. gppylib/pgconf.py does not take
//! the quotes off a value that it wants as a number, a size, a time or a boolean: gpstart fails on
//! `max_connections='100'`. The server reads all of these without quotes too (guc-file.l: INTEGER, REAL, UNQUOTED_STRING).

use std::collections::BTreeMap;

/// The units of postgresql.conf (guc.c, `memory_unit_conversion_table` and `time_unit_conversion_table`).
const UNITS: &[&str] = &["B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d"];

/// The words for a boolean (bool.c, `parse_bool`) that nothing else in postgresql.conf needs in quotes.
const BOOLEANS: &[&str] = &["on", "off", "true", "false", "yes", "no"];

/// The lines for the values that arrive as they are, and the names of the others.
pub(super) fn render(parameters: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut deferred = Vec::new();
    for (name, value) in parameters {
        if !survives(name, value) {
            deferred.push(name.clone());
        } else if let Some(bare) = bare(value) {
            text.push_str(&format!("{name}={bare}\n"));
        } else {
            text.push_str(&format!("{name}='{value}'\n"));
        }
    }
    (text, deferred)
}

fn survives(name: &str, value: &str) -> bool {
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_.,:+@%-".contains(c);
    named && (value.chars().all(harmless) || bare(value).is_some())
}

/// The value as the server and the tools both read it without quotes; `None` when it is no number and no boolean.
fn bare(value: &str) -> Option<String> {
    let boolean = BOOLEANS.iter().any(|word| value.eq_ignore_ascii_case(word));
    // The server allows blanks around a number and its unit (guc.c, parse_int); the tool would remove them anyway.
    let value: String = value.split([' ', '\t']).collect();
    (boolean || is_real(&value) || is_integer(&value)).then_some(value)
}

/// `64MB`, `-1`, `0x1F`. A fraction takes a unit only in quotes: guc-file.l has no token for it.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return !hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit());
    }
    let unit = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < digits.len() && (unit.is_empty() || UNITS.contains(&unit))
}

/// `0.9`, `.5`, `1.5e3`.
fn is_real(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        return false;
    };
    let something = !whole.is_empty() || !fraction.is_empty();
    something && all_digits(whole) && all_digits(fraction) && !exponent.is_empty() && all_digits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        let parameters = BTreeMap::from([("name".to_string(), value.to_string())]);
        render(&parameters).0
    }

    #[test]
    fn numbers_sizes_times_and_booleans_go_out_bare() {
        for bare in [
            "100", "-1", "+5", "0x1F", "64MB", "8kB", "2GB", "1TB", "30s", "15min", "10ms", "1h", "7d", "0.9", ".5",
            "1.", "1.5e3", "on", "off", "true", "False", "YES", "no",
        ] {
            assert_eq!(written(bare), format!("name={bare}\n"));
        }
        assert_eq!(written("64 MB "), "name=64MB\n");
    }

    #[test]
    fn everything_else_stays_in_quotes_or_waits() {
        for quoted in [
            "replica", "1.5GB", "64mb", "1e3", "0x", ".", "-", "", "12:30", "1.2.3.4", "e5", "o", "10x", "1.5e", "UTC",
        ] {
            assert_eq!(written(quoted), format!("name='{quoted}'\n"));
        }
        for waits in ["a b", "on off", "$x", "/a", "on "] {
            assert_eq!(written(waits), "", "{waits}");
        }
    }
}
