//! What a single value may be.

use super::diagnostic::Fault;
use std::path::{Component, Path, PathBuf};

/// The longest DNS label (RFC 1123), and with it the longest name of a pod that has a host name.
pub(super) const LABEL_MAX: usize = 63;

/// The longest DNS name that can be looked up (RFC 1035, 255 bytes on the wire).
pub(super) const NAME_MAX: usize = 253;

/// The longest path; tablespaces and sockets below it stay well within PostgreSQL's MAXPGPATH (1024).
const PATH_MAX: usize = 255;

/// The text in quotes, on one line and not too long for one.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", shorten(text))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

/// A lower-case DNS label as RFC 1123 and Kubernetes define it.
pub(super) fn label(text: &str) -> Result<String, Fault> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let remedy = "use at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends";
    if text.len() > LABEL_MAX {
        return Err(Fault::new(
            format!("is {} characters long", text.chars().count()),
            remedy,
        ));
    }
    if text.is_empty() || !text.chars().all(inner) || text.starts_with('-') || text.ends_with('-') {
        return Err(Fault::new(format!("{} is not a DNS label", shown(text)), remedy));
    }
    Ok(text.to_string())
}

/// A DNS name of at least one label, without a dot at either end.
pub(super) fn domain(text: &str) -> Result<String, Fault> {
    let remedy = "write it like `agent.prod.svc.cluster.local`, in lower case and without a dot \
                  at either end";
    if text.len() > NAME_MAX {
        return Err(Fault::new(format!("is longer than {NAME_MAX} characters"), remedy));
    }
    if text.split('.').any(|part| label(part).is_err()) {
        return Err(Fault::new(format!("{} is not a DNS name", shown(text)), remedy));
    }
    Ok(text.to_string())
}

/// An absolute path below `/`, of characters that mean nothing to a shell: gpinitsystem sources
/// the file that the path goes into as bash.
pub(super) fn path(text: &str) -> Result<PathBuf, Fault> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let path = Path::new(text);
    let fault = |message: &str, remedy: &str| Err(Fault::new(format!("{} {message}", shown(text)), remedy));
    if !path.is_absolute() {
        return fault("is not an absolute path", "begin it with `/`");
    }
    if text.len() > PATH_MAX {
        return fault("is too long", &format!("use at most {PATH_MAX} characters"));
    }
    if let Some(c) = text.chars().find(|&c| !harmless(c)) {
        let message = format!("contains {c:?}");
        return fault(&message, "use only letters, digits, `_`, `.`, `-` and `/`");
    }
    if path.components().any(|c| c == Component::ParentDir) {
        return fault("contains `..`", "write the path without it");
    }
    let plain: PathBuf = path.components().collect();
    if plain == Path::new("/") {
        return fault("is the root directory", "name a directory below it");
    }
    Ok(plain)
}

/// The longest name of a database (NAMEDATALEN - 1, pg_config_manual.h).
const DATABASE_MAX: usize = 63;

/// A locale as `locale -a` prints it, such as `en_US.utf8` or `de_DE@euro`; gpinitsystem hands it to a shell.
pub(super) fn locale(text: &str) -> Result<String, Fault> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || text.len() > LABEL_MAX || !text.chars().all(harmless) {
        return Err(Fault::new(
            format!("{} is not the name of a locale", shown(text)),
            "write it as `locale -a` prints it, such as en_US.utf8 or C.UTF-8",
        ));
    }
    Ok(text.to_string())
}

/// The name of a database that needs no quotes on any command line and is not a template.
pub(super) fn database(text: &str) -> Result<String, Fault> {
    let harmless = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if !begins || text.len() > DATABASE_MAX || !text.chars().all(harmless) {
        return Err(Fault::new(
            format!("{} is not a name for a database", shown(text)),
            format!(
                "use at most {DATABASE_MAX} lower-case letters, digits, `_` and `-`, beginning with a letter or `_`"
            ),
        ));
    }
    if matches!(text, "template0" | "template1") {
        return Err(Fault::new(
            format!("{text} is the template of other databases"),
            "choose another name",
        ));
    }
    Ok(text.to_string())
}

/// `true` or `false`, in the spellings of YAML 1.2.
pub(super) fn switch(text: &str) -> Result<bool, Fault> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(Fault::new(
            format!("{} is neither `true` nor `false`", shown(text)),
            "write `true` or `false`, without quotes",
        )),
    }
}

/// A whole number in decimal digits within `min..=max`.
pub(super) fn whole(text: &str, min: u64, max: u64) -> Result<u64, Fault> {
    let remedy = format!("give a whole number from {min} to {max}");
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match text.parse::<u64>() {
        // A leading zero is octal to some readers of YAML and decimal to others.
        Ok(_) if digits && text.len() > 1 && text.starts_with('0') => Err(Fault::new(
            format!("{text} has a leading zero"),
            "write the number without it",
        )),
        Ok(n) if digits && (min..=max).contains(&n) => Ok(n),
        Ok(n) if digits && n < min => Err(Fault::new(format!("must be at least {min}, is {n}"), remedy)),
        _ if digits => Err(Fault::new(
            format!("must be at most {max}, is {}", shorten(text)),
            remedy,
        )),
        _ => Err(Fault::new(format!("{} is not a whole number", shown(text)), remedy)),
    }
}

/// One line of pg_hba.conf, as far as it can be judged without reading it as PostgreSQL does.
pub(super) fn hba_line(text: &str) -> Result<String, Fault> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Fault::new(
            "holds a line break or another control character",
            "write one line of pg_hba.conf per entry",
        ));
    }
    match text.trim() {
        "" => Err(Fault::new("is empty", "remove the entry")),
        t if t.starts_with('#') => Err(Fault::new(
            "is only a comment",
            "remove the entry; comments belong into the YAML file itself",
        )),
        _ => Ok(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for good in ["a", "segment-a", "0", "x1", &"a".repeat(63)] {
            assert_eq!(label(good).as_deref(), Ok(good));
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &"a".repeat(64)] {
            assert!(label(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains() {
        for good in ["agent.prod.svc.cluster.local", "local", "a.b"] {
            assert_eq!(domain(good).as_deref(), Ok(good));
        }
        let long = ["abcdefg"; 40].join(".");
        for bad in ["", ".", "a.", ".a", "a..b", "A.b", "a b", &long] {
            assert!(domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths() {
        assert_eq!(path("/greenplum//x/./y/"), Ok(PathBuf::from("/greenplum/x/y")));
        for bad in ["", "/", "//", "a", "~/x", "/a/../b", "/a b", "/$x", "/a;b", "/a'", "/ä"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn locales() {
        for good in ["en_US.utf8", "C.UTF-8", "C", "de_DE@euro", "POSIX"] {
            assert_eq!(locale(good).as_deref(), Ok(good));
        }
        let long = "a".repeat(64);
        for bad in [
            "", "-n", "1", "en US", "C;id", "$(id)", "`id`", "C\n", "a/b", "C'", "C\"", "é", &long,
        ] {
            assert!(locale(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn databases() {
        for good in ["gpadmin", "_x", "data-ware_house1", &"a".repeat(63)] {
            assert_eq!(database(good).as_deref(), Ok(good));
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "-x",
            "1x",
            "Gpadmin",
            "a b",
            "a;b",
            "a\"b",
            "ä",
            "template0",
            "template1",
            &long,
        ] {
            assert!(database(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(whole("1", 1, 9), Ok(1));
        for bad in [
            "0",
            "10",
            "-1",
            "+1",
            "1.0",
            "0x1",
            "",
            "1_0",
            "01",
            "99999999999999999999",
        ] {
            assert!(whole(bad, 1, 9).is_err(), "{bad}");
        }
        assert_eq!(whole("0", 1, 9).unwrap_err().message, "must be at least 1, is 0");
        let huge = whole("99999999999999999999", 1, 9).unwrap_err();
        assert_eq!(huge.message, "must be at most 9, is 99999999999999999999");
    }

    #[test]
    fn hba_lines() {
        assert!(hba_line("host all analyst 10.0.0.0/8 scram-sha-256 # people").is_ok());
        for bad in ["", "  ", "# x", "  #x", "host all all all trust\nhost", "a\rb", "a\0"] {
            assert!(hba_line(bad).is_err(), "{bad:?}");
        }
    }
}
