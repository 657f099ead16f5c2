//! ~/.pgpass: its line, and what Greenplum's tools make of it.

use crate::config::quote::pgpass_field;

/// The line that gives `password` for `user` everywhere.
pub fn line(user: &str, password: &str) -> String {
    format!("*:*:*:{}:{}\n", pgpass_field(user), pgpass_field(password))
}

/// What in a password Greenplum's tools stumble over: they split the line at every colon and know no escapes
/// (gppylib/db/dbconn.py).
pub fn awkward(password: &str) -> Option<&'static str> {
    if password.contains([':', '\\']) {
        Some("a colon or a backslash")
    } else if password.trim() != password {
        Some("a space at its beginning or end")
    } else {
        None
    }
}

/// Whether tools with this gppylib/db/dbconn.py take every ~/.pgpass for one that others can read: Python 3 writes the mode
/// as `0o600`, which releases of Cloudberry and early ones of Greenplum 7 compare with `"0600"`.
pub fn is_refused_by(dbconn: &str) -> bool {
    dbconn.contains("0o777") && dbconn.contains("\"0600\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped() {
        assert_eq!(line("gp:admin", r"b\c"), "*:*:*:gp\\:admin:b\\\\c\n");
    }

    #[test]
    fn passwords_that_the_tools_misread_are_known() {
        assert_eq!(awkward("it's 100% #fine"), None);
        for password in ["a:b", r"a\b", " a", "a\t"] {
            assert!(awkward(password).is_some(), "{password}");
        }
    }

    #[test]
    fn python_3_beside_a_mode_of_python_2_is_known() {
        let broken = "mode = str(oct(st_mode & 0o777))\nif mode != \"0600\":";
        let python_2 = "mode = str(oct(st_mode & 0777))\nif mode != \"0600\":";
        let mended = "mode = st_mode & 0o777\nif mode != 0o600:";
        assert_eq!([broken, python_2, mended].map(is_refused_by), [true, false, false]);
    }
}
