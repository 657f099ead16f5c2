//! A text as one word of somebody else's language. Each function names the reader and the rules that it follows.

use std::path::Path;

/// A word of a POSIX shell or of bash that means itself (bash(1), QUOTING): in single quotes.
pub fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A string constant of SQL, whatever `standard_conforming_strings` is: an escape string where a backslash is in it
/// (libpq, PQescapeLiteral).
pub fn sql_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', r"\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A name in SQL that is taken letter by letter (libpq, PQescapeIdentifier).
pub fn sql_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value of postgresql.conf, as guc-file.l reads it: quotes doubled, backslashes escaped.
pub fn postgres_setting(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', "''"))
}

/// A value of a connection string (libpq, "Keyword/Value Connection Strings").
pub fn conninfo(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// A field of ~/.pgpass, with a backslash before colon and backslash (libpq, "The Password File").
pub(crate) fn pgpass_field(field: &str) -> String {
    field.replace('\\', r"\\").replace(':', r"\:")
}

/// A word of pg_hba.conf that means itself: in quotes when it would otherwise mean something else (hba.c, next_token).
pub(crate) fn hba_word(word: &str) -> String {
    const KEYWORDS: [&str; 7] = [
        "all",
        "replication",
        "sameuser",
        "samerole",
        "samegroup",
        "samehost",
        "samenet",
    ];
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '$');
    if !word.is_empty() && word.chars().all(plain) && !KEYWORDS.contains(&word) {
        return word.to_string();
    }
    format!("\"{}\"", word.replace('"', "\"\""))
}

/// One argument of ssh_config or sshd_config as OpenSSH's argv_split reads it: in double quotes, with `\` before `"` and
/// `\`.
pub(crate) fn ssh_argument(argument: &str) -> String {
    format!("\"{}\"", argument.replace('\\', r"\\").replace('"', "\\\""))
}

/// A path as [`ssh_argument`].
pub(crate) fn ssh_path(path: &Path) -> String {
    ssh_argument(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out() {
        let hostile = r#"it's a \ ":"#;
        assert_eq!(shell(hostile), r#"'it'\''s a \ ":'"#);
        assert_eq!(sql_literal(hostile), r#" E'it''s a \\ ":'"#);
        assert_eq!(sql_literal("it's"), "'it''s'");
        assert_eq!(sql_identifier(hostile), r#""it's a \ "":""#);
        assert_eq!(postgres_setting(hostile), r#"'it''s a \\ ":'"#);
        assert_eq!(conninfo(hostile), r#"'it\'s a \\ ":'"#);
        assert_eq!(pgpass_field(hostile), r#"it's a \\ "\:"#);
        assert_eq!(hba_word(hostile), r#""it's a \ "":""#);
        assert_eq!(ssh_argument(hostile), r#""it's a \\ \":""#);
    }

    #[test]
    fn a_plain_word_of_pg_hba_conf_stays_as_it_is() {
        assert_eq!(hba_word("gpadmin"), "gpadmin");
        assert_eq!(hba_word("all"), "\"all\"");
        assert_eq!(hba_word(""), "\"\"");
    }
}
