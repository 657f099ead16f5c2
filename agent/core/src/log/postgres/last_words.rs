//! Why a whole server ended, in its own words: its last FATAL or PANIC that is not about a session.

use crate::log::record::Record;
use serde_json::Value;

/// What ends a session, or a process that the server starts anew, and never the server.
const OF_OTHERS: &[&str] = &[
    "the database system is",
    "terminating ",
    "could not connect to the primary server",
    "could not receive data from WAL stream",
    "could not start WAL streaming",
    "password authentication failed",
    "no pg_hba.conf entry",
    "pg_hba.conf rejects",
    "sorry, too many clients",
    "remaining connection slots",
    "role \"",
    "database \"",
    "connection to client lost",
    "canceling ",
    "unsupported frontend protocol",
    "peer authentication failed",
    "highest timeline ",
];

/// `PANIC: could not write to file ...: No space left on device`, when the record is such; with its detail and hint.
pub fn last_words(record: &Record) -> Option<String> {
    let field = |name: &str| record.fields.get(name).and_then(Value::as_str);
    let severity = field("severity").filter(|severity| matches!(*severity, "FATAL" | "PANIC"))?;
    // The agent's prefix for text has `user@database` too, as part of a prefix that is not its own for records.
    let session = record.fields.contains_key("user") || field("prefix").is_some_and(|prefix| prefix.contains('@'));
    let message = message(record);
    if session || OF_OTHERS.iter().any(|begin| message.starts_with(begin)) {
        return None;
    }
    let more = [field("detail"), field("hint")];
    let more: String = more.into_iter().flatten().map(|more| format!(" ({more})")).collect();
    Some(format!("{severity}: {message}{more}").replace('\n', " "))
}

/// The message of a line of columns, as Greenplum's servers write: it follows severity and SQLSTATE, in quotes that are doubled
/// within.
fn message(record: &Record) -> String {
    let columns = ["FATAL", "PANIC"].iter().find_map(|severity| {
        let (_, rest) = record.message.split_once(&format!(",\"{severity}\",\""))?;
        rest.split_once("\",\"").map(|(_, message)| message)
    });
    let Some(columns) = columns else {
        return record.message.clone();
    };
    let whole = columns.replace("\"\"", "\u{0}");
    whole.split('"').next().unwrap_or_default().replace('\u{0}', "\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::postgres::take;
    use crate::log::record::Moment;

    fn words(text: &str) -> Option<String> {
        let taken = take(text.as_bytes(), Moment(0), true).unwrap();
        last_words(&taken.record.unwrap())
    }

    #[test]
    fn the_servers_words_are_told_from_those_of_sessions() {
        let server = "2026-11-28 22:27:12.603 UTC [1836] FATAL:  could not map anonymous shared memory: Cannot allocate memory\n\
                      2026-11-28 22:27:12.603 UTC [1836] HINT:  Reduce it.\n";
        let expected = "FATAL: could not map anonymous shared memory: Cannot allocate memory (Reduce it.)";
        assert_eq!(words(server).as_deref(), Some(expected));
        let own = "1709251199.123 [4242] XX000 PANIC:  could not locate a valid checkpoint record\n";
        assert_eq!(
            words(own).as_deref(),
            Some("PANIC: could not locate a valid checkpoint record")
        );
        for session in [
            "1709251199.123 [4242] 28000 gpadmin@postgres FATAL:  something\n",
            "2026-11-28 22:27:12.603 UTC [1836] gpadmin@postgres FATAL:  something\n",
            "2026-11-28 22:27:12.603 UTC [1836] FATAL:  the database system is starting up\n",
            "2026-11-28 22:27:12.603 UTC [1836] LOG:  starting\n",
        ] {
            assert_eq!(words(session), None, "{session}");
        }
    }

    #[test]
    fn greenplums_columns_are_read() {
        let line = "2026-11-28 22:27:12.6 UTC,,,p12,th7,,,,0,,,seg0,,,,,\"FATAL\",\"58P01\",\"could not access file \"\"x\"\": No such file\",,,,,,,0,,\"fd.c\",1,\n";
        assert_eq!(
            words(line).as_deref(),
            Some("FATAL: could not access file \"x\": No such file")
        );
    }
}
