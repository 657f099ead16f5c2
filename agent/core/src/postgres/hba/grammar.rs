//! Which words of pg_hba.conf which server knows: one table for all major versions (hba.c of each, `parse_hba_line`,
//! `parse_hba_auth_opt`, `next_token`).

use super::model::{ConnType, Method, Rule, Token};
use crate::postgres::major::Major;

/// Before this version a `hostssl` line needed `ssl = on`.
const SSL_MAY_BE_OFF: u32 = 10;

/// No later version has taken the word away.
const STAYS: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordPlace {
    ConnectionType,
    Method,
    Option,
    ClientCert,
    Directive,
    /// The beginning of a name, in quotes too (regcomp_auth_token).
    Name,
    /// A backslash at the end of a line.
    LineEnd,
}

/// A word that not every version knows: from `since` on, and before `until`. 9 stands for 9.4, which is Greenplum 6.
struct Word {
    place: WordPlace,
    text: &'static str,
    since: u32,
    until: u32,
}

const fn word(place: WordPlace, text: &'static str, since: u32, until: u32) -> Word {
    Word {
        place,
        text,
        since,
        until,
    }
}

const WORDS: &[Word] = &[
    word(WordPlace::ConnectionType, "hostgssenc", 12, STAYS),
    word(WordPlace::ConnectionType, "hostnogssenc", 12, STAYS),
    word(WordPlace::Method, "scram-sha-256", 10, STAYS),
    word(WordPlace::Option, "pam_use_hostname", 10, STAYS),
    word(WordPlace::Option, "compat_realm", 10, STAYS),
    word(WordPlace::Option, "upn_username", 10, STAYS),
    word(WordPlace::Option, "ldapscheme", 11, STAYS),
    word(WordPlace::Option, "ldapsearchfilter", 11, STAYS),
    word(WordPlace::Option, "radiusserver", 0, 10),
    word(WordPlace::Option, "radiussecret", 0, 10),
    word(WordPlace::Option, "radiusport", 0, 10),
    word(WordPlace::Option, "radiusidentifier", 0, 10),
    word(WordPlace::Option, "radiusservers", 10, STAYS),
    word(WordPlace::Option, "radiussecrets", 10, STAYS),
    word(WordPlace::Option, "radiusports", 10, STAYS),
    word(WordPlace::Option, "radiusidentifiers", 10, STAYS),
    word(WordPlace::Option, "clientname", 14, STAYS),
    word(WordPlace::ClientCert, "0", 0, 14),
    word(WordPlace::ClientCert, "1", 0, 14),
    word(WordPlace::ClientCert, "no-verify", 12, 14),
    word(WordPlace::ClientCert, "verify-ca", 12, STAYS),
    word(WordPlace::ClientCert, "verify-full", 12, STAYS),
    word(WordPlace::LineEnd, "\\", 14, STAYS),
    word(WordPlace::Name, "/", 16, STAYS),
    word(WordPlace::Directive, "include", 16, STAYS),
    word(WordPlace::Directive, "include_if_exists", 16, STAYS),
    word(WordPlace::Directive, "include_dir", 16, STAYS),
];

/// How a server of one major version reads pg_hba.conf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grammar {
    major: Major,
}

impl Grammar {
    /// That of a server whose PG_VERSION is `version` (`15`, `9.4`); the newest one when it is no number.
    pub fn of(version: &str) -> Grammar {
        let major = Major::of(version);
        Grammar { major }
    }

    /// Whether it has the method scram-sha-256.
    pub fn knows_scram(self) -> bool {
        self.knows(WordPlace::Method, "scram-sha-256")
    }

    /// Whether `word` means anything there. Words that no version ever lost or gained are not in the table.
    pub(super) fn knows(self, place: WordPlace, word: &str) -> bool {
        let mut entries = WORDS.iter().filter(|entry| entry.place == place && entry.text == word);
        entries.all(|entry| self.major.is_within(entry.since, entry.until))
    }

    /// The same for a word that has to be in the table.
    pub(super) fn has(self, place: WordPlace, word: &str) -> bool {
        WORDS.iter().any(|entry| entry.place == place && entry.text == word) && self.knows(place, word)
    }

    /// The names of a column, with those marked that are regular expressions.
    pub(super) fn names(self, mut names: Vec<Token>) -> Vec<Token> {
        for name in &mut names {
            name.regex = name.text.starts_with('/') && self.has(WordPlace::Name, "/");
        }
        names
    }

    /// Whether nothing but the line itself decides whether the server takes it. With LDAP, RADIUS and their like it depends
    /// on how the server was built, on libraries and on DNS at that moment; client certificates need a root certificate;
    /// before PostgreSQL 10 a `hostssl` line needed `ssl = on`; the server's library compiles regular expressions. Such a line, when refused, keeps the server from starting.
    pub fn is_certain(self, rule: &Rule) -> bool {
        let plain = matches!(
            rule.method,
            Method::Trust
                | Method::Reject
                | Method::Ident
                | Method::Peer
                | Method::Password
                | Method::Md5
                | Method::ScramSha256
        );
        let needs_ssl = rule.kind == ConnType::HostSsl && self.major.is_within(0, SSL_MAY_BE_OFF);
        let names = rule.databases.iter().chain(&rule.users);
        plain && rule.options.is_empty() && !needs_ssl && !names.into_iter().any(|name| name.regex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::hba::parse_as;

    #[test]
    fn each_version_has_its_words() {
        for (line, versions) in [
            ("host all all all md5", ["9.4", "12", "13", "14", "17"].as_slice()),
            ("host all all all scram-sha-256", &["12", "13", "14", "17"]),
            ("hostgssenc all all all md5", &["12", "13", "14", "17"]),
            ("hostssl all all all md5 clientcert=1", &["9.4", "12", "13"]),
            ("hostssl all all all md5 clientcert=no-verify", &["12", "13"]),
            (
                "hostssl all all all md5 clientcert=verify-ca",
                &["12", "13", "14", "17"],
            ),
            (
                "hostssl all all all md5 clientname=DN clientcert=verify-full",
                &["14", "17"],
            ),
            (
                "host all all all ldap ldapserver=h ldapbasedn=b ldapsearchfilter=f",
                &["12", "13", "14", "17"],
            ),
            (
                "host all all all radius radiusserver=127.0.0.1 radiussecret=s",
                &["9.4"],
            ),
            (
                "host all all all radius radiusservers=127.0.0.1 radiussecrets=s",
                &["12", "13", "14", "17"],
            ),
            ("host all all all \\\nmd5", &["14", "17"]),
        ] {
            for version in ["9.4", "12", "13", "14", "17"] {
                let file = parse_as(line, Grammar::of(version));
                assert_eq!(
                    file.errors.is_empty(),
                    versions.contains(&version),
                    "{version}: {line}: {:?}",
                    file.errors
                );
            }
        }
    }

    #[test]
    fn what_only_the_server_can_judge_is_not_certain() {
        let certain = |line: &str, version: &str| {
            let grammar = Grammar::of(version);
            let file = parse_as(line, grammar);
            assert_eq!(file.errors, [], "{line}");
            grammar.is_certain(&file.rules[0])
        };
        assert!(certain("hostssl all app 10.0.0.0/8 scram-sha-256", "15"));
        for regex in [
            "host all /( 10.0.0.0/8 scram-sha-256",
            "host all \"/^app\" 10.0.0.0/8 md5",
            "local /x all trust",
        ] {
            assert!(certain(regex, "15"), "a name: {regex}");
            assert!(!certain(regex, "16") && !certain(regex, "17"), "{regex}");
        }
        assert!(!certain("hostssl all app 10.0.0.0/8 md5", "9.4"));
        assert!(!certain("hostssl all app 10.0.0.0/8 md5 clientcert=verify-ca", "15"));
        assert!(!certain("host all all all ldap \"ldapurl=ldap://h/dc=x\"", "15"));
        assert!(!certain(
            "host all all all radius radiusservers=nowhere radiussecrets=s",
            "15"
        ));
    }
}
